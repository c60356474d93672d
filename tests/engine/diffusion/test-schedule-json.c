// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/diffusion/schedule-json.h"
#include "engine/diffusion/schedule.h"

static JsonObject *
parse (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_nonnull (node);
  return json_object_ref (json_node_get_object (node));
}

static void
test_defaults (void)
{
  g_autoptr (JsonObject) object = parse ("{\"_class_name\": \"EulerDiscreteScheduler\", "
                                         "\"beta_start\": 0.001, \"unknown\": [1], "
                                         "\"unknown_switch\": false, \"trained_betas\": null}");
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  g_assert_true (pd_schedule_json_load (object, NULL, &type, &config, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (type, ==, PD_SOLVER_EULER);
  g_assert_cmpfloat (config.beta_start, ==, 0.001);
  g_assert_cmpfloat (config.beta_end, ==, 0.02);
  g_assert_cmpint (config.beta_schedule, ==, PD_BETAS_LINEAR);
  g_assert_cmpint (config.timestep_spacing, ==, PD_SPACING_LINSPACE);
  g_assert_cmpuint (config.steps_offset, ==, 0);
}

static void
test_sde (void)
{
  g_autoptr (JsonObject) object = parse ("{\"algorithm_type\": \"sde-dpmsolver++\"}");
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  g_assert_true (
      pd_schedule_json_load (object, "DPMSolverMultistepScheduler", &type, &config, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (type, ==, PD_SOLVER_DPMPP_SDE);
}

/* The file of Stable Diffusion 1.x used for other solvers. */
static void
test_other_solver (void)
{
  g_autoptr (JsonObject) object =
      parse ("{\"_class_name\": \"PNDMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012, "
             "\"beta_schedule\": \"scaled_linear\", \"num_train_timesteps\": 1000, "
             "\"set_alpha_to_one\": false, \"skip_prk_steps\": true, \"steps_offset\": 1, "
             "\"trained_betas\": null, \"prediction_type\": \"v_prediction\"}");

  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (pd_schedule_json_load_for (object, type, &config, NULL, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.beta_schedule, ==, PD_BETAS_SCALED_LINEAR);
      g_assert_cmpint (config.prediction_type, ==, PD_PREDICTION_V);
      g_assert_cmpuint (config.steps_offset, ==, 1);
      g_assert_false (config.clip_sample);
      schedule = pd_schedule_new (&config, type, 10, 1.0, &error);
      g_assert_no_error (error);
      g_assert_cmpint (pd_schedule_type (schedule), ==, type);
    }
}

/* What cannot be had is refused by key and value. */
static void
test_refused (void)
{
  static const struct
  {
    const char *class_name, *text, *key, *value;
  } cases[] = {
    { "DDIMScheduler", "{\"beta_schedule\": \"sigmoid\"}", "beta_schedule", "sigmoid" },
    { "DDIMScheduler", "{\"beta_schedule\": 3}", "beta_schedule", "3" },
    { "DDIMScheduler", "{\"beta_start\": \"small\"}", "beta_start", "small" },
    { "DDIMScheduler", "{\"beta_start\": 2.5}", "beta_start", "2.5" },
    { "DDIMScheduler", "{\"num_train_timesteps\": -5}", "num_train_timesteps", "-5" },
    { "DDIMScheduler", "{\"num_train_timesteps\": 1e12}", "num_train_timesteps", "" },
    { "DDIMScheduler", "{\"prediction_type\": \"flow\"}", "prediction_type", "flow" },
    { "DDIMScheduler", "{\"timestep_spacing\": \"odd\"}", "timestep_spacing", "odd" },
    { "DDIMScheduler", "{\"steps_offset\": -1}", "steps_offset", "-1" },
    { "DDIMScheduler", "{\"trained_betas\": 3}", "trained_betas", "" },
    { "DDIMScheduler", "{\"trained_betas\": [0.1, \"x\"]}", "trained_betas", "1" },
    { "DDIMScheduler", "{\"use_flow_sigmas\": true}", "use_flow_sigmas", "true" },
    { "DDPMScheduler", "{\"variance_type\": \"learned\"}", "variance_type", "learned" },
    { "UniPCMultistepScheduler", "{\"predict_x0\": false}", "predict_x0", "false" },
    { "UniPCMultistepScheduler", "{\"solver_order\": 4}", "solver_order", "4" },
    { "UniPCMultistepScheduler", "{\"solver_p\": {}}", "solver_p", "" },
    { "UniPCMultistepScheduler", "{\"disable_corrector\": [-1]}", "disable_corrector", "-1" },
    { "DPMSolverMultistepScheduler", "{\"algorithm_type\": \"dpmsolver\"}", "algorithm_type",
      "dpmsolver" },
    { "DPMSolverMultistepScheduler", "{\"final_sigmas_type\": \"last\"}", "final_sigmas_type",
      "last" },
    { "FlowMatchEulerDiscreteScheduler", "{}", "FlowMatchEulerDiscreteScheduler", "" },
    { "EDMEulerScheduler", "{}", "EDMEulerScheduler", "" },
    { "FlaxScoreSdeVeScheduler", "{}", "ScoreSdeVe", "" },
    { NULL, "{\"_class_name\": \"FlowMatchHeunDiscreteScheduler\"}", "FlowMatchHeun", "" },
    { NULL, "{\"_class_name\": 7}", "_class_name", "7" },
    { NULL, "{\"prediction_type\": \"flow_prediction\"}", "prediction_type", "flow_prediction" },
    { "DEISMultistepScheduler", "{\"beta_schedule\": \"exponential\"}", "beta_schedule",
      "exponential" },
    { "KDPM2DiscreteScheduler", "{\"use_flow_sigmas\": true}", "use_flow_sigmas", "true" },
    { "SomeNewScheduler", "{\"use_zero_snr_betas\": true}", "use_zero_snr_betas", "true" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (JsonObject) object = parse (cases[i].text);
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (GError) error = NULL;
      PdSolverType type;

      g_assert_false (
          pd_schedule_json_load (object, cases[i].class_name, &type, &config, NULL, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_test_message ("%s", error->message);
      g_assert_nonnull (g_strstr_len (error->message, -1, cases[i].key));
      g_assert_nonnull (g_strstr_len (error->message, -1, cases[i].value));
    }
}

/* Classes that are none of the solvers, with what of their settings still counts; every published
 * one that latent diffusion has been used with, and names that nobody has published. */
static void
test_nearest (void)
{
  static const struct
  {
    const char *class_name;
    PdSolverType type;
    double beta_start; /* where the file does not say */
  } cases[] = {
    { "DEISMultistepScheduler", PD_SOLVER_DPMPP_2M, 0.0001 },
    { "DPMSolverSinglestepScheduler", PD_SOLVER_DPMPP_2M, 0.0001 },
    { "DPMSolverMultistepInverseScheduler", PD_SOLVER_DPMPP_2M, 0.0001 },
    { "DPMSolverSDEScheduler", PD_SOLVER_DPMPP_SDE, 0.00085 },
    { "SASolverScheduler", PD_SOLVER_DPMPP_SDE, 0.0001 },
    { "LMSDiscreteScheduler", PD_SOLVER_DPMPP_2M, 0.0001 },
    { "KDPM2DiscreteScheduler", PD_SOLVER_HEUN, 0.00085 },
    { "KDPM2AncestralDiscreteScheduler", PD_SOLVER_EULER_A, 0.00085 },
    { "TCDScheduler", PD_SOLVER_LCM, 0.00085 },
    { "DDIMParallelScheduler", PD_SOLVER_DDIM, 0.0001 },
    { "DDIMInverseScheduler", PD_SOLVER_DDIM, 0.0001 },
    { "DDPMParallelScheduler", PD_SOLVER_DDPM, 0.0001 },
    { "DDPMWuerstchenScheduler", PD_SOLVER_DDPM, 0.00085 },
    { "RePaintScheduler", PD_SOLVER_DDPM, 0.0001 },
    { "UnCLIPScheduler", PD_SOLVER_DDPM, 0.00085 },
    { "IPNDMScheduler", PD_SOLVER_PNDM, 0.00085 },
    { "CogVideoXDDIMScheduler", PD_SOLVER_DDIM, 0.00085 },
    { "CogVideoXDPMScheduler", PD_SOLVER_DPMPP_2M, 0.00085 },
    { "LTXEulerAncestralRFScheduler", PD_SOLVER_EULER_A, 0.00085 },
    { "RES4LYFHeunScheduler", PD_SOLVER_HEUN, 0.00085 },
    { "GradientEstimationScheduler", PD_SOLVER_PNDM, 0.00085 },
    { "Scheduler", PD_SOLVER_PNDM, 0.00085 },
    { NULL, PD_SOLVER_PNDM, 0.00085 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = cases[i].class_name != NULL
                                  ? g_strdup_printf ("\"_class_name\":\"%s\",", cases[i].class_name)
                                  : g_strdup ("");
      g_autofree char *text = g_strdup_printf ("{%s\"beta_end\":0.013,\"steps_offset\":3,"
                                               "\"skip_prk_steps\":false,"
                                               "\"prediction_type\":\"v_prediction\"}",
                                               name);
      g_autoptr (JsonObject) object = parse (text);
      g_auto (PdScheduleConfig) config = { 0 }, chosen = { 0 };
      g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GError) error = NULL;
      g_autoptr (PdSchedule) schedule = NULL;
      PdSolverType type;

      pd_schedule_json_load (object, NULL, &type, &config, notes, &error);
      g_assert_no_error (error);
      g_assert_cmpint (type, ==, cases[i].type);
      g_assert_cmpfloat (config.beta_start, ==, cases[i].beta_start);
      g_assert_cmpfloat (config.beta_end, ==, 0.013);
      g_assert_cmpuint (config.steps_offset, ==, 3);
      g_assert_cmpint (config.prediction_type, ==, PD_PREDICTION_V);
      g_assert_false (config.clip_sample);
      schedule = pd_schedule_new (&config, type, 10, 1.0, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (notes->len, ==, 1);
      g_test_message ("%s", (char *) notes->pdata[0]);
      g_assert_nonnull (strstr (notes->pdata[0], pd_solver_type_to_string (type)));
      if (cases[i].class_name != NULL)
        g_assert_nonnull (strstr (notes->pdata[0], cases[i].class_name));

      /* Whoever chooses the solver has nothing to be told. */
      g_ptr_array_set_size (notes, 0);
      pd_schedule_json_load_for (object, PD_SOLVER_EULER, &chosen, notes, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (notes->len, ==, 0);
      g_assert_cmpfloat (chosen.beta_start, ==, cases[i].beta_start);
    }
}

/* The schedulers of JAX are the same. */
static void
test_flax (void)
{
  g_autoptr (JsonObject) object =
      parse ("{\"_class_name\": \"FlaxPNDMScheduler\", \"skip_prk_steps\": true}");
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  g_assert_true (pd_schedule_json_load (object, NULL, &type, &config, notes, &error));
  g_assert_cmpint (type, ==, PD_SOLVER_PNDM);
  g_assert_cmpfloat (config.beta_start, ==, 0.0001);
  g_assert_cmpuint (notes->len, ==, 0);
}

/* Each unknown switch that is true is noted, whatever the solver. */
static void
test_switches (void)
{
  g_autoptr (JsonObject) object =
      parse ("{\"_class_name\": \"EulerDiscreteScheduler\", \"use_beta_sigmas\": true, "
             "\"use_exponential_sigmas\": true, \"use_karras_sigmas\": true, \"magic\": false, "
             "\"sigma_data\": 0.5}");
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_auto (PdScheduleConfig) config = { 0 }, chosen = { 0 };
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  g_assert_true (pd_schedule_json_load (object, NULL, &type, &config, notes, &error));
  g_assert_true (config.use_karras_sigmas);
  g_assert_true (pd_schedule_json_load_for (object, PD_SOLVER_DDIM, &chosen, notes, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (notes->len, ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_nonnull (
        strstr (notes->pdata[i], i % 2 == 0 ? "use_beta_sigmas" : "use_exponential_sigmas"));
}

static void
test_step_arguments (void)
{
  g_autoptr (JsonObject) eta = parse ("{\"eta\": 0.5}");
  g_autoptr (JsonObject) churn = parse ("{\"s_churn\": 1.0}");
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;

  pd_schedule_config_init (&config);
  g_assert_true (pd_schedule_json_step_arguments (NULL, PD_SOLVER_EULER, &config, &error));
  g_assert_true (pd_schedule_json_step_arguments (eta, PD_SOLVER_DDIM, &config, &error));
  g_assert_cmpfloat (config.eta, ==, 0.5);
  g_assert_no_error (error);
  g_assert_false (pd_schedule_json_step_arguments (churn, PD_SOLVER_EULER, &config, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
  g_assert_nonnull (g_strstr_len (error->message, -1, "s_churn"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule-json/defaults", test_defaults);
  g_test_add_func ("/schedule-json/sde", test_sde);
  g_test_add_func ("/schedule-json/other-solver", test_other_solver);
  g_test_add_func ("/schedule-json/refused", test_refused);
  g_test_add_func ("/schedule-json/nearest", test_nearest);
  g_test_add_func ("/schedule-json/flax", test_flax);
  g_test_add_func ("/schedule-json/switches", test_switches);
  g_test_add_func ("/schedule-json/step-arguments", test_step_arguments);
  return g_test_run ();
}
