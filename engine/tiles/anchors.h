// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"
#include "engine/tiles/grid.h"

/* Tiles of the canvas that are predicted first in a step, one after the other: each reads a sample
 * of the keys and values of those before it and leaves its own, and all others read that of all. So
 * tiles show the same kind of thing, in the same size, without one forward more. */

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

/* The bank that @n anchors with the sites of @survey write: it keeps one tile's worth of tokens, or
 * a quarter of that where it would take much memory. */
PdBankOptions
pd_anchors_bank (const PdBackend *backend, const GArray *survey, guint branches, guint n);
