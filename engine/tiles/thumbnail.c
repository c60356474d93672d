// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/diffusion/noise.h"
#include "engine/tiles/thumbnail.h"

/* The thumbnail's noise is a draw that no solver reaches. */
static const guint32 THUMBNAIL_DRAW = G_MAXUINT32;

struct _PdThumbnail
{
  guint channels, height, width; /* of the canvas */
  guint h, w;
  guint branches;
  PdBank *bank;
  PdUNetPass *pass;     /* branches images */
  const float *context; /* the options' */
  float *clean;         /* [channels][h][w]; zero until something is known */
  float *noise, *input, *output;
};

PdThumbnail *
pd_thumbnail_new (const PdCanvasOptions *options, guint tile_h, guint tile_w, GError **error)
{
  const PdUNetConfig *config = pd_unet_config (options->unet);
  PdThumbnail *self = g_new0 (PdThumbnail, 1);
  double scale = MIN ((double) tile_h / options->height, (double) tile_w / options->width);
  gsize n;

  self->channels = config->in_channels;
  self->height = options->height;
  self->width = options->width;
  self->h = CLAMP ((guint) lround (options->height * scale), 1, tile_h);
  self->w = CLAMP ((guint) lround (options->width * scale), 1, tile_w);
  self->branches = options->branches;
  self->context = options->context;
  n = (gsize) self->channels * self->h * self->w;
  self->clean = g_new0 (float, n);
  self->noise = g_new (float, n);
  self->input = g_new (float, self->branches *n);
  self->output = g_new (float, self->branches *n);
  pd_noise_normal (options->seed, THUMBNAIL_DRAW, 0, n, self->noise);

  self->bank = pd_bank_new (pd_unet_backend (options->unet), config, self->h, self->w,
                            self->branches, options->bank_tokens, options->bank_level, error);
  if (self->bank != NULL)
    self->pass = pd_unet_pass_new (options->unet,
                                   &(PdUNetPassOptions){ .n = self->branches,
                                                         .h = self->h,
                                                         .w = self->w,
                                                         .tokens = options->tokens,
                                                         .share = PD_SHARE_BANK_WRITE,
                                                         .bank = self->bank,
                                                         .branches = self->branches },
                                   error);
  if (self->pass == NULL)
    g_clear_pointer (&self, pd_thumbnail_free);
  return self;
}

void
pd_thumbnail_free (PdThumbnail *self)
{
  if (self == NULL)
    return;
  pd_unet_pass_free (self->pass);
  pd_bank_free (self->bank);
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

gboolean
pd_thumbnail_run (
    PdThumbnail *self, const PdSolver *solver, guint i, GCancellable *cancellable, GError **error)
{
  gsize n = (gsize) self->channels * self->h * self->w;
  double alpha, sigma;

  pd_solver_level (solver, i, &alpha, &sigma);
  for (gsize e = 0; e < n; e++)
    self->input[e] = (float) (alpha * self->clean[e] + sigma * self->noise[e]);
  if (self->branches == 2)
    memcpy (self->input + n, self->input, n * sizeof *self->input);
  return pd_unet_pass_run (self->pass, self->input, pd_solver_timestep (solver, i), self->context,
                           self->output, cancellable, error);
}
