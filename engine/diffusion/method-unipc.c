// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/sum.h"

/* UniPC (Zhao et al. 2023) with data prediction: at each call the corrector first improves the
 * latent it was given, using the prediction made from it, then the predictor goes to the next
 * level. history: 0 the corrected latent of the call before; 1 … predictions of calls before,
 * newest first */

enum
{
  MAX_ORDER = 3
};

static guint
unipc_order (const PdSchedule *schedule, guint k)
{
  const PdScheduleConfig *config = &schedule->config;
  guint order = config->solver_order;

  if (config->lower_order_final)
    order = MIN (order, schedule->n_total - k);
  return MIN (order, k - schedule->begin + 1);
}

/* Solves matrix * x = right for n <= MAX_ORDER unknowns; both are overwritten, x replaces right. */
static void
unipc_solve (guint n, double matrix[MAX_ORDER][MAX_ORDER], double right[MAX_ORDER])
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
unipc_solve_weights (PdUnipcSolverType kind, double h, guint n, const double *r, double *rho)
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
  unipc_solve (n, matrix, rho);
}

/* A step of order @order from level @from: @older are the predictions before @newest, which was
 * made at @from; the corrector has @at_end, too, the prediction made where the step ends. */
typedef struct
{
  guint from, order;
  const float *start, *newest, *at_end;
  float *const *older;
} UnipcStep;

static void
unipc_advance (const PdSolver *solver, const UnipcStep *step, float *latent)
{
  const PdUnipcSolverType kind = solver->schedule->config.unipc_solver_type;
  const guint order = step->order;
  const double *sigma = &solver->schedule->sigmas[step->from];
  const double alpha_to = 1.0 / sqrt (1.0 + sigma[1] * sigma[1]);
  const double h = log (sigma[0] / sigma[1]);
  const double kept = sigma[1] / sigma[0] * alpha_to * sqrt (1.0 + sigma[0] * sigma[0]);
  const double difference = -alpha_to * (kind == PD_UNIPC_BH1 ? -h : expm1 (-h));
  const guint n = step->at_end != NULL ? order : order - 1;
  double r[MAX_ORDER] = { 0 }, rho[MAX_ORDER] = { 0.5 };
  double newest_weight = -alpha_to * expm1 (-h);
  PdSum sum = { 0 };

  for (guint j = 0; j + 1 < order; j++)
    r[j] = -log (sigma[-1 - (gint) j] / sigma[0]) / h;
  if (step->at_end != NULL)
    r[n - 1] = 1.0;
  /* the paper's simplification: one point has weight 1/2 */
  if (n > 1)
    unipc_solve_weights (kind, h, n, r, rho);

  pd_sum_add (&sum, kept, step->start);
  for (guint j = 0; j < n; j++)
    {
      const double weight = difference * rho[j] / r[j];

      pd_sum_add (&sum, weight, step->at_end != NULL && j == n - 1 ? step->at_end : step->older[j]);
      newest_weight -= weight;
    }
  pd_sum_add (&sum, newest_weight, step->newest);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static gboolean
unipc_is_corrected (const PdSchedule *schedule, guint k)
{
  const GArray *disabled = schedule->config.disable_corrector;

  if (k == schedule->begin)
    return FALSE;
  for (guint i = 0; disabled != NULL && i < disabled->len; i++)
    if (g_array_index (disabled, guint, i) == k - 1)
      return FALSE;
  return TRUE;
}

static void
unipc_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const PdSchedule *schedule = solver->schedule;
  const float *x0 = update->treated;
  const guint k = update->k;
  float **predictions = &solver->history[1];

  if (unipc_is_corrected (schedule, k))
    unipc_advance (solver,
                   &(UnipcStep){ .from = k - 1,
                                 .order = unipc_order (schedule, k - 1),
                                 .start = solver->history[0],
                                 .newest = predictions[0],
                                 .at_end = x0,
                                 .older = predictions + 1 },
                   latent);

  memcpy (solver->history[0], latent, solver->n_elements * sizeof *latent);
  pd_solver_remember (solver, 1, solver->n_history - 1, x0);

  /* with Karras sigmas the last two levels are the same */
  if (schedule->sigmas[k + 1] != schedule->sigmas[k])
    unipc_advance (solver,
                   &(UnipcStep){ .from = k,
                                 .order = unipc_order (schedule, k),
                                 .start = latent,
                                 .newest = x0,
                                 .older = predictions + 1 },
                   latent);
}

/* The corrector starts again from the latent before. */
static void
unipc_move (PdSolver *solver, const PdMove *move)
{
  const double *sigma = &solver->schedule->sigmas[move->k];
  const double kept =
      sigma[1] / sigma[0] * sqrt ((1.0 + sigma[0] * sigma[0]) / (1.0 + sigma[1] * sigma[1]));

  for (gsize e = 0; e < move->n; e++)
    solver->history[0][move->first + e] += (float) (move->factor / kept * move->by[e]);
}

static void
unipc_read_disable_corrector (PdJsonReader *reader, PdScheduleConfig *config)
{
  enum
  {
    MAX_ENTRIES = 1024
  };
  int entries[MAX_ENTRIES];
  JsonNode *node = json_object_get_member (reader->object, "disable_corrector");

  if (node == NULL ||
      (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 0))
    return;

  const guint n =
      pd_json_reader_ints (reader, "disable_corrector", entries, MAX_ENTRIES, 0, G_MAXINT);

  config->disable_corrector = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_vals (config->disable_corrector, entries, n);
}

static void
unipc_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const kinds[] = { "bh1", "bh2", "midpoint", "heun", "logrho", NULL };

  config->unipc_solver_type =
      pd_json_reader_choice (reader, "solver_type", 1, kinds) == 0 ? PD_UNIPC_BH1 : PD_UNIPC_BH2;
  config->solver_order = (guint) pd_json_reader_int (reader, "solver_order", 2, 1, 3);
  config->lower_order_final = pd_json_reader_bool (reader, "lower_order_final", TRUE);
  unipc_read_disable_corrector (reader, config);
  if (!pd_json_reader_bool (reader, "predict_x0", TRUE))
    pd_json_reader_fail (reader, _ ("\"%s\" is false, only true is supported"), "predict_x0");
  if (!pd_json_reader_is_null (reader, "solver_p"))
    pd_json_reader_fail (reader, _ ("\"%s\" is set, only null is supported"), "solver_p");
}

const PdMethod pd_method_unipc = {
  .name = "unipc",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_THRESHOLD,
  .max_order = MAX_ORDER,
  .n_history = 1,
  .scheduler = { "UniPCMultistepScheduler", PD_SPACING_LINSPACE },
  .read_config = unipc_read_config,
  .update = unipc_update,
  .move = unipc_move,
};
