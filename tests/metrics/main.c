// SPDX-License-Identifier: GPL-3.0-or-later
/* pd-metrics: how visible the tiles of a picture are; tests/metrics/metrics.h defines what it
 * prints. Exit status: 0 within the bounds, 1 not, 2 not measured. */
#include "engine/base/error.h"
#include "tests/metrics/report.h"

#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <locale.h>
#include <math.h>

typedef struct
{
  int tile, overlap, unit;
  gboolean wrap_x, wrap_y, shift_half, json;
  char *starts_x, *starts_y, *reference, *base;
  char **natives;
  char **pictures;
} Options;

static gboolean
parse (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "tile", 't', 0, G_OPTION_ARG_INT, &options->tile, "Side of a tile in pixels", "N" },
    { "overlap", 'o', 0, G_OPTION_ARG_INT, &options->overlap,
      "Least overlap of two tiles in pixels (default: 0)", "N" },
    { "unit", 'u', 0, G_OPTION_ARG_INT, &options->unit,
      "Pixels per latent pixel, to which tiles are aligned (default: 8)", "N" },
    { "wrap-x", 0, 0, G_OPTION_ARG_NONE, &options->wrap_x, "Tiles go round from left to right",
      NULL },
    { "wrap-y", 0, 0, G_OPTION_ARG_NONE, &options->wrap_y, "Tiles go round from top to bottom",
      NULL },
    { "starts-x", 0, 0, G_OPTION_ARG_STRING, &options->starts_x,
      "Where tiles start, instead of spread evenly", "X,X,…" },
    { "starts-y", 0, 0, G_OPTION_ARG_STRING, &options->starts_y,
      "Where tiles start, instead of spread evenly", "Y,Y,…" },
    { "reference", 'r', 0, G_OPTION_ARG_FILENAME, &options->reference,
      "Picture for M2: the level before, or the same without tiles", "FILE" },
    { "base", 'b', 0, G_OPTION_ARG_FILENAME, &options->base,
      "Picture for M5 (default: the reference)", "FILE" },
    { "native", 'n', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->natives,
      "Picture of one tile, for M6; may be given several times", "FILE" },
    { "shift-half", 's', 0, G_OPTION_ARG_NONE, &options->shift_half,
      "Also look for a border where the picture's own edges meet", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options->json, "Print JSON", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->pictures, NULL, "PICTURE" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- measure traces of tiles");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (!options->pictures || g_strv_length (options->pictures) != 1 || options->tile <= 0 ||
      options->overlap < 0 || options->unit <= 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("Expected one picture and --tile above 0, --overlap of 0 or more and --unit "
                      "above 0, for example: pd-metrics --tile 512 --overlap 128 picture.png"));
      return FALSE;
    }
  return TRUE;
}

static void
clear_options (Options *options)
{
  g_free (options->starts_x);
  g_free (options->starts_y);
  g_free (options->reference);
  g_free (options->base);
  g_strfreev (options->natives);
  g_strfreev (options->pictures);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, clear_options)

static gboolean
check_not_larger (const char *name, const PdPixels *small, const PdPixels *large, GError **error)
{
  if (small->width <= large->width && small->height <= large->height)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s has %u×%u pixels, more than the picture's %u×%u"), name, small->width,
               small->height, large->width, large->height);
  return FALSE;
}

/* The mean spread of the native pictures; NaN without any. */
static gboolean
measure_natives (const Options *options, double *spread, GError **error)
{
  guint n = options->natives ? g_strv_length (options->natives) : 0;

  *spread = n > 0 ? 0 : NAN;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (PdPixels) native = pd_pixels_load (options->natives[i], error);

      if (!native)
        return FALSE;
      *spread += pd_evenness_spread (native, (guint) options->tile) / n;
    }
  return TRUE;
}

/* Prints the findings. */
static gboolean
measure (const Options *options, gboolean *passes, GError **error)
{
  g_autoptr (PdPixels) picture = pd_pixels_load (options->pictures[0], error);
  g_autoptr (PdPixels) reference = NULL;
  g_autoptr (PdPixels) base = NULL;
  g_autoptr (PdLayout) layout = NULL;
  g_autofree char *text = NULL;
  PdReport report;

  if (!picture)
    return FALSE;
  layout = pd_layout_new (picture->width, picture->height, (guint) options->tile,
                          (guint) options->overlap, (guint) options->unit,
                          (options->wrap_x ? PD_TORUS_X : PD_TORUS_NONE) |
                              (options->wrap_y ? PD_TORUS_Y : PD_TORUS_NONE),
                          error);
  if (!layout)
    return FALSE;
  if (options->starts_x && !pd_layout_axis_parse (&layout->x, options->starts_x, error))
    return FALSE;
  if (options->starts_y && !pd_layout_axis_parse (&layout->y, options->starts_y, error))
    return FALSE;
  if (options->reference)
    {
      reference = pd_pixels_load (options->reference, error);
      if (!reference || !check_not_larger (options->reference, reference, picture, error))
        return FALSE;
    }
  if (options->base)
    {
      base = pd_pixels_load (options->base, error);
      if (!base || !check_not_larger (options->base, base, picture, error))
        return FALSE;
    }
  report = pd_report_measure (picture, layout, reference, base ? base : reference,
                              (guint) options->unit, options->shift_half);
  if (!measure_natives (options, &report.native, error))
    return FALSE;
  *passes = pd_report_passes (&report);
  text = options->json ? pd_report_to_json (&report) : pd_report_to_table (&report);
  g_print (options->json ? "%s\n" : "%s", text);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { .unit = 8 };
  g_autoptr (GError) error = NULL;
  gboolean passes = FALSE;
  gboolean measured;

  setlocale (LC_ALL, "");
  if (!parse (&options, &argc, &argv, &error))
    {
      g_printerr ("pd-metrics: %s\n", error->message);
      return 2;
    }
  gegl_init (NULL, NULL);
  measured = measure (&options, &passes, &error);
  if (!measured)
    g_printerr ("pd-metrics: %s\n", error->message);
  gegl_exit ();
  if (!measured)
    return 2;
  return passes ? 0 : 1;
}
