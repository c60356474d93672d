// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/guide.h"
#include "engine/tiles/progressive.h"
#include "engine/tiles/resample.h"

/* latent = (1 - share) latent + share · (reference, noised to the level of step @i), in @area. */
static gboolean
mix (const PdGuide *self,
     const PdSchedule *schedule,
     guint i,
     const PdRect *area,
     double share,
     float *latent,
     GError **error)
{
  g_autofree float *drawn = pd_try_new (float, area->w, _ ("the canvas"), error);
  const double scale = pd_schedule_input_scale (schedule, i);
  const PdNoiseLevel level = pd_schedule_level (schedule, i);

  if (drawn == NULL)
    return FALSE;
  for (guint c = 0; c < self->channels; c++)
    for (guint row = 0; row < area->h; row++)
      for (guint done = 0; done < area->w;)
        {
          /* Up to the edge of the canvas, which an area on a torus may cross. */
          guint y = (area->y + row) % self->size.h, x = (area->x + done) % self->size.w;
          guint count = MIN (area->w - done, self->size.w - x);
          gsize from = ((gsize) c * self->size.h + y) * self->size.w + x;
          const float *noise = self->noise != NULL ? self->noise + from : drawn;
          float *to = latent + ((gsize) c * area->h + row) * area->w + done;

          if (self->noise == NULL)
            pd_noise_normal (self->seed, self->draw, from, count, drawn);
          for (guint e = 0; e < count; e++)
            {
              double noised =
                  (level.alpha * self->reference[from + e] + level.sigma * noise[e]) / scale;

              to[e] = (float) (share < 1 ? to[e] + share * (noised - to[e]) : noised);
            }
          done += count;
        }
  return TRUE;
}

gboolean
pd_guide_start (const PdGuide *self, const PdSchedule *schedule, float *latent, GError **error)
{
  const PdRect all = pd_rect_of (self->size);

  if (pd_schedule_n_calls (schedule) > 0)
    return mix (self, schedule, 0, &all, 1, latent, error);
  memcpy (latent, self->reference, self->channels * pd_size_area (self->size) * sizeof *latent);
  return TRUE;
}

gboolean
pd_guide_adjust_latent (const PdSchedule *schedule,
                        guint i,
                        const PdRect *area,
                        float *latent,
                        gpointer user_data,
                        GError **error)
{
  const PdGuide *self = user_data;
  double fade = pd_level_fade (i, pd_schedule_n_calls (schedule));

  /* A latent that has just been started is the reference already. */
  if (i == 0 || self->residual <= 0)
    return TRUE;
  return mix (self, schedule, i, area, self->residual * fade * fade * fade, latent, error);
}

gboolean
pd_guide_adjust_clean (const PdSchedule *schedule,
                       guint i,
                       const PdRect *area,
                       float *clean,
                       gpointer user_data,
                       GError **error)
{
  const PdGuide *self = user_data;
  double share = self->pull * pd_level_fade (i, pd_schedule_n_calls (schedule));
  const PdTorus whole = (area->h == self->size.h ? PD_TORUS_Y : PD_TORUS_NONE) |
                        (area->w == self->size.w ? PD_TORUS_X : PD_TORUS_NONE);
  const PdSize size = { area->h, area->w };
  g_autofree float *plane = NULL;

  if (share <= 0)
    return TRUE;
  plane = pd_try_new (float, pd_rect_area (area), _ ("the canvas"), error);
  if (plane == NULL)
    return FALSE;
  for (guint c = 0; c < self->channels; c++)
    {
      float *to = clean + (gsize) c * area->h * area->w;

      for (guint row = 0; row < area->h; row++)
        for (guint column = 0; column < area->w; column++)
          {
            guint y = (area->y + row) % self->size.h, x = (area->x + column) % self->size.w;
            gsize e = (gsize) row * area->w + column;

            plane[e] = self->reference[((gsize) c * self->size.h + y) * self->size.w + x] - to[e];
          }
      if (!pd_low_pass (plane, size, self->radius, self->wrap & whole, error))
        return FALSE;
      for (gsize e = 0; e < pd_rect_area (area); e++)
        to[e] += (float) (share * plane[e]);
    }
  return TRUE;
}
