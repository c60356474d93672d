// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/metrics/plane.h"

/* Pictures without tiles, the same for the same seed, and defects that tiles leave. Pictures are
 * square and not rounded until pd_synthetic_round(), so that an offset of half a step is one. */

typedef enum
{
  PD_SYNTHETIC_TEXTURE,  /* value noise of all scales, seamless; the side is a power of 2 */
  PD_SYNTHETIC_GRADIENT, /* two smooth slopes: a sky */
  PD_SYNTHETIC_NOISE,    /* every pixel drawn for itself, deviation 10/255 */
  PD_SYNTHETIC_RINGS,    /* stripes around one centre */
} PdSyntheticKind;

PdPixels *pd_synthetic_picture (PdSyntheticKind kind, guint side, guint32 seed);

/* To the 8 bits a file holds. */
void pd_synthetic_round (PdPixels *picture);

/* Adds to each tile its own offset, normally distributed with a deviation of @steps/255, the same
 * in all channels. Sharp: a tile hides the ones before it from its start on; feathered: linear
 * ramps over the overlaps. Returns: the deviation of those drawn, in 1/255. */
double pd_synthetic_add_offsets (
    PdPixels *picture, const PdLayout *layout, gboolean feathered, double steps, guint32 seed);

/* Replaces the share @mix of every tile, feathered, with one and the same tile cut out of
 * @repeated. */
void pd_synthetic_mix_tile (PdPixels *picture,
                            const PdLayout *layout,
                            const PdPixels *repeated,
                            double mix);

/* Where tiles overlap along x, takes away the share @loss of what differs from the mean over 9×9
 * pixels. */
void pd_synthetic_blur_overlaps (PdPixels *picture, const PdLayout *layout, double loss);

/* Moves the tiles, sharp, each to the place of another. */
void pd_synthetic_shuffle_tiles (PdPixels *picture, const PdLayout *layout, guint32 seed);

/* Tile @index, feathered: every difference from mid-grey times @contrast, plus @steps/255. */
void pd_synthetic_drift_tile (
    PdPixels *picture, const PdLayout *layout, guint index, double contrast, double steps);
