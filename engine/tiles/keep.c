// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/tiles/keep.h"
#include "engine/base/host-memory.h"

/* @area of @canvas, [channels][area->h][area->w]. */
static float *
crop (const PdKeep *self, const float *canvas, const PdRect *area, GError **error)
{
  const gsize n = self->channels * pd_rect_area (area);
  float *part = pd_try_new (float, n, _ ("the canvas"), error), *row = part;

  if (part == NULL)
    return NULL;
  for (guint c = 0; c < self->channels; c++)
    for (guint y = 0; y < area->h; y++, row += area->w)
      memcpy (row, canvas + (((gsize) c * self->size.h + area->y + y) * self->size.w + area->x),
              area->w * sizeof *row);
  return part;
}

/* @original: of the area. Latents whose share to be kept is above @least are put back. */
static void
put_back (
    const PdKeep *self, const PdRect *area, double least, const float *original, float *latent)
{
  for (guint c = 0; c < self->channels; c++)
    for (guint y = 0; y < area->h; y++)
      {
        const float *mask = self->mask + (gsize) (area->y + y) * self->size.w + area->x;
        gsize line = ((gsize) c * area->h + y) * area->w;

        for (guint x = 0; x < area->w; x++)
          if (mask[x] <= 0 || 1.0 - mask[x] > least)
            latent[line + x] = original[line + x];
      }
}

gboolean
pd_keep_before_step (const PdSchedule *schedule,
                     guint i,
                     const PdRect *area,
                     float *latent,
                     gpointer keep,
                     GError **error)
{
  const PdKeep *self = keep;
  g_autofree float *clean = NULL, *noise = NULL;

  if (i == 0)
    return TRUE;
  if ((clean = crop (self, self->clean, area, error)) == NULL ||
      (noise = crop (self, self->noise, area, error)) == NULL)
    return FALSE;
  pd_schedule_add_noise (schedule, i, self->channels * pd_rect_area (area), clean, noise, clean);
  put_back (self, area, (double) i / pd_schedule_n_calls (schedule), clean, latent);
  return TRUE;
}

void
pd_keep_finish (const PdKeep *self, float *latent)
{
  const PdRect all = pd_rect_of (self->size);

  put_back (self, &all, 1, self->clean, latent);
}
