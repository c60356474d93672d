// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/layer.h"
#include "engine/error.h"
#include "plug-in/canvas.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <string.h>

const char pd_layer_parasite[] = "parallel-diffusion";

static const glong name_characters = 48;

/* Returns: (transfer full) the prompt in one line, not too long for the list of layers. */
static char *
make_name (PdRequest *request)
{
  g_autofree char *line = g_utf8_make_valid (request->prompt, -1);

  g_strdelimit (line, "\r\n\t", ' ');
  g_strstrip (line);
  if (!*line)
    return g_strdup (_ ("Parallel Diffusion"));
  if (g_utf8_strlen (line, -1) > name_characters)
    {
      g_autofree char *start = g_utf8_substring (line, 0, name_characters - 1);

      return g_strconcat (g_strchomp (start), "…", NULL);
    }
  return g_steal_pointer (&line);
}

static void
attach_parameters (gint32 layer, PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, PD_REQUEST_PARAM_LOCAL);
  GimpParasite *parasite = gimp_parasite_new (pd_layer_parasite, GIMP_PARASITE_PERSISTENT,
                                              (guint32) strlen (json), json);

  gimp_item_attach_parasite (layer, parasite);
  gimp_parasite_free (parasite);
}

static gint32
new_layer (gint32 image, int width, int height, PdRequest *request, GError **error)
{
  const gboolean gray = gimp_image_base_type (image) == GIMP_GRAY;
  g_autofree char *name = make_name (request);
  gint32 layer =
      gimp_layer_new (image, name, width, height, gray ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE, 100.0,
                      gimp_image_get_default_new_layer_mode (image));

  if (layer == -1)
    g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY, _ ("GIMP cannot make the layer: %s"),
                 gimp_get_pdb_error ());
  return layer;
}

static void
add_mask (gint32 layer, GeglBuffer *selection)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (selection);
  gint32 mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
  GeglBuffer *buffer = gimp_drawable_get_buffer (mask);

  gegl_buffer_copy (selection, extent, GEGL_ABYSS_NONE, buffer,
                    GEGL_RECTANGLE (0, 0, extent->width, extent->height));
  /* The pixels reach GIMP when the last reference goes. */
  g_object_unref (buffer);
  gimp_layer_add_mask (layer, mask);
  /* Else the next run would be given the mask as the drawable to work on. */
  gimp_layer_set_edit_mask (layer, FALSE);
}

/* Above the layer it was made for if it is still there, else on top. */
static gboolean
insert (const PdPlace *place, gint32 layer)
{
  gint32 parent = 0;
  int position = 0;

  if (gimp_item_is_valid (place->layer) && gimp_item_get_image (place->layer) == place->image)
    {
      parent = gimp_item_get_parent (place->layer);
      position = gimp_image_get_item_position (place->image, place->layer);
    }
  return gimp_image_insert_layer (place->image, layer, MAX (parent, 0), MAX (position, 0));
}

gint32
pd_layer_add (const PdPlace *place,
              GeglBuffer *picture,
              GeglBuffer *selection,
              PdRequest *request,
              GError **error)
{
  const gint32 image = place->image;
  const GeglRectangle *target = &place->target;
  gint32 layer;

  if (!pd_place_check_image (image, error))
    return -1;
  layer = new_layer (image, target->width, target->height, request, error);
  if (layer == -1)
    return -1;
  /* Everything that can fail or takes long comes before the image is touched. */
  pd_canvas_write (picture, image, layer);
  attach_parameters (layer, request);
  gimp_layer_set_offsets (layer, target->x, target->y);

  gimp_image_undo_group_start (image);
  if (!insert (place, layer))
    {
      gimp_image_undo_group_end (image);
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("GIMP cannot add the layer: %s"),
                   gimp_get_pdb_error ());
      gimp_item_delete (layer);
      return -1;
    }
  if (selection)
    add_mask (layer, selection);
  gimp_drawable_update (layer, 0, 0, target->width, target->height);
  gimp_image_undo_group_end (image);
  return layer;
}

gint32
pd_layer_new_image (const PdPlace *place, GeglBuffer *picture, PdRequest *request, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (picture);
  GimpColorProfile *profile;
  double x_resolution, y_resolution;
  gint32 image, layer;

  if (!pd_place_check_image (place->image, error))
    return -1;
  image = gimp_image_new_with_precision (extent->width, extent->height,
                                         gimp_image_base_type (place->image),
                                         gimp_image_get_precision (place->image));
  if (image == -1)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY, _ ("GIMP cannot make the image: %s"),
                   gimp_get_pdb_error ());
      return -1;
    }
  gimp_image_undo_disable (image);
  profile = gimp_image_get_color_profile (place->image);
  if (profile)
    gimp_image_set_color_profile (image, profile);
  g_clear_object (&profile);
  gimp_image_get_resolution (place->image, &x_resolution, &y_resolution);
  gimp_image_set_resolution (image, x_resolution, y_resolution);
  layer = new_layer (image, extent->width, extent->height, request, error);
  if (layer == -1)
    {
      gimp_image_delete (image);
      return -1;
    }
  pd_canvas_write (picture, image, layer);
  attach_parameters (layer, request);
  gimp_image_insert_layer (image, layer, 0, 0);
  gimp_image_undo_enable (image);
  return layer;
}
