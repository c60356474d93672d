// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/request/mode.h"
#include "engine/run/images.h"

#include <string.h>

static GeglBuffer *
picture (int width, int height)
{
  return gegl_buffer_new (GEGL_RECTANGLE (0, 0, width, height), babl_format ("R'G'B' u8"));
}

/* @words: of the error; NULL: it is fine */
static void
check (const PdImages *images, PdRequestMode mode, const char *words)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;

  g_object_set (request, "mode", mode, "width", 64, "height", 48, NULL);
  g_assert_true (pd_images_check (images, request, &error) == (words == NULL));
  if (words == NULL)
    return;
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  if (strstr (error->message, words) == NULL)
    g_error ("%s", error->message);
}

/* Every mode says what it lacks, and has enough with all it needs. */
static void
test_needed (void)
{
  g_auto (PdImages)
      all = { .input = picture (64, 48), .mask = picture (64, 48), .style = picture (100, 40) };

  for (PdRequestMode mode = 0; pd_modes[mode].name != NULL; mode++)
    {
      check (&all, mode, NULL);
      for (PdGiven given = 0; given < PD_N_GIVEN; given++)
        {
          PdImages some = all;

          some.given[given] = NULL;
          check (&some, mode, pd_modes[mode].needs & 1u << given ? pd_modes[mode].name : NULL);
        }
    }
}

static void
test_sizes (void)
{
  g_auto (PdImages) images = { .input = picture (64, 47) };

  check (&images, PD_REQUEST_MODE_RESTYLE, "input: 64 × 47 pixels, but the request is for 64 × 48");
  g_clear_object (&images.input);
  images.input = picture (64, 48);
  images.mask = picture (63, 48);
  check (&images, PD_REQUEST_MODE_INPAINT, "mask: 63 × 48 pixels");
  g_clear_object (&images.mask);
  images.style = picture (200, 31);
  check (&images, PD_REQUEST_MODE_STYLE,
         "style: 200 × 31 pixels are too few; take a picture of 32");
  g_clear_object (&images.style);
  images.style = picture (32, 32);
  check (&images, PD_REQUEST_MODE_STYLE, NULL);
}

int
main (int argc, char *argv[])
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_test_add_func ("/images/needed", test_needed);
  g_test_add_func ("/images/sizes", test_sizes);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
