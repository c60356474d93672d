// SPDX-License-Identifier: GPL-3.0-or-later
/* The verbs that take pictures, from outside: files in, files out, and what is refused.
 * PD_PROGRAM is the program's path. */
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "tests/fixtures/model-fixture.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum
{
  WIDTH = 70,
  HEIGHT = 52,
};

static char *folder, *model;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static gboolean
exists (const char *name)
{
  g_autofree char *path = in_folder (name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Runs the program with @arguments, which spaces separate, in the folder.
 * Returns: (transfer full) what it said of problems. */
static char *
run (const char *arguments, int expected_status)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *line = g_strdup_printf ("%s %s", g_getenv ("PD_PROGRAM"), arguments);
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);
  char *said = NULL;

  g_subprocess_launcher_set_cwd (launcher, folder);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C", TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &said, NULL));
  g_test_message ("%s: %s", arguments, said);
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, expected_status);
  return said;
}

/* With a small model of random weights: what the pictures show does not matter. With kernels of
 * which there are few to compile, here and below. */
static void
check_success (const char *arguments)
{
  g_autofree char *line = g_strdup_printf ("%s --kernels general --model %s", arguments, model);
  g_autofree char *said = run (line, 0);
}

static void
check_failure (const char *arguments, int status, const char *message)
{
  g_autofree char *said = run (arguments, status);

  g_assert_nonnull (strstr (said, message));
  g_assert_false (exists ("out.png"));
}

static void
save (GeglBuffer *picture, const char *name, guint depth)
{
  g_autofree char *path = in_folder (name);
  g_autoptr (GError) error = NULL;

  g_assert_true (pd_png_save (picture, path, depth, NULL, &error));
  g_assert_no_error (error);
}

static guint16 *
load (const char *name, guint width, guint height)
{
  g_autofree char *path = in_folder (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GeglBuffer) picture = pd_picture_load (path, &error);
  guint16 *samples = g_new (guint16, (gsize) width * height * 3);

  g_assert_no_error (error);
  g_assert_cmpint (gegl_buffer_get_width (picture), ==, (int) width);
  g_assert_cmpint (gegl_buffer_get_height (picture), ==, (int) height);
  gegl_buffer_get (picture, NULL, 1.0, babl_format ("R'G'B' u16"), samples, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return samples;
}

static gboolean
have_model (void)
{
  if (!model)
    model = pd_fixture_shared ("goldens/models/sd1");
  return model != NULL;
}

/* photo.png of 16 bits; mask.png with a white square, from 20, 16 on, 24 pixels a side; black.png;
 * small.png. */
static void
make_files (void)
{
  g_autoptr (GeglBuffer) photo = pd_picture_new (WIDTH, HEIGHT, "R'G'B' u16");
  g_autoptr (GeglBuffer) mask = pd_picture_new (WIDTH, HEIGHT, "Y' u8");
  g_autoptr (GeglBuffer) small = pd_picture_new (10, 12, "Y' u8");
  g_autofree guint16 *samples = g_new (guint16, WIDTH * HEIGHT * 3);
  guchar white[24 * 24];

  for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
    samples[i] = (guint16) (i * 7919);
  gegl_buffer_set (photo, NULL, 0, NULL, samples, GEGL_AUTO_ROWSTRIDE);
  save (photo, "photo.png", 16);
  save (mask, "black.png", 8);
  save (small, "small.png", 8);
  memset (white, 255, sizeof white);
  gegl_buffer_set (mask, GEGL_RECTANGLE (20, 16, 24, 24), 0, NULL, white, GEGL_AUTO_ROWSTRIDE);
  save (mask, "mask.png", 8);
}

/* Outside the mask every sample is the input's, in 16 bits; inside they are not. */
static void
check_kept (const char *name)
{
  g_autofree guint16 *before = load ("photo.png", WIDTH, HEIGHT);
  g_autofree guint16 *after = load (name, WIDTH, HEIGHT);
  int n_changed = 0;

  for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
    {
      int x = i / 3 % WIDTH, y = i / 3 / WIDTH;

      if (x >= 20 && x < 44 && y >= 16 && y < 40)
        n_changed += before[i] != after[i];
      else
        g_assert_cmpint (before[i], ==, after[i]);
    }
  g_assert_cmpint (n_changed, >, 24 * 24 * 2);
}

static void
test_inpaint (void)
{
  g_autofree guint16 *first = NULL, *same = NULL;

  if (!have_model ())
    return;
  check_success ("inpaint --input photo.png --mask mask.png --prompt moss --seed 3 --steps 2 "
                 "--padding 8 --depth 16 --output first.png");
  check_kept ("first.png");
  check_success ("inpaint --from first.png --input photo.png --mask mask.png --output same.png");
  check_failure ("inpaint --from first.png --mask mask.png --output out.png", 1, "with --input");
  check_failure ("inpaint --from first.png --input photo.png --output out.png", 1, "with --mask");
  first = load ("first.png", WIDTH, HEIGHT);
  same = load ("same.png", WIDTH, HEIGHT);
  g_assert_cmpmem (first, WIDTH * HEIGHT * 6, same, WIDTH * HEIGHT * 6);
  check_success ("restyle --input photo.png --mask mask.png --prompt moss --seed 3 --steps 2 "
                 "--strength 0.5 --padding 8 --depth 16 --output restyled.png");
  check_kept ("restyled.png");
}

static void
test_inpaint_refused (void)
{
  check_failure ("inpaint --mask mask.png --output out.png", 2, "--input FILE");
  check_failure ("inpaint --input photo.png --output out.png", 2, "--mask FILE");
  check_failure ("inpaint --input photo.png --mask absent.png --output out.png", 1, "absent.png");
  check_failure ("inpaint --input absent.png --mask mask.png --output out.png", 1, "absent.png");
  check_failure ("inpaint --input photo.png --mask small.png --output out.png", 1,
                 "10 × 12 pixels, but photo.png has 70 × 52");
  check_failure ("inpaint --input photo.png --mask black.png --output out.png", 1, "black");
  check_failure ("inpaint --input photo.png --mask mask.png --padding -2 --output out.png", 2,
                 "from -1");
  check_failure ("inpaint --input photo.png --mask mask.png --size 20x20 --output out.png", 2,
                 "--size");
}

/* Another style gives another picture, and the content may be its own style. */
static void
test_style (void)
{
  g_autofree guint16 *first = NULL, *same = NULL, *other = NULL;

  if (!have_model ())
    return;
  check_success ("style --input photo.png --style mask.png --seed 3 --steps 2 --strength 0.5 "
                 "--depth 16 --output first.png");
  check_success ("style --from first.png --input photo.png --style mask.png --output same.png");
  check_failure ("style --from first.png --input photo.png --output out.png", 1, "with --style");
  check_success ("style --input photo.png --style photo.png --seed 3 --steps 2 --strength 0.5 "
                 "--depth 16 --output other.png");
  first = load ("first.png", WIDTH, HEIGHT);
  same = load ("same.png", WIDTH, HEIGHT);
  other = load ("other.png", WIDTH, HEIGHT);
  g_assert_cmpmem (first, WIDTH * HEIGHT * 6, same, WIDTH * HEIGHT * 6);
  g_assert_cmpint (memcmp (first, other, WIDTH * HEIGHT * 6), !=, 0);
}

static void
test_style_refused (void)
{
  check_failure ("style --style mask.png --output out.png", 2, "--input FILE");
  check_failure ("style --input photo.png --output out.png", 2, "--style FILE");
  check_failure ("style --input photo.png --style absent.png --output out.png", 1, "absent.png");
  check_failure ("style --input photo.png --style small.png --output out.png", 1,
                 "style: 10 × 12 pixels are too few");
  check_failure ("style --input photo.png --style mask.png --style-strength 2 --output out.png", 2,
                 "from 0 to 1");
  check_failure ("style --input photo.png --style mask.png --output mask.png", 2,
                 "written over --style");
  check_failure ("restyle --input photo.png --style mask.png --output out.png", 2, "--style");
}

/* What is read is not written over, by whatever name. */
static void
test_clashes (void)
{
  g_autofree char *link_name = in_folder ("link.png");
  g_autofree char *input = in_folder ("photo.png");
  g_autofree char *before = NULL, *after = NULL;
  gsize length, new_length;

  g_assert_true (g_file_get_contents (input, &before, &length, NULL));
  g_assert_cmpint (symlink ("photo.png", link_name), ==, 0);
  check_failure ("restyle --input photo.png --preview photo.png --output out.png", 2, "--input");
  check_failure ("restyle --input ./photo.png --preview link.png --output out.png", 2, "--input");
  check_failure ("restyle --input link.png --preview photo.png --output out.png", 2, "--input");
  check_failure ("inpaint --input photo.png --mask mask.png --preview mask.png --output out.png", 2,
                 "--mask");
  check_failure ("inpaint --input photo.png --mask mask.png --output ./mask.png", 2, "--mask");
  check_failure ("generate --region mask=small.png:moss --output small.png", 2, "region");
  check_failure ("generate --vae photo.png --output link.png", 2, "a file of the model");
  check_failure ("generate --text-encoder . --output photo.png", 2, "a file of the model");
  if (have_model ())
    {
      g_autofree char *unet = g_build_filename (model, "unet", "config.json", NULL);
      g_autofree char *line = g_strdup_printf ("generate --output model.png --model %s", model);
      g_autofree char *name = in_folder ("model.png");

      g_assert_cmpint (symlink (unet, name), ==, 0);
      check_failure (line, 2, "of the model");
      g_remove (name);
    }
  g_assert_true (g_file_get_contents (input, &after, &new_length, NULL));
  g_assert_cmpmem (before, length, after, new_length);
  g_remove (link_name);
}

static void
test_upscale (void)
{
  if (!have_model ())
    return;
  check_success ("upscale --input small.png --scale 2 --prompt moss --seed 3 --steps 2 --output "
                 "large.png");
  g_free (load ("large.png", 20, 24));
  check_failure ("upscale --scale 2 --output out.png", 2, "--input FILE");
  check_failure ("upscale --input small.png --scale 3 --output out.png", 2, "2, 4, 8");
  check_failure ("upscale --input absent.png --output out.png", 1, "absent.png");
}

/* NAME.safetensors, the small model in one file in which the tensors called @from are called @to,
 * of the same length, and what else it needs as NAME/. */
static void
make_single_file (const char *name, const char *from, const char *to)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/single-file/sd1.safetensors");
  g_autofree char *file = g_strconcat (name, ".safetensors", NULL);
  g_autofree char *path = in_folder (file), *beside = in_folder (name), *bytes = NULL;
  gsize length, size = strlen (from);

  g_assert_true (g_file_get_contents (golden, &bytes, &length, NULL));
  g_assert_cmpuint (strlen (to), ==, size);
  for (gsize at = 8; at < 8 + GUINT64_FROM_LE (*(guint64 *) bytes); at++)
    if (memcmp (bytes + at, from, size) == 0)
      memcpy (bytes + at, to, size);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
  g_assert_cmpint (symlink (model, beside), ==, 0);
}

static void
remove_single_file (const char *name)
{
  g_autofree char *file = g_strconcat (name, ".safetensors", NULL);
  g_autofree char *path = in_folder (file), *beside = in_folder (name);

  g_remove (path);
  g_remove (beside);
}

#define PLAIN                                                                                      \
  "generate --prompt moss --seed 5 --size 70x52 --steps 1 --guidance 1 --progressive off "         \
  "--kernels general "

/* Without the half of the autoencoder that reads pictures, those who need none work. */
static void
test_no_encoder (void)
{
  g_autofree guint16 *first = NULL, *same = NULL;

  if (!have_model ())
    return;
  make_single_file ("whole", "cond_stage_model.", "cond_stage_model.");
  make_single_file ("half", "first_stage_model.encoder.", "first_stage_modex.encoder.");
  g_free (run (PLAIN "--model whole.safetensors --output first.png", 0));
  g_free (run (PLAIN "--model half.safetensors --output same.png", 0));
  first = load ("first.png", WIDTH, HEIGHT);
  same = load ("same.png", WIDTH, HEIGHT);
  g_assert_cmpmem (first, WIDTH * HEIGHT * 6, same, WIDTH * HEIGHT * 6);
  check_failure ("restyle --model half.safetensors --input photo.png --output out.png", 1,
                 "half.safetensors: the model's autoencoder has no encoder, which restyle needs");
  check_failure ("upscale --model half.safetensors --input small.png --output out.png", 1,
                 "which upscale needs");
  check_failure ("inpaint --model half.safetensors --input photo.png --mask mask.png --output "
                 "out.png",
                 1, "which inpaint needs");
  remove_single_file ("whole");
  remove_single_file ("half");
}

/* Makes same.png with @options; its pixels are those of first.png. */
static void
check_same (const char *options)
{
  g_autofree char *line = g_strconcat (PLAIN "--output same.png ", options, NULL);
  g_autofree guint16 *first = NULL, *same = NULL;

  g_free (run (line, 0));
  first = load ("first.png", WIDTH, HEIGHT);
  same = load ("same.png", WIDTH, HEIGHT);
  g_assert_cmpmem (first, WIDTH * HEIGHT * 6, same, WIDTH * HEIGHT * 6);
}

/* A model in several files makes the picture that it makes in one; a picture made so does not
 * choose the file when it is repeated. */
static void
test_parts (void)
{
  static const char *const kept[] = { "unet", "text_encoder", "tokenizer", "scheduler" };
  g_autofree char *beside = in_folder ("no-vae"), *options = NULL;

  if (!have_model ())
    return;
  options = g_strdup_printf ("--model no-text.safetensors --vae whole.safetensors --text-encoder "
                             "%s/text_encoder/model.safetensors",
                             model);
  make_single_file ("whole", "cond_stage_model.", "cond_stage_model.");
  make_single_file ("no-text", "cond_stage_model.", "cond_stage_modex.");
  make_single_file ("no-vae", "first_stage_model.", "first_stage_modex.");
  g_free (run (PLAIN "--model whole.safetensors --output first.png", 0));
  check_same ("--model no-vae.safetensors"); /* from no-vae/vae/ */
  check_same (options);
  check_failure ("generate --from first.png --output out.png", 1,
                 "first.png: the picture names a file as its model: give it with --model");
  check_failure ("generate --from same.png --model whole.safetensors --output out.png", 1,
                 "same.png: the picture names a file as the model's autoencoder: give it with "
                 "--vae");
  check_failure ("generate --from same.png --model whole.safetensors --vae whole.safetensors "
                 "--output out.png",
                 1, "text encoder: give it with --text-encoder");

  g_remove (beside);
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      g_autofree char *to = g_build_filename (model, kept[i], NULL);
      g_autofree char *link = g_build_filename (beside, kept[i], NULL);

      g_mkdir_with_parents (beside, 0700);
      g_assert_cmpint (symlink (to, link), ==, 0);
    }
  check_failure ("generate --prompt x --model no-vae.safetensors --output out.png", 1,
                 "no-vae.safetensors: the file has no vae; give one with --vae");
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      g_autofree char *link = g_build_filename (beside, kept[i], NULL);

      g_remove (link);
    }
  remove_single_file ("whole");
  remove_single_file ("no-text");
  remove_single_file ("no-vae");
}

int
main (int argc, char **argv)
{
  static const char *const files[] = { "photo.png",    "mask.png",  "black.png",
                                       "small.png",    "first.png", "same.png",
                                       "restyled.png", "large.png", "other.png" };
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  folder = g_dir_make_tmp ("pd-verbs-XXXXXX", NULL);
  make_files ();
  g_test_add_func ("/verbs/inpaint", test_inpaint);
  g_test_add_func ("/verbs/inpaint-refused", test_inpaint_refused);
  g_test_add_func ("/verbs/style", test_style);
  g_test_add_func ("/verbs/style-refused", test_style_refused);
  g_test_add_func ("/verbs/clashes", test_clashes);
  g_test_add_func ("/verbs/upscale", test_upscale);
  g_test_add_func ("/verbs/no-encoder", test_no_encoder);
  g_test_add_func ("/verbs/parts", test_parts);
  status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = in_folder (files[i]);

      g_remove (path);
    }
  g_rmdir (folder);
  g_free (folder);
  g_free (model);
  gegl_exit ();
  return status;
}
