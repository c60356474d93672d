// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>
#include <libgimp/gimp.h>

/* How an image's numbers become sRGB, or the other way round. Buffers of GIMP carry no profile: the
 * numbers of the image's own format are what its profile speaks of. */
typedef struct
{
  GimpColorTransform *transform; /* NULL: babl's formats say it all */
  const Babl *from, *to;         /* four floats a pixel, or two on the side of a gray image */
} PdColors;

/* From an image's colours, as they are now, to sRGB R'G'B'A. */
PdColors pd_colors_from_image (gint32 image);

/* From sRGB R'G'B'A to an image's colours, as they are now. */
PdColors pd_colors_to_image (gint32 image);

void pd_colors_clear (PdColors *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdColors, pd_colors_clear)

/* Reads @area at @scale (0 … 1) as four floats a pixel; what is outside the buffer is 0.
 * @area: in pixels of the scaled buffer */
void pd_colors_read (const PdColors *self,
                     GeglBuffer *buffer,
                     const GeglRectangle *area,
                     double scale,
                     float *pixels);

/* Writes four floats a pixel, which the call may change, into @area. */
void pd_colors_write (const PdColors *self,
                      GeglBuffer *buffer,
                      const GeglRectangle *area,
                      float *pixels);
