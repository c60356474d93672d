// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/sites.h"

/* Keys and values of a network's self-attention layers that stand for the rest of the canvas,
 * pooled to few tokens, on the device. One pass (of the canvas's thumbnail) writes them, others (of
 * the tiles) read them beside their own. Its size does not depend on the canvas. */
typedef struct _PdBank PdBank;

typedef struct
{
  guint branches; /* of guidance, kept apart */
  guint tokens; /* the most a layer keeps; it never keeps more than one for four of the thumbnail's,
                   since the tiles' attention costs in proportion */
  guint
      first_depth; /* 0 for all layers, 1 to leave out those at the latent's full size, and so on */
  /* The sites of which all tokens are kept, and no others are; NULL: those that the members above
   * name. */
  gboolean (*takes) (const PdSite *site);
} PdBankOptions;

/* For a thumbnail with the sites of @survey. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdBank *pd_bank_new (const PdBackend *backend,
                     const GArray *survey,
                     const PdBankOptions *options,
                     GError **error);
void pd_bank_free (PdBank *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBank, pd_bank_free)

gsize pd_bank_bytes (const PdBank *self);

/* The thumbnail's pass built with it stores its pooled keys and values in every run. */
PdHook *pd_bank_writer (PdBank *self);

/* Of one layer. */
typedef struct
{
  gboolean used;
  guint h, w, c; /* the pooled keys of one branch: h × w tokens of c channels */
  guint sources; /* tokens that the pooled ones were made from: each stands for sources / (h · w) */
  gsize keys, values; /* byte offsets */
} PdBankLayer;

/* @index: of the attention's site. */
const PdBankLayer *pd_bank_layer (const PdBank *self, guint index);

/* All that the bank holds, pd_bank_n_values numbers whatever their type on the device. */
gsize pd_bank_n_values (const PdBank *self);
gboolean pd_bank_read (const PdBank *self, float *values, GError **error);
gboolean pd_bank_write (PdBank *self, const float *values, GError **error);

/* The weights of a layer's h × w tokens. */
typedef void (*PdBankWeightsFunc) (guint h, guint w, float *weights, gpointer user_data);

/* Adds the keys and values in @values, each times its token's weight, to @sum. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_bank_add (const PdBank *self,
                      const float *values,
                      PdBankWeightsFunc weights,
                      gpointer user_data,
                      float *sum,
                      GError **error);

/* The layer's keys and values as tensors of @graph: branches × h × w × c. */
PdTensor *pd_bank_keys (const PdBank *self, PdGraph *graph, const PdBankLayer *layer);
PdTensor *pd_bank_values (const PdBank *self, PdGraph *graph, const PdBankLayer *layer);
