// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/statistics.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* A variance is changed by no more than this factor: a larger ratio means that the tile does not
 * belong to the same picture. */
static const double MAX_FACTOR = 4;

struct _PdStatistics
{
  double share;
  gsize parts;
  guint count;
  PdNormMoments *now; /* of this step, [parts][count] */
  gboolean *ran;      /* [parts] */
  PdNormShift *given; /* for the next step, [parts][count] */
  gboolean has_given; /* else nothing is given yet, and the array is not filled */
};

static void
give_nothing (PdStatistics *self)
{
  for (gsize i = 0; i < self->parts * self->count; i++)
    self->given[i] = (PdNormShift){ 0, 1 };
  self->has_given = TRUE;
}

/* A canvas that is only planned does not touch what a run would fill. */
static void
ensure_given (PdStatistics *self)
{
  if (!self->has_given)
    give_nothing (self);
}

gsize
pd_statistics_bytes (gsize parts, guint count)
{
  return parts * (count * (sizeof (PdNormMoments) + sizeof (PdNormShift)) + sizeof (gboolean));
}

PdStatistics *
pd_statistics_new (double share, gsize parts, guint count, GError **error)
{
  g_autoptr (PdStatistics) self = g_new0 (PdStatistics, 1);
  const gsize n = parts * count;
  const char *what = _ ("what is known of the tiles' brightness");

  self->share = share;
  self->parts = parts;
  self->count = count;
  if ((self->now = pd_try_new0 (PdNormMoments, n, what, error)) == NULL ||
      (self->ran = pd_try_new0 (gboolean, parts, what, error)) == NULL ||
      (self->given = pd_try_new (PdNormShift, n, what, error)) == NULL)
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_statistics_free (PdStatistics *self)
{
  if (self == NULL)
    return;
  g_free (self->now);
  g_free (self->ran);
  g_free (self->given);
  g_free (self);
}

void
pd_statistics_begin (PdStatistics *self)
{
  ensure_given (self);
  memset (self->ran, 0, self->parts * sizeof *self->ran);
}

const PdNormShift *
pd_statistics_shifts (PdStatistics *self, gsize part)
{
  ensure_given (self);
  return self->given + part * self->count;
}

PdNormMoments *
pd_statistics_own (PdStatistics *self, gsize part)
{
  self->ran[part] = TRUE;
  return self->now + part * self->count;
}

void
pd_statistics_commit (PdStatistics *self)
{
  gsize n = self->count;

  give_nothing (self);
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0, squares = 0, mean, variance;
      guint ran = 0;

      for (gsize part = 0; part < self->parts; part++)
        if (self->ran[part])
          {
            const PdNormMoments *own = &self->now[part * n + i];

            ran++;
            sum += own->mean;
            squares += own->variance + (double) own->mean * own->mean;
          }
      mean = sum / MAX (ran, 1);
      variance = squares / MAX (ran, 1) - mean * mean;
      for (gsize part = 0; part < self->parts; part++)
        if (self->ran[part] && variance > 0 && self->now[part * n + i].variance > 0)
          {
            const PdNormMoments *own = &self->now[part * n + i];
            double factor = CLAMP (variance / own->variance, 1 / MAX_FACTOR, MAX_FACTOR);

            self->given[part * n + i] =
                (PdNormShift){ .offset = (float) (self->share * (mean - own->mean)),
                               .factor = (float) pow (factor, self->share) };
          }
    }
}

PdNormShift *
pd_statistics_state (PdStatistics *self, gsize *n)
{
  ensure_given (self);
  *n = self->parts * self->count;
  return self->given;
}
