// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/errors.h"
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <libgimp/gimp.h>
#include <string.h>

/* The call has to fail with a message that has `words` in it and leave the image as it is. */
static void
check_refused (gint32 image,
               gint32 drawable,
               const char *prompt,
               const char *mode,
               double strength,
               const char *options,
               const char *words)
{
  g_autofree char *before = picture_describe (image);
  g_autofree char *message = NULL;
  g_autofree char *after = NULL;
  gint32 layer = call (image, drawable, prompt, mode, strength, options, &message);

  tap_expect (layer == -1, "the call fails");
  if (message && !strstr (message, words))
    tap_fail ("the message is “%s”, expected “%s” in it", message, words);
  after = picture_describe (image);
  tap_expect (strcmp (before, after) == 0, "the image is as it was");
}

/* Names of files, and what the image decides. */
static void
check_not_offered (gint32 image, gint32 layer)
{
  static const char *const names[] = { "width", "input", "mask", "output", "preview,", "depth" };
  g_autofree char *message = NULL;

  call (image, layer, "a", "generate", 0.5, "xyzzy=1", &message);
  if (!tap_expect (message && strstr (message, "there are mode"), "names are listed"))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strstr (message, names[i]))
      tap_fail ("%s is offered: %s", names[i], message);
}

void
check_errors (void)
{
  gint32 layer, other, floating, apart;
  gint32 image = usual_picture (&layer);

  tap_begin ("error: an unknown option");
  check_refused (image, layer, "a", "generate", 0.5, "stepz=3",
                 "did you mean steps?); there are mode, prompt");
  tap_end ();
  tap_begin ("error: an option as other programs write it");
  check_refused (image, layer, "a", "generate", 0.5, "Guidance_Rescale=0",
                 "did you mean guidance-rescale?");
  tap_end ();
  tap_begin ("error: options of the command line are not offered");
  check_not_offered (image, layer);
  tap_end ();
  tap_begin ("error: an option that is no UTF-8");
  check_refused (image, layer, "a", "generate", 0.5, "st\377ps=3", "there is no parameter “st�ps”");
  tap_end ();
  tap_begin ("error: an option out of range");
  check_refused (image, layer, "a", "generate", 0.5, "steps=0", "a whole number from 1 to 1000");
  tap_end ();
  tap_begin ("error: an option without a value");
  check_refused (image, layer, "a", "generate", 0.5, "steps", "name=value");
  tap_end ();
  tap_begin ("error: an option that the image decides");
  check_refused (image, layer, "a", "generate", 0.5, "size=64x64", "the image and its selection");
  tap_end ();
  tap_begin ("error: quotes that do not end");
  check_refused (image, layer, "a", "generate", 0.5, "negative='a", "options:");
  tap_end ();
  tap_begin ("error: an unknown mode");
  check_refused (image, layer, "a", "paint", 0.5, "", "generate, ");
  tap_end ();
  tap_begin ("error: strength out of range");
  check_refused (image, layer, "a", "restyle", 1.5, "", "a number from 0 to 1");
  tap_end ();
  tap_begin ("error: a part of the model that is not there");
  check_refused (image, layer, "a", "generate", 0.5, "model=tiny vae=/nowhere/some.safetensors",
                 "/nowhere/some.safetensors");
  tap_end ();
  tap_begin ("error: an unknown model");
  check_refused (image, layer, "a", "generate", 0.5, "model=nothing", "nothing");
  tap_end ();

  other = gimp_channel_new (image, "channel", IMAGE_WIDTH, IMAGE_HEIGHT, 50.0, &(GimpRGB){ 0 });
  gimp_image_insert_channel (image, other, 0, 0);
  tap_begin ("error: the drawable is a channel");
  check_refused (image, other, "a", "generate", 0.5, quick, "select a layer");
  tap_end ();
  gimp_image_remove_channel (image, other);
  other = gimp_channel_new (image, "Qmask", IMAGE_WIDTH, IMAGE_HEIGHT, 50.0, &(GimpRGB){ 0 });
  gimp_image_insert_channel (image, other, 0, 0);
  tap_begin ("error: Quick Mask is on");
  check_refused (image, other, "a", "restyle", 0.5, quick, "Toggle Quick Mask");
  tap_end ();
  apart = gimp_layer_new (image, "apart", 30, 30, GIMP_RGB_IMAGE, 100.0, GIMP_LAYER_MODE_NORMAL);
  tap_begin ("error: a layer that was never added to the image");
  check_refused (image, apart, "a", "generate", 0.5, quick, "not in the image");
  tap_end ();
  gimp_item_delete (apart);

  gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 80, 70, 10, 8);
  tap_begin ("error: the selection is outside the layer");
  check_refused (image, layer, "a", "restyle", 0.5, "model=tiny source=layer", "outside the layer");
  tap_end ();

  gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 10, 10, 20, 20);
  floating = gimp_selection_float (image, layer, 0, 0);
  tap_begin ("error: a floating selection");
  check_refused (image, floating, "a", "generate", 0.5, quick, "anchor it first");
  tap_end ();
  gimp_floating_sel_anchor (floating);

  gimp_image_remove_channel (image, other);
  gimp_image_convert_indexed (image, GIMP_CONVERT_DITHER_NONE, GIMP_CONVERT_PALETTE_GENERATE, 16,
                              FALSE, FALSE, "");
  tap_begin ("error: indexed colours");
  check_refused (image, layer, "a", "generate", 0.5, quick, "Image → Mode → RGB");
  tap_end ();
  gimp_image_delete (image);
}
