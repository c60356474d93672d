// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/metrics/grams.h"
#include "tests/metrics/layout.h"
#include "tests/metrics/pixels.h"

/* How much a picture has the style of one picture and shows what another does. */

/* A number of every window, by the tile that the window's middle lies in: the standard deviation of
 * the tiles' means, and of windows around the mean of their tile (root mean square over the tiles).
 * Tiles that are each of another hand have between > inside; a picture without tiles, where
 * windows are as independent of one another inside a tile as across, between < inside. */
typedef struct
{
  double between, inside;
} PdSpread;

/* Style: Frobenius norm of the difference of the mean Gram matrices over that of the style's, 0
 * where they are equal, 1 where a picture has nothing of it; half the sum of absolute
 * differences of the colour histograms (8 bins a channel in R'G'B', linear weights), 0 … 1.
 * Structure: correlations with the content, of the magnitude of the gradient (Sobel, of the
 * luminance in half the size) and of the luminance in a sixteenth of the size; 1 where they are
 * equal. The spreads are those of windows: of the mean of both style distances, of the
 * correlation of edges in the window. */
typedef struct
{
  double gram[PD_GRAM_LEVELS];
  double histogram;
  double edges, low;
  PdSpread style_spread, structure_spread;
} PdStyleReport;

typedef struct
{
  const PdPixels *pixels;
  const PdGrams *grams; /* of the same picture */
} PdStylePicture;

/* @picture and @content are of the same size, at least 64 × 64; @style of any. NaN: one of them has
 * no edges at all, or there is but one tile. */
PdStyleReport pd_style_measure (const PdStylePicture *picture,
                                const PdStylePicture *style,
                                const PdPixels *content,
                                const PdLayout *layout);

/* What the oldest method makes of it, to compare with: the means and deviations of L*, a* and b*
 * of @content become those of @style (Reinhard et al. 2001, there in lαβ). */
PdPixels *pd_style_match_colours (const PdPixels *content, const PdPixels *style);
