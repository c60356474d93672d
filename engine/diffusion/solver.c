// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver.h"

#include <math.h>
#include <stdlib.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/diffusion/method.h"

static gboolean
thresholds (const PdSchedule *schedule)
{
  return (schedule->method->flags & PD_METHOD_THRESHOLD) && schedule->config.thresholding;
}

static gboolean
alters_x0 (const PdSchedule *schedule)
{
  return thresholds (schedule) ||
         ((schedule->method->flags & PD_METHOD_CLIP) && schedule->config.clip_sample);
}

static guint
history_length (const PdSchedule *schedule)
{
  const PdMethod *method = schedule->method;
  const guint order = method->max_order > 0 ? schedule->config.solver_order : 0;

  return (guint) ((gint) order + method->n_history);
}

guint
pd_solver_n_arrays (const PdSchedule *schedule)
{
  return 1 + (alters_x0 (schedule) ? 1 : 0) + history_length (schedule);
}

PdSolver *
pd_solver_new (const PdSchedule *schedule, gsize n_elements, GError **error)
{
  g_autoptr (PdSolver) self = g_new0 (PdSolver, 1);
  const guint n_history = history_length (schedule);
  const char *what = _ ("what the solver keeps of the canvas");

  self->schedule = schedule;
  self->n_elements = n_elements;
  if ((self->x0 = pd_try_new0 (float, n_elements, what, error)) == NULL ||
      (alters_x0 (schedule) &&
       (self->treated = pd_try_new0 (float, n_elements, what, error)) == NULL))
    return NULL;
  for (; self->n_history < n_history; self->n_history++)
    if ((self->history[self->n_history] = pd_try_new0 (float, n_elements, what, error)) == NULL)
      return NULL;
  return g_steal_pointer (&self);
}

void
pd_solver_free (PdSolver *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_history; i++)
    g_free (self->history[i]);
  g_free (self->treated);
  g_free (self->x0);
  g_free (self);
}

guint
pd_solver_position (const PdSolver *self)
{
  return self->next;
}

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* Saharia et al. 2022, section 2.3: clip at a quantile of the magnitudes, at least 1, and divide by
 * it. The quantile lies between two values, weighted. */
static void
threshold (const PdSolver *self, const float *x0, float *treated)
{
  const PdScheduleConfig *config = &self->schedule->config;
  const gsize n = self->n_elements;
  const double position = config->dynamic_thresholding_ratio * (double) (n - 1);
  const gsize low = MIN ((gsize) position, n - 1);

  for (gsize e = 0; e < n; e++)
    treated[e] = fabsf (x0[e]);
  qsort (treated, n, sizeof (float), compare_floats);

  double limit = treated[low];

  if (low + 1 < n)
    limit += (position - (double) low) * (treated[low + 1] - treated[low]);
  limit = MIN (MAX (limit, 1.0), config->sample_max_value);

  for (gsize e = 0; e < n; e++)
    treated[e] = (float) (CLAMP (x0[e], -limit, limit) / limit);
}

static const float *
treat (PdSolver *self, const float *x0)
{
  if (self->treated == NULL)
    return x0;

  if (thresholds (self->schedule))
    threshold (self, x0, self->treated);
  else
    {
      const float range = (float) self->schedule->config.clip_sample_range;

      for (gsize e = 0; e < self->n_elements; e++)
        self->treated[e] = CLAMP (x0[e], -range, range);
    }
  return self->treated;
}

void
pd_solver_step_x0 (PdSolver *self, const float *x0, const float *noise, float *latent)
{
  const PdSchedule *schedule = self->schedule;

  g_assert (self->next < pd_schedule_n_calls (schedule));
  g_assert (noise != NULL || pd_schedule_noise_draws (schedule, self->next) == 0);
  schedule->method->update (self,
                            &(PdUpdate){ .k = schedule->begin + self->next,
                                         .x0 = x0,
                                         .treated = treat (self, x0),
                                         .noise = noise },
                            latent);
  self->next++;
}

void
pd_solver_step (PdSolver *self, const float *model_output, const float *noise, float *latent)
{
  pd_schedule_to_x0 (self->schedule, self->next, self->n_elements, latent, model_output, self->x0);
  pd_solver_step_x0 (self, self->x0, noise, latent);
}

void
pd_solver_move (PdSolver *self, gsize first, gsize n, const float *by, double factor, float *latent)
{
  const PdMethod *method = self->schedule->method;

  g_assert (self->next > 0 && first + n <= self->n_elements);
  for (gsize e = 0; e < n; e++)
    latent[first + e] += (float) (factor * by[e]);
  if (method->move != NULL)
    method->move (self, &(PdMove){ self->schedule->begin + self->next - 1, first, n, by, factor });
}
