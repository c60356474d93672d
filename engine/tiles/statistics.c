// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/tiles/statistics.h"
#include "engine/base/host-memory.h"

/* A variance is changed by no more than this factor: what differs more is no tile of the same
 * picture. */
static const double MAX_FACTOR = 4;

struct _PdStatistics
{
  double share;
  gsize parts;
  guint branches, count;
  gsize *part_of; /* each image of the batch */
  PdMoments *now; /* of this step, [parts][branches][count] */
  gboolean *ran;  /* [parts] */
  /* For the next step: what is given, [parts][branches][count]. */
  PdMoments *given;
  gboolean has_given; /* else nothing is given yet, and the array is not filled */
};

static gsize
part_size (const PdStatistics *self)
{
  return (gsize) self->branches * self->count;
}

static void
give_nothing (PdStatistics *self)
{
  for (gsize i = 0; i < self->parts * part_size (self); i++)
    self->given[i] = (PdMoments){ 0, 1 };
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
pd_statistics_bytes (gsize parts, guint branches, guint count)
{
  return parts * (2 * (gsize) branches * count * sizeof (PdMoments) + sizeof (gboolean));
}

PdStatistics *
pd_statistics_new (
    double share, gsize parts, guint branches, guint batch, guint count, GError **error)
{
  g_autoptr (PdStatistics) self = g_new0 (PdStatistics, 1);
  const char *what = _ ("what is known of the tiles' brightness");

  self->share = share;
  self->parts = parts;
  self->branches = branches;
  self->count = count;
  if ((self->part_of = pd_try_new0 (gsize, batch, what, error)) == NULL ||
      (self->now = pd_try_new0 (PdMoments, parts * part_size (self), what, error)) == NULL ||
      (self->ran = pd_try_new0 (gboolean, parts, what, error)) == NULL ||
      (self->given = pd_try_new (PdMoments, parts * part_size (self), what, error)) == NULL)
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_statistics_free (PdStatistics *self)
{
  if (self == NULL)
    return;
  g_free (self->part_of);
  g_free (self->now);
  g_free (self->ran);
  g_free (self->given);
  g_free (self);
}

void
pd_statistics_set_part (PdStatistics *self, guint image, gsize part)
{
  self->part_of[image] = part;
}

gboolean
pd_statistics_run (PdStatistics *self,
                   PdUNetPass *pass,
                   const PdUNetRun *run,
                   guint first,
                   GCancellable *cancellable,
                   GError **error)
{
  PdNorms *norms = pd_unet_pass_norms (pass);
  g_autofree PdMoments *moments = NULL;
  guint tiles;

  if (self == NULL)
    return pd_unet_pass_run (pass, run, cancellable, error);
  tiles = pd_norms_images (norms) / self->branches;
  moments = pd_try_new (PdMoments, tiles * part_size (self),
                        _ ("what is known of the tiles' brightness"), error);
  if (moments == NULL)
    return FALSE;
  ensure_given (self);
  for (guint branch = 0; branch < self->branches; branch++)
    for (guint i = 0; i < tiles; i++)
      memcpy (moments + ((gsize) branch * tiles + i) * self->count,
              self->given + self->part_of[first + i] * part_size (self) + branch * self->count,
              self->count * sizeof *moments);
  if (!pd_norms_write (norms, moments, error) ||
      !pd_unet_pass_run (pass, run, cancellable, error) || !pd_norms_read (norms, moments, error))
    return FALSE;
  for (guint branch = 0; branch < self->branches; branch++)
    for (guint i = 0; i < tiles; i++)
      {
        gsize part = self->part_of[first + i];

        memcpy (self->now + part * part_size (self) + branch * self->count,
                moments + ((gsize) branch * tiles + i) * self->count,
                self->count * sizeof *moments);
        self->ran[part] = TRUE;
      }
  return TRUE;
}

void
pd_statistics_commit (PdStatistics *self)
{
  gsize n = part_size (self);

  give_nothing (self);
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0, squares = 0, mean, variance;
      guint ran = 0;

      for (gsize part = 0; part < self->parts; part++)
        if (self->ran[part])
          {
            const PdMoments *own = &self->now[part * n + i];

            ran++;
            sum += own->mean;
            squares += own->variance + (double) own->mean * own->mean;
          }
      mean = sum / MAX (ran, 1);
      variance = squares / MAX (ran, 1) - mean * mean;
      for (gsize part = 0; part < self->parts; part++)
        if (self->ran[part] && variance > 0 && self->now[part * n + i].variance > 0)
          {
            const PdMoments *own = &self->now[part * n + i];
            double factor = CLAMP (variance / own->variance, 1 / MAX_FACTOR, MAX_FACTOR);

            self->given[part * n + i] = (PdMoments){ (float) (self->share * (mean - own->mean)),
                                                     (float) pow (factor, self->share) };
          }
    }
}

void
pd_statistics_begin (PdStatistics *self)
{
  memset (self->ran, 0, self->parts * sizeof *self->ran);
}

float *
pd_statistics_state (PdStatistics *self, gsize *n)
{
  ensure_given (self);
  *n = 2 * self->parts * part_size (self);
  return &self->given->mean;
}
