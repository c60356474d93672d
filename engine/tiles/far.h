// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"
#include "engine/networks/denoiser.h"
#include "engine/tiles/predictor.h"

/* What a far device is called for (PdLink): a server there (tile-server.h) has what a PdMember and
 * a PdCoder of this process would. Numbers are as they lie in memory. */

enum
{
  PD_FAR_CANVAS,     /* PD_FAR_CANVAS_TYPE -> (t) bytes of a part of the bank */
  PD_FAR_CANVAS_END, /* () -> () */
  PD_FAR_PREPARE,    /* (at) PdStep as it is -> (u) forwards */
  PD_FAR_LOAD,       /* (uuu) first part, parts, number of what is shared -> () */
  PD_FAR_RUN,        /* PD_FAR_RUN_TYPE -> PD_FAR_RAN_TYPE */
  PD_FAR_CODER,      /* PD_FAR_CODER_TYPE, with the sample or nothing -> () */
  PD_FAR_CODE,       /* PD_FAR_CODE_TYPE -> PD_FAR_CODED_TYPE */
  PD_FAR_CODER_END,  /* () -> () */
  PD_FAR_N,          /* whoever serves has methods of its own from here on */
};

/* Name, tokens, width and values of each tensor. */
#define PD_FAR_CONDITION_TYPE "a(suuat)"

/* h, w, batch, branches, anchors, numbers of statistics of an item; the shapes of conditions; the
 * map: channels, h, w, values; the style: h, w, calls, path, condition, share, whether there is a
 * content. Of those two zeros and nothing if there is none. */
#define PD_FAR_CANVAS_TYPE                                                                         \
  "(uuuuuu" PD_FAR_CONDITION_TYPE "(uuuat)(uuuat" PD_FAR_CONDITION_TYPE "db))"

/* PdStep; the part of an anchor, or -1; parts of the bank to be read; conditions that are new, in
 * the order of their numbers; images; their PdView, prompts, and numbers of conditions (the
 * unconditional one is the last, with two branches); latents, contents, shifts. */
#define PD_FAR_RUN_TYPE "(atiua" PD_FAR_CONDITION_TYPE "uatatatatatat)"

/* Predictions [images][branches][n], moments [images][of an item], forwards; of an anchor its part
 * of the bank. */
#define PD_FAR_RAN_TYPE "(atatuat)"

/* PdFarCoder as it is; the sample's latents or pixels. */
#define PD_FAR_CODER_TYPE "(atat)"

/* Windows; what they are made of. */
#define PD_FAR_CODE_TYPE "(uat)"

/* What they become: of encoding mean and logarithm of the variance, of decoding pixels and nothing.
 */
#define PD_FAR_CODED_TYPE "(atat)"

typedef struct
{
  gboolean decode;
  guint height, width, tile, batch;
  PdTorus wrap;
} PdFarCoder;

GVariant *pd_far_pack_condition (const PdCondition *condition);

/* Returns: (transfer full) what is of PD_FAR_CONDITION_TYPE. */
PdCondition *pd_far_unpack_condition (GVariant *packed, GError **error);
