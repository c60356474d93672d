// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/guidance.h"
#include "engine/diffusion/schedule-json.h"
#include "engine/diffusion/solver.h"
#include "engine/base/error.h"
#include "engine/networks/model.h"
#include "engine/networks/unet.h"
#include "engine/tiles/keep.h"
#include "engine/verify/parts.h"

typedef enum
{
  START_NOISE,
  START_IMAGE, /* image to image */
  START_BLEND, /* inpainting: what stays is put back at every step */
  START_NINE,  /* inpainting: the UNet also sees the mask and the masked picture */
} Start;

/* What the runs' names stand for: the files hold noise and results, their description the rest. */
typedef struct
{
  const char *name;
  PdSolverType solver;
  PdTimestepSpacing spacing;
  gboolean karras;
  guint prompt; /* of data/prompts.json */
  const char *negative;
  guint steps;
  double strength;
  Start start;
} RunKind;

static const double guidance = 5.0;
static const guint steps_offset = 1;

static const RunKind pipeline_runs[] = {
  { "ddim", PD_SOLVER_DDIM, PD_SPACING_LEADING, FALSE, 0, "lowres, bad anatomy, worst quality", 5,
    1.0 },
  { "euler_a", PD_SOLVER_EULER_A, PD_SPACING_LEADING, FALSE, 3, "", 5, 1.0 },
  { "dpm", PD_SOLVER_DPMPP_2M, PD_SPACING_LINSPACE, TRUE, 0, "", 8, 1.0 },
};

static const RunKind img2img_runs[] = {
  { "ddim", PD_SOLVER_DDIM, PD_SPACING_LEADING, FALSE, 0, "", 10, 0.6, START_IMAGE },
  { "euler_a", PD_SOLVER_EULER_A, PD_SPACING_LEADING, FALSE, 0, "", 10, 0.6, START_IMAGE },
  { "dpm", PD_SOLVER_DPMPP_2M, PD_SPACING_LINSPACE, TRUE, 0, "", 10, 0.6, START_IMAGE },
};

static const RunKind inpaint_runs[] = {
  { "blend", PD_SOLVER_DDIM, PD_SPACING_LEADING, FALSE, 0, "", 5, 1.0, START_BLEND },
  { "blend_half", PD_SOLVER_DDIM, PD_SPACING_LEADING, FALSE, 0, "", 5, 0.6, START_BLEND },
  { "nine", PD_SOLVER_DDIM, PD_SPACING_LEADING, FALSE, 0, "", 5, 1.0, START_NINE },
};

typedef struct
{
  PdVerifyFile *file;
  const RunKind *kind;
  PdModel *model;
  PdDenoiser *unet; /* the model's, or another one's */
  const PdSchedule *schedule;
  const float *image; /* [h · scale][w · scale][3] in -1 … 1; NULL with START_NOISE */
  const float *mask;  /* [h · scale][w · scale]; NULL but when inpainting */
  guint h, w;         /* of the latent */
  gsize n, n_image;   /* elements of the latent and of a picture */
  guint n_draws;      /* used so far */
} Run;

static float *
next_noise (Run *self, GError **error)
{
  g_autofree char *suffix = g_strdup_printf ("noise.%u", self->n_draws++);
  const PdTensorInfo *info;
  g_autofree float *noise =
      pd_verify_file_values_in (self->file, self->kind->name, suffix, &info, error);

  if (noise != NULL && pd_tensor_info_count (info) != self->n)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s does not have the size of one latent"), info->name);
      return NULL;
    }
  return g_steal_pointer (&noise);
}

static PdSchedule *
make_schedule (const Run *self, GError **error)
{
  g_auto (PdScheduleConfig) config = { 0 };
  const PdModelFiles *files = self->model->files;

  if (files->scheduler == NULL)
    pd_schedule_config_init (&config);
  else if (!pd_schedule_json_load_for (json_node_get_object (files->scheduler), self->kind->solver,
                                       &config, NULL, error))
    return NULL;
  config.timestep_spacing = self->kind->spacing;
  config.steps_offset = steps_offset;
  config.use_karras_sigmas = self->kind->karras;
  return pd_schedule_new (&config, self->kind->solver, self->kind->steps, self->kind->strength,
                          error);
}

/* The file's list of timesteps is what the table above must give. */
static gboolean
check_timesteps (const Run *self, GError **error)
{
  static const double tolerance = 0.01;
  const PdTensorInfo *info;
  g_autofree float *timesteps =
      pd_verify_file_values_in (self->file, self->kind->name, "timesteps", &info, error);
  guint n = pd_schedule_n_calls (self->schedule);
  gboolean same;

  if (timesteps == NULL)
    return FALSE;
  same = pd_tensor_info_count (info) == n;
  for (guint i = 0; same && i < n; i++)
    same = fabs (timesteps[i] - pd_schedule_timestep (self->schedule, i)) < tolerance;
  if (!same)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not what %u steps of %s give"),
                 info->name, self->kind->steps, pd_solver_type_to_string (self->kind->solver));
  return same;
}

/* The latent of @image, sampled with the run's next noise. */
static float *
encode (Run *self, const float *image, GError **error)
{
  g_autofree float *noise = next_noise (self, error), *clean = g_new (float, self->n);
  g_autofree float *log_variance = g_new (float, self->n);
  PdAutoencoder *autoencoder = self->model->autoencoder;
  g_autoptr (PdAutoencoderPass) pass = pd_autoencoder_pass_new (
      autoencoder, &(PdAutoencoderPassOptions){ .n = 1, .h = self->h, .w = self->w }, error);

  if (noise == NULL || pass == NULL ||
      !pd_autoencoder_encode (pass, image, self->n_image,
                              &(PdMoments){ clean, log_variance, self->n }, NULL, error))
    return NULL;
  for (gsize i = 0; i < self->n; i++)
    clean[i] = pd_autoencoder_latent (autoencoder, clean[i], log_variance[i], noise[i]);
  return g_steal_pointer (&clean);
}

/* The mask at the latents' size, by the nearest neighbour. */
static float *
small_mask (const Run *self)
{
  guint scale = self->model->autoencoder->info.scale;
  float *mask = g_new (float, (gsize) self->h * self->w);

  for (guint y = 0; y < self->h; y++)
    for (guint x = 0; x < self->w; x++)
      mask[y * self->w + x] = self->mask[(gsize) (y * scale) * self->w * scale + x * scale];
  return mask;
}

/* What the UNet sees beside the latent: the mask and the latent of the picture without what it
 * shows. *@count: numbers of both. */
static float *
make_extra (Run *self, gsize *count, GError **error)
{
  gsize cells = (gsize) self->h * self->w;
  g_autofree float *mask = small_mask (self), *masked = NULL, *clean = NULL;
  float *extra;

  masked = g_memdup2 (self->image, self->n_image * sizeof *masked);
  for (gsize i = 0; i < self->n_image; i++)
    if (self->mask[i / 3] >= 0.5f)
      masked[i] = 0;
  clean = encode (self, masked, error);
  if (clean == NULL)
    return NULL;
  *count = cells + self->n;
  extra = g_new (float, *count);
  memcpy (extra, mask, cells * sizeof *extra);
  memcpy (extra + cells, clean, self->n * sizeof *extra);
  return extra;
}

/* *@clean, *@added: the picture's latent and the noise of the start; NULL without a picture. */
static gboolean
start_latent (Run *self, float *latent, float **clean, float **added, GError **error)
{
  gboolean image = self->kind->start == START_IMAGE || self->kind->start == START_BLEND;

  if (image)
    {
      *clean = encode (self, self->image, error);
      if (*clean == NULL)
        return FALSE;
    }
  *added = next_noise (self, error);
  if (*added == NULL)
    return FALSE;
  if (image && self->kind->strength < 1)
    pd_schedule_add_noise (self->schedule, 0, self->n, *clean, *added, latent);
  else
    for (gsize i = 0; i < self->n; i++)
      latent[i] = (float) ((*added)[i] * pd_schedule_init_sigma (self->schedule));
  return TRUE;
}

/* After step @s: what stays is put back at the level of the next step, or clean after the last. */
static gboolean
put_back (const Run *self, const PdKeep *keep, guint s, float *latent, GError **error)
{
  const PdArea area = { 0, 0, self->h, self->w };

  if (s + 1 < pd_schedule_n_calls (self->schedule))
    return pd_keep_before_step (self->schedule, s + 1, &area, latent, (gpointer) keep, error);
  pd_keep_finish (keep, latent);
  return TRUE;
}

/* @keep: may be NULL. @extra: of @n_extra numbers, appended to the latent; may be NULL. */
static gboolean
denoise (Run *self,
         const GPtrArray *conditions,
         const PdKeep *keep,
         const float *extra,
         gsize n_extra,
         float *latent,
         GError **error)
{
  guint n_steps = pd_schedule_n_calls (self->schedule);
  const char *name = self->kind->name;
  gsize n = self->n, n_input = n + n_extra;
  const PdMap map = { self->unet->info.map_channels, self->h, self->w, extra };
  g_autofree float *input = g_new (float, 2 * n_input), *output = g_new (float, 2 * n);
  g_autofree float *pair = g_new (float, 2 * n);
  g_autofree float *latents = g_new (float, n *MAX (n_steps, 1));
  g_autoptr (PdSolver) solver = pd_solver_new (self->schedule, n, error);
  g_autoptr (PdDenoiserPass) pass = pd_denoiser_pass_new (
      self->unet, &(PdDenoiserPassOptions){ 2, self->h, self->w, .like = conditions->pdata[0] },
      error);

  if (solver == NULL || pass == NULL)
    return FALSE;
  for (guint s = 0; s < n_steps; s++)
    {
      g_autofree float *noise = NULL;

      pd_schedule_scale_input (self->schedule, s, n, latent, input);
      if (extra != NULL)
        memcpy (input + n, extra, n_extra * sizeof *input);
      memcpy (input + n_input, input, n_input * sizeof *input);
      for (guint branch = 0; branch < 2; branch++)
        memcpy (pair + branch * n, input + branch * n_input, n * sizeof *pair);
      if (!pd_denoiser_pass_run (
              pass,
              &(PdDenoiserRun){ .latents = pair,
                                .n_latents = 2 * n,
                                .timestep = pd_schedule_timestep (self->schedule, s),
                                .conditions = (const PdCondition *const *) conditions->pdata,
                                .map = extra != NULL ? &map : NULL,
                                .prediction = output,
                                .n_prediction = 2 * n },
              NULL, error))
        return FALSE;
      if (s == 0)
        {
          pd_verify_file_check_in (self->file, name, "unet_input0", input, 2 * n_input);
          pd_verify_file_check_in (self->file, name, "unet_output0", output, 2 * n);
        }
      pd_guidance_combine (n, output, output + n, guidance, output);
      if (pd_schedule_noise_draws (self->schedule, s) > 0)
        {
          noise = next_noise (self, error);
          if (noise == NULL)
            return FALSE;
        }
      pd_solver_step (solver, output, noise, latent);
      if (keep != NULL && !put_back (self, keep, s, latent, error))
        return FALSE;
      memcpy (latents + s * n, latent, n * sizeof *latent);
    }
  pd_verify_file_check_in (self->file, name, "latents", latents, n_steps * n);
  return TRUE;
}

static gboolean
decode (Run *self, const float *latent, GError **error)
{
  const gsize count = self->n_image;
  g_autofree float *picture = g_new (float, count), *nchw = NULL;

  g_autoptr (PdAutoencoderPass) pass = pd_autoencoder_pass_new (
      self->model->autoencoder,
      &(PdAutoencoderPassOptions){ .decode = TRUE, .n = 1, .h = self->h, .w = self->w }, error);

  if (pass == NULL || !pd_autoencoder_decode (pass, latent, self->n, picture, count, NULL, error))
    return FALSE;
  for (gsize i = 0; i < count; i++)
    picture[i] = CLAMP (picture[i] / 2 + 0.5f, 0.0f, 1.0f);
  nchw = pd_verify_to_nchw (picture, 1, count / 3, 3);
  pd_verify_file_check_in (self->file, self->kind->name, "image", nchw, count);
  return TRUE;
}

static gboolean
verify_run (Run *self, JsonArray *prompts, GError **error)
{
  const char *texts[2] = { self->kind->negative,
                           pd_verify_prompt (prompts, self->kind->prompt, error) };
  g_autoptr (PdSchedule) schedule = NULL;
  g_autofree float *latent = g_new (float, self->n), *clean = NULL;
  g_autoptr (GPtrArray) conditions = NULL;
  g_autofree float *added = NULL, *mask = NULL, *extra = NULL;
  gboolean blend = self->kind->start == START_BLEND;
  gsize n_extra = 0;
  PdKeep keep;

  if (texts[1] == NULL)
    return FALSE;
  self->schedule = schedule = make_schedule (self, error);
  if (schedule == NULL || !check_timesteps (self, error) ||
      (conditions = pd_conditioner_encode (self->model->conditioner, texts, 2, NULL, error)) ==
          NULL ||
      !start_latent (self, latent, &clean, &added, error))
    return FALSE;
  if (self->kind->start == START_NINE)
    {
      extra = make_extra (self, &n_extra, error);
      if (extra == NULL)
        return FALSE;
    }
  if (blend)
    mask = small_mask (self);
  keep = (PdKeep){ self->model->denoiser->info.channels, self->h, self->w, clean, added, mask };
  return denoise (self, conditions, blend ? &keep : NULL, extra, n_extra, latent, error) &&
         decode (self, latent, error);
}

/* A picture of 1 × @channels × h × w in 0 … 1 as [h][w][@channels]. */
static float *
read_image (PdVerifyFile *file, const char *name, guint channels, const Run *run, GError **error)
{
  guint scale = run->model->autoencoder->info.scale;
  const PdTensorInfo *info;
  g_autofree float *values = pd_verify_file_values (file, name, &info, error);

  if (values == NULL)
    return NULL;
  if (info->n_dims != 4 || info->dims[0] != 1 || info->dims[1] != channels ||
      info->dims[2] != (gint64) run->h * scale || info->dims[3] != (gint64) run->w * scale)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s does not have the size of the runs"), name);
      return NULL;
    }
  return pd_verify_to_nhwc (values, 1, channels, (gsize) info->dims[2] * info->dims[3]);
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

/* The UNet of the folder MODEL-inpaint. *@files: owned by the caller, as long as the UNet. */
static PdDenoiser *
load_inpainting_unet (PdVerifyFile *file,
                      const char *model_name,
                      PdModelFiles **files,
                      GError **error)
{
  g_autofree char *name = g_strconcat (model_name, "-inpaint", NULL);
  g_autofree char *path = pd_verify_path (file->verify, "models", name, NULL);

  *files = pd_model_files_open (path, NULL, error);
  if (*files == NULL || !pd_model_files_require (*files, PD_PART_UNET, error))
    return NULL;
  const PdPartFiles *part = &(*files)->parts[PD_PART_UNET];
  return pd_unet_new (file->verify->backend, part->config, part->checkpoint, error);
}

static gboolean
verify_runs (
    PdVerifyFile *file, const char *model_name, const RunKind *kinds, guint n_kinds, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model_name, NULL);
  g_autofree char *obstacle = find_obstacle (path, error);
  g_autoptr (JsonArray) prompts = NULL;
  g_autoptr (PdModel) model = NULL;
  gsize scale;

  if (obstacle == NULL)
    return FALSE;
  if (obstacle[0] != '\0')
    {
      pd_verify_file_not_covered (file, "%s", obstacle);
      return TRUE;
    }
  prompts = pd_verify_load_prompts (file->verify, error);
  model = prompts ? pd_model_load (file->verify->backend, path, NULL, error) : NULL;
  if (model == NULL)
    return FALSE;
  scale = model->autoencoder->info.scale;
  for (guint i = 0; i < n_kinds; i++)
    {
      const PdTensorInfo *noise = pd_verify_file_find_in (file, kinds[i].name, "noise.0");
      g_autofree float *image = NULL, *mask = NULL;
      g_autoptr (PdModelFiles) unet_files = NULL;
      g_autoptr (PdDenoiser) unet = NULL;
      Run run = { .file = file, .kind = &kinds[i], .model = model, .unet = model->denoiser };

      if (noise == NULL)
        continue;
      if (noise->n_dims != 4 || noise->dims[1] != model->denoiser->info.channels)
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("%s is not a latent of this model"), noise->name);
          return FALSE;
        }
      run.h = (guint) noise->dims[2];
      run.w = (guint) noise->dims[3];
      run.n = pd_tensor_info_count (noise);
      run.n_image = run.h * scale * run.w * scale * 3;
      if (kinds[i].start != START_NOISE)
        {
          run.image = image = read_image (file, "init_image", 3, &run, error);
          if (image == NULL)
            return FALSE;
          for (gsize k = 0; k < run.n_image; k++)
            image[k] = 2 * image[k] - 1;
        }
      if (kinds[i].start == START_BLEND || kinds[i].start == START_NINE)
        {
          run.mask = mask = read_image (file, "mask", 1, &run, error);
          if (mask == NULL)
            return FALSE;
        }
      if (kinds[i].start == START_NINE)
        {
          run.unet = unet = load_inpainting_unet (file, model_name, &unet_files, error);
          if (unet == NULL)
            return FALSE;
        }
      if (!verify_run (&run, prompts, error))
        {
          g_prefix_error (error, "%s: ", kinds[i].name);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
pd_verify_pipeline (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, pipeline_runs, G_N_ELEMENTS (pipeline_runs), error);
}

gboolean
pd_verify_img2img (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, img2img_runs, G_N_ELEMENTS (img2img_runs), error);
}

gboolean
pd_verify_inpaint (PdVerifyFile *file, const char *model, GError **error)
{
  return verify_runs (file, model, inpaint_runs, G_N_ELEMENTS (inpaint_runs), error);
}
