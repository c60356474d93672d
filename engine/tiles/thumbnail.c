// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/thumbnail.h"

/* The thumbnail's noise is a draw that no solver reaches. */
static const guint32 THUMBNAIL_DRAW = G_MAXUINT32;

struct _PdThumbnail
{
  guint channels, height, width; /* of the canvas */
  guint h, w;
  guint branches;
  PdBank *bank;
  PdUNetPass *pass;         /* branches images */
  const float *context;     /* the options', [branches][tokens][width] */
  gsize context_elements;   /* of a branch */
  const PdPrompts *prompts; /* may be NULL; then the rest is not used */
  float *part_context;      /* with a part's prompt in the last branch */
  float *bank_values, *bank_sum;
  float *shares,
      *layer_shares; /* of each prompt, [prompts][h][w], and of a layer's pixels at most */
  float *clean;      /* [channels][h][w]; zero until something is known */
  float *noise, *input, *output;
  guint unet_forwards;
};

/* What prompts of parts of the canvas need. */
static gboolean
allocate_prompts (PdThumbnail *self, GError **error)
{
  const gsize pixels = (gsize) self->h * self->w,
              n_context = self->branches * self->context_elements;
  const char *what = _ ("the small canvas");

  if ((self->part_context = pd_try_new (float, n_context, what, error)) == NULL ||
      (self->bank_values = pd_try_new (float, pd_bank_n_values (self->bank), what, error)) ==
          NULL ||
      (self->bank_sum = pd_try_new (float, pd_bank_n_values (self->bank), what, error)) == NULL ||
      (self->shares = pd_try_new (float, (1 + self->prompts->n) * pixels, what, error)) == NULL ||
      (self->layer_shares = pd_try_new (float, (1 + self->prompts->n) * pixels, what, error)) ==
          NULL)
    return FALSE;
  memcpy (self->part_context, self->context, n_context * sizeof *self->part_context);
  return TRUE;
}

PdThumbnail *
pd_thumbnail_new (const PdCanvasOptions *options, guint tile_h, guint tile_w, GError **error)
{
  const PdUNetConfig *config = pd_unet_config (options->unet);
  g_autoptr (PdThumbnail) self = g_new0 (PdThumbnail, 1);
  const char *what = _ ("the small canvas");
  double scale = MIN ((double) tile_h / options->height, (double) tile_w / options->width);
  gsize n;

  self->channels = config->in_channels;
  self->height = options->height;
  self->width = options->width;
  self->h = CLAMP ((guint) lround (options->height * scale), 1, tile_h);
  self->w = CLAMP ((guint) lround (options->width * scale), 1, tile_w);
  self->branches = options->branches;
  self->context = options->context;
  self->context_elements = (gsize) options->tokens * config->cross_attention_dim;
  self->prompts = options->prompts;
  n = (gsize) self->channels * self->h * self->w;
  if ((self->clean = pd_try_new0 (float, n, what, error)) == NULL ||
      (self->noise = pd_try_new (float, n, what, error)) == NULL ||
      (self->input = pd_try_new (float, self->branches *n, what, error)) == NULL ||
      (self->output = pd_try_new (float, self->branches *n, what, error)) == NULL)
    return NULL;
  pd_noise_normal (options->seed, THUMBNAIL_DRAW, 0, n, self->noise);

  self->bank = pd_bank_new (pd_unet_backend (options->unet), config, self->h, self->w,
                            self->branches, options->bank_tokens, options->bank_level, error);
  if (self->bank == NULL || (self->prompts != NULL && !allocate_prompts (self, error)))
    return NULL;
  self->pass = pd_unet_pass_new (options->unet,
                                 &(PdUNetPassOptions){ .n = self->branches,
                                                       .h = self->h,
                                                       .w = self->w,
                                                       .tokens = options->tokens,
                                                       .share = PD_SHARE_BANK_WRITE,
                                                       .bank = self->bank,
                                                       .branches = self->branches },
                                 error);
  return self->pass != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_thumbnail_free (PdThumbnail *self)
{
  if (self == NULL)
    return;
  pd_unet_pass_free (self->pass);
  pd_bank_free (self->bank);
  g_free (self->part_context);
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
  return self != NULL ? self->bank : NULL;
}

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

void
pd_thumbnail_set_clean (
    PdThumbnail *self, const float *a, double scale_a, const float *b, double scale_b)
{
  gsize plane = (gsize) self->height * self->width;
  float *out = self->clean;

  for (guint c = 0; c < self->channels; c++)
    for (guint y = 0; y < self->h; y++)
      for (guint x = 0; x < self->w; x++)
        {
          guint top = (guint) ((guint64) y * self->height / self->h);
          guint bottom = (guint) (((guint64) (y + 1) * self->height + self->h - 1) / self->h);
          guint left = (guint) ((guint64) x * self->width / self->w);
          guint right = (guint) (((guint64) (x + 1) * self->width + self->w - 1) / self->w);
          double value = scale_a * box_mean (a + c * plane, self->width, top, bottom, left, right);

          if (b != NULL)
            value += scale_b * box_mean (b + c * plane, self->width, top, bottom, left, right);
          *out++ = (float) value;
        }
}

float *
pd_thumbnail_clean (PdThumbnail *self, gsize *n)
{
  *n = (gsize) self->channels * self->h * self->w;
  return self->clean;
}

guint
pd_thumbnail_unet_forwards (const PdThumbnail *self)
{
  return self->unet_forwards;
}

static gboolean
run_pass (PdThumbnail *self,
          const PdSchedule *schedule,
          guint i,
          const float *context,
          GCancellable *cancellable,
          GError **error)
{
  const gsize n = (gsize) self->branches * self->channels * self->h * self->w;

  self->unet_forwards += self->branches;
  return pd_unet_pass_run (self->pass,
                           &(PdUNetRun){ .sample = self->input,
                                         .n_sample = n,
                                         .timestep = pd_schedule_timestep (schedule, i),
                                         .context = context,
                                         .n_context = self->branches * self->context_elements,
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
  gsize n = (gsize) h * w;
  float *shares = thumbnail->layer_shares;

  pd_prompts_mix (thumbnail->prompts, 0, 0, thumbnail->height, thumbnail->width, h, w, shares);
  memcpy (weights, shares + self->prompt * n, n * sizeof *weights);
}

/* Every prompt that counts anywhere writes the bank; the host adds them up. */
static gboolean
run_prompts (PdThumbnail *self,
             const PdSchedule *schedule,
             guint i,
             GCancellable *cancellable,
             GError **error)
{
  const PdPrompts *prompts = self->prompts;
  gsize pixels = (gsize) self->h * self->w;
  float *shares = self->shares;
  float *last_branch = self->part_context + (self->branches - 1) * self->context_elements;

  memset (self->bank_sum, 0, pd_bank_n_values (self->bank) * sizeof *self->bank_sum);
  pd_prompts_mix (prompts, 0, 0, self->height, self->width, self->h, self->w, shares);
  for (guint prompt = 0; prompt <= prompts->n; prompt++)
    {
      const float *context = prompt > 0
                                 ? prompts->contexts + (prompt - 1) * self->context_elements
                                 : self->context + (self->branches - 1) * self->context_elements;
      Share share = { self, prompt };

      if (!pd_prompts_count (shares + prompt * pixels, pixels))
        continue;
      memcpy (last_branch, context, self->context_elements * sizeof *context);
      if (!run_pass (self, schedule, i, self->part_context, cancellable, error) ||
          !pd_bank_read (self->bank, self->bank_values, error) ||
          !pd_bank_add (self->bank, self->bank_values, bank_shares, &share, self->bank_sum, error))
        return FALSE;
    }
  return pd_bank_write (self->bank, self->bank_sum, error);
}

gboolean
pd_thumbnail_run (PdThumbnail *self,
                  const PdSchedule *schedule,
                  guint i,
                  GCancellable *cancellable,
                  GError **error)
{
  gsize n = (gsize) self->channels * self->h * self->w;
  const PdNoiseLevel level = pd_schedule_level (schedule, i);

  for (gsize e = 0; e < n; e++)
    self->input[e] = (float) (level.alpha * self->clean[e] + level.sigma * self->noise[e]);
  if (self->branches == 2)
    memcpy (self->input + n, self->input, n * sizeof *self->input);
  if (self->prompts != NULL)
    return run_prompts (self, schedule, i, cancellable, error);
  return run_pass (self, schedule, i, self->context, cancellable, error);
}
