// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/images.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/request/mode.h"

G_STATIC_ASSERT (G_STRUCT_OFFSET (PdImages, output) == PD_N_GIVEN * sizeof (GeglBuffer *));
G_STATIC_ASSERT (G_STRUCT_OFFSET (PdImages, mask) == PD_GIVEN_MASK * sizeof (GeglBuffer *));
G_STATIC_ASSERT (G_STRUCT_OFFSET (PdImages, style) == PD_GIVEN_STYLE * sizeof (GeglBuffer *));

void
pd_images_clear (PdImages *self)
{
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    g_clear_object (&self->given[given]);
  g_clear_object (&self->output);
}

gboolean
pd_images_check_size (GeglBuffer *picture, PdGiven given, const PdRequest *request, GError **error)
{
  const int width = gegl_buffer_get_width (picture);
  const int height = gegl_buffer_get_height (picture);

  if (width == (int) request->width && height == (int) request->height)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: %d × %d pixels, but the request is for %u × %u; make them one size"),
               pd_given[given].name, width, height, request->width, request->height);
  return FALSE;
}

static gboolean
check_min_side (GeglBuffer *picture, const PdGivenInfo *info, GError **error)
{
  const int width = gegl_buffer_get_width (picture);
  const int height = gegl_buffer_get_height (picture);

  if (MIN (width, height) >= info->min_side)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: %d × %d pixels are too few; take a picture of %d × %d or more"), info->name,
               width, height, info->min_side, info->min_side);
  return FALSE;
}

gboolean
pd_images_check (const PdImages *self, const PdRequest *request, GError **error)
{
  const PdModeInfo *mode = &pd_modes[request->mode];

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    {
      GeglBuffer *picture = self->given[given];
      const PdGivenInfo *info = &pd_given[given];

      if (picture == NULL && mode->needs & 1u << given)
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ (info->missing), mode->name);
          return FALSE;
        }
      if (picture != NULL && !(info->sized ? pd_images_check_size (picture, given, request, error)
                                           : check_min_side (picture, info, error)))
        return FALSE;
    }
  return TRUE;
}
