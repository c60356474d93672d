// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/schedule-private.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/method.h"
#include "engine/diffusion/training.h"

/* The signal power that stands for 0 where sigma = noise / signal must be finite: the smallest f16.
 */
static const double least_alpha_cumprod = 0x1p-24;

static gboolean
has (const PdSchedule *self, PdMethodFlags flags)
{
  return (self->method->flags & flags) != 0;
}

/* The number of training timesteps left when those of lower log-SNR are dropped; @sigmas are those
 * of all. */
static guint
clipped_end (const PdSchedule *self, const double *sigmas)
{
  guint end = self->config.num_train_timesteps;

  while (end > 0 && -log (sigmas[end - 1]) < self->config.lambda_min_clipped)
    end--;
  return end;
}

static void
log_linear_sigmas (double low, double high, guint n, double *sigmas)
{
  for (guint i = 0; i < n; i++)
    sigmas[i] = n == 1 ? high : exp (log (high) + (log (low) - log (high)) * i / (n - 1));
}

static void
sigmas_from_range (PdSchedule *self, double low, double high)
{
  const PdScheduleConfig *config = &self->config;

  if (config->use_karras_sigmas)
    pd_training_karras (isnan (config->sigma_min) ? low : config->sigma_min,
                        isnan (config->sigma_max) ? high : config->sigma_max, self->n_total,
                        self->sigmas);
  else
    log_linear_sigmas (low, high, self->n_total, self->sigmas);
}

static double
end_sigma (const PdSchedule *self, double least)
{
  if (has (self, PD_METHOD_EXPLODING) ||
      (has (self, PD_METHOD_LOG_SNR) && self->config.final_sigma_zero))
    return 0.0;
  if (!has (self, PD_METHOD_LOG_SNR) && self->config.use_karras_sigmas)
    return self->sigmas[self->n_total - 1];
  return least;
}

/* The timesteps by the spacing asked for, before sigmas from a range replace them. */
static gboolean
space_timesteps (PdSchedule *self, const double *train_sigmas, gboolean ranged, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  const guint train = config->num_train_timesteps;

  if (has (self, PD_METHOD_EXPLODING))
    self->timesteps = pd_training_timesteps (config, self->steps, train, FALSE, error);
  else
    {
      const guint last = has (self, PD_METHOD_LOG_SNR) ? clipped_end (self, train_sigmas) : train;

      self->timesteps = pd_training_timesteps_open (config, self->steps, last, error);
      while (self->timesteps != NULL && !ranged && self->n_total > 1 &&
             self->timesteps[self->n_total - 1] < 0.0)
        self->n_total--;
    }
  return self->timesteps != NULL;
}

static gboolean
choose_sigmas (PdSchedule *self, const double *train_sigmas, gboolean ranged, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  const guint n = self->n_total, train = config->num_train_timesteps;
  const double least = train_sigmas[0], most = train_sigmas[train - 1];
  const gboolean log_linear = has (self, PD_METHOD_LOG_LINEAR) && config->log_linear_interpolation;

  self->sigmas = pd_try_new0 (double, n + 2, _ ("the noise schedule"), error);
  if (self->sigmas == NULL)
    return FALSE;
  self->n_sigmas = log_linear && !ranged ? n + 2 : n + 1;
  for (guint i = 0; i < n; i++)
    self->sigmas[i] = pd_training_sigma_at (train_sigmas, train, self->timesteps[i]);

  if (log_linear && !ranged)
    log_linear_sigmas (least, most, n + 1, self->sigmas);
  else if (ranged && !log_linear && has (self, PD_METHOD_EXPLODING))
    sigmas_from_range (self, self->sigmas[n - 1], self->sigmas[0]);
  else if (ranged)
    sigmas_from_range (self, least, most);
  if (self->n_sigmas == n + 1)
    self->sigmas[n] = end_sigma (self, least);
  return TRUE;
}

/* The timesteps that the model is given for the sigmas, which must fall. */
static gboolean
match_timesteps (PdSchedule *self, const double *train_sigmas, gboolean ranged, GError **error)
{
  const PdScheduleConfig *config = &self->config;

  for (guint i = 0; i < self->n_total; i++)
    {
      double *t = &self->timesteps[i];

      if (ranged)
        *t = pd_training_timestep_of (train_sigmas, config->num_train_timesteps, self->sigmas[i]);
      if (ranged && !has (self, PD_METHOD_EXPLODING))
        *t = rint (*t);
      if (config->continuous_timesteps && config->prediction_type == PD_PREDICTION_V &&
          has (self, PD_METHOD_LOG_LINEAR))
        *t = 0.25 * log (self->sigmas[i]);

      if (!(self->sigmas[i] > 0.0) || (i > 0 && !(self->sigmas[i] < self->sigmas[i - 1])))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("%u steps of the solver %s repeat a noise level (step %u: sigma %g); use "
                          "fewer steps, Karras sigmas or another timestep_spacing"),
                       self->steps, self->method->name, i, self->sigmas[i]);
          return FALSE;
        }
    }
  return TRUE;
}

static PdNoiseLevel
level_of_power (double power)
{
  return (PdNoiseLevel){ sqrt (power), sqrt (1.0 - power) };
}

static gboolean
build_sigmas (PdSchedule *self, const double *alphas_cumprod, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  const gboolean ranged =
      config->use_karras_sigmas || (has (self, PD_METHOD_LOG_SNR) && config->use_lu_lambdas);
  const char *what = _ ("the noise schedule");
  g_autofree double *train_sigmas = pd_try_new (double, config->num_train_timesteps, what, error);

  if (train_sigmas == NULL)
    return FALSE;
  for (guint i = 0; i < config->num_train_timesteps; i++)
    train_sigmas[i] = pd_training_sigma (alphas_cumprod[i]);
  if (!space_timesteps (self, train_sigmas, ranged, error) ||
      !choose_sigmas (self, train_sigmas, ranged, error) ||
      !match_timesteps (self, train_sigmas, ranged, error) ||
      (self->method->repeat != NULL && !self->method->repeat (self, error)))
    return FALSE;

  self->levels = pd_try_new (PdNoiseLevel, self->n_total + 1, what, error);
  if (self->levels == NULL)
    return FALSE;
  for (guint k = 0; k <= self->n_total; k++)
    self->levels[k] = level_of_power (1.0 / (1.0 + self->sigmas[k] * self->sigmas[k]));
  return TRUE;
}

/* alphas_cumprod where call @k leads. */
static double
power_after (const PdSchedule *self, const double *alphas_cumprod, guint k)
{
  const PdScheduleConfig *config = &self->config;
  const double t = self->timesteps[k] - (double) (config->num_train_timesteps / self->steps);

  if (has (self, PD_METHOD_NEXT_TIMESTEP))
    return self->powers[MIN (k + 1, self->n_total - 1)];
  if (t >= 0.0)
    return alphas_cumprod[(guint) t];
  return has (self, PD_METHOD_ENDS_CLEAN) || config->set_alpha_to_one ? 1.0 : alphas_cumprod[0];
}

static gboolean
build_timesteps (PdSchedule *self, const double *alphas_cumprod, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  const guint train = config->num_train_timesteps;
  const char *what = _ ("the noise schedule");

  self->timesteps = self->method->timesteps != NULL
                        ? self->method->timesteps (config, self->steps, error)
                        : pd_training_timesteps (config, self->steps, train, TRUE, error);
  if (self->timesteps == NULL)
    return FALSE;

  if (self->timesteps[0] > train - 1.0)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("%u steps with steps_offset %u begin at timestep %g of 0 … %u; use fewer steps "
             "or another timestep_spacing"),
          self->steps, config->steps_offset, self->timesteps[0], train - 1);
      return FALSE;
    }

  if (self->method->repeat != NULL && !self->method->repeat (self, error))
    return FALSE;

  const guint n = self->n_total;

  if ((self->powers = pd_try_new (double, n, what, error)) == NULL ||
      (self->powers_after = pd_try_new (double, n, what, error)) == NULL ||
      (self->levels = pd_try_new (PdNoiseLevel, n + 1, what, error)) == NULL)
    return FALSE;
  for (guint k = 0; k < n; k++)
    self->powers[k] = alphas_cumprod[(guint) self->timesteps[k]];
  for (guint k = 0; k < n; k++)
    {
      self->powers_after[k] = power_after (self, alphas_cumprod, k);
      self->levels[k] = level_of_power (self->powers[k]);
    }
  self->levels[n] = level_of_power (self->powers_after[n - 1]);

  if (self->begin < n && self->powers[self->begin] == 0.0 &&
      config->prediction_type == PD_PREDICTION_EPSILON)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the first timestep %g is pure noise (rescale_betas_zero_snr), where a model "
                      "that predicts epsilon says nothing about the picture; it needs "
                      "v_prediction, or leading timestep_spacing"),
                   self->timesteps[self->begin]);
      return FALSE;
    }
  return TRUE;
}

gboolean
pd_schedule_build (PdSchedule *self, GError **error)
{
  const PdScheduleConfig *config = &self->config;
  g_autofree double *alphas_cumprod = pd_training_alphas_cumprod (config, error);

  if (alphas_cumprod == NULL)
    return FALSE;
  if (config->rescale_betas_zero_snr && has (self, PD_METHOD_SIGMAS | PD_METHOD_NEEDS_SIGNAL))
    alphas_cumprod[config->num_train_timesteps - 1] = least_alpha_cumprod;

  return has (self, PD_METHOD_SIGMAS) ? build_sigmas (self, alphas_cumprod, error)
                                      : build_timesteps (self, alphas_cumprod, error);
}
