// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/metrics/layout.h"
#include "tests/metrics/phases.h"
#include "tests/metrics/plane.h"

/* How visible are the tiles a picture was made of? I is the luminance in steps of an 8-bit picture
 * (0 to 255). A value that a layout or picture does not define (one tile, say) is NaN.
 *
 * "Found" below is measured on the synthetic pictures of test-metrics.c: 512×512 in 25 tiles of 128
 * that overlap by 32 or more, 4 to 6 seeds; offsets are standard deviations over the tiles. The
 * bounds of M2, M3 and M5 were chosen between what these pictures show clean and with the defect:
 * they are no proof for a picture of another kind. */

/* M1, border innovation. Across the line between x - 1 and x
 *   e = (I[x] - I[x-1]) - ½ ((I[x-1] - I[x-2]) + (I[x+1] - I[x])),
 * signed; the mean of e along each segment, as long as a tile, its magnitude, the mean of that over
 * all segments of all lines of a kind. z compares it with the same lines moved together to every
 * other phase of the grid that keeps 3 pixels from all starts and ends. Kinds: where tiles start,
 * where they end, and the middles of tiles, at which nothing should be found.
 * Pass: |z| < 3 at starts and ends. Sees brightness only.
 * Found: clean |z| ≤ 2.0 everywhere. Sharp offsets on texture: 1/255 z = 2.9 to 10, 2/255 10 to 24;
 * on a slope ½/255 45 to 134; in noise of 10/255, 4/255 3.5 to 13. Feathered offsets of 4/255: none
 * on texture and noise (|z| ≤ 2.0), but 4 to 13 on a slope, where the ends of the ramps are kinks.
 */
typedef struct
{
  PdPhases starts, ends, middles;
} PdBorderAxis;

typedef struct
{
  PdBorderAxis x, y; /* lines that cross x, and lines that cross y */
} PdBorders;

PdBorders pd_borders_measure (const PdPlane *luma, const PdLayout *layout);

/* M1 of a seamless picture that pd_plane_shift_half() rolled: at its middle lines, along segments
 * of @tile pixels, against all other lines. */
void pd_borders_measure_middle (const PdPlane *rolled, guint tile, PdPhases *x, PdPhases *y);

/* M2, tile offsets. D = picture - reference enlarged to its size, per channel; its mean over each
 * cell, the standard deviation over the cells, root mean square over the channels: `on_grid`, and
 * `shifted` for the grid moved by half a cell, where an offset of single tiles is averaged with
 * those of its three neighbours: half the deviation. So
 *   offset = sqrt (max (0, on_grid² - shifted²) / ¾),  ratio = on_grid / shifted
 * are the deviation of the tiles' own offsets, and how clearly it stands out.
 * Pass: offset < 0.5 or ratio < 1.4.
 * Found: clean offset ≤ 0.03. Offsets of 0.7 to 5.6, feathered: 81 to 90 % of them, ratio 1.6 to
 * 2.5; sharp: 64 to 76 % (a sharp tile is not quite its cell), 1.45 to 1.6. Detail that the
 * reference does not have, a tenth of a texture: offset up to 1.3, ratio 0.86 to 1.39 on 24
 * pictures. So the offset is a low estimate, and with few tiles a ratio near 1.4 proves little.
 * Without a reference it is taken against one colour: natural blotches then count, too (a smooth
 * field without tiles, of spread 12, has 3 to 5 ± 3), so it tells something as a mean of several
 * pictures. */
typedef struct
{
  double on_grid, shifted, offset, ratio;
} PdOffsets;

PdOffsets
pd_offsets_measure (const PdPixels *picture, const PdPixels *reference, const PdLayout *layout);

/* M3, repetition.
 * lags: the highest correlation of I - mean 9×9 with itself, moved along one axis by the distance
 * of two tiles up to three apart; other_lags: the highest at 24 random distances of that range.
 * tiles: for each tile the best correlation with another, at the same place in the tile (tiles
 * reduced to 64 to 127 pixels, their means over a quarter of the tile removed, so that it sees
 * objects), averaged; crops: the same for as many squares of that size at random places,
 * averaged over up to 8 sets.
 * `strongest` is the best pair of tiles, `a` and `b` (row · columns + column).
 * Correlation uses about 4 million pixels per lag (every n-th row) and 400 tiles: time does not
 * grow with the picture. Random numbers have a fixed seed.
 * Pass: lags - max (0, other_lags) < 0.03, tiles - crops < 0.05.
 * Found: clean excess ≤ 0.01 and ≤ 0.03. A quarter of one texture tile in all: on another texture
 * 0.07 to 0.08 and 0.07 to 0.09, in noise 0.02 to 0.03 (not found) and 0.15 to 0.17, on a slope 0.9
 * and 0.65. A mix of ¼ with ¾ of equal strength correlates by 1/10; more needs stronger detail in
 * the repeated tile. A picture that is itself periodic exceeds both (rings: 0.02 to 0.05 and 0.08
 * to 0.14): compare with pictures made without tiles. */
typedef struct
{
  double lags, other_lags;
  double tiles, crops;
  double strongest;
  guint a, b;
} PdRepetition;

PdRepetition
pd_repetition_measure (const PdPlane *luma, const PdPlane *detail, const PdLayout *layout);

/* M4, fine detail where tiles overlap: the mean of (I - mean 9×9)² within 16 pixels (at most an
 * eighth of the tiles' distance) of the centre lines of the overlaps over the mean in the middle
 * quarters of the cells. z compares the bands with those at other phases.
 * Pass: ratio within 0.9 to 1.1, or |z| < 2: the picture itself varies as much.
 * Found: clean 0.96 to 1.03; 30 % less amplitude in all overlaps of one direction 0.49 to 0.54,
 * z -20 to -26. */
typedef struct
{
  double ratio, z;
} PdDetailAxis;

typedef struct
{
  PdDetailAxis x, y;
} PdDetail;

PdDetail pd_detail_measure (const PdPlane *detail, const PdLayout *layout);

/* M5, global coherence, against the base picture (NULL: only orientation).
 * The picture is reduced to the size of the base. psnr over R'G'B'; ssim of the luminance (uniform
 * windows of 8×8, every 4 pixels). Per cell and channel the difference of the means (in 1/255), and
 * of the logarithms (base 2) of the standard deviations + 2/255; without the median over the cells,
 * which is a change of the whole; `mean_drift` and `contrast_drift` are the largest of any cell.
 * orientation: histograms of the direction of edges (16 bins of 180°, weighted with magnitude) per
 * cell; mean distance (half the sum of differences) of adjacent cells over that of cells at least
 * half the picture apart. Below 1 where neighbours belong together, about 1 if every tile is its
 * own picture, and also for a uniform texture.
 * Pass: mean_drift < 2, contrast_drift < 0.25. The others depend on the picture.
 * Found: clean drifts ≤ 0.05 and ≤ 0.01; one tile lighter by 4/255 3.3; one tile with 0.7 of its
 * contrast 0.34 to 0.38 on texture. Orientation of rings 0.75 to 0.80. */
typedef struct
{
  double psnr, ssim;
  double mean_drift, contrast_drift;
  double orientation;
} PdCoherence;

PdCoherence pd_coherence_measure (const PdPixels *picture,
                                  const PdPlane *luma,
                                  const PdPixels *base,
                                  const PdLayout *layout);

/* M6, evenness: whether tiles show one thing of one colour, without a reference and wherever tiles
 * lie. Cells are squares of half a tile.
 * spread (S): standard deviation of the cells' means, root mean square over the channels, in 1/255.
 * far_over_near: root mean square difference of cells at least a tile and a half apart over that of
 * neighbours. Above 1.5 on a texture there are patches.
 * grain (K): standard deviation over the cells of log (mean square) of the details of the luminance
 * finer than a Gaussian of one latent pixel, then between those of one and two, of two and four.
 * mid, fine: root mean squares of wavelengths of a quarter to a whole tile and of less, in 1/255:
 * evenness must not cost detail, and patches are mid.
 * No bounds: spread is to be seen against that of pictures of one tile (native), which is what the
 * model itself varies inside a picture; S over it is natural at 1.0 to 1.4 on textures, to 3.0
 * under skies. The others depend on the picture: compare methods on the same prompt and seed. */
enum
{
  PD_N_GRAINS = 3,
};

typedef struct
{
  double spread, far_over_near;
  double grain[PD_N_GRAINS];
  double mid, fine;
} PdEvenness;

/* @unit: pixels per latent pixel. */
PdEvenness pd_evenness_measure (const PdPixels *picture,
                                const PdPlane *luma,
                                const PdLayout *layout,
                                guint unit);

/* Spread alone. */
double pd_evenness_spread (const PdPixels *picture, guint tile);
