// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "engine/diffusion/solver.h"
#include "engine/networks/unet.h"
#include "engine/tiles/canvas.h"
#include "engine/verify/parts.h"

/* What the file's description says; the file holds noise, contexts and results. */
enum
{
  WINDOW = 16, /* latent pixels */
  STRIDE = 8,
  STEPS = 5,
  BATCH = 3, /* of 8 windows: the last call is short */
};

static const double guidance = 5.0;

typedef struct
{
  PdVerifyFile *file;
  PdDenoiser *unet;
  guint width; /* of the context */
  float *start;
  guint h, w; /* of the latent */
  gsize n;    /* its elements */
  guint tokens;
  PdCondition *conditions[3]; /* unconditional, first prompt, second prompt */
} Windows;

static void
windows_clear (Windows *self)
{
  pd_denoiser_free (self->unet);
  g_free (self->start);
  for (guint i = 0; i < G_N_ELEMENTS (self->conditions); i++)
    pd_condition_free (self->conditions[i]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Windows, windows_clear)

/* DDIM with leading spacing, offset 1, that ends at the first timestep's alpha. */
static PdSchedule *
make_schedule (GError **error)
{
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  config.timestep_spacing = PD_SPACING_LEADING;
  config.steps_offset = 1;
  config.set_alpha_to_one = FALSE;
  return pd_schedule_new (&config, PD_SOLVER_DDIM, STEPS, 1.0, error);
}

static gboolean
read_inputs (Windows *self, GError **error)
{
  static const char *const names[] = { "uncond", "context", "context2" };
  const PdTensorInfo *info;

  self->start = pd_verify_file_values (self->file, "start", &info, error);
  if (self->start == NULL)
    return FALSE;
  if (info->n_dims != 4 || info->dims[0] != 1 || info->dims[1] != self->unet->info.channels)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not a latent of this model"),
                   info->name);
      return FALSE;
    }
  self->h = (guint) info->dims[2];
  self->w = (guint) info->dims[3];
  self->n = pd_tensor_info_count (info);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree float *values = pd_verify_file_values (self->file, names[i], &info, error);

      if (values == NULL)
        return FALSE;
      if (info->n_dims != 3 || info->dims[0] != 1 || info->dims[2] != self->width ||
          (i > 0 && info->dims[1] != self->tokens))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s does not fit the UNet"),
                       info->name);
          return FALSE;
        }
      self->tokens = (guint) info->dims[1];
      self->conditions[i] = pd_condition_new ();
      if (!pd_condition_add (self->conditions[i], PD_CONDITION_CONTEXT, self->tokens, self->width,
                             values, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
verify_kind (
    Windows *self, const char *kind, PdBlend blend, const PdPrompts *prompts, GError **error)
{
  const PdCanvasOptions options = { .denoiser = self->unet,
                                    .height = self->h,
                                    .width = self->w,
                                    .tile = WINDOW,
                                    .overlap = WINDOW - STRIDE,
                                    .batch = BATCH,
                                    .blend = blend,
                                    .sync = PD_SYNC_FUSION,
                                    .branches = 2,
                                    .conditions = (const PdCondition *const *) self->conditions,
                                    .prompts = prompts,
                                    .guidance = guidance };
  g_autofree float *latent = g_memdup2 (self->start, self->n * sizeof *latent);
  g_autofree float *prediction = g_new (float, self->n), *latents = g_new (float, STEPS * self->n);
  g_autoptr (PdSchedule) schedule = make_schedule (error);
  g_autoptr (PdSolver) solver = schedule != NULL ? pd_solver_new (schedule, self->n, error) : NULL;
  g_autoptr (PdCanvas) canvas = solver != NULL ? pd_canvas_new (&options, error) : NULL;

  if (canvas == NULL)
    return FALSE;
  for (guint i = 0; i < STEPS; i++)
    {
      if (!pd_canvas_predict (canvas, schedule, i, latent, prediction, NULL, error))
        return FALSE;
      if (i == 0)
        {
          pd_verify_file_check_in (self->file, kind, "noise0", prediction, self->n);
          pd_verify_file_check_in (self->file, kind, "mass", pd_canvas_mass (canvas),
                                   (gsize) self->h * self->w);
        }
      pd_solver_step (solver, prediction, NULL, latent);
      memcpy (latents + i * self->n, latent, self->n * sizeof *latent);
    }
  pd_verify_file_check_in (self->file, kind, "latents", latents, STEPS * self->n);
  return TRUE;
}

/* The prompt of every other window is the second one. */
static void
odd_windows (guint part, const PdRect *rect, float *weights, gpointer user_data)
{
  const Windows *self = user_data;
  guint columns = (self->w - WINDOW + STRIDE - 1) / STRIDE + 1;

  for (gsize i = 0; i < (gsize) rect->h * rect->w; i++)
    weights[i] = (float) ((rect->y / STRIDE * columns + rect->x / STRIDE) % 2);
}

/* Where the windows lie, and the weights of one. */
static gboolean
verify_grid (Windows *self, GError **error)
{
  float profile[WINDOW], square[WINDOW * WINDOW];
  g_autofree guint *ys = NULL, *xs = NULL;
  g_autofree float *spots = NULL;
  PdGrid grid;
  guint n;

  if (!pd_grid_init (&grid, (PdSize){ self->h, self->w }, WINDOW, WINDOW - STRIDE, PD_TORUS_NONE,
                     error))
    return FALSE;
  n = pd_grid_n_tiles (&grid);
  ys = g_new (guint, grid.y.count);
  xs = g_new (guint, grid.x.count);
  spots = g_new (float, 2 * n);
  pd_grid_starts (&grid, FALSE, 0, 0, ys, xs);
  for (guint i = 0; i < n; i++)
    {
      spots[2 * i] = (float) ys[i / grid.x.count];
      spots[2 * i + 1] = (float) xs[i % grid.x.count];
    }
  pd_verify_file_check (self->file, "spots", spots, 2 * n);
  pd_fusion_profile (PD_BLEND_GAUSSIAN, WINDOW, WINDOW - STRIDE, profile);
  for (guint i = 0; i < WINDOW * WINDOW; i++)
    square[i] = profile[i / WINDOW] * profile[i % WINDOW];
  pd_verify_file_check (self->file, "gaussian.weight", square, WINDOW * WINDOW);
  return TRUE;
}

gboolean
pd_verify_windows (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, "unet", NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdPartFiles *part;
  g_auto (Windows) self = { .file = file };
  PdPrompts prompts = { .n = 1, .weights = odd_windows, .user_data = &self };

  if (files == NULL || !pd_model_files_require (files, PD_PART_UNET, error))
    return FALSE;
  part = &files->parts[PD_PART_UNET];
  self.unet = pd_unet_new (file->verify->backend, part->config, part->checkpoint, error);
  self.width = ((const PdUNetConfig *) part->config)->cross_attention_dim;
  if (self.unet == NULL || !read_inputs (&self, error))
    return FALSE;
  prompts.conditions = (const PdCondition *const *) self.conditions + 2;
  return verify_grid (&self, error) &&
         verify_kind (&self, "uniform", PD_BLEND_UNIFORM, NULL, error) &&
         verify_kind (&self, "gaussian", PD_BLEND_GAUSSIAN, NULL, error) &&
         verify_kind (&self, "mixture", PD_BLEND_GAUSSIAN, &prompts, error);
}
