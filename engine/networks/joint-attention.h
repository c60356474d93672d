// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/sites.h"

/* A hook by which every self-attention layer attends to the keys of all images of its branch: plain
 * attention over the canvas, where its tiles partition it. The batch is branches · tiles images. */
typedef struct
{
  PdHook hook;
  guint branches;
} PdJointAttention;

PdJointAttention pd_joint_attention (guint branches);
