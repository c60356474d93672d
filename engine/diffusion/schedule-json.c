// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/schedule-json.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/scheduler-class.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/diffusion/method.h"

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
      reader, "num_train_timesteps", config->num_train_timesteps, 2, PD_MAX_TRAIN_TIMESTEPS);
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
read_run (PdJsonReader *reader, const PdMethod *method, gboolean clips, PdScheduleConfig *config)
{
  config->timestep_spacing = (PdTimestepSpacing) pd_json_reader_choice (
      reader, "timestep_spacing", method->scheduler.spacing, spacings);
  config->steps_offset =
      (guint) pd_json_reader_int (reader, "steps_offset", 0, 0, PD_MAX_TRAIN_TIMESTEPS);

  config->clip_sample =
      pd_json_reader_bool (reader, "clip_sample", clips && method->scheduler.clip_sample);
  config->clip_sample_range =
      pd_json_reader_double (reader, "clip_sample_range", 1.0, 0.0, G_MAXFLOAT);
  config->thresholding = pd_json_reader_bool (reader, "thresholding", FALSE);
  config->dynamic_thresholding_ratio =
      pd_json_reader_double (reader, "dynamic_thresholding_ratio", 0.995, 0.0, 1.0);
  config->sample_max_value =
      pd_json_reader_double (reader, "sample_max_value", 1.0, 1.0, G_MAXFLOAT);
  config->set_alpha_to_one =
      pd_json_reader_bool (reader, "set_alpha_to_one", method->scheduler.set_alpha_to_one);
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

  if (*name == NULL)
    *name = pd_json_reader_string (&reader, key);
  if (!pd_scheduler_class_find (*name, &nearest) && !pd_scheduler_class_nearest (*name, &nearest))
    pd_json_reader_fail (&reader,
                         _ ("\"%s\" is \"%.60s\": the model was trained in another way than "
                            "those of Stable Diffusion 1.x, which is not supported"),
                         key, *name);
  return pd_json_reader_finish (&reader, error);
}

/* What the settings are wanted for. */
typedef struct
{
  const PdMethod *method;
  gboolean is_own; /* the file is of this solver's class: members that only it has count */
  /* Clipping is a default from models of pixels; latents are not within [-1, 1]. So it is one of
   * the class that was named only. */
  gboolean clips;
} Wanted;

/* @own: the file's class. */
static gboolean
load (JsonObject *object,
      const char *own,
      const Wanted *wanted,
      PdScheduleConfig *config,
      GPtrArray *notes,
      GError **error)
{
  const PdMethod *method = wanted->method;
  PdJsonReader reader = { .name = method->scheduler.name, .object = object };
  PdScheduleConfig loaded;

  pd_schedule_config_init (&loaded);
  pd_scheduler_class_init_betas (own, &loaded);
  read_training (&reader, &loaded);
  read_run (&reader, method, wanted->clips, &loaded);
  if (wanted->is_own && (method->flags & PD_METHOD_SIGMAS))
    loaded.use_karras_sigmas = pd_json_reader_bool (&reader, "use_karras_sigmas", FALSE);
  if (wanted->is_own && method->read_config != NULL)
    method->read_config (&reader, &loaded);
  return finish (&reader, &loaded, config, notes, error);
}

gboolean
pd_schedule_json_load (JsonObject *object,
                       const char *class_name,
                       PdSolverType *type,
                       PdScheduleConfig *config,
                       GPtrArray *notes,
                       GError **error)
{
  Wanted wanted = { .is_own = TRUE, .clips = TRUE };

  if (!read_class (object, &class_name, error))
    return FALSE;
  if (pd_scheduler_class_find (class_name, type))
    {
      PdJsonReader reader = { .name = pd_solver_type_method (*type)->scheduler.name,
                              .object = object };

      read_algorithm (&reader, type);
      if (!pd_json_reader_finish (&reader, error))
        return FALSE;
      wanted.method = pd_solver_type_method (*type);
      return load (object, class_name, &wanted, config, notes, error);
    }

  pd_scheduler_class_nearest (class_name, type);
  wanted = (Wanted){ .method = pd_solver_type_method (*type) };
  if (!load (object, class_name, &wanted, config, notes, error))
    return FALSE;
  if (class_name != NULL)
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
  Wanted wanted = { .method = pd_solver_type_method (type) };
  const char *own = NULL;
  PdSolverType own_type;

  if (!read_class (object, &own, error))
    return FALSE;
  wanted.is_own =
      pd_scheduler_class_find (own, &own_type) &&
      g_str_equal (pd_solver_type_method (own_type)->scheduler.name, wanted.method->scheduler.name);
  return load (object, own, &wanted, config, notes, error);
}

gboolean
pd_schedule_json_step_arguments (JsonObject *object,
                                 PdSolverType type,
                                 PdScheduleConfig *config,
                                 GError **error)
{
  PdJsonReader reader = { .name = pd_solver_type_to_string (type), .object = object };
  const gboolean takes_eta = (pd_solver_type_method (type)->flags & PD_METHOD_ETA) != 0;
  g_autoptr (GList) keys = object != NULL ? json_object_get_members (object) : NULL;

  for (GList *key = keys; key; key = key->next)
    {
      if (!takes_eta || strcmp (key->data, "eta") != 0)
        pd_json_reader_fail (&reader, _ ("the step argument \"%s\" is not supported"),
                             (const char *) key->data);
      else
        config->eta = pd_json_reader_double (&reader, "eta", config->eta, 0.0, 1.0);
    }
  return pd_json_reader_finish (&reader, error);
}
