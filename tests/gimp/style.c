// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/style.h"
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <glib/gstdio.h>
#include <libgimp/gimp.h>
#include <string.h>

/* Two pictures of one size that look unlike. */
static gint32
add_layer (gint32 image, const char *name, gboolean striped)
{
  gint32 layer =
      gimp_layer_new (image, name, 64, 48, GIMP_RGB_IMAGE, 100.0, GIMP_LAYER_MODE_NORMAL);
  GeglBuffer *buffer = gimp_drawable_get_buffer (layer);
  guchar pixels[48 * 64][3];

  for (int i = 0; i < 48 * 64; i++)
    for (int c = 0; c < 3; c++)
      pixels[i][c] = (guchar) (striped ? 255 * (i % 8 < 4) : 40 + 3 * (i / 64) * (c == 0));
  gegl_buffer_set (buffer, NULL, 0, babl_format ("R'G'B' u8"), pixels, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  gimp_image_insert_layer (image, layer, 0, 0);
  gimp_item_set_visible (layer, FALSE);
  return layer;
}

/* Another image with one layer. */
static gint32
new_image (gboolean striped)
{
  gint32 image = gimp_image_new (64, 48, GIMP_RGB);

  gimp_item_set_visible (add_layer (image, "all", striped), TRUE);
  return image;
}

static gint32
call_style (gint32 image, gint32 layer, const char *mode, const char *style, char **message)
{
  /* Fewer steps, or less strength, would be none. */
  g_autofree char *options = g_strdup_printf ("model=tiny steps=2 guidance=1 style='%s'", style);

  return call (image, layer, "", mode, 1.0, options, message);
}

/* The result is a layer where the selection is, with that as its mask. */
static void
check_result (gint32 layer, const char *kept)
{
  g_autofree char *name = gimp_item_get_name (layer);
  int x, y;

  gimp_drawable_offsets (layer, &x, &y);
  tap_expect (x == 10 && y == 8 && gimp_drawable_width (layer) == 40 &&
                  gimp_drawable_height (layer) == 32,
              "the layer is where the selection is");
  tap_expect (gimp_layer_get_mask (layer) != -1, "the selection is its mask");
  if (!g_str_has_prefix (name, "In the style of ") || !strstr (name, kept))
    tap_fail ("the layer is named “%s”", name);
  if (!is_kept (layer, kept))
    tap_fail ("“%s” is not kept", kept);
}

/* @other: looks unlike @style */
static void
check_kind (gint32 image, gint32 layer, const char *style, const char *other, const char *kept)
{
  g_autofree char *message = NULL, *second = NULL;
  gint32 made = call_style (image, layer, "style", style, &message);
  gint32 apart;

  if (made == -1)
    {
      tap_fail ("%s", message);
      return;
    }
  check_result (made, kept);
  gimp_item_set_visible (made, FALSE);
  apart = call_style (image, layer, "style", other, &second);
  if (apart == -1)
    tap_fail ("%s", second);
  else
    {
      g_auto (Pixels) a = pixels_read (made, "R'G'B' u8");
      g_auto (Pixels) b = pixels_read (apart, "R'G'B' u8");

      tap_expect (!pixels_equal (&a, &b), "another style gives another picture");
      gimp_image_remove_layer (image, apart);
    }
  gimp_image_remove_layer (image, made);
}

static void
check_refused (gint32 image, gint32 layer, const char *style, const char *words)
{
  g_autofree char *before = picture_describe (image), *after = NULL, *message = NULL;

  tap_begin ("style refused: %s", words);
  tap_expect (call_style (image, layer, "style", style, &message) == -1, "the call fails");
  if (!message || !strstr (message, words))
    tap_fail ("the message is “%s”", message);
  after = picture_describe (image);
  tap_expect (strcmp (before, after) == 0, "the image is as it was");
  tap_end ();
}

/* The last values name a layer, which is taken again while it is there. */
static void
check_repeated (gint32 image, gint32 layer, gint32 painting)
{
  g_autofree char *style = g_strdup_printf ("layer:%d", painting);
  g_autofree char *message = NULL, *again = NULL, *gone = NULL;
  gint32 first, second;

  tap_begin ("style: repeated with the same layer, until that is gone");
  first = call_style (image, layer, "style", style, &message);
  if (first != -1)
    gimp_item_set_visible (first, FALSE);
  second = call_again (image, layer, &again);
  if (tap_expect (first != -1 && second != -1, "both calls give a layer"))
    {
      g_auto (Pixels) a = pixels_read (first, NULL);
      g_auto (Pixels) b = pixels_read (second, NULL);

      tap_expect (pixels_equal (&a, &b), "both layers are equal");
    }
  gimp_image_remove_layer (image, painting);
  tap_expect (call_again (image, layer, &gone) == -1 && gone &&
                  strstr (gone, "layer of the style is not open any more"),
              "without the layer the call says so");
  tap_end ();
}

void
check_style (void)
{
  gint32 layer;
  gint32 image = usual_picture (&layer);
  const gint32 painting = add_layer (image, "painting", TRUE);
  const gint32 other = new_image (FALSE);
  const gint32 small =
      gimp_layer_new (image, "small", 20, 20, GIMP_RGB_IMAGE, 100.0, GIMP_LAYER_MODE_NORMAL);
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *file = g_build_filename (folder, "a file.png", NULL);
  g_autofree char *text = g_build_filename (folder, "text.xyz", NULL);
  g_autofree char *of_layer = g_strdup_printf ("layer:%d", painting);
  g_autofree char *of_image = g_strdup_printf ("image:%d", other);
  g_autofree char *of_small = g_strdup_printf ("layer:%d", small);
  g_autofree char *image_name = gimp_image_get_name (other);
  g_autofree char *message = NULL, *second = NULL;

  gimp_image_insert_layer (image, small, 0, 0);
  gimp_item_set_visible (small, FALSE);
  gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 10, 8, 40, 32);
  gimp_file_save (GIMP_RUN_NONINTERACTIVE, image, painting, file, file);
  g_file_set_contents (text, "no picture", -1, NULL);

  tap_begin ("style: of a layer");
  check_kind (image, layer, of_layer, of_image, "painting");
  tap_end ();
  tap_begin ("style: of another image");
  check_kind (image, layer, of_image, of_layer, image_name);
  tap_end ();
  tap_begin ("style: of a file");
  check_kind (image, layer, file, of_image, "a file.png");
  tap_end ();
  tap_begin ("style: of what is generated and inpainted");
  tap_expect (call_style (image, layer, "generate", of_layer, &message) != -1 &&
                  call_style (image, layer, "inpaint", of_layer, &second) != -1,
              "both calls give a layer");
  tap_end ();
  check_repeated (image, layer, painting);

  check_refused (image, layer, "", "Choose a picture whose style to take");
  check_refused (image, layer, "/nowhere/painting.jpg",
                 "/nowhere/painting.jpg: there is no such file");
  check_refused (image, layer, text, "text.xyz: GIMP cannot open it");
  check_refused (image, layer, of_small, "20 × 20 pixels are too few");
  check_refused (image, layer, "image:4711", "image of the style is not open any more");
  gimp_image_delete (image);
  gimp_image_delete (other);
  g_unlink (file);
  g_unlink (text);
  g_rmdir (folder);
}
