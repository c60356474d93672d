// SPDX-License-Identifier: GPL-3.0-or-later
/* A plug-in that calls ours as a script would and looks at what has become of the image, pixel by
 * pixel. Procedure: plug-in-parallel-diffusion-check (group, file for the results). */
#include "tests/gimp/call.h"
#include "tests/gimp/colors.h"
#include "tests/gimp/during.h"
#include "tests/gimp/errors.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/style.h"
#include "tests/gimp/tap.h"

#include <json-glib/json-glib.h>
#include <libgimp/gimp.h>
#include <string.h>

static const char check_name[] = "plug-in-parallel-diffusion-check";

/* What is selected, in image coordinates; without a selection the layer. */
static GeglRectangle
expected_target (gint32 image, const GeglRectangle *extent)
{
  g_auto (Pixels) selection = pixels_read (gimp_image_get_selection (image), "Y float");
  const float *values = (const float *) selection.bytes;
  GeglRectangle target = { 0, 0, 0, 0 };

  if (gimp_selection_is_empty (image))
    return *extent;
  for (int y = 0; y < (int) selection.height; y++)
    for (int x = 0; x < (int) selection.width; x++)
      if (values[(gsize) y * selection.width + x] > 0.0f)
        gegl_rectangle_bounding_box (&target, &target, GEGL_RECTANGLE (x, y, 1, 1));
  return target;
}

static Pixels
read_visible (gint32 image)
{
  gint32 visible = gimp_layer_new_from_visible (image, image, "visible");
  Pixels pixels = pixels_read (visible, NULL);

  gimp_item_delete (visible);
  return pixels;
}

static void
check_mask (gint32 image, gint32 layer, const GeglRectangle *target)
{
  g_autoptr (GeglBuffer) selection = gimp_drawable_get_buffer (gimp_image_get_selection (image));
  const Babl *format = gegl_buffer_get_format (selection);
  const gsize size =
      (gsize) target->width * target->height * babl_format_get_bytes_per_pixel (format);
  g_autofree guchar *expected = g_malloc (size);
  g_auto (Pixels) mask = { 0 };

  if (gimp_selection_is_empty (image))
    {
      tap_expect (gimp_layer_get_mask (layer) == -1, "no selection, no mask");
      return;
    }
  if (!tap_expect (gimp_layer_get_mask (layer) != -1, "there is a mask"))
    return;
  mask = pixels_read (gimp_layer_get_mask (layer), NULL);
  gegl_buffer_get (selection, target, 1.0, format, expected, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  tap_expect (mask.size == size && memcmp (mask.bytes, expected, size) == 0,
              "the mask is the selection");
  tap_expect (!gimp_layer_get_edit_mask (layer), "the layer, not its mask, is edited");
}

/* Nothing but a flat colour would be no picture. A single pixel is always flat. */
static void
check_content (gint32 layer)
{
  g_auto (Pixels) pixels = pixels_read (layer, "R'G'B'A float");
  const float *values = (const float *) pixels.bytes;
  const gsize n = (gsize) pixels.width * pixels.height;
  gboolean opaque = TRUE, flat = TRUE;

  for (gsize i = 0; i < n; i++)
    {
      opaque &= values[4 * i + 3] == 1.0f;
      flat &= memcmp (values + 4 * i, values, 3 * sizeof (float)) == 0;
    }
  tap_expect (opaque, "the result is opaque");
  tap_expect (!flat || n == 1, "the result is not a flat colour");
}

static void
check_parasite (gint32 layer, const char *prompt)
{
  GimpParasite *parasite = gimp_item_get_parasite (layer, "parallel-diffusion");
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object;

  if (!tap_expect (parasite != NULL, "parameters are attached"))
    return;
  if (tap_expect (json_parser_load_from_data (parser, gimp_parasite_data (parasite),
                                              gimp_parasite_data_size (parasite), NULL),
                  "they are JSON"))
    {
      object = json_node_get_object (json_parser_get_root (parser));
      tap_expect (g_strcmp0 (json_object_get_string_member (object, "prompt"), prompt) == 0,
                  "they name the prompt");
      tap_expect (json_object_get_int_member (object, "seed") == 7, "they name the seed");
    }
  gimp_parasite_free (parasite);
}

/* Pixels of what is visible may differ in the target where something is selected. */
static void
check_outside (gint32 image, const Pixels *before, const GeglRectangle *target)
{
  g_auto (Pixels) after = read_visible (image);
  g_auto (Pixels) selection = pixels_read (gimp_image_get_selection (image), "Y float");
  const gsize pixel_bytes = after.size / ((gsize) after.width * after.height);
  const gboolean all = gimp_selection_is_empty (image);
  guint n_changed = 0;

  for (gsize i = 0; i < (gsize) after.width * after.height; i++)
    {
      const int x = (int) (i % after.width), y = (int) (i / after.width);
      const gboolean inside = x >= target->x && x < target->x + target->width && y >= target->y &&
                              y < target->y + target->height;

      if ((!inside || (!all && ((const float *) selection.bytes)[i] == 0.0f)) &&
          memcmp (after.bytes + i * pixel_bytes, before->bytes + i * pixel_bytes, pixel_bytes) != 0)
        n_changed++;
    }
  if (n_changed)
    tap_fail ("%u pixels outside the selection have changed", n_changed);
}

/* drawable: what is handed over. above: the layer that the new one has to lie above, which has
 * `extent`. */
static void
check_layer_mode (
    gint32 image, gint32 drawable, gint32 above, const GeglRectangle *extent, const char *mode)
{
  const char *prompt = "Moos auf Stein, grün · 苔";
  const gboolean gray = gimp_image_base_type (image) == GIMP_GRAY;
  const GeglRectangle target = expected_target (image, extent);
  g_autofree char *before = picture_describe (image);
  g_auto (Pixels) visible = read_visible (image);
  g_autofree char *after = NULL;
  g_autofree char *message = NULL;
  g_autofree char *name = NULL;
  gint32 layer = call (image, drawable, prompt, mode, 0.7, quick, &message);
  int x, y;

  if (layer == -1)
    {
      tap_fail ("%s", message);
      return;
    }
  gimp_drawable_offsets (layer, &x, &y);
  if (x != target.x || y != target.y || gimp_drawable_width (layer) != target.width ||
      gimp_drawable_height (layer) != target.height)
    tap_fail ("the layer is %d×%d at %d, %d, expected %d×%d at %d, %d", gimp_drawable_width (layer),
              gimp_drawable_height (layer), x, y, target.width, target.height, target.x, target.y);
  name = gimp_item_get_name (layer);
  tap_expect (strcmp (name, prompt) == 0, "the layer is named after the prompt");
  tap_expect (gimp_drawable_type (layer) == (gray ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE),
              "the layer is of the image's type with alpha");
  tap_expect (gimp_item_get_parent (layer) == gimp_item_get_parent (above) &&
                  gimp_image_get_item_position (image, layer) + 1 ==
                      gimp_image_get_item_position (image, above),
              "the layer is right above the one it was made for");
  check_mask (image, layer, &target);
  check_content (layer);
  check_parasite (layer, prompt);
  check_outside (image, &visible, &target);
  gimp_image_remove_layer (image, layer);
  after = picture_describe (image);
  if (strcmp (before, after) != 0)
    tap_fail ("without the layer the image was\n%s and is now\n%s", before, after);
}

static void
check_upscale (gint32 image, gint32 drawable)
{
  g_autofree char *before = picture_describe (image);
  g_autofree char *options = g_strconcat (quick, " scale=2", NULL);
  g_autofree char *after = NULL;
  g_autofree char *message = NULL;
  gint32 layer = call (image, drawable, "Moos", "upscale", 0.3, options, &message);
  gint32 larger;

  after = picture_describe (image);
  tap_expect (strcmp (before, after) == 0, "the image is as it was");
  if (layer == -1)
    {
      tap_fail ("%s", message);
      return;
    }
  larger = gimp_item_get_image (layer);
  tap_expect (larger != image, "the result is another image");
  tap_expect (gimp_image_width (larger) == 2 * IMAGE_WIDTH &&
                  gimp_image_height (larger) == 2 * IMAGE_HEIGHT &&
                  gimp_drawable_width (layer) == 2 * IMAGE_WIDTH &&
                  gimp_drawable_height (layer) == 2 * IMAGE_HEIGHT,
              "it is twice as large");
  tap_expect (gimp_image_base_type (larger) == gimp_image_base_type (image) &&
                  gimp_image_get_precision (larger) == gimp_image_get_precision (image),
              "it is of the same kind");
  check_content (layer);
  if (larger != image)
    gimp_image_delete (larger);
}

/* Every mode with every kind of image, a feathered selection partly outside the layer. */
static void
check_modes (void)
{
  static const char *const modes[] = { "generate", "inpaint", "restyle", "upscale" };
  static const gint precisions[] = { GIMP_PRECISION_U8_GAMMA, GIMP_PRECISION_U16_GAMMA,
                                     GIMP_PRECISION_HALF_GAMMA, GIMP_PRECISION_FLOAT_LINEAR,
                                     GIMP_PRECISION_FLOAT_GAMMA };
  static const char *const names[] = { "u8", "u16", "half", "float linear", "float gamma" };

  for (guint m = 0; m < G_N_ELEMENTS (modes); m++)
    for (guint p = 0; p < G_N_ELEMENTS (precisions); p++)
      for (guint type = 0; type < 4; type++)
        {
          gint32 layer;
          gint32 image =
              picture_new ((int) type / 2, precisions[p], type % 2, &usual_extent, &layer);

          gimp_context_set_feather (TRUE);
          gimp_context_set_feather_radius (4.0, 4.0);
          gimp_image_select_ellipse (image, GIMP_CHANNEL_OP_REPLACE, 30, 20, 60, 44);
          tap_begin ("%s: %s %s%s", modes[m], names[p], type / 2 ? "gray" : "RGB",
                     type % 2 ? " with alpha" : "");
          if (m == 3)
            check_upscale (image, layer);
          else
            check_layer_mode (image, layer, layer, &usual_extent, modes[m]);
          tap_end ();
          gimp_image_delete (image);
        }
}

static void
check_selections (void)
{
  static const char *const names[] = { "none", "one pixel", "a column", "inverted",
                                       "a rectangle beyond the image" };

  gimp_context_set_feather (FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint m = 0; m < 2; m++)
      {
        const char *mode = m ? "inpaint" : "generate";
        gint32 layer;
        gint32 image = usual_picture (&layer);
        GeglRectangle extent = usual_extent;

        if (i == 1)
          gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 17, 23, 1, 1);
        else if (i == 2)
          gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 40, 5, 1, 50);
        else if (i == 3)
          {
            gimp_image_select_ellipse (image, GIMP_CHANNEL_OP_REPLACE, 5, 5, 40, 30);
            gimp_selection_invert (image);
          }
        else if (i == 4)
          gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, -20, -30, 60, 70);
        /* Surroundings that are outside the image are not visible. */
        if (m)
          gegl_rectangle_intersect (&extent, &extent,
                                    GEGL_RECTANGLE (0, 0, IMAGE_WIDTH, IMAGE_HEIGHT));
        tap_begin ("selection: %s, %s", names[i], mode);
        check_layer_mode (image, layer, layer, &extent, mode);
        tap_end ();
        gimp_image_delete (image);
      }
}

static void
check_kinds (void)
{
  const GeglRectangle text_extent = { 3, 4, 0, 0 };
  GeglRectangle extent = text_extent;
  gint32 layer, other;
  gint32 image = usual_picture (&layer);

  gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 10, 8, 40, 32);
  gimp_item_set_visible (layer, FALSE);
  tap_begin ("drawable: an invisible layer");
  check_layer_mode (image, layer, layer, &usual_extent, "restyle");
  tap_end ();

  gimp_item_set_visible (layer, TRUE);
  gimp_item_set_lock_content (layer, TRUE);
  tap_begin ("drawable: a locked layer");
  check_layer_mode (image, layer, layer, &usual_extent, "restyle");
  tap_end ();

  gimp_item_set_lock_content (layer, FALSE);
  other = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
  gimp_layer_add_mask (layer, other);
  tap_begin ("drawable: the mask of a layer");
  check_layer_mode (image, other, layer, &usual_extent, "inpaint");
  tap_end ();

  other = gimp_layer_group_new (image);
  gimp_image_insert_layer (image, other, 0, 0);
  gimp_image_reorder_item (image, layer, other, 0);
  tap_begin ("drawable: a group");
  check_layer_mode (image, other, other, &usual_extent, "restyle");
  tap_end ();
  tap_begin ("drawable: a layer in a group");
  check_layer_mode (image, layer, layer, &usual_extent, "restyle");
  tap_end ();

  other = gimp_text_layer_new (image, "text", "Sans", 20.0, GIMP_UNIT_PIXEL);
  gimp_image_insert_layer (image, other, 0, 0);
  gimp_layer_set_offsets (other, extent.x, extent.y);
  extent.width = gimp_drawable_width (other);
  extent.height = gimp_drawable_height (other);
  tap_begin ("drawable: a text layer");
  check_layer_mode (image, other, other, &extent, "restyle");
  tap_end ();
  gimp_image_delete (image);
}

/* An identity: restyle of strength 0 with a profile there and back. The autoencoder in between
 * changes the pixels, so colours are compared with those of the same picture in sRGB. */
static void
check_profile (void)
{
  GimpColorProfile *adobe = gimp_color_profile_new_rgb_adobe ();
  g_auto (Pixels) first = { 0 };
  g_auto (Pixels) second = { 0 };

  tap_begin ("profile: a picture in AdobeRGB gives what it gives in sRGB");
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *message = NULL;
      gint32 layer, made;
      gint32 image =
          picture_new (GIMP_RGB, GIMP_PRECISION_FLOAT_GAMMA, FALSE, &usual_extent, &layer);

      if (i)
        gimp_image_convert_color_profile (image, adobe,
                                          GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC, TRUE);
      made = call (image, layer, "a", "restyle", 0.5, quick, &message);
      if (made == -1)
        tap_fail ("%s", message);
      else
        {
          if (i)
            {
              GimpColorProfile *srgb = gimp_color_profile_new_rgb_srgb ();

              gimp_image_convert_color_profile (
                  image, srgb, GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC, TRUE);
              g_object_unref (srgb);
            }
          *(i ? &second : &first) = pixels_read (made, "R'G'B' float");
        }
      gimp_image_delete (image);
    }
  if (tap_expect (first.bytes && second.bytes && first.size == second.size, "both have a result"))
    {
      float worst = 0.0f;

      for (gsize i = 0; i < first.size / sizeof (float); i++)
        worst = MAX (worst, ABS (((float *) first.bytes)[i] - ((float *) second.bytes)[i]));
      if (worst > 0.02f)
        tap_fail ("colours differ by up to %g", worst);
    }
  tap_end ();
  g_object_unref (adobe);
}

/* The same seed, so the same pixels. */
static void
check_repeat (void)
{
  gint32 layer, first, second;
  gint32 image = usual_picture (&layer);
  g_autofree char *vae = g_build_filename (g_get_user_data_dir (), "parallel-diffusion", "models",
                                           "tiny", "vae", NULL);
  g_autofree char *options = g_strdup_printf ("%s vae='%s'", quick, vae);
  g_autofree char *message = NULL, *nothing = NULL, *again = NULL;

  tap_begin ("repeat: without last values an error says so");
  tap_expect (call_again (image, layer, &nothing) == -1 && nothing &&
                  strstr (nothing, "There is no last run to repeat"),
              "the call fails with that message");
  tap_end ();
  tap_begin ("repeat: with the last values the same picture comes again");
  first = call (image, layer, "moss", "generate", 0.5, options, &message);
  second = call_again (image, layer, &again);
  if (tap_expect (first != -1 && second != -1 && first != second, "both calls give a layer"))
    {
      g_auto (Pixels) a = pixels_read (first, NULL);
      g_auto (Pixels) b = pixels_read (second, NULL);

      tap_expect (pixels_equal (&a, &b), "both layers are equal");
      check_parasite (second, "moss");
      tap_expect (is_kept (second, vae), "the part of the model is chosen again");
    }
  tap_end ();
  gimp_image_delete (image);
}

/* Calls whose notes checks.sh looks for, each once, and one without: nothing is resumed; what is
 * shown does not show the layer; the new layer goes into a group that is hidden. */
static void
check_notes (void)
{
  gint32 layer, group;
  gint32 image = usual_picture (&layer);
  g_autofree char *options = g_strconcat (quick, " resume=yes", NULL);
  g_autofree char *message = NULL, *quiet = NULL, *hidden = NULL, *inside = NULL;

  tap_begin ("notes: calls that give a layer");
  tap_expect (call (image, layer, "moss", "generate", 0.5, options, &message) != -1 &&
                  call (image, layer, "moss", "generate", 0.5, quick, &quiet) != -1,
              "both calls give a layer");
  tap_end ();

  tap_begin ("notes: a hidden layer");
  gimp_item_set_visible (layer, FALSE);
  tap_expect (call (image, layer, "moss", "restyle", 0.5, quick, &hidden) != -1,
              "the call gives a layer");
  gimp_item_set_visible (layer, TRUE);
  tap_end ();

  tap_begin ("notes: a hidden group");
  group = gimp_layer_group_new (image);
  gimp_image_insert_layer (image, group, 0, 0);
  gimp_image_reorder_item (image, layer, group, 0);
  gimp_item_set_visible (group, FALSE);
  tap_expect (call (image, layer, "moss", "generate", 0.5, quick, &inside) != -1,
              "the call gives a layer");
  tap_end ();
  gimp_image_delete (image);
}

static void
query (void)
{
  static const GimpParamDef arguments[] = {
    { GIMP_PDB_STRING, (char *) "group",
      (char *) "modes, selections, kinds, colors, during, errors, info, profile, repeat, notes, "
               "style or killed" },
    { GIMP_PDB_STRING, (char *) "path", (char *) "File for the results" },
  };

  gimp_install_procedure (check_name, "Checks Parallel Diffusion", "", "", "", "2026", NULL, NULL,
                          GIMP_PLUGIN, G_N_ELEMENTS (arguments), 0, arguments, NULL);
  during_install ();
}

static void
run (const char *name, int n, const GimpParam *arguments, int *n_results, GimpParam **results)
{
  static const struct
  {
    const char *name;
    void (*check) (void);
  } groups[] = { { "modes", check_modes },     { "selections", check_selections },
                 { "kinds", check_kinds },     { "errors", check_errors },
                 { "profile", check_profile }, { "repeat", check_repeat },
                 { "killed", check_killed },   { "info", check_info },
                 { "colors", check_colors },   { "during", check_during },
                 { "notes", check_notes },     { "style", check_style } };
  static GimpParam status = { .type = GIMP_PDB_STATUS, .data.d_status = GIMP_PDB_SUCCESS };

  *n_results = 1;
  *results = &status;
  if (during_run (name))
    return;
  gegl_init (NULL, NULL);
  tap_open (arguments[1].data.d_string);
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    if (strcmp (groups[i].name, arguments[0].data.d_string) == 0)
      groups[i].check ();
  tap_close ();
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
