// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/tiles/statistics.h"

/* A variance is changed by no more than this factor: what differs more is no tile of the same
 * picture. */
static const double MAX_FACTOR = 4;

struct _PdStatistics
{
  double share;
  guint parts, branches, count;
  guint *part_of; /* each image of the batch */
  PdMoments *now; /* of this step, [parts][branches][count] */
  gboolean *ran;  /* [parts] */
  /* For the next step: what is given, [parts][branches][count]. */
  PdMoments *given;
};

static gsize
part_size (const PdStatistics *self)
{
  return (gsize) self->branches * self->count;
}

static void
give_nothing (PdMoments *given, gsize n)
{
  for (gsize i = 0; i < n; i++)
    given[i] = (PdMoments){ 0, 1 };
}

PdStatistics *
pd_statistics_new (double share, guint parts, guint branches, guint batch, guint count)
{
  PdStatistics *self = g_new0 (PdStatistics, 1);

  self->share = share;
  self->parts = parts;
  self->branches = branches;
  self->count = count;
  self->part_of = g_new0 (guint, batch);
  self->now = g_new0 (PdMoments, parts * part_size (self));
  self->ran = g_new0 (gboolean, parts);
  self->given = g_new (PdMoments, parts * part_size (self));
  give_nothing (self->given, parts * part_size (self));
  return self;
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
pd_statistics_set_part (PdStatistics *self, guint image, guint part)
{
  self->part_of[image] = part;
}

gboolean
pd_statistics_run (PdStatistics *self,
                   PdUNetPass *pass,
                   const float *input,
                   double timestep,
                   const float *context,
                   float *output,
                   guint first,
                   GCancellable *cancellable,
                   GError **error)
{
  PdNorms *norms = pd_unet_pass_norms (pass);
  g_autofree PdMoments *moments = NULL;
  guint tiles;

  if (self == NULL)
    return pd_unet_pass_run (pass, input, timestep, context, output, cancellable, error);
  tiles = pd_norms_images (norms) / self->branches;
  moments = g_new (PdMoments, tiles * part_size (self));
  for (guint branch = 0; branch < self->branches; branch++)
    for (guint i = 0; i < tiles; i++)
      memcpy (moments + ((gsize) branch * tiles + i) * self->count,
              self->given + self->part_of[first + i] * part_size (self) + branch * self->count,
              self->count * sizeof *moments);
  if (!pd_norms_write (norms, moments, error) ||
      !pd_unet_pass_run (pass, input, timestep, context, output, cancellable, error) ||
      !pd_norms_read (norms, moments, error))
    return FALSE;
  for (guint branch = 0; branch < self->branches; branch++)
    for (guint i = 0; i < tiles; i++)
      {
        guint part = self->part_of[first + i];

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

  give_nothing (self->given, self->parts * n);
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0, squares = 0, mean, variance;
      guint ran = 0;

      for (guint part = 0; part < self->parts; part++)
        if (self->ran[part])
          {
            const PdMoments *own = &self->now[part * n + i];

            ran++;
            sum += own->mean;
            squares += own->variance + (double) own->mean * own->mean;
          }
      mean = sum / MAX (ran, 1);
      variance = squares / MAX (ran, 1) - mean * mean;
      for (guint part = 0; part < self->parts; part++)
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
  *n = 2 * self->parts * part_size (self);
  return &self->given->mean;
}
