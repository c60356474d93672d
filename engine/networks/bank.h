// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/sites.h"

/* Keys and values of a network's self-attention sites, on the device: passes write tokens of theirs
 * (bank-writer.h), others read them beside their own (bank-reader.h). It has parts of equal size,
 * of which an image that writes fills one. Its size does not depend on the canvas. */
typedef struct _PdBank PdBank;

typedef struct
{
  guint branches; /* of guidance, kept apart; 1 that serves all images that read is possible too */
  guint parts;
  guint every; /* a part keeps one of so many tokens of a site, at least one; 1: all */
  gboolean (*takes) (const PdSite *site); /* whether tokens of a site are kept; NULL: of all */
} PdBankOptions;

/* Bytes of a bank for images with the sites of @survey. */
gsize
pd_bank_measure (const PdBackend *backend, const GArray *survey, const PdBankOptions *options);

/* Errors: PD_ERROR_OUT_OF_MEMORY. */
PdBank *pd_bank_new (const PdBackend *backend,
                     const GArray *survey,
                     const PdBankOptions *options,
                     GError **error);
void pd_bank_free (PdBank *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBank, pd_bank_free)

const PdBankOptions *pd_bank_options (const PdBank *self);
gsize pd_bank_bytes (const PdBank *self);

/* Parts in host memory, for banks of the same sites, options and types on other devices. */
gsize pd_bank_part_bytes (const PdBank *self);
/* What part @part has goes to @bytes, [pd_bank_part_bytes]. */
gboolean pd_bank_save (PdBank *self, guint part, guint8 *bytes, GError **error);
/* @bytes, [@n][pd_bank_part_bytes], becomes parts @first, @first + 1, … */
gboolean pd_bank_load (PdBank *self, guint first, guint n, const guint8 *bytes, GError **error);

/* What never was written is zeros after it, so that a kernel may read it: to be called before a
 * pass that reads is run. */
gboolean pd_bank_clear_once (PdBank *self, GError **error);

/* Of one site. */
typedef struct
{
  gboolean used;
  guint sources; /* tokens of an image that writes */
  guint tokens;  /* that a part keeps of them */
  guint c;
  gsize keys, values; /* byte offsets */
} PdBankLayer;

/* @index: of the attention's site. */
const PdBankLayer *pd_bank_layer (const PdBank *self, guint index);

/* The site's keys and values as tensors of @graph: branches × 1 × (parts · tokens) × c. */
PdTensor *pd_bank_keys (const PdBank *self, PdGraph *graph, const PdBankLayer *layer);
PdTensor *pd_bank_values (const PdBank *self, PdGraph *graph, const PdBankLayer *layer);
