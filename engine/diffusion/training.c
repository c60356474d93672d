// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/training.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

static double
squared_cos_alpha_bar (double t)
{
  const double c = cos ((t + 0.008) / 1.008 * G_PI / 2.0);

  return c * c;
}

/* value i of n evenly spaced values from first to last, both included */
static double
spaced (double first, double last, guint i, guint n)
{
  return n == 1 ? first : first + (last - first) * i / (n - 1);
}

static double
beta_at (const PdScheduleConfig *config, guint i)
{
  const guint n = config->num_train_timesteps;

  if (config->trained_betas)
    return g_array_index (config->trained_betas, double, i);

  switch (config->beta_schedule)
    {
    case PD_BETAS_SCALED_LINEAR:
      {
        const double root = spaced (sqrt (config->beta_start), sqrt (config->beta_end), i, n);
        return root * root;
      }
    case PD_BETAS_SQUARED_COS_CAP_V2:
      return MIN (1.0 - squared_cos_alpha_bar ((i + 1.0) / n) /
                            squared_cos_alpha_bar ((double) i / n),
                  0.999);
    case PD_BETAS_LINEAR:
    default:
      return spaced (config->beta_start, config->beta_end, i, n);
    }
}

/* Lin et al. 2023, algorithm 1: shift and scale sqrt (alphas_cumprod) so that the last is 0 and the
 * first is kept. */
static void
rescale_to_zero_snr (double *alphas_cumprod, guint n)
{
  const double first = sqrt (alphas_cumprod[0]);
  const double last = sqrt (alphas_cumprod[n - 1]);

  for (guint i = 0; i < n; i++)
    {
      const double root = (sqrt (alphas_cumprod[i]) - last) * first / (first - last);
      alphas_cumprod[i] = (float) (root * root);
    }
}

double *
pd_training_alphas_cumprod (const PdScheduleConfig *config, GError **error)
{
  const guint n = config->num_train_timesteps;

  if (n < 2 || n > PD_MAX_TRAIN_TIMESTEPS)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("num_train_timesteps is %u; it must be from 2 to %u"), n,
                   PD_MAX_TRAIN_TIMESTEPS);
      return NULL;
    }
  if (config->trained_betas && config->trained_betas->len != n)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("trained_betas has %u values; expected num_train_timesteps, which is %u"),
                   config->trained_betas->len, n);
      return NULL;
    }

  g_autofree double *alphas_cumprod = pd_try_new (double, n, _ ("the noise schedule"), error);
  double product = 1.0;

  if (alphas_cumprod == NULL)
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      const float beta = (float) beta_at (config, i);

      if (!(beta > 0.0f && beta < 1.0f))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                       _ ("beta %u of the noise schedule is %g; betas must lie between 0 and 1 "
                          "(check beta_start, beta_end and trained_betas)"),
                       i, (double) beta);
          return NULL;
        }
      product *= 1.0f - beta;
      alphas_cumprod[i] = (float) product;
    }
  if (!(alphas_cumprod[0] < 1.0 && alphas_cumprod[n - 1] > 0.0 &&
        alphas_cumprod[n - 1] < alphas_cumprod[0]))
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_MODEL,
          _ ("the noise schedule runs from a signal power of %g to %g; expected a fall from "
             "less than 1 to more than 0 (check the betas)"),
          alphas_cumprod[0], alphas_cumprod[n - 1]);
      return NULL;
    }

  if (config->rescale_betas_zero_snr)
    rescale_to_zero_snr (alphas_cumprod, n);

  return g_steal_pointer (&alphas_cumprod);
}

double *
pd_training_timesteps (
    const PdScheduleConfig *config, guint steps, guint last, gboolean whole, GError **error)
{
  const guint n = config->num_train_timesteps;
  double *timesteps = pd_try_new (double, steps, _ ("the noise schedule"), error);

  if (timesteps == NULL)
    return NULL;
  for (guint i = 0; i < steps; i++)
    {
      const guint rising = steps - 1 - i;

      switch (config->timestep_spacing)
        {
        case PD_SPACING_LEADING:
          timesteps[i] = (double) rising * (last / steps) + config->steps_offset;
          break;
        case PD_SPACING_TRAILING:
          timesteps[i] = rint (last - i * ((double) n / steps)) - 1.0;
          break;
        case PD_SPACING_LINSPACE:
        default:
          timesteps[i] = spaced (0.0, last - 1.0, rising, steps);
          if (whole)
            timesteps[i] = rint (timesteps[i]);
          break;
        }
    }
  return timesteps;
}

double *
pd_training_timesteps_open (const PdScheduleConfig *config, guint steps, guint last, GError **error)
{
  if (config->timestep_spacing == PD_SPACING_TRAILING)
    return pd_training_timesteps (config, steps, last, TRUE, error);

  return pd_training_timesteps (config, steps + 1, last, TRUE, error);
}

double
pd_training_sigma (double alpha_cumprod)
{
  return sqrt ((1.0 - alpha_cumprod) / alpha_cumprod);
}

double
pd_training_sigma_at (const double *train_sigmas, guint n_train, double timestep)
{
  const double t = CLAMP (timestep, 0.0, n_train - 1.0);
  const guint low = MIN ((guint) t, n_train - 2);

  return train_sigmas[low] + (t - low) * (train_sigmas[low + 1] - train_sigmas[low]);
}

double
pd_training_timestep_of (const double *train_sigmas, guint n_train, double sigma)
{
  guint low = 0, end = n_train - 1;

  /* the last sigma that is not larger, by bisection; train_sigmas rise */
  while (end - low > 1)
    {
      const guint middle = low + (end - low) / 2;

      if (train_sigmas[middle] <= sigma)
        low = middle;
      else
        end = middle;
    }

  const double from = log (train_sigmas[low]);
  const double to = log (train_sigmas[low + 1]);
  const double w = (log (MAX (sigma, 1e-10)) - from) / (to - from);

  return low + CLAMP (w, 0.0, 1.0);
}

void
pd_training_karras (double sigma_min, double sigma_max, guint n, double *sigmas)
{
  const double rho = 7.0;
  const double low = pow (sigma_min, 1.0 / rho);
  const double high = pow (sigma_max, 1.0 / rho);

  for (guint i = 0; i < n; i++)
    sigmas[i] = pow (spaced (high, low, i, n), rho);
}
