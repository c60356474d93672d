// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/schedule.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/diffusion/method.h"
#include "engine/diffusion/sum.h"

static gboolean
refuse_option (const PdSchedule *self, const char *option, const char *remedy, GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("the solver %s does not support %s; %s"),
               self->method->name, option, remedy);
  return FALSE;
}

static gboolean
refuse_karras (const PdSchedule *self, GError **error)
{
  g_autoptr (GString) others = g_string_new (NULL);
  g_autofree char *remedy = NULL;

  for (guint i = 0; i < PD_SOLVER_AUTO; i++)
    if (pd_solver_type_has_sigmas (i))
      g_string_append_printf (others, "%s%s", others->len > 0 ? ", " : "",
                              pd_solver_type_to_string (i));
  remedy = g_strdup_printf (_ ("choose one of %s"), others->str);
  return refuse_option (self, _ ("Karras sigmas"), remedy, error);
}

static gboolean
check_options (const PdSchedule *self, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  const PdMethod *method = self->method;
  g_autofree char *text = NULL;

  if (config->use_karras_sigmas && !(method->flags & PD_METHOD_SIGMAS))
    return refuse_karras (self, error);
  if ((method->flags & PD_METHOD_ETA) && !(config->eta >= 0.0 && config->eta <= 1.0))
    {
      text = g_strdup_printf ("eta = %g", config->eta);
      return refuse_option (self, text, _ ("choose from 0 to 1"), error);
    }
  if (method->max_order > 0 &&
      (config->solver_order < 1 || config->solver_order > method->max_order))
    {
      g_autofree char *remedy = g_strdup_printf (_ ("choose from 1 to %u"), method->max_order);

      text = g_strdup_printf ("solver_order = %u", config->solver_order);
      return refuse_option (self, text, remedy, error);
    }
  if (config->clip_sample && !(config->clip_sample_range > 0.0))
    {
      text = g_strdup_printf ("clip_sample_range = %g", config->clip_sample_range);
      return refuse_option (self, text, _ ("it must be above 0"), error);
    }
  if (config->thresholding &&
      !(config->dynamic_thresholding_ratio >= 0.0 && config->dynamic_thresholding_ratio <= 1.0 &&
        config->sample_max_value >= 1.0))
    {
      text = g_strdup_printf ("dynamic_thresholding_ratio = %g, sample_max_value = %g",
                              config->dynamic_thresholding_ratio, config->sample_max_value);
      return refuse_option (self, text, _ ("the ratio is from 0 to 1, the value at least 1"),
                            error);
    }
  return TRUE;
}

PdSchedule *
pd_schedule_new (
    const PdScheduleConfig *config, PdSolverType type, guint steps, double strength, GError **error)
{
  g_autoptr (PdSchedule) self = g_new0 (PdSchedule, 1);

  pd_schedule_config_copy (config, &self->config);
  self->type = type;
  self->method = pd_solver_type_method (type);
  self->steps = steps;

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
  if (!check_options (self, error))
    return NULL;

  self->n_total = steps;
  self->begin = steps - MIN ((guint) (steps * strength), steps);
  if (!pd_schedule_build (self, error))
    return NULL;
  self->begin = MIN (self->begin, self->n_total);
  return g_steal_pointer (&self);
}

void
pd_schedule_free (PdSchedule *self)
{
  if (self == NULL)
    return;
  g_free (self->powers_after);
  g_free (self->powers);
  g_free (self->sigmas);
  g_free (self->levels);
  g_free (self->timesteps);
  pd_schedule_config_finish (&self->config);
  g_free (self);
}

PdSolverType
pd_schedule_type (const PdSchedule *self)
{
  return self->type;
}

double
pd_schedule_init_sigma (const PdSchedule *self)
{
  if (!(self->method->flags & PD_METHOD_EXPLODING))
    return 1.0;

  const double most = self->sigmas[0];

  return self->config.timestep_spacing == PD_SPACING_LEADING ? sqrt (most * most + 1.0) : most;
}

guint
pd_schedule_n_calls (const PdSchedule *self)
{
  return self->n_total - self->begin;
}

/* The index of call i in the tables of the whole schedule. */
static guint
absolute (const PdSchedule *self, guint i)
{
  g_assert (i < self->n_total - self->begin);
  return self->begin + i;
}

guint
pd_schedule_n_trained (const PdSchedule *self)
{
  return self->config.num_train_timesteps;
}

/* A call that repeats a step is made at the level of the one after it. */
gboolean
pd_schedule_ends_step (const PdSchedule *self, guint i)
{
  const guint n = pd_schedule_n_calls (self);

  return i + 2 >= n || pd_schedule_timestep (self, i + 1) != pd_schedule_timestep (self, i + 2);
}

double
pd_schedule_timestep (const PdSchedule *self, guint i)
{
  return self->timesteps[absolute (self, i)];
}

PdNoiseLevel
pd_schedule_level (const PdSchedule *self, guint i)
{
  g_assert (i <= self->n_total - self->begin);
  return self->levels[self->begin + i];
}

PdSplit
pd_schedule_split (const PdSchedule *self, PdNoiseLevel level)
{
  const double alpha = level.alpha, sigma = level.sigma;

  switch (self->config.prediction_type)
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
pd_schedule_sigmas (const PdSchedule *self, guint *n)
{
  *n = self->n_sigmas;
  return self->sigmas;
}

double
pd_schedule_input_scale (const PdSchedule *self, guint i)
{
  const guint k = absolute (self, i);

  return self->method->flags & PD_METHOD_EXPLODING ? self->levels[k].alpha : 1.0;
}

void
pd_schedule_scale_input (
    const PdSchedule *self, guint i, gsize n, const float *latent, float *model_input)
{
  const double scale = pd_schedule_input_scale (self, i);

  for (gsize e = 0; e < n; e++)
    model_input[e] = (float) (scale * latent[e]);
}

guint
pd_schedule_noise_draws (const PdSchedule *self, guint i)
{
  const guint k = absolute (self, i);

  return self->method->noise_factor != NULL && self->method->noise_factor (self, k) > 0.0 ? 1 : 0;
}

void
pd_schedule_add_noise (
    const PdSchedule *self, guint i, gsize n, const float *clean, const float *noise, float *out)
{
  const double scale = pd_schedule_input_scale (self, i);
  const PdNoiseLevel level = pd_schedule_level (self, i);
  PdSum sum = { 0 };

  pd_sum_add (&sum, level.alpha / scale, clean);
  pd_sum_add (&sum, level.sigma / scale, noise);
  pd_sum_write (&sum, n, out);
}

void
pd_schedule_x0_factors (const PdSchedule *self, guint i, double *from_latent, double *from_output)
{
  const PdSplit split = pd_schedule_split (self, pd_schedule_level (self, i));

  *from_latent = split.clean_input * pd_schedule_input_scale (self, i);
  *from_output = split.clean_output;
}

void
pd_schedule_to_x0 (const PdSchedule *self,
                   guint i,
                   gsize n,
                   const float *latent,
                   const float *model_output,
                   float *x0)
{
  double from_latent, from_output;
  PdSum sum = { 0 };

  pd_schedule_x0_factors (self, i, &from_latent, &from_output);
  pd_sum_add (&sum, from_latent, latent);
  pd_sum_add (&sum, from_output, model_output);
  pd_sum_write (&sum, n, x0);
}
