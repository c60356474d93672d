// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/solver.h"
#include "engine/diffusion/training.h"
#include "engine/networks/bank-writer.h"
#include "engine/networks/style-transfer.h"
#include "engine/tiles/invert.h"
#include "engine/tiles/recolor.h"
#include "engine/verify/style.h"

/* Latents followed back to noise, and a content drawn again in the look of a style. */

enum
{
  STEPS = 10,
};

/* DDIM with leading spacing, offset 1, that ends at the first timestep's alpha. */
static void
set_config (PdScheduleConfig *config)
{
  pd_schedule_config_init (config);
  config->timestep_spacing = PD_SPACING_LEADING;
  config->steps_offset = 1;
  config->set_alpha_to_one = FALSE;
}

/* The step of @latent from one level to the next, with the noise that is in it. */
static void
move (const PdSchedule *schedule,
      PdNoiseLevel from,
      PdNoiseLevel to,
      const float *output,
      gsize n,
      float *latent)
{
  const PdSplit split = pd_schedule_split (schedule, from);

  for (gsize e = 0; e < n; e++)
    {
      double clean = split.clean_input * latent[e] + split.clean_output * output[e];
      double noise = split.noise_input * latent[e] + split.noise_output * output[e];

      latent[e] = (float) (to.alpha * clean + to.sigma * noise);
    }
}

/* What inversion gives of one latent. */
typedef struct
{
  float *clean;
  float *path; /* [STEPS][n]: at the level of each call */
  gsize n;
} Inverted;

static void
inverted_clear (Inverted *self)
{
  g_free (self->clean);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inverted, inverted_clear)

/* A function of PdInversion. */
static void
keep_level (guint call, const float *latent, gpointer user_data)
{
  const Inverted *self = user_data;

  memcpy (self->path + call * self->n, latent, self->n * sizeof *latent);
}

/* The order of inversion is that of rising noise, the path's is that of the calls. */
static void
check_path (const PdVerifyStyle *self, const char *stem, const char *name, const float *path)
{
  g_autofree float *rising = g_new (float, STEPS * self->n);

  for (guint i = 0; i < STEPS; i++)
    memcpy (rising + i * self->n, path + (STEPS - 1 - i) * self->n, self->n * sizeof *rising);
  pd_verify_file_check_in (self->file, stem, name, rising, STEPS * self->n);
}

static gboolean
invert (PdVerifyStyle *self,
        const PdSchedule *schedule,
        const char *name,
        Inverted *out,
        GError **error)
{
  const PdCondition *conditions[] = { self->empty };
  PdInversion inversion = { .canvas = { .denoiser = self->unet,
                                        .sync = PD_SYNC_FUSION,
                                        .batch = 1,
                                        .branches = 1,
                                        .guidance = 1,
                                        .conditions = conditions },
                            .schedule = schedule };
  g_autofree float *latent = NULL;
  PdDenoiseReport report;

  out->clean = pd_verify_style_latents (self, name, 1, error);
  if (out->clean == NULL)
    return FALSE;
  out->n = self->n;
  out->path = g_new (float, STEPS * self->n);
  inversion.visit = keep_level;
  inversion.visit_data = out;
  inversion.canvas.height = self->h;
  inversion.canvas.width = self->w;
  inversion.canvas.tile = MAX (self->h, self->w);
  latent = g_memdup2 (out->clean, self->n * sizeof *latent);
  if (!pd_invert (&inversion, latent, &report, error))
    return FALSE;
  check_path (self, name, "inverted", out->path);
  return TRUE;
}

/* [tokens][heads * d] as [heads][tokens][d] */
static void
check_heads (const PdVerifyStyle *self,
             const char *name,
             const PdTensorInfo *info,
             const float *values)
{
  gsize heads = (gsize) info->dims[1], tokens = (gsize) info->dims[2], d = (gsize) info->dims[3];
  g_autofree float *split = g_new (float, heads *tokens *d);

  for (gsize head = 0; head < heads; head++)
    for (gsize token = 0; token < tokens; token++)
      memcpy (split + (head * tokens + token) * d, values + (token * heads + head) * d,
              d * sizeof *split);
  pd_verify_file_check (self->file, name, split, heads * tokens * d);
}

/* NAME.q.901.PATH and so on: of the first call, whose latent is that of the level after it. */
static gboolean
check_tokens (const PdVerifyStyle *self,
              const PdSchedule *schedule,
              const char *name,
              const Inverted *inverted,
              GError **error)
{
  static const char *const kinds = "qkv";
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PdProbes probes = { .wanted = wanted };
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (PdDenoiserPass) pass = NULL;
  g_autofree float *prediction = g_new (float, self->n);

  for (const char *kind = kinds; *kind != '\0'; kind++)
    {
      g_autofree char *prefix =
          g_strdup_printf ("%s.%c.%.0f.", name, *kind, pd_schedule_timestep (schedule, 0));

      for (guint i = 0; i < self->file->names->len; i++)
        if (g_str_has_prefix (self->file->names->pdata[i], prefix))
          {
            const char *full = self->file->names->pdata[i];
            char *path = g_strdup_printf ("%s.to_%c", full + strlen (prefix), *kind);

            g_hash_table_insert (wanted, g_strdup (path), NULL);
            g_ptr_array_add (names, (char *) full);
            g_ptr_array_add (paths, path);
          }
    }
  pass = pd_verify_style_pass (self, 1, NULL, &probes, error);
  if (pass == NULL || !pd_verify_style_run (self, pass, pd_schedule_timestep (schedule, 0), NULL,
                                            inverted->path + self->n, prediction, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      const PdTensor *tensor = g_hash_table_lookup (wanted, paths->pdata[i]);
      const PdTensorInfo *info = pd_verify_file_find (self->file, names->pdata[i]);
      gsize count = tensor != NULL ? pd_tensor_n_values (tensor) : 0;
      g_autofree float *values = g_new (float, count);

      if (tensor == NULL || info->n_dims != 4 || info->dims[0] != 1 ||
          pd_tensor_info_count (info) != count)
        continue;
      if (!pd_tensor_read (tensor, values, count, error))
        return FALSE;
      check_heads (self, names->pdata[i], info, values);
    }
  return TRUE;
}

/* Plain DDIM sampling from the inverted latent. */
static gboolean
check_resampled (const PdVerifyStyle *self,
                 const PdSchedule *schedule,
                 const Inverted *inverted,
                 GError **error)
{
  g_autofree float *latents = g_new (float, STEPS * self->n), *output = g_new (float, self->n);
  g_autofree float *latent = g_memdup2 (inverted->path, self->n * sizeof *latent);
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, self->n, error);
  g_autoptr (PdDenoiserPass) pass =
      solver != NULL ? pd_verify_style_pass (self, 1, NULL, NULL, error) : NULL;

  if (pass == NULL)
    return FALSE;
  for (guint i = 0; i < STEPS; i++)
    {
      if (!pd_verify_style_run (self, pass, pd_schedule_timestep (schedule, i), NULL, latent,
                                output, error))
        return FALSE;
      pd_solver_step (solver, output, NULL, latent);
      memcpy (latents + i * self->n, latent, self->n * sizeof *latent);
    }
  pd_verify_file_check (self->file, "content.resampled", latents, STEPS * self->n);
  return TRUE;
}

/* A run in the look of the style: what it starts from, what content and style are in each call, and
 * the name under which it is checked. */
typedef struct
{
  const char *stem;
  const PdSchedule *schedule;
  const float *start;
  const float *content[STEPS], *style[STEPS];
  PdStyleTransferOptions options;
} Drawing;

static gboolean
check_drawing (const PdVerifyStyle *self, const Drawing *drawing, GError **error)
{
  const PdSchedule *schedule = drawing->schedule;
  g_autoptr (GArray) survey = pd_denoiser_survey (self->unet, self->h, self->w);
  const PdBankOptions bank_options = {
    .branches = 1, .parts = 1, .every = 1, .takes = pd_style_transfer_takes
  };
  g_autoptr (PdBank) bank = pd_bank_new (self->unet->backend, survey, &bank_options, error);
  g_autoptr (PdStyleTransfer) transfer =
      bank != NULL ? pd_style_transfer_new (bank, 1, &drawing->options) : NULL;
  g_autoptr (PdBankWriter) keeper = bank != NULL ? pd_bank_writer_new (bank, 1) : NULL;
  PdHook *writers[] = { keeper != NULL ? pd_bank_writer_hook (keeper) : NULL, NULL };
  PdHook *readers[] = { transfer != NULL ? pd_style_transfer_hook (transfer) : NULL, NULL };
  g_autoptr (PdDenoiserPass) writer = NULL, reader = NULL;
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, self->n, error);
  g_autofree float *latents = g_new (float, STEPS * self->n), *input = g_new (float, 2 * self->n);
  g_autofree float *output = g_new (float, 2 * self->n);
  g_autofree float *latent = g_memdup2 (drawing->start, self->n * sizeof *latent);

  if (solver == NULL || bank == NULL ||
      (writer = pd_verify_style_pass (self, 1, writers, NULL, error)) == NULL ||
      (reader = pd_verify_style_pass (self, 2, readers, NULL, error)) == NULL)
    return FALSE;
  pd_bank_writer_choose (keeper, 0, 0, NULL);
  for (guint i = 0; i < STEPS; i++)
    {
      double timestep = pd_schedule_timestep (schedule, i);

      memcpy (input, drawing->content[i], self->n * sizeof *input);
      memcpy (input + self->n, latent, self->n * sizeof *input);
      if (!pd_verify_style_run (self, writer, timestep, NULL, drawing->style[i], output, error) ||
          !pd_verify_style_run (self, reader, timestep, NULL, input, output, error))
        return FALSE;
      if (i == 0)
        pd_verify_file_check_in (self->file, drawing->stem, "noise0", output + self->n, self->n);
      pd_solver_step (solver, output + self->n, NULL, latent);
      memcpy (latents + i * self->n, latent, self->n * sizeof *latent);
    }
  pd_verify_file_check_in (self->file, drawing->stem, "latents", latents, STEPS * self->n);
  return TRUE;
}

/* The noisier content in the colours of the noisier style. */
static float *
make_start (const PdVerifyStyle *self, const float *content, const float *style)
{
  const gsize pixels = (gsize) self->h * self->w;
  const PdRecolorFrom from = { content, pixels, NULL }, to = { style, pixels, NULL };
  float *start = g_memdup2 (content, self->n * sizeof *start);

  pd_recolor (self->unet->info.channels, &from, &to, 1, start);
  return start;
}

/* From the level of each timestep to the next one's, with what is predicted at it. */
static gboolean
invert_levelwise (const PdVerifyStyle *self,
                  const PdSchedule *schedule,
                  const char *stem,
                  const float *clean,
                  float *path, /* [STEPS + 1][n], of rising noise */
                  GError **error)
{
  g_autoptr (PdDenoiserPass) pass = pd_verify_style_pass (self, 1, NULL, NULL, error);
  g_autofree float *output = g_new (float, self->n);
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *alphas = NULL;
  PdNoiseLevel last;

  set_config (&config);
  if (pass == NULL || (alphas = pd_training_alphas_cumprod (&config, error)) == NULL)
    return FALSE;
  last.alpha = sqrt (alphas[config.num_train_timesteps - 1]);
  last.sigma = sqrt (1 - alphas[config.num_train_timesteps - 1]);
  memcpy (path, clean, self->n * sizeof *path);
  for (guint i = 0; i < STEPS; i++)
    {
      guint call = STEPS - 1 - i;
      float *next = path + (i + 1) * self->n;

      memcpy (next, path + i * self->n, self->n * sizeof *path);
      if (!pd_verify_style_run (self, pass, pd_schedule_timestep (schedule, call), NULL, next,
                                output, error))
        return FALSE;
      move (schedule, pd_schedule_level (schedule, call),
            call > 0 ? pd_schedule_level (schedule, call - 1) : last, output, self->n, next);
    }
  pd_verify_file_check_in (self->file, stem, "inverted", path + self->n, STEPS * self->n);
  return TRUE;
}

static gboolean
check_levelwise (const PdVerifyStyle *self,
                 const PdSchedule *schedule,
                 const float *content,
                 const float *style,
                 GError **error)
{
  const gsize n = self->n;
  g_autofree float *contents = g_new (float, (STEPS + 1) * n), *start = NULL;
  g_autofree float *styles = g_new (float, (STEPS + 1) * n);
  Drawing drawing = { .stem = "levelwise.stylised",
                      .schedule = schedule,
                      .options = { .content = 0.75, .focus = 1.5, .share = 1 } };

  if (!invert_levelwise (self, schedule, "levelwise.content", content, contents, error) ||
      !invert_levelwise (self, schedule, "levelwise.style", style, styles, error))
    return FALSE;
  for (guint i = 0; i < STEPS; i++)
    {
      drawing.content[i] = contents + (STEPS - 1 - i) * n;
      drawing.style[i] = styles + (STEPS - 1 - i) * n;
    }
  drawing.start = start = make_start (self, contents + STEPS * n, styles + STEPS * n);
  return check_drawing (self, &drawing, error);
}

gboolean
pd_verify_inversion (PdVerifyFile *file, const char *model, GError **error)
{
  g_auto (PdVerifyStyle) self = { 0 };
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) schedule = NULL;
  g_auto (Inverted) content = { 0 }, style = { 0 };
  g_autofree float *start = NULL;
  Drawing drawing = { .stem = "stylised",
                      .options = { .content = 0.75, .focus = 1.5, .share = 1 } };

  set_config (&config);
  if (!pd_verify_style_open (&self, file, model, error) ||
      (schedule = pd_schedule_new (&config, PD_SOLVER_DDIM, STEPS, 1.0, error)) == NULL ||
      !invert (&self, schedule, "content", &content, error) ||
      !invert (&self, schedule, "style", &style, error) ||
      !check_tokens (&self, schedule, "content", &content, error) ||
      !check_tokens (&self, schedule, "style", &style, error) ||
      !check_resampled (&self, schedule, &content, error))
    return FALSE;
  drawing.start = start = make_start (&self, content.path, style.path);
  pd_verify_file_check (file, "start", start, self.n);
  drawing.schedule = schedule;
  /* Inversion predicted for a timestep from the level after it: the features are those. */
  for (guint i = 0; i < STEPS; i++)
    {
      drawing.content[i] = i + 1 < STEPS ? content.path + (i + 1) * self.n : content.clean;
      drawing.style[i] = i + 1 < STEPS ? style.path + (i + 1) * self.n : style.clean;
    }
  if (!check_drawing (&self, &drawing, error))
    return FALSE;
  drawing.stem = "stylised.gamma0.3_tau1";
  drawing.options = (PdStyleTransferOptions){ .content = 0.3, .focus = 1, .share = 1 };
  return check_drawing (&self, &drawing, error) &&
         check_levelwise (&self, schedule, content.clean, style.clean, error);
}
