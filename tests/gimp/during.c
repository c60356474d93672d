// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"
#include "tests/gimp/during.h"

#include <glib/gstdio.h>
#include <libgimp/gimp.h>
#include <string.h>
#include <unistd.h>

static const char beside_name[] = "extension-parallel-diffusion-beside";
static const GeglRectangle extent = { 0, 0, IMAGE_WIDTH, IMAGE_HEIGHT };
static const GeglRectangle selected = { 20, 10, 50, 40 };

static void
flatten_indexed (gint32 image, gint32 layer)
{
  gimp_image_flatten (image);
  gimp_image_convert_indexed (image, GIMP_CONVERT_DITHER_NONE, GIMP_CONVERT_PALETTE_GENERATE, 16,
                              FALSE, FALSE, "");
}

static void
float_selection (gint32 image, gint32 layer)
{
  gimp_selection_float (image, layer, 5, 5);
}

static void
crop (gint32 image, gint32 layer)
{
  gimp_image_crop (image, 40, 30, 50, 30);
}

static void
scale (gint32 image, gint32 layer)
{
  gimp_image_scale (image, 2 * IMAGE_WIDTH, 2 * IMAGE_HEIGHT);
}

static void
flip (gint32 image, gint32 layer)
{
  gimp_image_flip (image, GIMP_ORIENTATION_HORIZONTAL);
}

static void
move (gint32 image, gint32 layer)
{
  gimp_item_transform_translate (layer, 7, -3);
}

static void
merge (gint32 image, gint32 layer)
{
  gimp_image_merge_down (image, layer, GIMP_EXPAND_AS_NECESSARY);
}

static void
collapse (gint32 image, gint32 layer)
{
  gimp_image_merge_layer_group (image, gimp_item_get_parent (layer));
}

static void
make_gray (gint32 image, gint32 layer)
{
  gimp_image_convert_grayscale (image);
}

static void
close_image (gint32 image, gint32 layer)
{
  gimp_image_delete (image);
}

static const struct
{
  const char *name;
  void (*change) (gint32 image, gint32 layer);
  gboolean elsewhere;  /* the result is in another image */
  GeglRectangle place; /* of the new layer */
  const char *note;    /* in the message, NULL: there is none */
} cases[] = {
  { "a floating selection", float_selection, FALSE, { 20, 10, 50, 40 }, NULL },
  { "flattened and indexed", flatten_indexed, TRUE, { 0, 0, 50, 40 }, "indexed colours" },
  { "cropped", crop, FALSE, { -30, -20, 50, 40 }, NULL },
  { "scaled", scale, FALSE, { 40, 20, 100, 80 }, "scaled" },
  { "mirrored", flip, FALSE, { 20, 10, 50, 40 }, "mirrored" },
  { "the layer is moved", move, FALSE, { 27, 7, 50, 40 }, NULL },
  { "the layer is merged", merge, FALSE, { 20, 10, 50, 40 }, NULL },
  { "its group is collapsed", collapse, FALSE, { 20, 10, 50, 40 }, NULL },
  { "made gray", make_gray, FALSE, { 20, 10, 50, 40 }, NULL },
  { "closed", close_image, TRUE, { 0, 0, 50, 40 }, "closed" },
};

/* What is to be done: number of a case, image and layer. It is gone once it has been done. */
static char *
order_path (void)
{
  return g_build_filename (g_get_user_config_dir (), "order", NULL);
}

/* A run has taken what it needs of its image. */
static gboolean
is_under_way (void)
{
  g_autoptr (GDir) folder = g_dir_open (g_get_tmp_dir (), 0, NULL);
  const char *name;
  gboolean found = FALSE;

  while (folder && (name = g_dir_read_name (folder)))
    {
      g_autofree char *mask = g_build_filename (g_get_tmp_dir (), name, "mask.gegl", NULL);

      found |= g_file_test (mask, G_FILE_TEST_EXISTS);
    }
  return found;
}

void
during_install (void)
{
  gimp_install_procedure (beside_name, "", "", "", "", "2026", NULL, NULL, GIMP_EXTENSION, 0, 0,
                          NULL, NULL);
}

gboolean
during_run (const char *name)
{
  g_autofree char *path = order_path ();

  if (strcmp (name, beside_name) != 0)
    return FALSE;
  gimp_extension_ack ();
  while (getppid () != 1)
    {
      g_autofree char *text = NULL;
      g_auto (GStrv) words = NULL;

      g_usleep (G_USEC_PER_SEC / 50);
      if (!g_file_test (path, G_FILE_TEST_EXISTS) || !is_under_way () ||
          !g_file_get_contents (path, &text, NULL, NULL))
        continue;
      words = g_strsplit (text, " ", 3);
      cases[atoi (words[0])].change (atoi (words[1]), atoi (words[2]));
      g_unlink (path);
    }
  return TRUE;
}

/* Returns: what GIMP has printed since `start` bytes. */
static char *
read_log (gsize *start)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "..", "log", NULL);
  g_autofree char *text = NULL;
  gsize length = 0;
  char *part;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return g_strdup ("");
  part = g_strdup (text + MIN (*start, length));
  *start = length;
  return part;
}

static gint32
make_picture (guint number, gint32 *layer)
{
  gint32 image = picture_new (GIMP_RGB, GIMP_PRECISION_U8_GAMMA, TRUE, &extent, layer);

  if (cases[number].change == collapse)
    {
      gint32 group = gimp_layer_group_new (image);

      gimp_image_insert_layer (image, group, 0, 0);
      gimp_image_reorder_item (image, *layer, group, 0);
    }
  gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, selected.x, selected.y,
                               selected.width, selected.height);
  return image;
}

/* Returns: the new layer of a run during which the change was made, -1 if there is none. A run that
 * is too short for it is repeated with more steps. */
static gint32
call_during (guint number, gint32 *image, char **message)
{
  g_autofree char *path = order_path ();

  for (guint steps = 4; steps <= 500; steps *= 5)
    {
      g_autofree char *options = g_strdup_printf ("model=tiny guidance=1 steps=%u", steps);
      g_autofree char *order = NULL;
      gint32 layer, made;

      *image = make_picture (number, &layer);
      order = g_strdup_printf ("%u %d %d", number, *image, layer);
      g_file_set_contents (path, order, -1, NULL);
      g_clear_pointer (message, g_free);
      made = call (*image, layer, "moss", "inpaint", 0.9, options, message);
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        return made;
      g_unlink (path);
      gimp_image_delete (*image);
    }
  return -1;
}

void
check_during (void)
{
  gsize log = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *message = NULL;
      g_autofree char *note = read_log (&log);
      gint32 image, in, layer = call_during (i, &image, &message);
      const GeglRectangle *place = &cases[i].place;
      int x, y;

      tap_begin ("during a run: %s", cases[i].name);
      g_free (note);
      note = read_log (&log);
      if (layer == -1)
        tap_fail ("%s", message ? message : "the change came too late");
      else
        {
          in = gimp_item_get_image (layer);
          gimp_drawable_offsets (layer, &x, &y);
          if ((in != image) != cases[i].elsewhere)
            tap_fail ("the result is in image %d, that was %d", in, image);
          if (x != place->x || y != place->y || gimp_drawable_width (layer) != place->width ||
              gimp_drawable_height (layer) != place->height)
            tap_fail ("it is %d×%d at %d, %d", gimp_drawable_width (layer),
                      gimp_drawable_height (layer), x, y);
          tap_expect (gimp_layer_get_mask (layer) != -1, "it has its mask");
          if (in != image)
            gimp_image_delete (in);
        }
      if (cases[i].note ? !strstr (note, cases[i].note) : strstr (note, "meanwhile") != NULL)
        tap_fail ("the note is “%s”, expected “%s”", note, cases[i].note ? cases[i].note : "none");
      if (gimp_image_is_valid (image))
        gimp_image_delete (image);
      tap_end ();
    }
}
