// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/rim.h"
#include "engine/base/host-memory.h"

#include <math.h>

#include <glib/gi18n-lib.h>

enum
{
  COLORS = 3,
  SWEEPS = 12, /* Gauss-Seidel, per level of the pyramid */
};

/* How stiff the membrane is beside a cell that is kept whole: the difference is smoothed over the
 * square root of it, in cells. */
static const double stiffness = 0.25;

/* A grid of cells; a coarser one has half as many a side. */
typedef struct
{
  guint w, h;
  float *weight; /* [h][w]: sums of what is kept */
  float *offset; /* [h][w][3] */
  float *given;  /* [h][w][3]: mean differences */
} Level;

enum
{
  LEAST_CELL = 2,       /* pixels a side */
  MOST_CELLS = 4 << 20, /* 100 MiB */
};

struct _PdRim
{
  guint width, height;
  guint cell; /* pixels a side */
  Level level;
};

static void
level_clear (Level *self)
{
  g_free (self->weight);
  g_free (self->offset);
  g_free (self->given);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Level, level_clear)

/* @self: to be cleared also if this fails. */
static gboolean
level_init (Level *self, guint w, guint h, GError **error)
{
  const gsize n = (gsize) w * h;
  const char *what = _ ("matching the colours at the rim");

  *self = (Level){ .w = w, .h = h };
  return (self->weight = pd_try_new0 (float, n, what, error)) != NULL &&
         (self->offset = pd_try_new0 (float, n *COLORS, what, error)) != NULL &&
         (self->given = pd_try_new0 (float, n *COLORS, what, error)) != NULL;
}

PdRim *
pd_rim_new (guint width, guint height, GError **error)
{
  g_autoptr (PdRim) self = g_new0 (PdRim, 1);

  self->width = width;
  self->height = height;
  self->cell = LEAST_CELL;
  while ((guint64) width * height / self->cell / self->cell > MOST_CELLS)
    self->cell *= 2;
  if (!level_init (&self->level, (width + self->cell - 1) / self->cell,
                   (height + self->cell - 1) / self->cell, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_rim_free (PdRim *self)
{
  if (self == NULL)
    return;
  level_clear (&self->level);
  g_free (self);
}

/* Until pd_rim_solve, `given` holds weighted sums. */
void
pd_rim_add (
    PdRim *self, guint y, guint rows, const float *original, const float *made, const float *mask)
{
  const float area = (float) self->cell * self->cell;

  for (guint i = 0; i < rows; i++)
    for (guint x = 0; x < self->width; x++)
      {
        gsize at = (gsize) i * self->width + x;
        gsize cell = (gsize) ((y + i) / self->cell) * self->level.w + x / self->cell;
        float weight = (1 - CLAMP (mask[at], 0.0f, 1.0f)) / area;

        self->level.weight[cell] += weight;
        for (guint c = 0; c < COLORS; c++)
          self->level.given[cell * COLORS + c] +=
              weight * (original[at * COLORS + c] - made[at * COLORS + c]);
      }
}

/* Between the centres of the cells of a grid: values at @position, in cells. */
static void
between (double position, guint n, guint *low, guint *high, float *part)
{
  double clamped = CLAMP (position - 0.5, 0.0, n - 1.0);

  *low = (guint) clamped;
  *high = MIN (*low + 1, n - 1);
  *part = (float) (clamped - *low);
}

static void
interpolate (const Level *self, double y, double x, float result[COLORS])
{
  guint top, bottom, left, right;
  float down, across;

  between (y, self->h, &top, &bottom, &down);
  between (x, self->w, &left, &right, &across);
  for (guint c = 0; c < COLORS; c++)
    {
      const float *offset = self->offset + c;
      float above = offset[((gsize) top * self->w + left) * COLORS] * (1 - across) +
                    offset[((gsize) top * self->w + right) * COLORS] * across;
      float below = offset[((gsize) bottom * self->w + left) * COLORS] * (1 - across) +
                    offset[((gsize) bottom * self->w + right) * COLORS] * across;

      result[c] = above * (1 - down) + below * down;
    }
}

/* One Gauss-Seidel update of a cell towards the least of the sum over cells of
 * weight · (offset - given)² and over pairs of neighbours of stiffness · (their difference)²; the
 * border of the grid is free. In two dimensions the stiffness is the same on every level. */
static void
relax (Level *self, guint y, guint x)
{
  gsize at = (gsize) y * self->w + x;
  gsize neighbours[4];
  guint n = 0;

  if (y > 0)
    neighbours[n++] = at - self->w;
  if (y + 1 < self->h)
    neighbours[n++] = at + self->w;
  if (x > 0)
    neighbours[n++] = at - 1;
  if (x + 1 < self->w)
    neighbours[n++] = at + 1;
  for (guint c = 0; c < COLORS; c++)
    {
      double sum = (double) self->weight[at] * self->given[at * COLORS + c];

      for (guint i = 0; i < n; i++)
        sum += stiffness * self->offset[neighbours[i] * COLORS + c];
      if (self->weight[at] + stiffness * n > 0)
        self->offset[at * COLORS + c] = (float) (sum / (self->weight[at] + stiffness * n));
    }
}

static gboolean
halve (const Level *fine, Level *result, GError **error)
{
  Level coarse;

  if (!level_init (result, (fine->w + 1) / 2, (fine->h + 1) / 2, error))
    return FALSE;
  coarse = *result;
  for (guint y = 0; y < fine->h; y++)
    for (guint x = 0; x < fine->w; x++)
      {
        gsize from = (gsize) y * fine->w + x, to = (gsize) (y / 2) * coarse.w + x / 2;

        coarse.weight[to] += fine->weight[from];
        for (guint c = 0; c < COLORS; c++)
          coarse.given[to * COLORS + c] += fine->weight[from] * fine->given[from * COLORS + c];
      }
  for (gsize i = 0; i < (gsize) coarse.w * coarse.h; i++)
    for (guint c = 0; c < COLORS; c++)
      coarse.given[i * COLORS + c] /= MAX (coarse.weight[i], G_MINFLOAT);
  return TRUE;
}

/* From the coarsest grid to the finest, each starting from the one before (cascadic multigrid). */
static gboolean
solve (Level *self, GError **error)
{
  if (self->w > 1 || self->h > 1)
    {
      g_auto (Level) coarse = { 0 };

      if (!halve (self, &coarse, error) || !solve (&coarse, error))
        return FALSE;
      for (guint y = 0; y < self->h; y++)
        for (guint x = 0; x < self->w; x++)
          interpolate (&coarse, (y + 0.5) / 2, (x + 0.5) / 2,
                       self->offset + ((gsize) y * self->w + x) * COLORS);
    }
  for (guint sweep = 0; sweep < SWEEPS; sweep++)
    for (guint y = 0; y < self->h; y++)
      for (guint x = 0; x < self->w; x++)
        relax (self, y, x);
  return TRUE;
}

gboolean
pd_rim_solve (PdRim *self, GError **error)
{
  Level *level = &self->level;

  for (gsize i = 0; i < (gsize) level->w * level->h; i++)
    for (guint c = 0; c < COLORS; c++)
      level->given[i * COLORS + c] /= MAX (level->weight[i], G_MINFLOAT);
  return solve (level, error);
}

void
pd_rim_apply (const PdRim *self, guint y, guint rows, float *made)
{
  for (guint i = 0; i < rows; i++)
    for (guint x = 0; x < self->width; x++)
      {
        float offset[COLORS];

        interpolate (&self->level, (y + i + 0.5) / self->cell, (x + 0.5) / self->cell, offset);
        for (guint c = 0; c < COLORS; c++)
          made[((gsize) i * self->width + x) * COLORS + c] += offset[c];
      }
}
