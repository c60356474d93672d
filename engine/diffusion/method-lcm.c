// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/sum.h"

/* Every k-th timestep of the distillation, spread over @steps. */
static double *
lcm_timesteps (const PdScheduleConfig *config, guint steps, GError **error)
{
  const guint original = config->original_inference_steps;
  const guint train = config->num_train_timesteps;

  if (original < 1 || original > train)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("original_inference_steps is %u; it must be from 1 to num_train_timesteps, "
                      "which is %u"),
                   original, train);
      return NULL;
    }
  if (steps > original)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%u steps asked of the solver lcm; it has at most %u "
                      "(original_inference_steps)"),
                   steps, original);
      return NULL;
    }

  double *timesteps = pd_try_new (double, steps, _ ("the noise schedule"), error);

  if (timesteps == NULL)
    return NULL;
  for (guint i = 0; i < steps; i++)
    {
      const guint index = (guint) (i * ((double) original / steps));

      timesteps[i] = (double) (original - index) * (train / original) - 1.0;
    }
  return timesteps;
}

static double
lcm_noise_factor (const PdSchedule *schedule, guint k)
{
  return k + 1 < schedule->n_total ? sqrt (1.0 - schedule->powers_after[k]) : 0.0;
}

/* Luo et al. 2023: the consistency function c_skip * latent + c_out * x0 with sigma_data = 0.5,
 * then noised to the next level. */
static void
lcm_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const PdSchedule *schedule = solver->schedule;
  const guint k = update->k;
  const double t = schedule->timesteps[k] * schedule->config.timestep_scaling;
  const double skip = 0.25 / (t * t + 0.25);
  const double out = t / sqrt (t * t + 0.25);
  const double a_after = k + 1 == schedule->n_total ? 1.0 : schedule->powers_after[k];
  PdSum sum = { 0 };

  pd_sum_add (&sum, sqrt (a_after) * out, update->treated);
  pd_sum_add (&sum, sqrt (a_after) * skip, latent);
  pd_sum_add (&sum, lcm_noise_factor (schedule, k), update->noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static void
lcm_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  config->original_inference_steps = (guint) pd_json_reader_int (reader, "original_inference_steps",
                                                                 50, 1, PD_MAX_TRAIN_TIMESTEPS);
  config->timestep_scaling =
      pd_json_reader_double (reader, "timestep_scaling", 10.0, 0.0, G_MAXFLOAT);
}

const PdMethod pd_method_lcm = {
  .name = "lcm",
  .flags = PD_METHOD_NEXT_TIMESTEP | PD_METHOD_CLIP | PD_METHOD_THRESHOLD,
  .scheduler = { "LCMScheduler", PD_SPACING_LEADING, .set_alpha_to_one = TRUE },
  .read_config = lcm_read_config,
  .timesteps = lcm_timesteps,
  .noise_factor = lcm_noise_factor,
  .update = lcm_update,
};
