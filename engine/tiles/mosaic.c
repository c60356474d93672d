// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/tiles/mosaic.h"
#include "engine/base/host-memory.h"

struct _PdMosaic
{
  guint channels, height, width;
  guint h, w;
  float *kept, *now; /* [channels][h][w] */
};

PdMosaic *
pd_mosaic_new (guint channels, guint height, guint width, guint side, GError **error)
{
  g_autoptr (PdMosaic) self = g_new (PdMosaic, 1);
  gsize n;
  double scale = MIN (1.0, (double) side / MAX (height, width));

  *self = (PdMosaic){ .channels = channels,
                      .height = height,
                      .width = width,
                      .h = CLAMP ((guint) lround (height * scale), 1, height),
                      .w = CLAMP ((guint) lround (width * scale), 1, width) };
  n = (gsize) channels * self->h * self->w;
  if ((self->kept = pd_try_new0 (float, n, _ ("the preview"), error)) == NULL ||
      (self->now = pd_try_new0 (float, n, _ ("the preview"), error)) == NULL)
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_mosaic_free (PdMosaic *self)
{
  if (self == NULL)
    return;
  g_free (self->kept);
  g_free (self->now);
  g_free (self);
}

/* The arguments of pd_mosaic_update. */
typedef struct
{
  const float *latent, *prediction, *mass;
  double from_latent, from_prediction;
} Source;

/* The mean of the covered pixels of a box times the share that is covered, and that share. */
static double
box_value (const PdMosaic *self,
           const Source *source,
           guint channel,
           guint top,
           guint bottom,
           guint left,
           guint right,
           double *covered)
{
  gsize plane = (gsize) self->height * self->width;
  double sum = 0;
  guint count = 0;

  for (guint y = top; y < bottom; y++)
    for (guint x = left; x < right; x++)
      {
        gsize pixel = (gsize) y * self->width + x, element = channel * plane + pixel;
        float mass = source->mass != NULL ? source->mass[pixel] : 1;

        if (!(mass > 0))
          continue;
        count++;
        sum += source->from_prediction * source->prediction[element] / mass;
        if (source->from_latent != 0)
          sum += source->from_latent * source->latent[element];
      }
  *covered = count / ((double) (bottom - top) * (right - left));
  return sum / ((double) (bottom - top) * (right - left));
}

void
pd_mosaic_update (PdMosaic *self,
                  const float *latent,
                  double from_latent,
                  const float *prediction,
                  double from_prediction,
                  const float *mass)
{
  const Source source = { latent, prediction, mass, from_latent, from_prediction };
  gsize element = 0;

  for (guint c = 0; c < self->channels; c++)
    for (guint y = 0; y < self->h; y++)
      for (guint x = 0; x < self->w; x++, element++)
        {
          guint top = (guint) ((guint64) y * self->height / self->h);
          guint bottom = (guint) ((guint64) (y + 1) * self->height / self->h);
          guint left = (guint) ((guint64) x * self->width / self->w);
          guint right = (guint) ((guint64) (x + 1) * self->width / self->w);
          double covered;
          double value = box_value (self, &source, c, top, bottom, left, right, &covered);

          self->now[element] = (float) (value + (1 - covered) * self->kept[element]);
        }
}

void
pd_mosaic_keep (PdMosaic *self)
{
  memcpy (self->kept, self->now, (gsize) self->channels * self->h * self->w * sizeof *self->kept);
}

const float *
pd_mosaic_clean (const PdMosaic *self, guint *h, guint *w)
{
  *h = self->h;
  *w = self->w;
  return self->now;
}
