// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/schedule-json.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/scheduler-class.h"
#include "engine/base/error.h"
#include "engine/base/json.h"

static const gint64 max_train_timesteps = 1000000;

static const char *const beta_schedules[] = { "linear", "scaled_linear", "squaredcos_cap_v2",
                                              NULL };
static const char *const predictions[] = { "epsilon", "v_prediction", "sample", NULL };
static const char *const spacings[] = { "leading", "trailing", "linspace", NULL };

/* Switches that some solver has. One that a solver does not have is ignored: a file of one class
 * may be used for another. */
static const char *const switches[] = { "rescale_betas_zero_snr",
                                        "use_karras_sigmas",
                                        "use_lu_lambdas",
                                        "clip_sample",
                                        "thresholding",
                                        "set_alpha_to_one",
                                        "lower_order_final",
                                        "euler_at_final",
                                        "skip_prk_steps",
                                        "predict_x0",
                                        NULL };

static void
read_trained_betas (PdJsonReader *reader, PdScheduleConfig *config)
{
  const char *key = "trained_betas";

  if (pd_json_reader_is_null (reader, key))
    return;

  JsonNode *node = json_object_get_member (reader->object, key);
  if (!JSON_NODE_HOLDS_ARRAY (node))
    {
      pd_json_reader_fail (reader, _ ("\"%s\" is not a list of numbers"), key);
      return;
    }

  JsonArray *list = json_node_get_array (node);
  config->trained_betas = g_array_new (FALSE, FALSE, sizeof (double));
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonNode *element = json_array_get_element (list, i);
      const GType held = JSON_NODE_HOLDS_VALUE (element) ? json_node_get_value_type (element) : 0;

      if (held != G_TYPE_DOUBLE && held != G_TYPE_INT64)
        {
          pd_json_reader_fail (reader, _ ("\"%s\" holds something else than a number at index %u"),
                               key, i);
          return;
        }
      const double beta = json_node_get_double (element);
      g_array_append_val (config->trained_betas, beta);
    }
}

static void
read_training (PdJsonReader *reader, PdScheduleConfig *config)
{
  config->num_train_timesteps = (guint) pd_json_reader_int (
      reader, "num_train_timesteps", config->num_train_timesteps, 2, max_train_timesteps);
  config->beta_start = pd_json_reader_double (reader, "beta_start", config->beta_start, 0.0, 1.0);
  config->beta_end = pd_json_reader_double (reader, "beta_end", config->beta_end, 0.0, 1.0);
  config->beta_schedule = (PdBetaSchedule) pd_json_reader_choice (
      reader, "beta_schedule", config->beta_schedule, beta_schedules);
  read_trained_betas (reader, config);
  config->rescale_betas_zero_snr = pd_json_reader_bool (reader, "rescale_betas_zero_snr", FALSE);
  config->prediction_type = (PdPredictionType) pd_json_reader_choice (
      reader, "prediction_type", PD_PREDICTION_EPSILON, predictions);
}

static void
read_run (PdJsonReader *reader, const PdSchedulerClass *class, PdScheduleConfig *config)
{
  config->timestep_spacing = (PdTimestepSpacing) pd_json_reader_choice (reader, "timestep_spacing",
                                                                        class->spacing, spacings);
  config->steps_offset =
      (guint) pd_json_reader_int (reader, "steps_offset", 0, 0, max_train_timesteps);

  config->clip_sample = pd_json_reader_bool (reader, "clip_sample", class->clip_sample);
  config->clip_sample_range =
      pd_json_reader_double (reader, "clip_sample_range", 1.0, 0.0, G_MAXFLOAT);
  config->thresholding = pd_json_reader_bool (reader, "thresholding", FALSE);
  config->dynamic_thresholding_ratio =
      pd_json_reader_double (reader, "dynamic_thresholding_ratio", 0.995, 0.0, 1.0);
  config->sample_max_value =
      pd_json_reader_double (reader, "sample_max_value", 1.0, 1.0, G_MAXFLOAT);
  config->set_alpha_to_one =
      pd_json_reader_bool (reader, "set_alpha_to_one", class->set_alpha_to_one);
}

static void
read_dpm (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const kinds[] = { "midpoint", "heun", "logrho", "bh1", "bh2", NULL };
  static const char *const ends[] = { "sigma_min", "zero", NULL };
  const guint kind = pd_json_reader_choice (reader, "solver_type", 0, kinds);

  /* the names of other solvers' kinds mean midpoint here, as in diffusers */
  config->dpm_solver_type = kind == 1 ? PD_ORDER2_HEUN : PD_ORDER2_MIDPOINT;
  config->solver_order = (guint) pd_json_reader_int (reader, "solver_order", 2, 1, 3);
  config->use_lu_lambdas = pd_json_reader_bool (reader, "use_lu_lambdas", FALSE);
  config->lambda_min_clipped =
      pd_json_reader_double (reader, "lambda_min_clipped", -INFINITY, -INFINITY, G_MAXDOUBLE);
  config->final_sigma_zero = pd_json_reader_choice (reader, "final_sigmas_type", 1, ends) == 1;
  config->lower_order_final = pd_json_reader_bool (reader, "lower_order_final", TRUE);
  config->euler_at_final = pd_json_reader_bool (reader, "euler_at_final", FALSE);
  if (!pd_json_reader_is_null (reader, "variance_type"))
    pd_json_reader_fail (reader, _ ("\"%s\" is set, only null is supported"), "variance_type");
}

static void
read_disable_corrector (PdJsonReader *reader, PdScheduleConfig *config)
{
  enum
  {
    MAX_ENTRIES = 1024
  };
  int entries[MAX_ENTRIES];
  JsonNode *node = json_object_get_member (reader->object, "disable_corrector");

  if (!node ||
      (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 0))
    return;

  const guint n =
      pd_json_reader_ints (reader, "disable_corrector", entries, MAX_ENTRIES, 0, G_MAXINT);
  config->disable_corrector = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_vals (config->disable_corrector, entries, n);
}

static void
read_unipc (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const kinds[] = { "bh1", "bh2", "midpoint", "heun", "logrho", NULL };

  config->unipc_solver_type =
      pd_json_reader_choice (reader, "solver_type", 1, kinds) == 0 ? PD_UNIPC_BH1 : PD_UNIPC_BH2;
  config->solver_order = (guint) pd_json_reader_int (reader, "solver_order", 2, 1, 3);
  config->lower_order_final = pd_json_reader_bool (reader, "lower_order_final", TRUE);
  read_disable_corrector (reader, config);
  if (!pd_json_reader_bool (reader, "predict_x0", TRUE))
    pd_json_reader_fail (reader, _ ("\"%s\" is false, only true is supported"), "predict_x0");
  if (!pd_json_reader_is_null (reader, "solver_p"))
    pd_json_reader_fail (reader, _ ("\"%s\" is set, only null is supported"), "solver_p");
}

static void
read_euler (PdJsonReader *reader, PdScheduleConfig *config)
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

static void
read_ddpm (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const variances[] = { "fixed_small", "fixed_small_log", "fixed_large", NULL };

  config->variance_type = pd_json_reader_choice (reader, "variance_type", 0, variances) == 2
                              ? PD_VARIANCE_FIXED_LARGE
                              : PD_VARIANCE_FIXED_SMALL;
}

static void
read_solver (PdJsonReader *reader, PdSolverType type, PdScheduleConfig *config)
{
  if (pd_solver_type_has_sigmas (type))
    config->use_karras_sigmas = pd_json_reader_bool (reader, "use_karras_sigmas", FALSE);

  switch (type)
    {
    case PD_SOLVER_EULER:
      read_euler (reader, config);
      break;
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_DPMPP_SDE:
      read_dpm (reader, config);
      break;
    case PD_SOLVER_UNIPC:
      read_unipc (reader, config);
      break;
    case PD_SOLVER_DDPM:
      read_ddpm (reader, config);
      break;
    case PD_SOLVER_LCM:
      config->original_inference_steps = (guint) pd_json_reader_int (
          reader, "original_inference_steps", 50, 1, max_train_timesteps);
      config->timestep_scaling =
          pd_json_reader_double (reader, "timestep_scaling", 10.0, 0.0, G_MAXFLOAT);
      break;
    case PD_SOLVER_PNDM:
      config->skip_prk_steps = pd_json_reader_bool (reader, "skip_prk_steps", FALSE);
      break;
    case PD_SOLVER_DDIM:
    case PD_SOLVER_EULER_A:
    case PD_SOLVER_HEUN:
    default:
      break;
    }
}

/* DPMSolverMultistepScheduler is two solvers. */
static void
read_algorithm (PdJsonReader *reader, PdSolverType *type)
{
  static const char *const algorithms[] = { "dpmsolver++", "deis", "sde-dpmsolver++", NULL };

  if (*type == PD_SOLVER_DPMPP_2M &&
      pd_json_reader_choice (reader, "algorithm_type", 0, algorithms) == 2)
    *type = PD_SOLVER_DPMPP_SDE;
}

static void note (GPtrArray *notes, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
note (GPtrArray *notes, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (notes)
    g_ptr_array_add (notes, g_strdup_vprintf (format, args));
  va_end (args);
}

/* Whether a switch is about what the weights predict or the noise they were trained with, by the
 * words that such switches have. */
static gboolean
is_about_weights (const char *key)
{
  static const char *const words[] = { "flow", "betas", "snr", "prediction", "shift" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (key, words[i]))
      return TRUE;
  return FALSE;
}

static void
check_unknown_switches (PdJsonReader *reader, GPtrArray *notes)
{
  g_autoptr (GList) keys = json_object_get_members (reader->object);

  for (GList *key = keys; key; key = key->next)
    {
      JsonNode *node = json_object_get_member (reader->object, key->data);

      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN ||
          !json_node_get_boolean (node) || g_strv_contains (switches, key->data))
        continue;
      if (is_about_weights (key->data))
        pd_json_reader_fail (reader, _ ("\"%s\" is true, which is not supported"),
                             (const char *) key->data);
      else
        note (notes, _ ("the model's scheduler sets \"%s\", which is not known: left out"),
              (const char *) key->data);
    }
}

static gboolean
finish (PdJsonReader *reader,
        PdScheduleConfig *loaded,
        PdScheduleConfig *config,
        GPtrArray *notes,
        GError **error)
{
  check_unknown_switches (reader, notes);
  if (!pd_json_reader_finish (reader, error))
    {
      pd_schedule_config_finish (loaded);
      return FALSE;
    }
  *config = *loaded;
  return TRUE;
}

/* The name of the class a file is for unless @name is one; NULL if it has none. */
static gboolean
read_class (JsonObject *object, const char **name, GError **error)
{
  static const char key[] = "_class_name";
  PdJsonReader reader = { .name = "scheduler_config.json", .object = object };
  PdSolverType nearest;

  if (!*name)
    *name = pd_json_reader_string (&reader, key);
  if (!pd_scheduler_class_find (*name) && !pd_scheduler_class_nearest (*name, &nearest))
    pd_json_reader_fail (&reader,
                         _ ("\"%s\" is \"%.60s\": the model was trained in another way than "
                            "those of Stable Diffusion 1.x, which is not supported"),
                         key, *name);
  return pd_json_reader_finish (&reader, error);
}

/* The settings for solver @type; those that only @own reads, the file's class, count only if it is
 * that solver. */
static gboolean
load (JsonObject *object,
      const char *own,
      const PdSchedulerClass *class,
      gboolean is_own,
      PdScheduleConfig *config,
      GPtrArray *notes,
      GError **error)
{
  PdJsonReader reader = { .name = class->name, .object = object };
  PdScheduleConfig loaded;

  pd_schedule_config_init (&loaded);
  pd_scheduler_class_init_betas (own, &loaded);
  read_training (&reader, &loaded);
  read_run (&reader, class, &loaded);
  if (is_own)
    read_solver (&reader, class->type, &loaded);
  return finish (&reader, &loaded, config, notes, error);
}

/* Clipping is a default from models of pixels; latents are not within [-1, 1]. */
static PdSchedulerClass
class_for_latents (PdSolverType type)
{
  PdSchedulerClass class = *pd_scheduler_class_of (type);

  class.clip_sample = FALSE;
  return class;
}

gboolean
pd_schedule_json_load (JsonObject *object,
                       const char *class_name,
                       PdSolverType *type,
                       PdScheduleConfig *config,
                       GPtrArray *notes,
                       GError **error)
{
  const PdSchedulerClass *known;
  PdSchedulerClass class;

  if (!read_class (object, &class_name, error))
    return FALSE;
  known = pd_scheduler_class_find (class_name);
  if (known)
    {
      PdJsonReader reader = { .name = known->name, .object = object };

      *type = known->type;
      read_algorithm (&reader, type);
      if (!pd_json_reader_finish (&reader, error))
        return FALSE;
      return load (object, class_name, pd_scheduler_class_of (*type), TRUE, config, notes, error);
    }

  pd_scheduler_class_nearest (class_name, type);
  class = class_for_latents (*type);
  if (!load (object, class_name, &class, FALSE, config, notes, error))
    return FALSE;
  if (class_name)
    note (notes,
          _ ("the model's scheduler \"%s\" is not known: the solver %s, which comes nearest, is "
             "used"),
          class_name, pd_solver_type_to_string (*type));
  else
    note (notes, _ ("the model's scheduler has no name: the solver %s is used"),
          pd_solver_type_to_string (*type));
  return TRUE;
}

gboolean
pd_schedule_json_load_for (JsonObject *object,
                           PdSolverType type,
                           PdScheduleConfig *config,
                           GPtrArray *notes,
                           GError **error)
{
  PdSchedulerClass class = class_for_latents (type);
  const PdSchedulerClass *known;
  const char *own = NULL;

  if (!read_class (object, &own, error))
    return FALSE;
  known = pd_scheduler_class_find (own);
  return load (object, own, &class, known && g_str_equal (known->name, class.name), config, notes,
               error);
}

gboolean
pd_schedule_json_step_arguments (JsonObject *object,
                                 PdSolverType type,
                                 PdScheduleConfig *config,
                                 GError **error)
{
  PdJsonReader reader = { .name = pd_solver_type_to_string (type), .object = object };
  g_autoptr (GList) keys = object ? json_object_get_members (object) : NULL;

  for (GList *key = keys; key; key = key->next)
    {
      if (type != PD_SOLVER_DDIM || strcmp (key->data, "eta") != 0)
        pd_json_reader_fail (&reader, _ ("the step argument \"%s\" is not supported"),
                             (const char *) key->data);
      else
        config->eta = pd_json_reader_double (&reader, "eta", config->eta, 0.0, 1.0);
    }
  return pd_json_reader_finish (&reader, error);
}
