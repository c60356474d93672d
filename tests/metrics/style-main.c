// SPDX-License-Identifier: GPL-3.0-or-later
/* pd-style: how much pictures have the style of one picture and show what another does;
 * tests/metrics/style.h defines what it prints. Exit status: 0, or 2 if not measured. */
#include "engine/base/error.h"
#include "engine/networks/model.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "tests/metrics/style.h"

#include <gegl.h>
#include <locale.h>

typedef struct
{
  int tile, overlap;
  char *model, *style, *content, *match_colours;
  char **pictures;
} Options;

static void
clear_options (Options *options)
{
  g_free (options->model);
  g_free (options->style);
  g_free (options->content);
  g_free (options->match_colours);
  g_strfreev (options->pictures);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, clear_options)

static gboolean
parse (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options->model,
      "Model whose encoder looks at the pictures", "FOLDER" },
    { "style", 's', 0, G_OPTION_ARG_FILENAME, &options->style, "Picture of the style", "FILE" },
    { "content", 'c', 0, G_OPTION_ARG_FILENAME, &options->content,
      "Picture of what is to be seen, of the pictures' size", "FILE" },
    { "tile", 't', 0, G_OPTION_ARG_INT, &options->tile, "Side of a tile in pixels (256)", "N" },
    { "overlap", 'o', 0, G_OPTION_ARG_INT, &options->overlap,
      "Least overlap of two tiles in pixels (64)", "N" },
    { "match-colours", 0, 0, G_OPTION_ARG_FILENAME, &options->match_colours,
      "Write the content with the style's mean colours and contrast, and measure it too", "PNG" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->pictures, NULL, "PICTURE…" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- measure style and structure");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->model == NULL || options->style == NULL || options->content == NULL ||
      options->tile <= 0 || options->overlap < 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   "Expected --model, --style and --content, --tile above 0 and --overlap of 0 or "
                   "more");
      return FALSE;
    }
  return TRUE;
}

/* What every picture is compared with. */
typedef struct
{
  const Options *options;
  PdAutoencoder *autoencoder;
  PdPixels *content, *style;
  PdGrams *style_grams;
} Comparison;

static void
comparison_clear (Comparison *self)
{
  g_clear_pointer (&self->content, pd_pixels_free);
  g_clear_pointer (&self->style, pd_pixels_free);
  g_clear_pointer (&self->style_grams, pd_grams_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Comparison, comparison_clear)

static gboolean
compare (const Comparison *self, const char *path, GError **error)
{
  g_autoptr (PdPixels) picture = pd_pixels_load (path, error);
  g_autoptr (PdLayout) layout = NULL;
  g_autoptr (PdGrams) grams = NULL;
  PdStyleReport report;

  if (picture == NULL)
    return FALSE;
  if (picture->width != self->content->width || picture->height != self->content->height)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   "%s has %u × %u pixels, but the content has %u × %u", path, picture->width,
                   picture->height, self->content->width, self->content->height);
      return FALSE;
    }
  layout = pd_layout_new (picture->width, picture->height, (guint) self->options->tile,
                          (guint) self->options->overlap, self->autoencoder->info.scale,
                          PD_TORUS_NONE, error);
  if (layout == NULL || (grams = pd_grams_new (self->autoencoder, picture, error)) == NULL)
    return FALSE;
  report =
      pd_style_measure (&(PdStylePicture){ picture, grams },
                        &(PdStylePicture){ self->style, self->style_grams }, self->content, layout);
  g_print ("%6.3f %6.3f %6.3f  %6.3f %6.3f  %6.3f %6.3f  %6.3f %6.3f  %s\n", report.gram[0],
           report.gram[1], report.histogram, report.edges, report.low, report.style_spread.between,
           report.style_spread.inside, report.structure_spread.between,
           report.structure_spread.inside, path);
  return TRUE;
}

static gboolean
write_matched (const Comparison *self, GError **error)
{
  g_autoptr (PdPixels) matched = pd_style_match_colours (self->content, self->style);
  g_autoptr (GeglBuffer) buffer = pd_picture_new (matched->width, matched->height, "R'G'B' float");

  gegl_buffer_set (buffer, NULL, 0, babl_format ("R'G'B' float"), matched->pixels,
                   GEGL_AUTO_ROWSTRIDE);
  return pd_png_save (buffer, self->options->match_colours, 8, NULL, error);
}

static gboolean
measure (const Options *options, GError **error)
{
  g_autoptr (PdDevice) device = pd_device_new (NULL, error);
  g_autoptr (PdModel) model = NULL;
  g_auto (Comparison) self = { .options = options };
  PdBackend backend;

  if (device == NULL ||
      !pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, error) ||
      (model = pd_model_load (&backend, options->model, NULL, error)) == NULL)
    return FALSE;
  self.autoencoder = model->autoencoder;
  if ((self.content = pd_pixels_load (options->content, error)) == NULL ||
      (self.style = pd_pixels_load (options->style, error)) == NULL ||
      (self.style_grams = pd_grams_new (self.autoencoder, self.style, error)) == NULL)
    return FALSE;
  g_print ("gram 1 gram 2 colour   edges    low   style between/in  edges between/in\n");
  if (options->match_colours != NULL &&
      (!write_matched (&self, error) || !compare (&self, options->match_colours, error)))
    return FALSE;
  for (char **path = options->pictures; path != NULL && *path != NULL; path++)
    if (!compare (&self, *path, error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { .tile = 256, .overlap = 64 };
  g_autoptr (GError) error = NULL;
  gboolean measured;

  pd_device_prepare_environment ();
  setlocale (LC_ALL, "");
  if (!parse (&options, &argc, &argv, &error))
    {
      g_printerr ("pd-style: %s\n", error->message);
      return 2;
    }
  gegl_init (NULL, NULL);
  measured = measure (&options, &error);
  if (!measured)
    g_printerr ("pd-style: %s\n", error->message);
  gegl_exit ();
  return measured ? 0 : 2;
}
