// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/tiles/mosaic.h"
#include "engine/base/host-memory.h"

struct _PdMosaic
{
  guint channels;
  PdSize canvas, size;
  float *kept, *now; /* [channels][size.h][size.w] */
};

PdMosaic *
pd_mosaic_new (guint channels, PdSize canvas, guint side, GError **error)
{
  g_autoptr (PdMosaic) self = g_new (PdMosaic, 1);
  gsize n;
  double scale = MIN (1.0, (double) side / MAX (canvas.h, canvas.w));

  *self = (PdMosaic){ .channels = channels,
                      .canvas = canvas,
                      .size = { CLAMP ((guint) lround (canvas.h * scale), 1, canvas.h),
                                CLAMP ((guint) lround (canvas.w * scale), 1, canvas.w) } };
  n = channels * pd_size_area (self->size);
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
box_value (
    const PdMosaic *self, const Source *source, guint channel, const PdRect *box, double *covered)
{
  gsize plane = pd_size_area (self->canvas);
  double sum = 0;
  guint count = 0;

  for (guint y = box->y; y < box->y + box->h; y++)
    for (guint x = box->x; x < box->x + box->w; x++)
      {
        gsize pixel = (gsize) y * self->canvas.w + x, element = channel * plane + pixel;
        float mass = source->mass != NULL ? source->mass[pixel] : 1;

        if (!(mass > 0))
          continue;
        count++;
        sum += source->from_prediction * source->prediction[element] / mass;
        if (source->from_latent != 0)
          sum += source->from_latent * source->latent[element];
      }
  *covered = count / ((double) box->h * box->w);
  return sum / ((double) box->h * box->w);
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
    for (guint y = 0; y < self->size.h; y++)
      for (guint x = 0; x < self->size.w; x++, element++)
        {
          const PdRect box = pd_rect_cell (self->canvas, self->size, y, x);
          double covered, value = box_value (self, &source, c, &box, &covered);

          self->now[element] = (float) (value + (1 - covered) * self->kept[element]);
        }
}

void
pd_mosaic_keep (PdMosaic *self)
{
  memcpy (self->kept, self->now, self->channels * pd_size_area (self->size) * sizeof *self->kept);
}

const float *
pd_mosaic_clean (const PdMosaic *self, PdSize *size)
{
  *size = self->size;
  return self->now;
}
