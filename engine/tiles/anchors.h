// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"
#include "engine/tiles/grid.h"

/* Tiles of the canvas that are predicted first in a step, in waves of which each is as large as all
 * before it: an anchor reads a sample of the keys and values of earlier waves and leaves its own,
 * and all other tiles read that of all. So tiles show the same kind of thing, in the same size,
 * without one forward more. */

enum
{
  PD_ANCHORS_MAX = 16,
};

/* All anchors together count in a tile's attention as much as so many tiles. */
extern const double pd_anchors_weight;

/* The anchors of a grid, spread evenly: 2 × 2, or 4 × 4 from 64 tiles on, as many of them along the
 * longer axis of a strip, and never more than there are tiles. @tiles: [PD_ANCHORS_MAX], ascending.
 * Returns: how many; 0 with one tile. */
guint pd_anchors_choose (const PdGrid *grid, guint *tiles);

/* How many of @n anchors are in the wave after the first @done. */
guint pd_anchors_wave (guint done, guint n);

/* The bank that @n anchors with the sites of @survey write: it keeps one tile's worth of tokens, or
 * a quarter of that where it would take much memory. */
PdBankOptions
pd_anchors_bank (const PdBackend *backend, const GArray *survey, guint branches, guint n);
