// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* A hook that draws a content in the look of a style (Chung et al. 2024, StyleID): in sites of the
 * decoder the queries, which say what is where, are for the most part those of the content, and
 * keys and values those of the style, from a bank. The images of a pass's first branch are the
 * content at the same places, and stay as they are. For one pass. */
typedef struct _PdStyleTransfer PdStyleTransfer;

typedef struct
{
  double content; /* share of the content's queries, 0 … 1; the paper's gamma: 0.75 */
  double focus;   /* factor of the logits, which mixing has made small; the paper's tau: 1.5 */
  double share;   /* of the style in what a site gives, 0 … 1; the rest is the image's own */
} PdStyleTransferOptions;

/* Whether the style takes part in @site. */
gboolean pd_style_transfer_takes (const PdSite *site);

/* @bank: of one branch, with the sites that the style takes part in; borrowed. @images: of a branch
 * of the pass. */
PdStyleTransfer *
pd_style_transfer_new (PdBank *bank, guint images, const PdStyleTransferOptions *options);
void pd_style_transfer_free (PdStyleTransfer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdStyleTransfer, pd_style_transfer_free)

PdHook *pd_style_transfer_hook (PdStyleTransfer *self);
