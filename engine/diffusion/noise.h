// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/rect.h"

/* Counter-based normal noise: the numbers PyTorch's CUDA generator gives for a seed, as other tools
 * of the field draw them, so that a seed means the same picture here.
 *
 * Element e of draw d of a seed is Philox 4x32-10 (Salmon et al. 2011) of
 *   key     = (seed bits 0..31, seed bits 32..63)
 *   counter = (d, 0, e bits 0..31, e bits 32..63)
 * whose first two words become one normal value by Box-Muller; the other two are not used. This is
 * what torch.randn (…, device="cuda") does while a tensor has at most one element per GPU thread
 * (numel <= blocks x threads). For larger tensors real CUDA depends on the GPU's number of
 * multiprocessors; here one thread per element is kept, so every element depends on nothing but
 * seed, draw and its position. A generator's draws are numbered 0, 1, 2 … in order of use. */

/* One block of Philox 4x32-10: counter and key are read, result gets four words. */
void pd_noise_philox (const guint32 counter[4], const guint32 key[2], guint32 result[4]);

/* Elements first .. first + count - 1 of draw `draw`: out[i] is element first + i. */
void pd_noise_normal (guint64 seed, guint32 draw, gsize first, gsize count, float *out);

/* Where the noise of a run comes from: a seed, or whoever gives it. */
typedef struct
{
  guint64 seed;
  /* As pd_noise_normal; NULL: that, with the seed. */
  void (*given) (guint32 draw, gsize first, gsize count, float *out, gpointer user_data);
  gpointer user_data;
} PdNoiseSource;

void pd_noise_source_draw (
    const PdNoiseSource *self, guint32 draw, gsize first, gsize count, float *out);

/* @part of the noise of a whole canvas of channels x size elements (element order C, H, W), in
 * which it must lie. out is channels x part. */
void pd_noise_region (const PdNoiseSource *source,
                      guint32 draw,
                      gsize channels,
                      PdSize size,
                      const PdRect *part,
                      float *out);
