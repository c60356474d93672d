// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/diffusion/sum.h"

/* Every level but the first is evaluated twice. */
static gboolean
heun_repeat (PdSchedule *schedule, GError **error)
{
  const guint n = schedule->n_total;
  const char *what = _ ("the noise schedule");
  g_autofree double *timesteps = pd_try_new (double, 2 * n - 1, what, error);
  g_autofree double *sigmas = timesteps != NULL ? pd_try_new (double, 2 * n, what, error) : NULL;

  if (sigmas == NULL)
    return FALSE;
  for (guint i = 0; i < 2 * n - 1; i++)
    {
      timesteps[i] = schedule->timesteps[(i + 1) / 2];
      sigmas[i] = schedule->sigmas[(i + 1) / 2];
    }
  sigmas[2 * n - 1] = schedule->sigmas[schedule->n_sigmas - 1];

  g_free (schedule->timesteps);
  g_free (schedule->sigmas);
  schedule->timesteps = g_steal_pointer (&timesteps);
  schedule->sigmas = g_steal_pointer (&sigmas);
  schedule->n_total = 2 * n - 1;
  schedule->n_sigmas = 2 * n;
  schedule->begin *= 2;
  return TRUE;
}

/* Karras et al. 2022, algorithm 1 without churn. Even calls go to the next level by Euler, odd ones
 * evaluate there and repeat the step with the mean slope.
 * history: 0 slope at the start of the step, 1 latent at the start of the step */
static void
heun_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const double *sigmas = &solver->schedule->sigmas[update->k];
  const double sigma = sigmas[0];
  PdSum sum = { 0 };

  if (update->k % 2 == 0)
    {
      const double kept = sigmas[1] / sigma;

      pd_sum_add (&sum, 1.0 / sigma, latent);
      pd_sum_add (&sum, -1.0 / sigma, update->treated);
      pd_sum_write (&sum, solver->n_elements, solver->history[0]);
      memcpy (solver->history[1], latent, solver->n_elements * sizeof *latent);

      sum.n = 0;
      pd_sum_add (&sum, kept, latent);
      pd_sum_add (&sum, 1.0 - kept, update->treated);
    }
  else
    {
      const double half = 0.5 * (sigma - sigmas[-1]);

      pd_sum_add (&sum, 1.0, solver->history[1]);
      pd_sum_add (&sum, half, solver->history[0]);
      pd_sum_add (&sum, half / sigma, latent);
      pd_sum_add (&sum, -half / sigma, update->treated);
    }
  pd_sum_write (&sum, solver->n_elements, latent);
}

const PdMethod pd_method_heun = {
  .name = "heun",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_EXPLODING | PD_METHOD_CLIP,
  .n_history = 2,
  .scheduler = { "HeunDiscreteScheduler", PD_SPACING_LINSPACE },
  .repeat = heun_repeat,
  .update = heun_update,
};
