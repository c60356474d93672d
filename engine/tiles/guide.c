// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/tiles/guide.h"
#include "engine/tiles/progressive.h"
#include "engine/tiles/resample.h"

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
