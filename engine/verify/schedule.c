// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/schedule-json.h"
#include "engine/diffusion/solver.h"
#include "engine/diffusion/training.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/verify/parts.h"

enum
{
  MAX_JSON_BYTES = 64 << 20
};

/* One case of data/schedulers.json. */
typedef struct
{
  PdVerifyFile *file;
  const char *name;
  const PdSchedule *schedule;
  const float *start, *g, *clean; /* n elements each */
  gsize n;
  guint added_at;
} Case;

/* The stand-in model, elementwise: 0.8 tanh (x) + 0.3 (t / 1000) g. */
static void
stand_in (const Case *self, const float *input, double timestep, float *output)
{
  for (gsize i = 0; i < self->n; i++)
    output[i] = (float) (0.8 * tanh (input[i]) + 0.3 * (timestep / 1000) * self->g[i]);
}

static gboolean
run_steps (Case *self, GError **error)
{
  guint n_steps = pd_schedule_n_calls (self->schedule), draw = 0;
  const PdTensorInfo *noise_info = pd_verify_file_find_in (self->file, self->name, "noise");
  g_autoptr (PdSolver) solver = pd_solver_new (self->schedule, self->n, error);
  g_autofree float *noise = NULL;
  g_autofree float *latent = g_new (float, self->n), *input = g_new (float, self->n);
  g_autofree float *output = g_new (float, self->n);
  g_autofree float *latents = g_new (float, self->n *n_steps);

  if (solver == NULL)
    return FALSE;
  if (noise_info != NULL)
    noise = pd_verify_file_values_in (self->file, self->name, "noise", NULL, NULL);
  for (gsize i = 0; i < self->n; i++)
    latent[i] = (float) (self->start[i] * pd_schedule_init_sigma (self->schedule));
  for (guint s = 0; s < n_steps; s++)
    {
      const float *step_noise = NULL;

      if (pd_schedule_noise_draws (self->schedule, s) > 0)
        {
          if (noise == NULL || (gsize) (draw + 1) * self->n > pd_tensor_info_count (noise_info))
            {
              g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                           _ ("the solver asks for noise draw %u, which the file does not have"),
                           draw);
              return FALSE;
            }
          step_noise = noise + draw++ * self->n;
        }
      pd_schedule_scale_input (self->schedule, s, self->n, latent, input);
      stand_in (self, input, pd_schedule_timestep (self->schedule, s), output);
      pd_solver_step (solver, output, step_noise, latent);
      memcpy (latents + s * self->n, latent, self->n * sizeof *latent);
    }
  pd_verify_file_check_in (self->file, self->name, "latents", latents, self->n * n_steps);
  return TRUE;
}

static void
check_tables (Case *self)
{
  guint n_steps = pd_schedule_n_calls (self->schedule), n_sigmas = 0;
  const double *sigmas = pd_schedule_sigmas (self->schedule, &n_sigmas);
  g_autofree float *values = g_new (float, MAX (n_steps, n_sigmas));
  g_autofree float *added = g_new (float, self->n);

  for (guint i = 0; i < n_steps; i++)
    values[i] = (float) pd_schedule_timestep (self->schedule, i);
  pd_verify_file_check_in (self->file, self->name, "timesteps", values, n_steps);
  if (sigmas != NULL)
    {
      for (guint i = 0; i < n_sigmas; i++)
        values[i] = (float) sigmas[i];
      pd_verify_file_check_in (self->file, self->name, "sigmas", values, n_sigmas);
    }
  if (self->added_at < n_steps)
    {
      pd_schedule_add_noise (self->schedule, self->added_at, self->n, self->clean, self->start,
                             added);
      pd_verify_file_check_in (self->file, self->name, "added", added, self->n);
    }
}

static gboolean
verify_case (Case *self, PdJsonReader *reader, GError **error)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) schedule = NULL;
  const char *scheduler = pd_json_reader_string (reader, "scheduler");
  guint steps = (guint) pd_json_reader_int (reader, "steps", 1, 1, 1000);
  JsonNode *settings = json_object_get_member (reader->object, "config");
  JsonNode *arguments = json_object_get_member (reader->object, "step_arguments");
  PdSolverType type;

  self->added_at = (guint) pd_json_reader_int (reader, "added_at", 0, 0, 1000);
  if (settings == NULL || !JSON_NODE_HOLDS_OBJECT (settings))
    pd_json_reader_fail (reader, "\"config\" is not an object");
  if (!pd_json_reader_finish (reader, error) ||
      !pd_schedule_json_load (json_node_get_object (settings), scheduler, &type, &config, NULL,
                              error) ||
      !pd_schedule_json_step_arguments (
          arguments && JSON_NODE_HOLDS_OBJECT (arguments) ? json_node_get_object (arguments) : NULL,
          type, &config, error))
    return FALSE;
  self->schedule = schedule = pd_schedule_new (&config, type, steps, 1.0, error);
  if (schedule == NULL)
    return FALSE;
  check_tables (self);
  return run_steps (self, error);
}

static gboolean
verify_alphas (PdVerifyFile *file, GError **error)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *alphas = NULL;
  g_autofree float *values = NULL;

  pd_schedule_config_init (&config);
  alphas = pd_training_alphas_cumprod (&config, error);
  if (alphas == NULL)
    return FALSE;
  values = g_new (float, config.num_train_timesteps);
  for (guint i = 0; i < config.num_train_timesteps; i++)
    values[i] = (float) alphas[i];
  pd_verify_file_check (file, "alphas_cumprod", values, config.num_train_timesteps);
  return TRUE;
}

gboolean
pd_verify_schedulers (PdVerifyFile *file, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "data", "schedulers.json", NULL);
  g_autoptr (JsonNode) root = pd_json_load_object (path, MAX_JSON_BYTES, error);
  g_autofree float *start = NULL, *g = NULL, *clean = NULL;
  g_autoptr (GList) members = NULL;
  const PdTensorInfo *info, *g_info, *clean_info;

  if (root == NULL || !verify_alphas (file, error))
    return FALSE;
  start = pd_verify_file_values (file, "start", &info, error);
  g = start ? pd_verify_file_values (file, "g", &g_info, error) : NULL;
  clean = g ? pd_verify_file_values (file, "clean", &clean_info, error) : NULL;
  if (clean == NULL)
    return FALSE;
  if (pd_tensor_info_count (g_info) != pd_tensor_info_count (info) ||
      pd_tensor_info_count (clean_info) != pd_tensor_info_count (info))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("\"start\", \"g\" and \"clean\" are not of one size"));
      return FALSE;
    }
  members = json_object_get_members (json_node_get_object (root));
  for (GList *m = members; m != NULL; m = m->next)
    {
      JsonNode *node = json_object_get_member (json_node_get_object (root), m->data);
      Case self = { .file = file,
                    .name = m->data,
                    .start = start,
                    .g = g,
                    .clean = clean,
                    .n = pd_tensor_info_count (info) };
      PdJsonReader reader = { .name = m->data };

      if (!JSON_NODE_HOLDS_OBJECT (node))
        continue;
      reader.object = json_node_get_object (node);
      if (!verify_case (&self, &reader, error))
        {
          g_prefix_error (error, "%s: ", self.name);
          return FALSE;
        }
    }
  return TRUE;
}
