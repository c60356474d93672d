// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-private.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

static const char *const type_names[] = {
  [PD_SOLVER_DDIM] = "ddim",   [PD_SOLVER_EULER] = "euler",      [PD_SOLVER_EULER_A] = "euler_a",
  [PD_SOLVER_HEUN] = "heun",   [PD_SOLVER_DPMPP_2M] = "dpm++2m", [PD_SOLVER_DPMPP_SDE] = "dpm++sde",
  [PD_SOLVER_UNIPC] = "unipc", [PD_SOLVER_LCM] = "lcm",          [PD_SOLVER_DDPM] = "ddpm",
  [PD_SOLVER_PNDM] = "pndm",
};

const char *
pd_solver_type_to_string (PdSolverType type)
{
  g_return_val_if_fail ((guint) type < G_N_ELEMENTS (type_names), NULL);
  return type_names[type];
}

gboolean
pd_solver_type_from_string (const char *name, PdSolverType *type, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (type_names); i++)
    {
      if (g_strcmp0 (name, type_names[i]) == 0)
        {
          *type = (PdSolverType) i;
          return TRUE;
        }
      g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", type_names[i]);
    }

  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("there is no solver \"%s\"; choose one of %s"), name ? name : "", known->str);
  return FALSE;
}

static gboolean
refuse_option (const PdSolver *solver, const char *option, const char *remedy, GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("the solver %s does not support %s; %s"),
               type_names[solver->type], option, remedy);
  return FALSE;
}

static gboolean
check_options (const PdSolver *solver, GError **error)
{
  const PdScheduleConfig *config = &solver->config;
  const guint most_order = solver->type == PD_SOLVER_DPMPP_SDE ? 2 : 3;
  g_autofree char *text = NULL;

  if (config->use_karras_sigmas && !pd_solver_type_has_sigmas (solver->type))
    return refuse_option (solver, _ ("Karras sigmas"),
                          _ ("choose euler, euler_a, heun, dpm++2m, dpm++sde or unipc"), error);
  if (solver->type == PD_SOLVER_PNDM && !config->skip_prk_steps)
    return refuse_option (solver, "skip_prk_steps = false", _ ("set it to true"), error);
  if (solver->type == PD_SOLVER_DDIM && !(config->eta >= 0.0 && config->eta <= 1.0))
    {
      text = g_strdup_printf ("eta = %g", config->eta);
      return refuse_option (solver, text, _ ("choose from 0 to 1"), error);
    }
  if ((solver->type == PD_SOLVER_DPMPP_2M || solver->type == PD_SOLVER_DPMPP_SDE ||
       solver->type == PD_SOLVER_UNIPC) &&
      (config->solver_order < 1 || config->solver_order > most_order))
    {
      g_autofree char *remedy = g_strdup_printf (_ ("choose from 1 to %u"), most_order);

      text = g_strdup_printf ("solver_order = %u", config->solver_order);
      return refuse_option (solver, text, remedy, error);
    }
  if (config->clip_sample && !(config->clip_sample_range > 0.0))
    {
      text = g_strdup_printf ("clip_sample_range = %g", config->clip_sample_range);
      return refuse_option (solver, text, _ ("it must be above 0"), error);
    }
  if (config->thresholding &&
      !(config->dynamic_thresholding_ratio >= 0.0 && config->dynamic_thresholding_ratio <= 1.0 &&
        config->sample_max_value >= 1.0))
    {
      text = g_strdup_printf ("dynamic_thresholding_ratio = %g, sample_max_value = %g",
                              config->dynamic_thresholding_ratio, config->sample_max_value);
      return refuse_option (solver, text, _ ("the ratio is from 0 to 1, the value at least 1"),
                            error);
    }
  return TRUE;
}

static gboolean
alters_x0 (const PdSolver *solver)
{
  switch (solver->type)
    {
    case PD_SOLVER_DDIM:
    case PD_SOLVER_DDPM:
    case PD_SOLVER_LCM:
      return solver->config.clip_sample || solver->config.thresholding;
    case PD_SOLVER_HEUN:
      return solver->config.clip_sample;
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_DPMPP_SDE:
    case PD_SOLVER_UNIPC:
      return solver->config.thresholding;
    case PD_SOLVER_EULER:
    case PD_SOLVER_EULER_A:
    case PD_SOLVER_PNDM:
    default:
      return FALSE;
    }
}

static guint
history_length (const PdSolver *solver)
{
  switch (solver->type)
    {
    case PD_SOLVER_HEUN:
      return 2;
    case PD_SOLVER_PNDM:
      return 4;
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_DPMPP_SDE:
      return solver->config.solver_order - 1;
    case PD_SOLVER_UNIPC:
      return solver->config.solver_order + 1;
    case PD_SOLVER_DDIM:
    case PD_SOLVER_EULER:
    case PD_SOLVER_EULER_A:
    case PD_SOLVER_LCM:
    case PD_SOLVER_DDPM:
    default:
      return 0;
    }
}

guint
pd_solver_n_arrays (const PdSolver *solver)
{
  return 1 + (solver->treated != NULL) + solver->n_history;
}

static gboolean
allocate (PdSolver *solver, GError **error)
{
  const guint n_history = history_length (solver);
  const gsize n = solver->n_elements;
  const char *what = _ ("what the solver keeps of the canvas");

  solver->x0 = pd_try_new0 (float, n, what, error);
  if (!solver->x0)
    return FALSE;
  if (alters_x0 (solver) && !(solver->treated = pd_try_new0 (float, n, what, error)))
    return FALSE;
  for (; solver->n_history < n_history; solver->n_history++)
    if (!(solver->history[solver->n_history] = pd_try_new0 (float, n, what, error)))
      return FALSE;
  return TRUE;
}

PdSolver *
pd_solver_new (PdSolverType type,
               const PdScheduleConfig *config,
               guint steps,
               double strength,
               gsize n_elements,
               GError **error)
{
  g_autoptr (PdSolver) solver = g_new0 (PdSolver, 1);

  g_return_val_if_fail ((guint) type < G_N_ELEMENTS (type_names), NULL);
  g_return_val_if_fail (n_elements > 0, NULL);

  pd_schedule_config_copy (config, &solver->config);
  solver->type = type;
  solver->steps = steps;
  solver->n_elements = n_elements;

  if (steps < 1 || steps > config->num_train_timesteps)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%u steps asked for; choose from 1 to %u"), steps,
                   config->num_train_timesteps);
      return NULL;
    }
  if (!(strength >= 0.0 && strength <= 1.0))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the strength is %g; choose from 0 (keep the picture) to 1 (ignore it)"),
                   strength);
      return NULL;
    }
  if (!check_options (solver, error))
    return NULL;

  solver->n_total = steps;
  solver->begin = steps - MIN ((guint) (steps * strength), steps);
  if (!pd_solver_build_schedule (solver, error))
    return NULL;
  solver->begin = MIN (solver->begin, solver->n_total);

  if (!allocate (solver, error))
    return NULL;
  return g_steal_pointer (&solver);
}

void
pd_solver_free (PdSolver *solver)
{
  if (!solver)
    return;
  for (guint i = 0; i < solver->n_history; i++)
    g_free (solver->history[i]);
  g_free (solver->treated);
  g_free (solver->x0);
  g_free (solver->sigmas);
  g_free (solver->levels);
  g_free (solver->timesteps);
  g_free (solver->alphas_cumprod);
  pd_schedule_config_finish (&solver->config);
  g_free (solver);
}

PdSolverType
pd_solver_type (const PdSolver *solver)
{
  return solver->type;
}

double
pd_solver_init_sigma (const PdSolver *solver)
{
  if (!pd_solver_is_exploding (solver->type))
    return 1.0;

  const double most = solver->sigmas[0];
  return solver->config.timestep_spacing == PD_SPACING_LEADING ? sqrt (most * most + 1.0) : most;
}

guint
pd_solver_n_timesteps (const PdSolver *solver)
{
  return solver->n_total - solver->begin;
}

guint
pd_solver_position (const PdSolver *solver)
{
  return solver->next;
}

/* The index of step i in the tables of the whole schedule. */
static guint
absolute (const PdSolver *solver, guint i)
{
  g_assert (i < solver->n_total - solver->begin);
  return solver->begin + i;
}

double
pd_solver_timestep (const PdSolver *solver, guint i)
{
  return solver->timesteps[absolute (solver, i)];
}

void
pd_solver_level (const PdSolver *solver, guint i, double *alpha, double *sigma)
{
  const double level = solver->levels[absolute (solver, i)];

  *alpha = sqrt (level);
  *sigma = sqrt (1.0 - level);
}

void
pd_solver_end_level (const PdSolver *solver, double *alpha, double *sigma)
{
  const double level = pd_solver_alpha_after (solver, solver->n_total - 1);

  *alpha = sqrt (level);
  *sigma = sqrt (1.0 - level);
}

PdSplit
pd_solver_split (const PdSolver *solver, double alpha, double sigma)
{
  switch (solver->config.prediction_type)
    {
    case PD_PREDICTION_V:
      return (PdSplit){ alpha, -sigma, sigma, alpha };
    case PD_PREDICTION_SAMPLE:
      return (PdSplit){ 0.0, 1.0, 1.0 / sigma, -alpha / sigma };
    case PD_PREDICTION_EPSILON:
    default:
      return (PdSplit){ 1.0 / alpha, -sigma / alpha, 0.0, 1.0 };
    }
}

const double *
pd_solver_sigmas (const PdSolver *solver, guint *n)
{
  *n = solver->n_sigmas;
  return solver->sigmas;
}

double
pd_solver_input_scale (const PdSolver *solver, guint i)
{
  const guint k = absolute (solver, i);

  return pd_solver_is_exploding (solver->type) ? sqrt (solver->levels[k]) : 1.0;
}

void
pd_solver_scale_input (const PdSolver *solver, guint i, const float *latent, float *model_input)
{
  const double scale = pd_solver_input_scale (solver, i);

  for (gsize e = 0; e < solver->n_elements; e++)
    model_input[e] = (float) (scale * latent[e]);
}

guint
pd_solver_noise_draws (const PdSolver *solver, guint i)
{
  return pd_solver_noise_factor (solver, absolute (solver, i)) > 0.0 ? 1 : 0;
}

void
pd_solver_add_noise (
    const PdSolver *solver, guint i, const float *clean, const float *noise, float *out)
{
  const double scale = pd_solver_input_scale (solver, i);
  double alpha, sigma;
  PdSum sum = { 0 };

  pd_solver_level (solver, i, &alpha, &sigma);
  pd_sum_add (&sum, alpha / scale, clean);
  pd_sum_add (&sum, sigma / scale, noise);
  pd_sum_write (&sum, solver->n_elements, out);
}

void
pd_solver_x0_factors (const PdSolver *solver, guint i, double *from_latent, double *from_output)
{
  const double scale = pd_solver_input_scale (solver, i);
  double alpha, sigma;
  PdSplit split;

  pd_solver_level (solver, i, &alpha, &sigma);
  split = pd_solver_split (solver, alpha, sigma);
  *from_latent = split.clean_input * scale;
  *from_output = split.clean_output;
}

void
pd_solver_to_x0 (
    const PdSolver *solver, guint i, const float *latent, const float *model_output, float *x0)
{
  double from_latent, from_output;
  PdSum sum = { 0 };

  pd_solver_x0_factors (solver, i, &from_latent, &from_output);
  pd_sum_add (&sum, from_latent, latent);
  pd_sum_add (&sum, from_output, model_output);
  pd_sum_write (&sum, solver->n_elements, x0);
}

static gboolean
check_turn (const PdSolver *solver, guint i, const float *noise, GError **error)
{
  if (i != solver->next || i >= pd_solver_n_timesteps (solver))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("sampler step %u taken out of order; next is %u of %u"), i, solver->next,
                   pd_solver_n_timesteps (solver));
      return FALSE;
    }
  if (!noise && pd_solver_noise_draws (solver, i) > 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("sampler step %u of %s needs noise and was given none"), i,
                   type_names[solver->type]);
      return FALSE;
    }
  return TRUE;
}

gboolean
pd_solver_step_x0 (
    PdSolver *solver, guint i, const float *x0, const float *noise, float *latent, GError **error)
{
  if (!check_turn (solver, i, noise, error))
    return FALSE;

  pd_solver_update (solver, absolute (solver, i), x0, noise, latent);
  solver->next++;
  return TRUE;
}

gboolean
pd_solver_step (PdSolver *solver,
                guint i,
                const float *model_output,
                const float *noise,
                float *latent,
                GError **error)
{
  if (!check_turn (solver, i, noise, error))
    return FALSE;

  pd_solver_to_x0 (solver, i, latent, model_output, solver->x0);
  return pd_solver_step_x0 (solver, i, solver->x0, noise, latent, error);
}
