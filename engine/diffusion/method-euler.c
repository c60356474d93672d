// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include "engine/diffusion/sum.h"

/* Karras et al. 2022: along the straight line from latent to x0, down to sigma @to. */
static void
euler_go (PdSolver *solver, const PdUpdate *update, double to, double noise_factor, float *latent)
{
  const double kept = to / solver->schedule->sigmas[update->k];
  PdSum sum = { 0 };

  pd_sum_add (&sum, kept, latent);
  pd_sum_add (&sum, 1.0 - kept, update->x0);
  pd_sum_add (&sum, noise_factor, update->noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static void
euler_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  euler_go (solver, update, solver->schedule->sigmas[update->k + 1], 0.0, latent);
}

static double
euler_a_deviation (const PdSchedule *schedule, guint k)
{
  const double from = pd_method_squared (schedule->sigmas[k]);
  const double to = pd_method_squared (schedule->sigmas[k + 1]);

  return sqrt (to * (from - to) / from);
}

static void
euler_a_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const double to = solver->schedule->sigmas[update->k + 1];
  const double up = euler_a_deviation (solver->schedule, update->k);
  const double down = sqrt (MAX (pd_method_squared (to) - pd_method_squared (up), 0.0));

  euler_go (solver, update, down, up, latent);
}

static void
euler_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const interpolations[] = { "linear", "log_linear", NULL };
  static const char *const timestep_types[] = { "discrete", "continuous", NULL };

  config->log_linear_interpolation =
      pd_json_reader_choice (reader, "interpolation_type", 0, interpolations) == 1;
  config->continuous_timesteps =
      pd_json_reader_choice (reader, "timestep_type", 0, timestep_types) == 1;
  config->sigma_min = pd_json_reader_double (reader, "sigma_min", NAN, 0.0, G_MAXFLOAT);
  config->sigma_max = pd_json_reader_double (reader, "sigma_max", NAN, 0.0, G_MAXFLOAT);
}

const PdMethod pd_method_euler = {
  .name = "euler",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_EXPLODING | PD_METHOD_LOG_LINEAR,
  .scheduler = { "EulerDiscreteScheduler", PD_SPACING_LINSPACE },
  .read_config = euler_read_config,
  .update = euler_update,
};

const PdMethod pd_method_euler_a = {
  .name = "euler_a",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_EXPLODING,
  .scheduler = { "EulerAncestralDiscreteScheduler", PD_SPACING_LINSPACE },
  .noise_factor = euler_a_deviation,
  .update = euler_a_update,
};
