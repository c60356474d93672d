// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-private.h"

#include <math.h>
#include <string.h>

/* UniPC (Zhao et al. 2023) with data prediction: at each call the corrector first improves the
 * latent it was given, using the prediction made from it, then the predictor goes to the next
 * level. history: 0 the corrected latent of the call before; 1 … predictions of calls before,
 * newest first */

enum
{
  MAX_ORDER = 3
};

static guint
order_at (const PdSolver *solver, guint k)
{
  const PdScheduleConfig *config = &solver->config;
  guint order = config->solver_order;

  if (config->lower_order_final)
    order = MIN (order, solver->n_total - k);
  return MIN (order, k - solver->begin + 1);
}

/* Solves matrix * x = right for n <= MAX_ORDER unknowns; both are overwritten, x replaces right. */
static void
solve (guint n, double matrix[MAX_ORDER][MAX_ORDER], double right[MAX_ORDER])
{
  for (guint column = 0; column < n; column++)
    {
      guint pivot = column;

      for (guint row = column + 1; row < n; row++)
        if (fabs (matrix[row][column]) > fabs (matrix[pivot][column]))
          pivot = row;
      for (guint j = 0; j < n; j++)
        {
          const double swapped = matrix[column][j];
          matrix[column][j] = matrix[pivot][j];
          matrix[pivot][j] = swapped;
        }
      const double swapped = right[column];
      right[column] = right[pivot];
      right[pivot] = swapped;

      for (guint row = 0; row < n; row++)
        {
          if (row == column)
            continue;
          const double factor = matrix[row][column] / matrix[column][column];
          for (guint j = 0; j < n; j++)
            matrix[row][j] -= factor * matrix[column][j];
          right[row] -= factor * right[column];
        }
    }
  for (guint i = 0; i < n; i++)
    right[i] /= matrix[i][i];
}

/* The weights rho of formula 9 in the paper for n points at positions r (in units of the step h,
 * the last of a corrector at 1): sum_j rho_j r_j^i = i! phi_{i + 2} (-h) h / B (h) for i < n. */
static void
solve_weights (PdUnipcSolverType kind, double h, guint n, const double *r, double *rho)
{
  const double hh = -h;
  const double b_h = kind == PD_UNIPC_BH1 ? hh : expm1 (hh);
  double matrix[MAX_ORDER][MAX_ORDER];
  double phi = expm1 (hh) / hh - 1.0;
  double factorial = 1.0;

  for (guint i = 0; i < n; i++)
    {
      for (guint j = 0; j < n; j++)
        matrix[i][j] = i == 0 ? 1.0 : matrix[i - 1][j] * r[j];
      rho[i] = phi * factorial / b_h;
      factorial *= i + 2;
      phi = phi / hh - 1.0 / factorial;
    }
  solve (n, matrix, rho);
}

/* latent' at level `to` from `start` at level `from` with `order` - 1 older predictions
 * (older[0] belongs to from - 1 …) and, for the corrector, the prediction made at `to`. */
static void
advance (const PdSolver *solver,
         guint from,
         guint order,
         const float *start,
         const float *newest,
         float *const *older,
         const float *at_end,
         float *latent)
{
  const PdUnipcSolverType kind = solver->config.unipc_solver_type;
  const double *sigma = &solver->sigmas[from];
  const double alpha_to = 1.0 / sqrt (1.0 + sigma[1] * sigma[1]);
  const double h = log (sigma[0] / sigma[1]);
  const double kept = sigma[1] / sigma[0] * alpha_to * sqrt (1.0 + sigma[0] * sigma[0]);
  const double difference = -alpha_to * (kind == PD_UNIPC_BH1 ? -h : expm1 (-h));
  const guint n = at_end ? order : order - 1;
  double r[MAX_ORDER] = { 0 }, rho[MAX_ORDER] = { 0.5 };
  double newest_weight = -alpha_to * expm1 (-h);
  PdSum sum = { 0 };

  for (guint j = 0; j + 1 < order; j++)
    r[j] = -log (solver->sigmas[from - 1 - j] / sigma[0]) / h;
  if (at_end)
    r[n - 1] = 1.0;
  /* the paper's simplification: one point has weight 1/2 */
  if (n > 1)
    solve_weights (kind, h, n, r, rho);

  pd_sum_add (&sum, kept, start);
  for (guint j = 0; j < n; j++)
    {
      const double weight = difference * rho[j] / r[j];

      pd_sum_add (&sum, weight, at_end && j == n - 1 ? at_end : older[j]);
      newest_weight -= weight;
    }
  pd_sum_add (&sum, newest_weight, newest);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static gboolean
is_corrected (const PdSolver *solver, guint k)
{
  const GArray *disabled = solver->config.disable_corrector;

  if (k == solver->begin)
    return FALSE;
  for (guint i = 0; disabled && i < disabled->len; i++)
    if (g_array_index (disabled, guint, i) == k - 1)
      return FALSE;
  return TRUE;
}

void
pd_solver_update_unipc (PdSolver *solver, guint k, const float *x0, float *latent)
{
  const gsize bytes = solver->n_elements * sizeof (float);
  float **predictions = &solver->history[1];
  const guint n_predictions = solver->n_history - 1;

  if (is_corrected (solver, k))
    advance (solver, k - 1, order_at (solver, k - 1), solver->history[0], predictions[0],
             predictions + 1, x0, latent);

  memcpy (solver->history[0], latent, bytes);
  pd_solver_rotate (predictions, n_predictions);
  memcpy (predictions[0], x0, bytes);

  /* with Karras sigmas the last two levels are the same */
  if (solver->sigmas[k + 1] != solver->sigmas[k])
    advance (solver, k, order_at (solver, k), latent, x0, predictions + 1, NULL, latent);
}
