// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/schedule-json.h"
#include "engine/diffusion/solver.h"
#include "engine/diffusion/training.h"
#include "engine/base/json.h"
#include "engine/files/safetensors.h"

/* Every case of data/schedulers.json, with the stand-in model given there. */

typedef struct
{
  PdSafetensors *file;
  JsonObject *index; /* tensor -> shape, tolerance */
  JsonObject *cases;
} Goldens;

static Goldens goldens;

static char *
golden_path (const char *name)
{
  const char *shared = g_getenv ("PD_SHARED");

  return g_build_filename (shared ? shared : PD_SOURCE_ROOT "/../shared", "goldens", name, NULL);
}

/* NULL if the case has no such tensor. */
static float *
values (const char *case_name, const char *part, gsize *n)
{
  g_autofree char *name = case_name ? g_strconcat (case_name, ".", part, NULL) : g_strdup (part);
  const PdTensorInfo *info = pd_safetensors_find (goldens.file, name);

  *n = 0;
  if (!info)
    return NULL;

  float *out = g_new (float, pd_tensor_info_count (info));
  g_assert_true (pd_tensor_info_to_f32 (info, out, NULL));
  *n = pd_tensor_info_count (info);
  return out;
}

static void
compare (const char *case_name, const char *part, const float *found, gsize n)
{
  gsize n_expected;
  g_autofree float *expected = values (case_name, part, &n_expected);
  g_autofree char *name = case_name ? g_strconcat (case_name, ".", part, NULL) : g_strdup (part);
  JsonObject *entry = json_object_get_object_member (goldens.index, name);
  const double tolerance = json_object_get_double_member (entry, "tol_f32");
  double worst = 0.0;

  g_assert_nonnull (expected);
  g_assert_cmpuint (n, ==, n_expected);
  for (gsize i = 0; i < n; i++)
    {
      const double difference = fabs ((double) found[i] - expected[i]);
      worst = isfinite (found[i]) ? MAX (worst, difference) : INFINITY;
    }
  g_test_message ("%s: max error %.3g of %.3g allowed", name, worst, tolerance);
  g_assert_cmpfloat (worst, <=, tolerance);
}

static void
run_case (const PdSchedule *schedule, const char *name, gsize n)
{
  const guint n_steps = pd_schedule_n_calls (schedule);
  gsize n_start, n_g, n_noise;
  g_autofree float *start = values (NULL, "start", &n_start);
  g_autofree float *g = values (NULL, "g", &n_g);
  g_autofree float *noise = values (name, "noise", &n_noise);
  g_autofree float *latent = g_new (float, n);
  g_autofree float *output = g_new (float, n);
  g_autofree float *latents = g_new (float, n *n_steps);
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, n, NULL);
  guint draw = 0;

  for (gsize e = 0; e < n; e++)
    latent[e] = (float) (start[e] * pd_schedule_init_sigma (schedule));

  for (guint i = 0; i < n_steps; i++)
    {
      const double t = pd_schedule_timestep (schedule, i);
      const guint draws = pd_schedule_noise_draws (schedule, i);

      pd_schedule_scale_input (schedule, i, n, latent, output);
      for (gsize e = 0; e < n; e++)
        output[e] = (float) (0.8 * tanh (output[e]) + 0.3 * (t / 1000.0) * g[e]);

      g_assert_true ((draw + draws) * n <= n_noise);
      pd_solver_step (solver, output, draws ? noise + draw * n : NULL, latent);
      draw += draws;
      memcpy (latents + i * n, latent, n * sizeof *latent);
    }
  compare (name, "latents", latents, n * n_steps);
}

static void
test_case (gconstpointer data)
{
  const char *name = data;
  JsonObject *settings = json_object_get_object_member (goldens.cases, name);
  const guint steps = (guint) json_object_get_int_member (settings, "steps");
  const guint added_at = (guint) json_object_get_int_member (settings, "added_at");
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) schedule = NULL;
  g_autoptr (GError) error = NULL;
  PdSolverType type;
  gsize n, n_start, n_init;
  g_autofree float *clean = values (NULL, "clean", &n);
  g_autofree float *start = values (NULL, "start", &n_start);
  g_autofree float *init_sigma = values (name, "init_sigma", &n_init);
  g_autofree float *added = g_new (float, n);
  guint n_sigmas;

  pd_schedule_json_load (json_object_get_object_member (settings, "config"),
                         json_object_get_string_member (settings, "scheduler"), &type, &config,
                         NULL, &error);
  g_assert_no_error (error);
  pd_schedule_json_step_arguments (json_object_get_object_member (settings, "step_arguments"), type,
                                   &config, &error);
  g_assert_no_error (error);
  schedule = pd_schedule_new (&config, type, steps, 1.0, &error);
  g_assert_no_error (error);

  const guint n_steps = pd_schedule_n_calls (schedule);
  g_autofree float *timesteps = g_new (float, n_steps);
  for (guint i = 0; i < n_steps; i++)
    timesteps[i] = (float) pd_schedule_timestep (schedule, i);
  compare (name, "timesteps", timesteps, n_steps);

  g_assert_cmpfloat_with_epsilon (pd_schedule_init_sigma (schedule), init_sigma[0],
                                  1e-5 * init_sigma[0]);

  const double *sigmas = pd_schedule_sigmas (schedule, &n_sigmas);
  gsize n_golden_sigmas;
  g_autofree float *golden_sigmas = values (name, "sigmas", &n_golden_sigmas);
  g_assert_cmpuint (n_sigmas, ==, n_golden_sigmas);
  if (sigmas)
    {
      g_autofree float *narrow = g_new (float, n_sigmas);
      for (guint i = 0; i < n_sigmas; i++)
        narrow[i] = (float) sigmas[i];
      compare (name, "sigmas", narrow, n_sigmas);
    }

  pd_schedule_add_noise (schedule, added_at, n, clean, start, added);
  compare (name, "added", added, n);

  run_case (schedule, name, n);
}

static void
test_alphas_cumprod (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  float narrow[1000];

  pd_schedule_config_init (&config);
  g_autofree double *alphas = pd_training_alphas_cumprod (&config, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (narrow); i++)
    narrow[i] = (float) alphas[i];
  compare (NULL, "alphas_cumprod", narrow, G_N_ELEMENTS (narrow));
}

static void
test_absent (void)
{
  g_test_skip ("the goldens folder is not there; PD_SHARED names its parent");
}

int
main (int argc, char **argv)
{
  g_autofree char *tensors = golden_path ("data/schedulers.safetensors");
  g_autofree char *settings = golden_path ("data/schedulers.json");
  g_autofree char *index = golden_path ("index.json");
  g_autoptr (JsonNode) cases_node = NULL;
  g_autoptr (JsonNode) index_node = NULL;
  g_autoptr (GList) names = NULL;
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  if (!g_file_test (settings, G_FILE_TEST_EXISTS))
    {
      g_test_add_func ("/solver/golden", test_absent);
      return g_test_run ();
    }

  goldens.file = pd_safetensors_open (tensors, &error);
  g_assert_no_error (error);
  cases_node = pd_json_load_object (settings, 64 << 20, &error);
  g_assert_no_error (error);
  index_node = pd_json_load_object (index, 64 << 20, &error);
  g_assert_no_error (error);
  goldens.cases = json_node_get_object (cases_node);
  goldens.index = json_object_get_object_member (json_node_get_object (index_node),
                                                 "data/schedulers.safetensors");

  g_test_add_func ("/solver/golden/alphas_cumprod", test_alphas_cumprod);
  names = json_object_get_members (goldens.cases);
  for (GList *name = names; name; name = name->next)
    {
      g_autofree char *path = g_strconcat ("/solver/golden/", (const char *) name->data, NULL);
      g_test_add_data_func (path, name->data, test_case);
    }

  const int status = g_test_run ();
  pd_safetensors_unref (goldens.file);
  return status;
}
