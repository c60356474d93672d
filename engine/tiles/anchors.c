// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/anchors.h"

const double pd_anchors_weight = 4;

enum
{
  FEW = 2, /* a side */
  MANY = 4,
  MANY_FROM = 64,             /* tiles */
  LARGE_BANK = 256 * 1 << 20, /* bytes */
};

guint
pd_anchors_choose (const PdGrid *grid, guint *tiles)
{
  guint side = pd_grid_n_tiles (grid) >= MANY_FROM ? MANY : FEW, all = side * side, n = 0;
  guint rows = MIN (side, grid->y.count);
  guint columns = MIN (all / rows, grid->x.count);

  rows = MIN (all / columns, grid->y.count);
  if (pd_grid_n_tiles (grid) == 1)
    return 0;
  for (guint i = 0; i < rows; i++)
    for (guint j = 0; j < columns; j++)
      {
        guint row = (2 * i + 1) * grid->y.count / (2 * rows);
        guint column = (2 * j + 1) * grid->x.count / (2 * columns);

        tiles[n++] = row * grid->x.count + column;
      }
  return n;
}

guint
pd_anchors_wave (guint done, guint n)
{
  return MIN (MAX (done, 1), n - done);
}

PdBankOptions
pd_anchors_bank (const PdBackend *backend, const GArray *survey, guint branches, guint n)
{
  PdBankOptions options = { .branches = branches, .parts = n, .every = n };

  if (pd_bank_measure (backend, survey, &options) > LARGE_BANK)
    options.every *= 4;
  return options;
}
