// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* What the self-attention layers of a UNet see beside their own image (cross-tile attention). The
 * layers of Stable Diffusion carry no position code, so keys of other places need none. */
typedef enum
{
  PD_SHARE_NONE,
  PD_SHARE_BANK_WRITE, /* nothing more, but the bank gets their pooled keys and values */
  PD_SHARE_BANK_READ,  /* the bank's tokens of their branch, each with a bias for what it stands for
                        */
  PD_SHARE_ALL, /* the keys of all images of their branch: plain attention over the canvas, where
                   its tiles partition it */
} PdShare;

/* State while one UNet is built, and the biases that its runs need. */
typedef struct _PdSharing PdSharing;

/* @bank is borrowed; NULL with PD_SHARE_ALL. The batch is branches · tiles images. */
PdSharing *pd_sharing_new (PdShare share, PdBank *bank, guint branches);
void pd_sharing_free (PdSharing *self);

/* The next self-attention layer, in the order in which the UNet is built. */
PdTensor *pd_shared_attention (
    PdSharing *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads);

/* Before every run of a compiled graph: with @strength 1 the bank's tokens together count like the
 * tokens of the thumbnail they were pooled from (log of their number as bias); log @strength is
 * added; with 0 they do not count. */
gboolean pd_sharing_write_biases (PdSharing *self, double strength, GError **error);
