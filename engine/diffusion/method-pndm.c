// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/sum.h"

/* Without Runge-Kutta start: the second level is evaluated twice. In a run that starts later
 * (strength) it is the second level of that run. */
static gboolean
pndm_repeat (PdSchedule *schedule, GError **error)
{
  const guint n = schedule->n_total;
  double *timesteps;

  if (!schedule->config.skip_prk_steps)
    {
      g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                           _ ("the solver pndm does not support skip_prk_steps = false; set it to "
                              "true"));
      return FALSE;
    }
  if (n - schedule->begin < 2)
    return TRUE;
  timesteps = pd_try_new (double, n + 1, _ ("the noise schedule"), error);
  if (timesteps == NULL)
    return FALSE;
  for (guint i = 0; i <= n; i++)
    timesteps[i] = schedule->timesteps[i > schedule->begin + 1 ? i - 1 : i];
  g_free (schedule->timesteps);
  schedule->timesteps = timesteps;
  schedule->n_total = n + 1;
  return TRUE;
}

/* Liu et al. 2022, formulas 9 and 12: Adams-Bashforth of rising order on the model's output, after
 * one step that is repeated with the mean of both ends.
 * history: 0-2 outputs of the calls before, newest first; 3 the latent the repeated step starts
 * from */
static void
pndm_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  static const double weights[4][4] = {
    { 1.0, 0.0, 0.0, 0.0 },
    { 3.0 / 2, -1.0 / 2, 0.0, 0.0 },
    { 23.0 / 12, -16.0 / 12, 5.0 / 12, 0.0 },
    { 55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24 },
  };
  const PdSchedule *schedule = solver->schedule;
  const guint k = update->k, call = k - schedule->begin;
  const gboolean repeat = call == 1;
  const guint from = repeat ? k - 1 : k;
  const double level = schedule->powers[k];
  const double start = schedule->powers[from];
  const double end = repeat ? level : schedule->powers_after[k];
  const gboolean is_v = schedule->config.prediction_type == PD_PREDICTION_V;
  float *output = solver->x0;
  PdSum sum = { 0 };

  /* the model's output, in the form it was trained for: averaging v is not averaging epsilon */
  pd_sum_add (&sum, (is_v ? sqrt (level) : 1.0) / sqrt (1.0 - level), latent);
  pd_sum_add (&sum, -(is_v ? 1.0 : sqrt (level)) / sqrt (1.0 - level), update->x0);
  pd_sum_write (&sum, solver->n_elements, output);

  /* latent' = kept * latent + slope * epsilon, where epsilon = sqrt (start) v + sqrt (1 - start)
   * latent if the model predicts v */
  double kept = sqrt (end / start);
  double slope = sqrt (1.0 - end) - sqrt (end * (1.0 - start) / start);

  if (is_v)
    {
      kept += slope * sqrt (1.0 - start);
      slope *= sqrt (start);
    }

  sum.n = 0;
  pd_sum_add (&sum, kept, repeat ? solver->history[3] : latent);
  if (repeat)
    {
      pd_sum_add (&sum, 0.5 * slope, output);
      pd_sum_add (&sum, 0.5 * slope, solver->history[0]);
    }
  else
    {
      const double *w = weights[call == 0 ? 0 : MIN (call - 1, 3)];

      pd_sum_add (&sum, w[0] * slope, output);
      for (guint j = 0; j < 3; j++)
        pd_sum_add (&sum, w[j + 1] * slope, solver->history[j]);
    }
  if (call == 0)
    memcpy (solver->history[3], latent, solver->n_elements * sizeof *latent);
  pd_sum_write (&sum, solver->n_elements, latent);

  if (!repeat)
    pd_solver_remember (solver, 0, 3, output);
}

static void
pndm_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  config->skip_prk_steps = pd_json_reader_bool (reader, "skip_prk_steps", FALSE);
}

const PdMethod pd_method_pndm = {
  .name = "pndm",
  .flags = PD_METHOD_NEEDS_SIGNAL,
  .n_history = 4,
  .scheduler = { "PNDMScheduler", PD_SPACING_LEADING },
  .read_config = pndm_read_config,
  .repeat = pndm_repeat,
  .update = pndm_update,
};
