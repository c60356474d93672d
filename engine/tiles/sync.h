// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* What tiles know of each other while they are denoised. */
typedef enum
{
  PD_SYNC_NONE,      /* nothing: each is a picture of its own, blended when all are done */
  PD_SYNC_FUSION,    /* their fused latents */
  PD_SYNC_ATTENTION, /* and keys and values of the canvas's thumbnail, in every self-attention */
  PD_SYNC_EXACT,     /* and the keys and values of all tiles: they are denoised as one batch */
} PdSync;
