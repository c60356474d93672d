// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/layer.h"
#include "engine/base/error.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <string.h>

const char pd_layer_parasite[] = "parallel-diffusion";

static const glong name_characters = 48;

/* Returns: (transfer full) what stands for a request without a prompt. */
static char *
name_by_mode (PdRequest *request)
{
  g_autofree char *style = NULL;

  if (request->mode != PD_REQUEST_MODE_STYLE)
    return g_strdup (_ ("Parallel Diffusion"));
  style = g_filename_display_basename (request->style);
  return g_strdup_printf (_ ("In the style of %s"), style);
}

/* Returns: (transfer full) the prompt in one line, not too long for the list of layers. */
static char *
make_name (PdRequest *request)
{
  g_autofree char *line =
      *request->prompt ? g_utf8_make_valid (request->prompt, -1) : name_by_mode (request);

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

/* A layer with the result in it, which is in no stack of layers yet. */
static gint32
make_layer (gint32 image, const PdLayerResult *result, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (result->picture);
  gint32 layer = new_layer (image, extent->width, extent->height, result->request, error);

  if (layer == -1)
    return -1;
  pd_pixels_write (result->picture, result->rest, result->share, image, layer);
  attach_parameters (layer, result->request);
  return layer;
}

/* Returns: what keeps an image from taking a layer, for a person; NULL: nothing. */
static const char *
what_hinders (gint32 image)
{
  if (!gimp_image_is_valid (image))
    return _ ("The image was closed meanwhile: the result is in a new one");
  if (gimp_image_base_type (image) == GIMP_INDEXED)
    return _ ("The image has got indexed colours meanwhile, which cannot take the result: it is in "
              "a new image");
  return NULL;
}

static const char *
what_changed (PdOriginChange change)
{
  switch (change)
    {
    case PD_ORIGIN_SCALED:
      return _ ("The image was scaled meanwhile, and the new layer with it: look whether it is in "
                "its place");
    case PD_ORIGIN_LOST:
      return _ ("The image was rotated, mirrored or cropped meanwhile: move the new layer to its "
                "place");
    case PD_ORIGIN_MOVED:
    case PD_ORIGIN_SAME:
    default:
      return NULL;
    }
}

/* Makes the layer part of its image as one step, where it belongs by now.
 * Returns: whether GIMP has taken it */
static gboolean
insert (const PdOrigin *origin, gint32 layer, const PdLayerResult *result, const char **note)
{
  const gint32 image = pd_origin_get_place (origin)->image;
  gint32 parent;
  int position;
  GeglRectangle where;
  const PdOriginChange change = pd_origin_find (origin, &where);

  pd_origin_find_slot (origin, &parent, &position);
  gimp_layer_set_offsets (layer, where.x, where.y);
  gimp_image_undo_group_start (image);
  if (!gimp_image_insert_layer (image, layer, parent, position) &&
      !gimp_image_insert_layer (image, layer, 0, 0))
    {
      gimp_image_undo_group_end (image);
      return FALSE;
    }
  if (result->selection != NULL)
    add_mask (layer, result->selection);
  if (change == PD_ORIGIN_SCALED)
    {
      gimp_layer_scale (layer, where.width, where.height, FALSE);
      gimp_layer_set_offsets (layer, where.x, where.y);
    }
  gimp_drawable_update (layer, 0, 0, where.width, where.height);
  gimp_image_undo_group_end (image);
  *note = what_changed (change);
  if (parent > 0 && !pd_place_is_shown (parent))
    *note = _ ("The new layer lies in a hidden group: show the group to see it");
  return TRUE;
}

gint32
pd_layer_add (const PdOrigin *origin,
              const PdLayerResult *result,
              const char **note,
              GError **error)
{
  const gint32 image = pd_origin_get_place (origin)->image;
  gint32 layer;

  *note = what_hinders (image);
  if (*note == NULL)
    {
      /* Everything that can fail or takes long comes before the image is touched. */
      layer = make_layer (image, result, error);
      if (layer == -1 || insert (origin, layer, result, note))
        return layer;
      gimp_item_delete (layer);
      *note = _ ("GIMP does not add the result to the image: it is in a new one");
    }
  layer = pd_layer_new_image (origin, result, error);
  if (layer != -1 && result->selection != NULL)
    add_mask (layer, result->selection);
  return layer;
}

gint32
pd_layer_new_image (const PdOrigin *origin, const PdLayerResult *result, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (result->picture);
  gint32 image = pd_origin_new_image (origin, extent->width, extent->height, error);
  gint32 layer = image != -1 ? make_layer (image, result, error) : -1;

  if (layer == -1)
    {
      if (image != -1)
        gimp_image_delete (image);
      return -1;
    }
  gimp_image_insert_layer (image, layer, 0, 0);
  gimp_image_undo_enable (image);
  return layer;
}
