// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/pull.h"

#include "engine/tiles/resample.h"

gboolean
pd_pull_counts (const PdSchedule *schedule, guint i)
{
  return i + 1 < pd_schedule_n_calls (schedule) && pd_schedule_ends_step (schedule, i) &&
         2 * pd_schedule_timestep (schedule, i) >= pd_schedule_n_trained (schedule);
}

/* What a plane lacks to its mean, after a low-pass, in place. */
static gboolean
find_lack (const PdPull *self, float *plane, GError **error)
{
  const gsize n = pd_size_area (self->size);
  double mean = 0;

  for (gsize e = 0; e < n; e++)
    mean += plane[e];
  mean /= (double) n;
  for (gsize e = 0; e < n; e++)
    plane[e] = (float) (mean - plane[e]);
  return pd_low_pass (plane, self->size, self->sigma, self->wrap, error);
}

gboolean
pd_pull_apply (const PdPull *self,
               const PdSchedule *schedule,
               guint i,
               PdSolver *solver,
               float *clean,
               float *latent,
               GError **error)
{
  const gsize n = pd_size_area (self->size);
  const double scale =
      pd_schedule_level (schedule, i + 1).alpha / pd_schedule_input_scale (schedule, i + 1);

  for (guint c = 0; c < self->channels; c++)
    {
      float *plane = clean + c * n;

      if (!find_lack (self, plane, error))
        return FALSE;
      pd_solver_move (solver, c * n, n, plane, scale, latent);
    }
  return TRUE;
}
