// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/thumbnail.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/diffusion/noise.h"

/* The thumbnail's noise is a draw that no solver reaches. */
static const guint32 THUMBNAIL_DRAW = G_MAXUINT32;

struct _PdThumbnail
{
  PdThumbnailOptions options;
  guint channels, h, w;
  gsize n; /* numbers of a latent */
  PdBank *bank;
  PdHook *hooks[2];
  PdDenoiserPass *pass; /* branches images */
  const PdCondition **conditions;
  PdMap map;    /* small; without channels: none */
  float *clean; /* [channels][h][w]; zero until something is known */
  float *noise, *input, *output;

  /* With prompts of parts alone. */
  float *bank_values, *bank_sum;
  float *shares,
      *layer_shares; /* of each prompt, [prompts][h][w], and of a layer's pixels at most */

  guint forwards;
};

/* Mean of a box of one channel. */
static double
box_mean (const float *plane, guint pitch, guint top, guint bottom, guint left, guint right)
{
  double sum = 0;

  for (guint y = top; y < bottom; y++)
    for (guint x = left; x < right; x++)
      sum += plane[(gsize) y * pitch + x];
  return sum / ((double) (bottom - top) * (right - left));
}

/* The mean of the box of one plane of the canvas that the thumbnail's pixel y, x stands for. */
static double
mean_at (const PdThumbnail *self, const float *plane, guint y, guint x)
{
  guint height = self->options.height, width = self->options.width;
  guint top = (guint) ((guint64) y * height / self->h);
  guint bottom = (guint) (((guint64) (y + 1) * height + self->h - 1) / self->h);
  guint left = (guint) ((guint64) x * width / self->w);
  guint right = (guint) (((guint64) (x + 1) * width + self->w - 1) / self->w);

  return box_mean (plane, width, top, bottom, left, right);
}

void
pd_thumbnail_set_clean (
    PdThumbnail *self, const float *a, double scale_a, const float *b, double scale_b)
{
  gsize plane = (gsize) self->options.height * self->options.width;
  float *out = self->clean;

  for (guint c = 0; c < self->channels; c++)
    for (guint y = 0; y < self->h; y++)
      for (guint x = 0; x < self->w; x++)
        {
          double value = scale_a * mean_at (self, a + c * plane, y, x);

          if (b != NULL)
            value += scale_b * mean_at (self, b + c * plane, y, x);
          *out++ = (float) value;
        }
}

/* The canvas's map at the thumbnail's size. */
static gboolean
shrink_map (PdThumbnail *self, const PdMap *map, GError **error)
{
  gsize plane = (gsize) map->h * map->w;
  float *values = pd_try_new (float, (gsize) map->channels * self->h * self->w,
                              _ ("the small canvas"), error),
        *out = values;

  self->map = (PdMap){ map->channels, self->h, self->w, values };
  for (guint c = 0; values != NULL && c < map->channels; c++)
    for (guint y = 0; y < self->h; y++)
      for (guint x = 0; x < self->w; x++)
        *out++ = (float) mean_at (self, map->values + c * plane, y, x);
  return values != NULL;
}

static gboolean
allocate (PdThumbnail *self, GError **error)
{
  const PdThumbnailOptions *options = &self->options;
  const gsize n = self->n, images = options->branches;
  const char *what = _ ("the small canvas");

  return (self->clean = pd_try_new0 (float, n, what, error)) != NULL &&
         (self->noise = pd_try_new (float, n, what, error)) != NULL &&
         (self->input = pd_try_new (float, images *n, what, error)) != NULL &&
         (self->output = pd_try_new (float, images *n, what, error)) != NULL &&
         (self->conditions = pd_try_new (const PdCondition *, images, what, error)) != NULL &&
         (options->map == NULL || shrink_map (self, options->map, error));
}

/* What prompts of parts of the canvas need. */
static gboolean
allocate_prompts (PdThumbnail *self, GError **error)
{
  const gsize shares = (1 + (gsize) self->options.prompts->n) * self->h * self->w;
  const gsize n_bank = pd_bank_n_values (self->bank);
  const char *what = _ ("the small canvas");

  return (self->bank_values = pd_try_new (float, n_bank, what, error)) != NULL &&
         (self->bank_sum = pd_try_new (float, n_bank, what, error)) != NULL &&
         (self->shares = pd_try_new (float, shares, what, error)) != NULL &&
         (self->layer_shares = pd_try_new (float, shares, what, error)) != NULL;
}

static gboolean
record (PdThumbnail *self, GError **error)
{
  const PdThumbnailOptions *options = &self->options;
  PdDenoiser *denoiser = options->denoiser;
  g_autoptr (GArray) survey = pd_denoiser_survey (denoiser, self->h, self->w);
  const PdBankOptions bank = { options->branches, options->bank_tokens, options->bank_depth };
  const PdDenoiserPassOptions pass = { .n = options->branches,
                                       .h = self->h,
                                       .w = self->w,
                                       .like = options->conditions[0],
                                       .hooks = self->hooks };

  self->bank = pd_bank_new (denoiser->backend, survey, &bank, error);
  if (self->bank == NULL || (options->prompts != NULL && !allocate_prompts (self, error)))
    return FALSE;
  self->hooks[0] = pd_bank_writer (self->bank);
  self->pass = pd_denoiser_pass_new (denoiser, &pass, error);
  return self->pass != NULL;
}

PdThumbnail *
pd_thumbnail_new (const PdThumbnailOptions *options, GError **error)
{
  g_autoptr (PdThumbnail) self = g_new0 (PdThumbnail, 1);
  double scale =
      MIN ((double) options->tile_h / options->height, (double) options->tile_w / options->width);

  self->options = *options;
  self->channels = options->denoiser->info.channels;
  self->h = CLAMP ((guint) lround (options->height * scale), 1, options->tile_h);
  self->w = CLAMP ((guint) lround (options->width * scale), 1, options->tile_w);
  self->n = (gsize) self->channels * self->h * self->w;
  if (!allocate (self, error))
    return NULL;
  pd_noise_normal (options->seed, THUMBNAIL_DRAW, 0, self->n, self->noise);
  for (guint branch = 0; branch < options->branches; branch++)
    self->conditions[branch] = options->conditions[branch];
  return record (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pd_thumbnail_free (PdThumbnail *self)
{
  if (self == NULL)
    return;
  pd_denoiser_pass_free (self->pass);
  pd_bank_free (self->bank);
  g_free ((float *) self->map.values);
  g_free (self->conditions);
  g_free (self->bank_values);
  g_free (self->bank_sum);
  g_free (self->shares);
  g_free (self->layer_shares);
  g_free (self->clean);
  g_free (self->noise);
  g_free (self->input);
  g_free (self->output);
  g_free (self);
}

PdBank *
pd_thumbnail_bank (PdThumbnail *self)
{
  return self->bank;
}

float *
pd_thumbnail_clean (PdThumbnail *self, gsize *n)
{
  *n = self->n;
  return self->clean;
}

guint
pd_thumbnail_forwards (const PdThumbnail *self)
{
  return self->forwards;
}

static gboolean
run_pass (PdThumbnail *self, const PdStep *step, GCancellable *cancellable, GError **error)
{
  const gsize n = self->options.branches * self->n;

  self->forwards += self->options.branches;
  return pd_denoiser_pass_run (self->pass,
                               &(PdDenoiserRun){ .latents = self->input,
                                                 .n_latents = n,
                                                 .timestep = step->timestep,
                                                 .conditions = self->conditions,
                                                 .map = self->map.channels > 0 ? &self->map : NULL,
                                                 .prediction = self->output,
                                                 .n_prediction = n },
                               cancellable, error);
}

/* The shares of one prompt. */
typedef struct
{
  const PdThumbnail *thumbnail;
  guint prompt;
} Share;

static void
bank_shares (guint h, guint w, float *weights, gpointer user_data)
{
  const Share *self = user_data;
  const PdThumbnail *thumbnail = self->thumbnail;
  const PdThumbnailOptions *options = &thumbnail->options;
  const PdRect all = { 0, 0, options->height, options->width };
  gsize n = (gsize) h * w;
  float *shares = thumbnail->layer_shares;

  pd_prompts_mix (options->prompts, &all, (PdSize){ h, w }, shares);
  memcpy (weights, shares + self->prompt * n, n * sizeof *weights);
}

/* Every prompt that counts anywhere writes the bank; the host adds them up. */
static gboolean
run_prompts (PdThumbnail *self, const PdStep *step, GCancellable *cancellable, GError **error)
{
  const PdThumbnailOptions *options = &self->options;
  const PdPrompts *prompts = options->prompts;
  const PdRect all = { 0, 0, options->height, options->width };
  gsize pixels = (gsize) self->h * self->w;
  float *shares = self->shares;
  guint last = options->branches - 1;

  memset (self->bank_sum, 0, pd_bank_n_values (self->bank) * sizeof *self->bank_sum);
  pd_prompts_mix (prompts, &all, (PdSize){ self->h, self->w }, shares);
  for (guint prompt = 0; prompt <= prompts->n; prompt++)
    {
      Share share = { self, prompt };

      if (!pd_prompts_count (shares + prompt * pixels, pixels))
        continue;
      self->conditions[last] =
          prompt > 0 ? prompts->conditions[prompt - 1] : options->conditions[last];
      if (!run_pass (self, step, cancellable, error) ||
          !pd_bank_read (self->bank, self->bank_values, error) ||
          !pd_bank_add (self->bank, self->bank_values, bank_shares, &share, self->bank_sum, error))
        return FALSE;
    }
  return pd_bank_write (self->bank, self->bank_sum, error);
}

gboolean
pd_thumbnail_run (PdThumbnail *self, const PdStep *step, GCancellable *cancellable, GError **error)
{
  for (gsize e = 0; e < self->n; e++)
    self->input[e] = (float) (step->alpha * self->clean[e] + step->sigma * self->noise[e]);
  if (self->options.branches == 2)
    memcpy (self->input + self->n, self->input, self->n * sizeof *self->input);
  return self->options.prompts != NULL ? run_prompts (self, step, cancellable, error)
                                       : run_pass (self, step, cancellable, error);
}
