// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/style-picture.h"
#include "engine/base/error.h"
#include "plug-in/pixels.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <string.h>

static const char layer_prefix[] = "layer:";
static const char image_prefix[] = "image:";

/* Where the pixels of a style are. */
typedef struct
{
  PdPlace place; /* all of it */
  PdRequestSource source;
  gint32 opened; /* an image that was opened for it; -1: none */
} Style;

static void
style_clear (Style *self)
{
  if (self->opened != -1)
    gimp_image_delete (self->opened);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Style, style_clear)

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_REQUEST, message);
  return FALSE;
}

/* Returns: the number behind @prefix, or -1. */
static gint32
number_of (const char *style, const char *prefix)
{
  gint64 number;

  if (!g_str_has_prefix (style, prefix) ||
      !g_ascii_string_to_signed (style + strlen (prefix), 10, 0, G_MAXINT32, &number, NULL))
    return -1;
  return (gint32) number;
}

gboolean
pd_style_picture_is_open (const char *style)
{
  return number_of (style, layer_prefix) != -1 || number_of (style, image_prefix) != -1;
}

/* Returns: (transfer full) the path of a file that is named by its path or its URI. */
static char *
path_of (const char *style)
{
  char *path = g_filename_from_uri (style, NULL, NULL);

  return path != NULL ? path : g_canonicalize_filename (style, NULL);
}

char *
pd_style_picture_name (const char *style)
{
  const gint32 layer = number_of (style, layer_prefix);
  const gint32 image = number_of (style, image_prefix);

  if (layer != -1)
    return gimp_item_is_valid (layer) ? gimp_item_get_name (layer) : g_strdup ("");
  if (image != -1)
    return gimp_image_is_valid (image) ? gimp_image_get_name (image) : g_strdup ("");
  return path_of (style);
}

static void
set_image (Style *self, gint32 image)
{
  self->place.image = image;
  self->place.layer = -1;
  self->source = PD_REQUEST_SOURCE_VISIBLE;
  self->place.target = *GEGL_RECTANGLE (0, 0, gimp_image_width (image), gimp_image_height (image));
}

static gboolean
open_layer (Style *self, gint32 layer, GError **error)
{
  int x = 0, y = 0;

  if (!gimp_item_is_valid (layer) || !gimp_item_is_drawable (layer))
    return fail (error, _ ("The layer of the style is not open any more: choose another picture"));
  gimp_drawable_offsets (layer, &x, &y);
  self->place.image = gimp_item_get_image (layer);
  self->place.layer = layer;
  self->source = PD_REQUEST_SOURCE_LAYER;
  self->place.target =
      *GEGL_RECTANGLE (x, y, gimp_drawable_width (layer), gimp_drawable_height (layer));
  return TRUE;
}

static gboolean
open_image (Style *self, gint32 image, GError **error)
{
  if (!gimp_image_is_valid (image))
    return fail (error, _ ("The image of the style is not open any more: choose another picture"));
  set_image (self, image);
  return TRUE;
}

static gboolean
open_file (Style *self, const char *style, GError **error)
{
  g_autofree char *path = path_of (style);
  g_autofree char *shown = g_filename_display_name (path);

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: there is no such file to take the style of: choose another picture"),
                   shown);
      return FALSE;
    }
  self->opened = gimp_file_load (GIMP_RUN_NONINTERACTIVE, path, path);
  if (self->opened == -1)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: GIMP cannot open it: %s; choose another picture for the style"), shown,
                   gimp_get_pdb_error ());
      return FALSE;
    }
  set_image (self, self->opened);
  return TRUE;
}

static gboolean
style_open (Style *self, const char *style, GError **error)
{
  const gint32 layer = number_of (style, layer_prefix);
  const gint32 image = number_of (style, image_prefix);
  PdPlace *place = &self->place;

  if (!*style)
    return fail (error,
                 _ ("Choose a picture whose style to take: a layer, an open image, or a file "
                    "(style=…)"));
  if (!(layer != -1   ? open_layer (self, layer, error)
        : image != -1 ? open_image (self, image, error)
                      : open_file (self, style, error)))
    return FALSE;
  place->context = place->target;
  place->width = (guint) place->target.width;
  place->height = (guint) place->target.height;
  return TRUE;
}

gboolean
pd_style_picture_save (const char *style, const char *path, gboolean *transparent, GError **error)
{
  g_auto (Style) self = { .opened = -1 };
  g_auto (PdRest) rest = { 0 };

  if (!style_open (&self, style, error) ||
      !pd_pixels_save_source (&self.place, self.source, path, &rest, error))
    return FALSE;
  *transparent = rest.alpha != NULL;
  if (rest.empty)
    return fail (error, _ ("The picture of the style is transparent all over: choose another one"));
  return TRUE;
}

GeglBuffer *
pd_style_picture_small (const char *style, guint max_side, GError **error)
{
  g_auto (Style) self = { .opened = -1 };

  if (!style_open (&self, style, error))
    return NULL;
  return pd_pixels_small (&self.place, self.source, max_side, error);
}

static void
add_choice (GPtrArray *list, const char *prefix, gint32 number, const char *name)
{
  PdHostStyle *choice = g_new0 (PdHostStyle, 1);

  choice->style = g_strdup_printf ("%s%d", prefix, number);
  choice->title =
      g_strdup_printf (prefix == layer_prefix ? _ ("Layer: %s") : _ ("Image: %s"), name);
  g_ptr_array_add (list, choice);
}

/* Groups are layers, too; what is in them follows. */
static void
add_layers (GPtrArray *list, const gint *layers, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = gimp_item_get_name (layers[i]);

      add_choice (list, layer_prefix, layers[i], name);
      if (gimp_item_is_group (layers[i]))
        {
          int n_children = 0;
          g_autofree gint *children = gimp_item_get_children (layers[i], &n_children);

          add_layers (list, children, n_children);
        }
    }
}

GPtrArray *
pd_style_picture_list (gint32 image)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_host_style_free);
  int n_layers = 0, n_images = 0;
  g_autofree gint *layers =
      gimp_image_is_valid (image) ? gimp_image_get_layers (image, &n_layers) : NULL;
  g_autofree gint *images = gimp_image_list (&n_images);

  add_layers (list, layers, n_layers);
  for (int i = 0; i < n_images; i++)
    if (images[i] != image)
      {
        g_autofree char *name = gimp_image_get_name (images[i]);

        add_choice (list, image_prefix, images[i], name);
      }
  return list;
}
