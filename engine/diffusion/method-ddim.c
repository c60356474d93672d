// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include "engine/diffusion/sum.h"

/* Song et al. 2021, formula 16: the part of the step taken by noise. */
static double
ddim_deviation (const PdSchedule *schedule, guint k)
{
  const double a = schedule->powers[k], a_after = schedule->powers_after[k];
  const double variance = (1.0 - a_after) / (1.0 - a) * (1.0 - a / a_after);

  return schedule->config.eta * sqrt (MAX (variance, 0.0));
}

/* Formula 12. The direction uses the noise as the model saw it, even if the clean latent is
 * clipped.
 */
static void
ddim_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const PdSchedule *schedule = solver->schedule;
  const double a = schedule->powers[update->k], a_after = schedule->powers_after[update->k];
  const double deviation = ddim_deviation (schedule, update->k);
  const double direction =
      sqrt (MAX (1.0 - a_after - pd_method_squared (deviation), 0.0) / (1.0 - a));
  PdSum sum = { 0 };

  pd_sum_add (&sum, direction, latent);
  pd_sum_add (&sum, -direction * sqrt (a), update->x0);
  pd_sum_add (&sum, sqrt (a_after), update->treated);
  pd_sum_add (&sum, deviation, update->noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

const PdMethod pd_method_ddim = {
  .name = "ddim",
  .flags = PD_METHOD_CLIP | PD_METHOD_THRESHOLD | PD_METHOD_ETA,
  .scheduler = { "DDIMScheduler", PD_SPACING_LEADING, .clip_sample = TRUE,
                 .set_alpha_to_one = TRUE },
  .noise_factor = ddim_deviation,
  .update = ddim_update,
};
