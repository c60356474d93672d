// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/verify/parts.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/networks/unet.h"
#include "engine/run/stage-run.h"

/* Whole runs, by the stages that users run: with the settings of data/runs.json, the noise of the
 * file, and someone who looks on. */

enum
{
  MAX_JSON_BYTES = 16 << 20,
  COLORS = 3,
};

static const char picture_format[] = "R'G'B' float", mask_format[] = "Y float";

typedef struct
{
  PdVerifyFile *file;
  const char *name; /* of the run */
  const PdModel *model;
  PdSession *session;
  guint h, w; /* of the latent */
  gsize n;    /* its elements */
  GPtrArray *noise;
  float *latents; /* after each step, [calls][n] */
  guint n_calls;
  GError *failure; /* the first of what cannot be told at once */
} Run;

static void
run_clear (Run *self)
{
  g_clear_pointer (&self->noise, g_ptr_array_unref);
  g_free (self->latents);
  g_clear_error (&self->failure);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* A function of PdNoiseSource: draw @draw is RUN.noise.@draw. */
static void
give_noise (guint32 draw, gsize first, gsize count, float *out, gpointer user_data)
{
  Run *self = user_data;

  while (self->failure == NULL && self->noise->len <= draw)
    {
      g_autofree char *suffix = g_strdup_printf ("noise.%u", self->noise->len);
      const PdTensorInfo *info;
      float *values =
          pd_verify_file_values_in (self->file, self->name, suffix, &info, &self->failure);

      g_ptr_array_add (self->noise, values);
      if (values != NULL && pd_tensor_info_count (info) != self->n)
        g_set_error (&self->failure, PD_ERROR, PD_ERROR_BAD_REQUEST,
                     _ ("%s does not have the size of one latent"), info->name);
    }
  if (self->failure == NULL)
    memcpy (out, (float *) g_ptr_array_index (self->noise, draw) + first, count * sizeof *out);
  else
    memset (out, 0, count * sizeof *out);
}

/* A function of PdCanvasProbe. */
static void
see_latent (guint i, const float *latent, const PdMap *map, gpointer user_data)
{
  Run *self = user_data;
  gsize n_map = map != NULL ? (gsize) map->channels * map->h * map->w : 0, n = self->n + n_map;
  g_autofree float *input = NULL;

  if (self->latents == NULL)
    {
      self->n_calls = pd_schedule_n_calls (self->session->schedule);
      self->latents = g_new (float, self->n_calls * self->n);
    }
  if (i > 0)
    {
      memcpy (self->latents + (i - 1) * self->n, latent, self->n * sizeof *latent);
      return;
    }
  input = g_new (float, 2 * n);
  pd_schedule_scale_input (self->session->schedule, 0, self->n, latent, input);
  if (map != NULL)
    memcpy (input + self->n, map->values, n_map * sizeof *input);
  memcpy (input + n, input, n * sizeof *input);
  pd_verify_file_check_in (self->file, self->name, "unet_input0", input, 2 * n);
}

/* A function of PdCanvasProbe; the canvas is one tile. */
static void
see_prediction (guint i, const float *prediction, const float *conditional, gpointer user_data)
{
  Run *self = user_data;
  g_autofree float *both = NULL;

  if (i > 0 || conditional == NULL)
    return;
  both = g_new (float, 2 * self->n);
  memcpy (both, prediction, self->n * sizeof *both);
  memcpy (both + self->n, conditional, self->n * sizeof *both);
  pd_verify_file_check_in (self->file, self->name, "unet_output0", both, 2 * self->n);
}

/* The file's list of timesteps is what the settings must give. */
static gboolean
check_timesteps (const Run *self, GError **error)
{
  static const double tolerance = 0.01;
  const PdSchedule *schedule = self->session->schedule;
  const PdTensorInfo *info;
  g_autofree float *timesteps =
      pd_verify_file_values_in (self->file, self->name, "timesteps", &info, error);
  gboolean same;

  if (timesteps == NULL)
    return FALSE;
  same = pd_tensor_info_count (info) == pd_schedule_n_calls (schedule);
  for (guint i = 0; same && i < pd_schedule_n_calls (schedule); i++)
    same = fabs (timesteps[i] - pd_schedule_timestep (schedule, i)) < tolerance;
  if (!same)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not what the steps of %s give"),
                 info->name, pd_solver_type_to_string (pd_schedule_type (schedule)));
  return same;
}

/* The settings of a run that a request knows. */
static PdRequest *
make_request (const Run *self, JsonObject *settings, JsonArray *prompts, GError **error)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  const char *prompt = pd_verify_prompt (
      prompts, (guint) json_object_get_int_member_with_default (settings, "prompt", 0), error);
  guint scale = self->model->autoencoder->info.scale;
  const char *name = json_object_get_string_member_with_default (settings, "solver", "");
  g_autoptr (GTypeClass) solvers = g_type_class_ref (PD_TYPE_REQUEST_SOLVER);
  const GEnumValue *solver = g_enum_get_value_by_nick (G_ENUM_CLASS (solvers), name);

  if (prompt == NULL)
    return NULL;
  if (solver == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("data/runs.json: there is no solver “%s”"), name);
      return NULL;
    }
  g_object_set (request, "prompt", prompt, "negative",
                json_object_get_string_member_with_default (settings, "negative", ""), "steps",
                (int) json_object_get_int_member_with_default (settings, "steps", 1), "guidance",
                json_object_get_double_member_with_default (settings, "guidance", 1), "karras",
                json_object_get_boolean_member_with_default (settings, "karras", FALSE), "solver",
                solver->value, "sync", PD_SYNC_FUSION, "batch", 1, "width", self->w * scale,
                "height", self->h * scale, "tile", MAX (self->w, self->h) * scale, NULL);
  return g_steal_pointer (&request);
}

/* Those that the model's schedule knows: its settings with them in place of its own. */
static JsonNode *
make_scheduler (const PdModel *model, JsonObject *settings)
{
  g_autofree char *own = model->files->scheduler != NULL
                             ? json_to_string (model->files->scheduler, FALSE)
                             : g_strdup ("{}");
  JsonNode *node = json_from_string (own, NULL);
  JsonObject *object = json_node_get_object (node);

  json_object_set_string_member (
      object, "timestep_spacing",
      json_object_get_string_member_with_default (settings, "spacing", "leading"));
  json_object_set_int_member (
      object, "steps_offset",
      json_object_get_int_member_with_default (settings, "steps_offset", 0));
  json_object_set_boolean_member (
      object, "use_karras_sigmas",
      json_object_get_boolean_member_with_default (settings, "karras", FALSE));
  return node;
}

/* The tensor @name of 1 × @channels × h × w in 0 … 1 as a picture. */
static GeglBuffer *
read_picture (const Run *self, const char *name, guint channels, GError **error)
{
  gint64 scale = self->model->autoencoder->info.scale, h = self->h * scale, w = self->w * scale;
  const PdTensorInfo *info;
  g_autofree float *values = pd_verify_file_values (self->file, name, &info, error);
  g_autofree float *pixels = NULL;
  const Babl *format = babl_format (channels == COLORS ? picture_format : mask_format);
  GeglBuffer *picture;

  if (values == NULL)
    return NULL;
  if (info->n_dims != 4 || info->dims[0] != 1 || info->dims[1] != channels || info->dims[2] != h ||
      info->dims[3] != w)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s does not have the size of the runs"), name);
      return NULL;
    }
  pixels = pd_verify_to_nhwc (values, 1, channels, (gsize) (h * w));
  picture = gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) w, (int) h), format);
  gegl_buffer_set (picture, NULL, 0, format, pixels, GEGL_AUTO_ROWSTRIDE);
  return picture;
}

/* The references take the first pixel of a latent's cell of the mask, what puts back the original
 * takes the largest: every pixel becomes the first of its cell. */
static void
spread_cells (const Run *self, GeglBuffer *mask)
{
  guint scale = self->model->autoencoder->info.scale, w = self->w * scale, h = self->h * scale;
  g_autofree float *values = g_new (float, (gsize) w *h);

  gegl_buffer_get (mask, NULL, 1, babl_format (mask_format), values, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      values[(gsize) y * w + x] = values[(gsize) (y - y % scale) * w + x - x % scale];
  gegl_buffer_set (mask, NULL, 0, babl_format (mask_format), values, GEGL_AUTO_ROWSTRIDE);
}

static void
check_picture (const Run *self, GeglBuffer *picture)
{
  gsize scale = self->model->autoencoder->info.scale, pixels = self->h * scale * self->w * scale;
  g_autofree float *rgb = g_new (float, pixels *COLORS), *nchw = NULL;

  gegl_buffer_get (picture, NULL, 1, babl_format (picture_format), rgb, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  nchw = pd_verify_to_nchw (rgb, 1, pixels, COLORS);
  pd_verify_file_check_in (self->file, self->name, "image", nchw, pixels * COLORS);
}

/* Runs the stage of @start and checks all that the file has of the run. */
static gboolean
verify_stage (Run *self, PdRequest *request, const PdStage *stage, GError **error)
{
  PdReport report = { 0 };
  const PdCanvasProbe probe = { see_latent, see_prediction, self };
  g_auto (PdSession)
      session = { .device = self->file->verify->backend->device,
                  .model = (PdModel *) self->model,
                  .request = request,
                  .recorder = { .report = &report, .level = 1, .n_levels = 1, .to = 1 },
                  .noise = { .given = give_noise, .user_data = self },
                  .probe = &probe,
                  .channels = self->model->denoiser->info.channels };
  g_autoptr (GeglBuffer) picture = NULL, mask = NULL;
  g_autoptr (GeglBuffer) output = gegl_buffer_new (
      GEGL_RECTANGLE (0, 0, (int) stage->width, (int) stage->height), babl_format (picture_format));
  g_autofree float *latent = NULL;

  self->session = &session;
  if ((stage->start == PD_START_PICTURE &&
       (picture = read_picture (self, "init_image", COLORS, error)) == NULL) ||
      (stage->masked && (mask = read_picture (self, "mask", 1, error)) == NULL))
    return FALSE;
  if (mask != NULL && self->model->denoiser->info.map_channels == 0)
    spread_cells (self, mask);
  if (!pd_session_encode_text (&session, error) ||
      !pd_stage_run (&session, stage, &(PdStageInput){ picture, mask }, output, &latent, error))
    return FALSE;
  if (self->failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->failure));
      return FALSE;
    }
  if (!check_timesteps (self, error))
    return FALSE;
  memcpy (self->latents + (self->n_calls - 1) * self->n, latent, self->n * sizeof *latent);
  pd_verify_file_check_in (self->file, self->name, "latents", self->latents,
                           self->n_calls * self->n);
  check_picture (self, output);
  return TRUE;
}

/* The denoiser of the folder @name of models/. */
static PdDenoiser *
load_denoiser (PdVerifyFile *file, const char *name, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", name, NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdPartFiles *unet;

  if (files == NULL || !pd_model_files_require (files, PD_PART_UNET, error))
    return NULL;
  unet = &files->parts[PD_PART_UNET];
  return pd_unet_new (file->verify->backend, unet->config, unet->checkpoint, error);
}

static gboolean
verify_run (PdVerifyFile *file,
            const PdModel *model,
            const char *name,
            JsonObject *settings,
            const PdStage *kind,
            GError **error)
{
  const PdTensorInfo *noise = pd_verify_file_find_in (file, name, "noise.0");
  const char *other = json_object_get_string_member_with_default (settings, "model", NULL);
  g_autoptr (JsonArray) prompts = pd_verify_load_prompts (file->verify, error);
  g_autoptr (PdDenoiser) denoiser = NULL;
  g_autoptr (PdRequest) request = NULL;
  g_autoptr (JsonNode) scheduler = make_scheduler (model, settings);
  PdModelFiles files = *model->files;
  PdModel used = *model;
  g_auto (Run) run = { .file = file, .name = name, .model = &used };
  guint scale = model->autoencoder->info.scale;
  PdStage stage = *kind;

  if (prompts == NULL)
    return FALSE;
  if (noise->n_dims != 4 || noise->dims[1] != model->denoiser->info.channels)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not a latent of this model"),
                   noise->name);
      return FALSE;
    }
  if (other != NULL)
    {
      denoiser = used.denoiser = load_denoiser (file, other, error);
      if (denoiser == NULL)
        return FALSE;
    }
  files.scheduler = scheduler;
  used.files = &files;
  run.h = (guint) noise->dims[2];
  run.w = (guint) noise->dims[3];
  run.n = pd_tensor_info_count (noise);
  run.noise = g_ptr_array_new_with_free_func (g_free);
  request = make_request (&run, settings, prompts, error);
  if (request == NULL)
    return FALSE;
  stage.width = run.w * scale;
  stage.height = run.h * scale;
  stage.steps = request->steps;
  stage.strength = json_object_get_double_member_with_default (settings, "strength", 1);
  return verify_stage (&run, request, &stage, error);
}

/* Why the engine does not run the model; NULL if it should. */
static char *
find_obstacle (const char *folder, GError **error)
{
  g_autofree char *index = g_build_filename (folder, "model_index.json", NULL);
  PdPipelineConfig pipeline;

  if (!pd_pipeline_config_load (&pipeline, index, error))
    return NULL;
  if (pipeline.text_encoder_2 != NULL)
    return g_strdup (_ ("models with two text encoders (SDXL)"));
  return g_strdup ("");
}

/* The settings of the file's runs in data/runs.json, by name. */
static JsonNode *
load_runs (const PdVerifyFile *file, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "data", "runs.json", NULL);
  g_autoptr (JsonNode) root = pd_json_load_object (path, MAX_JSON_BYTES, error);
  JsonNode *runs =
      root != NULL ? json_object_get_member (json_node_get_object (root), file->stem) : NULL;

  if (runs != NULL && JSON_NODE_HOLDS_OBJECT (runs))
    return json_node_copy (runs);
  if (root != NULL)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s does not tell the settings of %s"),
                 path, file->stem);
  return NULL;
}

/* All runs of the file, each a stage like @kind. */
static gboolean
verify_runs (PdVerifyFile *file, const char *model_name, const PdStage *kind, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model_name, NULL);
  g_autofree char *obstacle = find_obstacle (path, error);
  g_autoptr (JsonNode) runs = NULL;
  g_autoptr (PdModel) model = NULL;
  JsonObjectIter iter;
  const char *name;
  JsonNode *settings;

  if (obstacle == NULL)
    return FALSE;
  if (obstacle[0] != '\0')
    {
      pd_verify_file_not_covered (file, "%s", obstacle);
      return TRUE;
    }
  runs = load_runs (file, error);
  model = runs != NULL ? pd_model_load (file->verify->backend, path, NULL, error) : NULL;
  if (model == NULL)
    return FALSE;
  json_object_iter_init_ordered (&iter, json_node_get_object (runs));
  while (json_object_iter_next_ordered (&iter, &name, &settings))
    if (pd_verify_file_find_in (file, name, "noise.0") != NULL &&
        JSON_NODE_HOLDS_OBJECT (settings) &&
        !verify_run (file, model, name, json_node_get_object (settings), kind, error))
      {
        g_prefix_error (error, "%s: ", name);
        return FALSE;
      }
  return TRUE;
}

gboolean
pd_verify_pipeline (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, &(PdStage){ .start = PD_START_NOISE }, error);
}

gboolean
pd_verify_img2img (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, &(PdStage){ .start = PD_START_PICTURE }, error);
}

gboolean
pd_verify_inpaint (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, &(PdStage){ .start = PD_START_PICTURE, .masked = TRUE }, error);
}
