// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include "engine/diffusion/sum.h"

/* Ho et al. 2020, with the schedule thinned out to the timesteps in use. */

/* Section 3.2. */
static double
ddpm_deviation (const PdSchedule *schedule, guint k)
{
  if (schedule->timesteps[k] == 0.0)
    return 0.0;

  const double a = schedule->powers[k], a_after = schedule->powers_after[k];
  const double beta = 1.0 - a / a_after;

  if (schedule->config.variance_type == PD_VARIANCE_FIXED_LARGE)
    return sqrt (beta);
  return sqrt (MAX ((1.0 - a_after) / (1.0 - a) * beta, 1e-20));
}

/* Formula 7. */
static void
ddpm_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const PdSchedule *schedule = solver->schedule;
  const double a = schedule->powers[update->k], a_after = schedule->powers_after[update->k];
  const double alpha = a / a_after;
  PdSum sum = { 0 };

  pd_sum_add (&sum, sqrt (a_after) * (1.0 - alpha) / (1.0 - a), update->treated);
  pd_sum_add (&sum, sqrt (alpha) * (1.0 - a_after) / (1.0 - a), latent);
  pd_sum_add (&sum, ddpm_deviation (schedule, update->k), update->noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static void
ddpm_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const variances[] = { "fixed_small", "fixed_small_log", "fixed_large", NULL };

  config->variance_type = pd_json_reader_choice (reader, "variance_type", 0, variances) == 2
                              ? PD_VARIANCE_FIXED_LARGE
                              : PD_VARIANCE_FIXED_SMALL;
}

const PdMethod pd_method_ddpm = {
  .name = "ddpm",
  .flags = PD_METHOD_ENDS_CLEAN | PD_METHOD_CLIP | PD_METHOD_THRESHOLD,
  .scheduler = { "DDPMScheduler", PD_SPACING_LEADING, .clip_sample = TRUE },
  .read_config = ddpm_read_config,
  .noise_factor = ddpm_deviation,
  .update = ddpm_update,
};
