// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/schedule-json.h"
#include "engine/base/error.h"

static void
test_betas (void)
{
  static const PdBetaSchedule kinds[] = { PD_BETAS_LINEAR, PD_BETAS_SCALED_LINEAR,
                                          PD_BETAS_SQUARED_COS_CAP_V2 };
  /* product of 1 - beta over 4 steps from 0.1 to 0.4, by hand */
  const double root1 = sqrt (0.1) * 2 / 3 + sqrt (0.4) / 3;
  const double root2 = sqrt (0.1) / 3 + sqrt (0.4) * 2 / 3;
  const double cosine = cos (1.008 / 1.008 * G_PI / 2 * (0.758 / 1.008));
  const double start = cos (0.008 / 1.008 * G_PI / 2);
  const double expected[] = {
    0.9 * 0.8 * 0.7 * 0.6,
    0.9 * (1 - root1 * root1) * (1 - root2 * root2) * 0.6,
    /* the last step's beta would be 1 and is capped */
    cosine * cosine / (start * start) * 0.001,
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autofree double *alphas = NULL;
      g_autoptr (GError) error = NULL;

      pd_schedule_config_init (&config);
      config.num_train_timesteps = 4;
      config.beta_start = 0.1;
      config.beta_end = 0.4;
      config.beta_schedule = kinds[i];
      alphas = pd_schedule_alphas_cumprod (&config, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (alphas[3], expected[i], 1e-7);
    }
}

static void
test_trained_betas (void)
{
  const double betas[3] = { 0.5, 0.25, 0.5 };
  g_auto (PdScheduleConfig) config = { 0 };
  g_auto (PdScheduleConfig) copy = { 0 };
  g_autofree double *alphas = NULL;
  g_autoptr (GError) error = NULL;

  pd_schedule_config_init (&config);
  config.num_train_timesteps = 3;
  config.trained_betas = g_array_new (FALSE, FALSE, sizeof (double));
  g_array_append_vals (config.trained_betas, betas, 3);
  pd_schedule_config_copy (&config, &copy);

  alphas = pd_schedule_alphas_cumprod (&copy, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (alphas[0], ==, 0.5);
  g_assert_cmpfloat (alphas[1], ==, 0.375);
  g_assert_cmpfloat (alphas[2], ==, 0.1875);

  copy.num_train_timesteps = 4;
  g_assert_null (pd_schedule_alphas_cumprod (&copy, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
}

static void
test_bad_betas (void)
{
  static const double ranges[][2] = { { 0.0, 0.1 }, { 0.1, 1.0 }, { -0.1, 0.1 }, { 0.9, 0.999 } };

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (GError) error = NULL;

      pd_schedule_config_init (&config);
      config.beta_schedule = PD_BETAS_LINEAR;
      config.beta_start = ranges[i][0];
      config.beta_end = ranges[i][1];
      g_assert_null (pd_schedule_alphas_cumprod (&config, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
    }
}

static void
test_zero_snr (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *plain = NULL;
  g_autofree double *rescaled = NULL;

  pd_schedule_config_init (&config);
  plain = pd_schedule_alphas_cumprod (&config, NULL);
  config.rescale_betas_zero_snr = TRUE;
  rescaled = pd_schedule_alphas_cumprod (&config, NULL);

  g_assert_cmpfloat_with_epsilon (rescaled[0], plain[0], 1e-7);
  g_assert_cmpfloat (rescaled[999], ==, 0.0);
  for (guint i = 1; i < 1000; i++)
    g_assert_cmpfloat (rescaled[i], <, rescaled[i - 1]);
  /* the map is linear in sqrt (alphas_cumprod) */
  g_assert_cmpfloat_with_epsilon ((sqrt (rescaled[300]) - sqrt (rescaled[600])) /
                                      (sqrt (plain[300]) - sqrt (plain[600])),
                                  sqrt (plain[0]) / (sqrt (plain[0]) - sqrt (plain[999])), 1e-5);
}

static void
check_timesteps (double *found, const double *expected, guint n)
{
  g_autofree double *owned = found;

  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (owned[i], expected[i], 1e-9);
}

/* The examples of Lin et al. 2023, table 2, for T = 1000, in the order of a run. */
static void
test_spacings (void)
{
  const double leading[] = { 801, 601, 401, 201, 1 };
  const double trailing[] = { 999, 799, 599, 399, 199 };
  const double linspace[] = { 999, 749, 500, 250, 0 };
  const double unrounded[] = { 999, 749.25, 499.5, 249.75, 0 };
  const double open_leading[] = { 831, 665, 499, 333, 167 };
  const double open_linspace[] = { 999, 799, 599, 400, 200 };
  const double uneven[] = { 999, 666, 332 };
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  check_timesteps (pd_schedule_timesteps (&config, 5, 1000, TRUE, NULL), leading, 5);
  check_timesteps (pd_schedule_timesteps_open (&config, 5, 1000, NULL), open_leading, 5);

  config.timestep_spacing = PD_SPACING_TRAILING;
  check_timesteps (pd_schedule_timesteps (&config, 5, 1000, TRUE, NULL), trailing, 5);
  check_timesteps (pd_schedule_timesteps_open (&config, 5, 1000, NULL), trailing, 5);
  check_timesteps (pd_schedule_timesteps (&config, 3, 1000, TRUE, NULL), uneven, 3);

  config.timestep_spacing = PD_SPACING_LINSPACE;
  check_timesteps (pd_schedule_timesteps (&config, 5, 1000, TRUE, NULL), linspace, 5);
  check_timesteps (pd_schedule_timesteps (&config, 5, 1000, FALSE, NULL), unrounded, 5);
  check_timesteps (pd_schedule_timesteps_open (&config, 5, 1000, NULL), open_linspace, 5);
}

static void
test_sigmas (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *sigmas = NULL;
  double karras[5];

  pd_schedule_config_init (&config);
  sigmas = pd_schedule_alphas_cumprod (&config, NULL);
  for (guint i = 0; i < 1000; i++)
    sigmas[i] = pd_schedule_sigma (sigmas[i]);

  /* the published range of Stable Diffusion 1.x */
  g_assert_cmpfloat_with_epsilon (sigmas[0], 0.0292, 5e-5);
  g_assert_cmpfloat_with_epsilon (sigmas[999], 14.6146, 5e-4);

  g_assert_cmpfloat (pd_schedule_sigma_at (sigmas, 1000, 500.0), ==, sigmas[500]);
  g_assert_cmpfloat_with_epsilon (pd_schedule_sigma_at (sigmas, 1000, 500.25),
                                  0.75 * sigmas[500] + 0.25 * sigmas[501], 1e-12);
  g_assert_cmpfloat (pd_schedule_sigma_at (sigmas, 1000, 5000.0), ==, sigmas[999]);
  g_assert_cmpfloat (pd_schedule_sigma_at (sigmas, 1000, -1.0), ==, sigmas[0]);

  for (guint t = 0; t < 1000; t += 37)
    g_assert_cmpfloat_with_epsilon (pd_schedule_timestep_of (sigmas, 1000, sigmas[t]), t, 1e-6);
  g_assert_cmpfloat_with_epsilon (
      pd_schedule_timestep_of (sigmas, 1000, sqrt (sigmas[10] * sigmas[11])), 10.5, 1e-6);
  g_assert_cmpfloat (pd_schedule_timestep_of (sigmas, 1000, 100.0), ==, 999.0);
  g_assert_cmpfloat (pd_schedule_timestep_of (sigmas, 1000, 0.0), ==, 0.0);

  pd_schedule_karras (0.1, 10.0, 5, karras);
  g_assert_cmpfloat_with_epsilon (karras[0], 10.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (karras[4], 0.1, 1e-9);
  g_assert_cmpfloat_with_epsilon (pow (karras[2], 1 / 7.0),
                                  (pow (10.0, 1 / 7.0) + pow (0.1, 1 / 7.0)) / 2, 1e-9);
}

static JsonObject *
parse (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_nonnull (node);
  return json_object_ref (json_node_get_object (node));
}

static void
test_json_defaults (void)
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
test_json_sde (void)
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
test_json_other_solver (void)
{
  g_autoptr (JsonObject) object =
      parse ("{\"_class_name\": \"PNDMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012, "
             "\"beta_schedule\": \"scaled_linear\", \"num_train_timesteps\": 1000, "
             "\"set_alpha_to_one\": false, \"skip_prk_steps\": true, \"steps_offset\": 1, "
             "\"trained_betas\": null, \"prediction_type\": \"v_prediction\"}");

  for (PdSolverType type = PD_SOLVER_DDIM; type <= PD_SOLVER_PNDM; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSolver) solver = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (pd_schedule_json_load_for (object, type, &config, NULL, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.beta_schedule, ==, PD_BETAS_SCALED_LINEAR);
      g_assert_cmpint (config.prediction_type, ==, PD_PREDICTION_V);
      g_assert_cmpuint (config.steps_offset, ==, 1);
      g_assert_false (config.clip_sample);
      solver = pd_solver_new (type, &config, 10, 1.0, 4, &error);
      g_assert_no_error (error);
      g_assert_cmpint (pd_solver_type (solver), ==, type);
    }
}

/* What cannot be had is refused by key and value. */
static void
test_json_refused (void)
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
test_json_nearest (void)
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
      g_autoptr (PdSolver) solver = NULL;
      PdSolverType type;

      pd_schedule_json_load (object, NULL, &type, &config, notes, &error);
      g_assert_no_error (error);
      g_assert_cmpint (type, ==, cases[i].type);
      g_assert_cmpfloat (config.beta_start, ==, cases[i].beta_start);
      g_assert_cmpfloat (config.beta_end, ==, 0.013);
      g_assert_cmpuint (config.steps_offset, ==, 3);
      g_assert_cmpint (config.prediction_type, ==, PD_PREDICTION_V);
      g_assert_false (config.clip_sample);
      solver = pd_solver_new (type, &config, 10, 1.0, 4, &error);
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
test_json_flax (void)
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
test_json_switches (void)
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
test_json_step_arguments (void)
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
  g_test_add_func ("/schedule/betas", test_betas);
  g_test_add_func ("/schedule/trained-betas", test_trained_betas);
  g_test_add_func ("/schedule/bad-betas", test_bad_betas);
  g_test_add_func ("/schedule/zero-snr", test_zero_snr);
  g_test_add_func ("/schedule/spacings", test_spacings);
  g_test_add_func ("/schedule/sigmas", test_sigmas);
  g_test_add_func ("/schedule/json/defaults", test_json_defaults);
  g_test_add_func ("/schedule/json/sde", test_json_sde);
  g_test_add_func ("/schedule/json/other-solver", test_json_other_solver);
  g_test_add_func ("/schedule/json/refused", test_json_refused);
  g_test_add_func ("/schedule/json/nearest", test_json_nearest);
  g_test_add_func ("/schedule/json/flax", test_json_flax);
  g_test_add_func ("/schedule/json/switches", test_json_switches);
  g_test_add_func ("/schedule/json/step-arguments", test_json_step_arguments);
  return g_test_run ();
}
