// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "engine/gpu/account.h"
#include "engine/tiles/decode.h"
#include "engine/tiles/encode.h"
#include "engine/files/model-files.h"
#include "engine/networks/tiny-vae.h"
#include "engine/networks/vae.h"
#include "tests/fixtures/model-fixture.h"

/* Tiled decoding and encoding against the same of the whole canvas in one piece. */

static PdDevice *device;
static PdBackend backend;

/* The autoencoder of the model at @path; NULL after skipping the test. */
static PdAutoencoder *
load (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = NULL;
  const PdPartFiles *part;
  PdAutoencoder *autoencoder;

  if (path == NULL)
    return NULL;
  files = pd_model_files_open (path, NULL, &error);
  g_assert_no_error (error);
  part = &files->parts[PD_PART_VAE];
  if (part->class == PD_CLASS_AUTOENCODER_KL)
    autoencoder = pd_vae_new (&backend, part->config, part->checkpoint, &error);
  else
    autoencoder = pd_tiny_vae_new (&backend, part->config, part->checkpoint, &error);
  g_assert_no_error (error);
  return autoencoder;
}

static PdAutoencoder *
load_tiny (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/taesd");

  return load (path);
}

/* A picture in memory, 0 … 1, and how often each pixel was written. */
typedef struct
{
  guint h, w;
  float *rgb;
  guint8 *written;
} Picture;

static void
picture_clear (Picture *self)
{
  g_free (self->rgb);
  g_free (self->written);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

static Picture
picture_new (const PdCoderOptions *options)
{
  guint scale = options->autoencoder->info.scale;
  guint h = options->height * scale, w = options->width * scale;

  return (Picture){ h, w, g_new0 (float, (gsize) h *w * 3), g_new0 (guint8, (gsize) h * w) };
}

static gboolean
write_pixels (const PdRect *rect, const float *rgb, gpointer data, GError **error)
{
  Picture *self = data;

  g_assert_cmpuint (rect->x + rect->w, <=, self->w);
  g_assert_cmpuint (rect->y + rect->h, <=, self->h);
  for (guint row = 0; row < rect->h; row++)
    {
      gsize to = (gsize) (rect->y + row) * self->w + rect->x;

      memcpy (self->rgb + 3 * to, rgb + (gsize) 3 * row * rect->w, 3 * rect->w * sizeof *rgb);
      for (guint column = 0; column < rect->w; column++)
        self->written[to + column]++;
    }
  return TRUE;
}

static gboolean
read_pixels (const PdRect *rect, float *rgb, gpointer data, GError **error)
{
  const Picture *self = data;

  g_assert_cmpuint (rect->x + rect->w, <=, self->w);
  g_assert_cmpuint (rect->y + rect->h, <=, self->h);
  for (guint row = 0; row < rect->h; row++)
    memcpy (rgb + (gsize) 3 * row * rect->w,
            self->rgb + 3 * ((gsize) (rect->y + row) * self->w + rect->x),
            3 * rect->w * sizeof *rgb);
  return TRUE;
}

static void
decode (const PdCoderOptions *options, const float *latents, Picture *picture)
{
  g_autoptr (GError) error = NULL;

  *picture = picture_new (options);
  g_assert_true (pd_decode_canvas (options, latents, write_pixels, picture, NULL, &error));
  g_assert_no_error (error);
  for (gsize i = 0; i < (gsize) picture->h * picture->w; i++)
    g_assert_cmpuint (picture->written[i], ==, 1);
}

static float *
encode (const PdCoderOptions *options, Picture *picture)
{
  const PdNoiseSource noise = { .seed = 5 };
  const PdEncodeSource source = { read_pixels, picture, &noise, 0 };
  g_autoptr (GError) error = NULL;
  float *latents = g_new0 (float, (gsize) options->autoencoder->info.channels * options->height *
                                      options->width);

  g_assert_true (pd_encode_canvas (options, &source, latents, NULL, &error));
  g_assert_no_error (error);
  return latents;
}

static float *
random_latents (const PdCoderOptions *options)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  gsize count = (gsize) options->autoencoder->info.channels * options->height * options->width;
  float *latents = g_new (float, count);

  for (gsize i = 0; i < count; i++)
    latents[i] = (float) g_rand_double_range (random, -2, 2);
  return latents;
}

/* A sky over ground: a gradient, then grain whose contrast grows. Repeats over its edges in x. */
static Picture
landscape (const PdCoderOptions *options)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (4);
  Picture picture = picture_new (options);

  for (guint y = 0; y < picture.h; y++)
    for (guint x = 0; x < picture.w; x++)
      for (guint c = 0; c < 3; c++)
        {
          double v = (double) y / picture.h;
          double wave = sin (2 * G_PI * x / picture.w + c) * sin (0.4 * y) * v;
          double grain = v < 0.4 ? 0 : (v - 0.4) * g_rand_double_range (random, -0.4, 0.4);

          picture.rgb[((gsize) y * picture.w + x) * 3 + c] =
              (float) CLAMP (0.75 - 0.4 * v + 0.05 * c + 0.1 * wave + grain, 0, 1);
        }
  return picture;
}

static double
psnr (const float *a, const float *b, gsize count)
{
  double sum = 0;

  for (gsize i = 0; i < count; i++)
    sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
  return sum > 0 ? -10 * log10 (sum / count) : INFINITY;
}

static void
assert_same_picture (const Picture *a, const Picture *b)
{
  g_assert_cmpmem (a->rgb, (gsize) a->h * a->w * 3 * sizeof *a->rgb, b->rgb,
                   (gsize) b->h * b->w * 3 * sizeof *b->rgb);
}

/* @by pixels down and to the right, over the edge. */
static void
turn (float *values, guint planes, guint h, guint w, guint depth, guint by)
{
  g_autofree float *copy = g_memdup2 (values, (gsize) planes * h * w * depth * sizeof *values);

  for (guint p = 0; p < planes; p++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        memcpy (values + (((gsize) p * h + (y + by) % h) * w + (x + by) % w) * depth,
                copy + (((gsize) p * h + y) * w + x) * depth, depth * sizeof *values);
}

static void
test_tiny_exact (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();
  PdCoderOptions whole = { .autoencoder = autoencoder, .height = 50, .width = 46, .tile = 64 };
  PdCoderOptions tiled = whole;
  g_autofree float *latents = NULL, *from_whole = NULL, *from_tiles = NULL;
  g_autofree float *mask = g_new0 (float, 50 * 46);
  g_auto (Picture) expected = { 0 }, one = { 0 }, two = { 0 }, part = { 0 };
  g_autoptr (PdChanges) changes = NULL;

  if (autoencoder == NULL)
    return;
  latents = random_latents (&whole);
  decode (&whole, latents, &expected);
  tiled.tile = 44;
  tiled.batch = 1;
  decode (&tiled, latents, &one);
  assert_same_picture (&expected, &one);
  tiled.batch = 4;
  decode (&tiled, latents, &two);
  assert_same_picture (&expected, &two);

  from_whole = encode (&whole, &expected);
  from_tiles = encode (&tiled, &expected);
  g_assert_cmpmem (from_whole, 4 * 50 * 46 * sizeof (float), from_tiles,
                   4 * 50 * 46 * sizeof (float));

  /* A window that has nothing of what changes is left out. */
  mask[0] = 1;
  tiled.changes = changes = pd_changes_new ((PdSize){ 50, 46 }, PD_TORUS_NONE, mask, NULL);
  part = picture_new (&tiled);
  g_assert_true (pd_decode_canvas (&tiled, latents, write_pixels, &part, NULL, NULL));
  g_assert_true (part.written[0] && !part.written[(gsize) part.h * part.w - 1]);
  g_assert_true (memcmp (part.rgb, expected.rgb, 3 * sizeof (float)) == 0);
}

static void
test_tiny_torus (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();
  PdCoderOptions options = { .autoencoder = autoencoder,
                             .height = 9,
                             .width = 20,
                             .tile = 48,
                             .batch = 1,
                             .wrap = PD_TORUS_XY };
  g_autofree float *latents = NULL, *before = NULL, *after = NULL;
  g_auto (Picture) straight = { 0 }, turned = { 0 };

  if (autoencoder == NULL)
    return;
  latents = random_latents (&options);
  decode (&options, latents, &straight);
  before = encode (&options, &straight);
  turn (latents, 4, 9, 20, 1, 13);
  decode (&options, latents, &turned);
  turn (straight.rgb, 1, straight.h, straight.w, 3, 13 * 8);
  assert_same_picture (&straight, &turned);
  after = encode (&options, &straight);
  turn (before, 4, 9, 20, 1, 13);
  g_assert_cmpmem (before, 4 * 9 * 20 * sizeof (float), after, 4 * 9 * 20 * sizeof (float));
}

/* The device holds a batch of windows, whatever the canvas. */
static void
test_memory (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();
  guint64 peaks[2];

  if (autoencoder == NULL)
    return;
  for (guint i = 0; i < 2; i++)
    {
      PdCoderOptions options = {
        .autoencoder = autoencoder, .height = 60, .width = 80 + 22 * i, .tile = 60, .batch = 2
      };
      g_autofree float *latents = random_latents (&options);
      g_auto (Picture) picture = { 0 };

      pd_account_reset_peak (device);
      decode (&options, latents, &picture);
      peaks[i] = pd_account_peak (device);
    }
  g_assert_cmpuint (peaks[0], ==, peaks[1]);
}

/* A plan is what a run then takes; windows shrink until they fit, and what they give stays. */
static void
check_plan (PdAutoencoder *autoencoder, guint side, gboolean exact)
{
  PdCoderOptions options = {
    .autoencoder = autoencoder, .height = side, .width = side + 5, .tile = side, .batch = 1
  };
  g_autofree float *latents = NULL;
  g_auto (Picture) expected = { 0 }, picture = { 0 };
  g_autoptr (GError) error = NULL;
  guint64 before = pd_account_used (device), bytes, smaller;
  double work;

  latents = random_latents (&options);
  g_assert_true (pd_coder_plan (device, &options, TRUE, &bytes, &work, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (pd_account_used (device), ==, before);
  g_assert_cmpuint (bytes, >, before);
  g_assert_cmpfloat (work, >, 0);
  pd_account_reset_peak (device);
  decode (&options, latents, &expected);
  g_assert_cmpuint (pd_account_peak (device), ==, bytes);

  pd_account_set_limit (device, bytes - 1);
  pd_account_reset_peak (device);
  decode (&options, latents, &picture);
  smaller = pd_account_peak (device);
  g_assert_cmpuint (smaller, <, bytes);
  if (exact)
    assert_same_picture (&expected, &picture);
  pd_account_set_limit (device, before + (smaller - before) / 16);
  g_assert_false (pd_decode_canvas (&options, latents, write_pixels, &picture, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  pd_account_set_limit (device, 0);
}

static void
test_tiny_plan (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();

  if (autoencoder != NULL)
    check_plan (autoencoder, 60, TRUE);
}

static void
test_kl_plan (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load (PD_SOURCE_ROOT "/engine/models/default/vae");

  check_plan (autoencoder, 32, FALSE);
}

static void
cancel (guint tiles_done, guint n_tiles, gpointer data)
{
  g_assert_cmpuint (tiles_done, ==, 1);
  g_assert_cmpuint (n_tiles, >, 1);
  g_cancellable_cancel (data);
}

static gboolean
refuse (const PdRect *rect, const float *rgb, gpointer data, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full");
  return FALSE;
}

static void
test_failures (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();
  PdCoderOptions options = {
    .autoencoder = autoencoder, .height = 60, .width = 60, .tile = 44, .batch = 1
  };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const PdMonitor monitor = { cancel, cancellable, cancellable };
  g_autoptr (GError) error = NULL;
  g_autofree float *latents = NULL;
  g_auto (Picture) picture = { 0 };

  if (autoencoder == NULL)
    return;
  latents = random_latents (&options);
  picture = picture_new (&options);
  g_assert_false (pd_decode_canvas (&options, latents, write_pixels, &picture, &monitor, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (pd_decode_canvas (&options, latents, refuse, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
  options.tile = 2 * autoencoder->info.halo_decode;
  g_assert_false (pd_decode_canvas (&options, latents, write_pixels, &picture, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

/* Arrays that are not the model's, as of other colours or channels, are refused. */
static void
refuse_lengths (PdAutoencoder *autoencoder)
{
  static const guint side = 3;
  guint scale = autoencoder->info.scale;
  const gsize n = (gsize) autoencoder->info.channels * side * side,
              n_picture = (gsize) 3 * side * side * scale * scale;
  const gsize lengths[][2] = { { n - 1, n_picture },
                               { n + side * side, n_picture },
                               { n, n_picture - 1 },
                               { n, n_picture / 3 * 4 } };
  PdAutoencoderPassOptions options = { .n = 1, .h = side, .w = side };
  g_autoptr (PdAutoencoderPass) encoder = pd_autoencoder_pass_new (autoencoder, &options, NULL);
  g_autoptr (PdAutoencoderPass) decoder = NULL;

  options.decode = TRUE;
  decoder = pd_autoencoder_pass_new (autoencoder, &options, NULL);
  g_assert_true (encoder != NULL && decoder != NULL);

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree float *latents = g_new0 (float, lengths[i][0]);
      g_autofree float *variance = g_new0 (float, lengths[i][0]);
      g_autofree float *picture = g_new0 (float, lengths[i][1]);
      g_autoptr (GError) decoding = NULL, encoding = NULL;

      g_assert_false (pd_autoencoder_decode (decoder, latents, lengths[i][0], picture,
                                             lengths[i][1], NULL, &decoding));
      g_assert_error (decoding, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_assert_false (pd_autoencoder_encode (encoder, picture, lengths[i][1],
                                             &(PdMoments){ latents, variance, lengths[i][0] }, NULL,
                                             &encoding));
      g_assert_error (encoding, PD_ERROR, PD_ERROR_BAD_MODEL);
    }
}

static void
test_tiny_lengths (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load_tiny ();

  if (autoencoder != NULL)
    refuse_lengths (autoencoder);
}

/* AutoencoderKL: windows are near the whole canvas, and the same in any batch. What the latents of
 * windows differ by is told by the pictures that they decode to, as the decoder does not see all of
 * it. Measured on lavapipe, windows decoded and windows encoded: 21.1 and 19.7 dB with the golden's
 * random weights, 42.8 and 41.5 dB with the embedded model. */
static void
check_kl (PdAutoencoder *autoencoder, guint tile, double least_decoded, double least_encoded)
{
  PdCoderOptions whole = { .autoencoder = autoencoder, .height = 40, .width = 28, .tile = 64 },
                 tiled = whole;
  gsize n_latents = (gsize) autoencoder->info.channels * 40 * 28;
  g_autofree float *latents = NULL, *one = NULL, *two = NULL, *plain = NULL, *noise = NULL;
  g_autofree float *variance = NULL;
  g_autoptr (PdAutoencoderPass) pass = NULL;
  g_auto (Picture) picture = landscape (&whole), expected = { 0 }, a = { 0 }, b = { 0 }, c = { 0 };
  g_autoptr (GError) error = NULL;
  double decoded, encoded;

  latents = encode (&whole, &picture);
  decode (&whole, latents, &expected);
  tiled.tile = tile;
  tiled.batch = 1;
  decode (&tiled, latents, &a);
  tiled.batch = 2;
  decode (&tiled, latents, &b);
  assert_same_picture (&a, &b);
  decoded = psnr (expected.rgb, a.rgb, (gsize) a.h * a.w * 3);

  two = encode (&tiled, &picture);
  tiled.batch = 1;
  one = encode (&tiled, &picture);
  g_assert_cmpmem (one, n_latents * sizeof *one, two, n_latents * sizeof *two);
  decode (&whole, one, &c);
  encoded = psnr (expected.rgb, c.rgb, (gsize) c.h * c.w * 3);
  g_test_message ("decoded %.1f dB, encoded %.1f dB", decoded, encoded);
  g_assert_cmpfloat (decoded, >=, least_decoded);
  g_assert_cmpfloat (encoded, >=, least_encoded);

  /* One window: the untiled path, with the canvas's noise. */
  plain = g_new (float, n_latents);
  variance = g_new (float, n_latents);
  noise = g_new (float, n_latents);
  pd_noise_normal (5, 0, 0, n_latents, noise);
  for (gsize i = 0; i < (gsize) picture.h * picture.w * 3; i++)
    picture.rgb[i] = 2 * picture.rgb[i] - 1;
  pass = pd_autoencoder_pass_new (autoencoder,
                                  &(PdAutoencoderPassOptions){ .n = 1, .h = 40, .w = 28 }, &error);
  g_assert_no_error (error);
  g_assert_true (pd_autoencoder_encode (pass, picture.rgb, (gsize) picture.h * picture.w * 3,
                                        &(PdMoments){ plain, variance, n_latents }, NULL, &error));
  for (gsize i = 0; i < n_latents; i++)
    plain[i] = pd_autoencoder_latent (autoencoder, plain[i], variance[i], noise[i]);
  g_assert_cmpmem (plain, n_latents * sizeof *plain, latents, n_latents * sizeof *latents);

  refuse_lengths (autoencoder);

  latents[0] = NAN;
  g_assert_false (pd_decode_canvas (&tiled, latents, write_pixels, &a, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
}

static void
test_kl_golden (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1/vae");
  g_autoptr (PdAutoencoder) autoencoder = load (path);

  if (autoencoder != NULL)
    check_kl (autoencoder, 26, 19, 18);
}

static void
test_kl_default (void)
{
  g_autoptr (PdAutoencoder) autoencoder = load (PD_SOURCE_ROOT "/engine/models/default/vae");

  check_kl (autoencoder, 26, 31, 31);
}

/* Windows that are larger than the sample. */
static void
test_kl_wide (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1/vae");
  g_autoptr (PdAutoencoder) autoencoder = load (path);
  PdCoderOptions whole = { .autoencoder = autoencoder, .height = 9, .width = 118, .tile = 128 },
                 tiled = whole;
  g_autofree float *one = NULL, *windows = NULL;
  g_auto (Picture) picture = { 0 }, expected = { 0 }, decoded = { 0 };
  gsize n;

  if (autoencoder == NULL)
    return;
  tiled.tile = 88;
  picture = landscape (&whole);
  one = encode (&whole, &picture);
  windows = encode (&tiled, &picture);
  decode (&whole, one, &expected);
  decode (&tiled, windows, &decoded);
  n = (gsize) expected.h * expected.w * 3;
  g_test_message ("encoded and decoded %.1f dB", psnr (expected.rgb, decoded.rgb, n));
  g_assert_cmpfloat (psnr (expected.rgb, decoded.rgb, n), >=, 15);
}

/* Pictures of one colour that repeat over all edges: nothing varies but what sees the border of the
 * window, and that is cut off. */
static void
test_kl_flat (void)
{
  static const float colors[][3] = { { 1, 1, 1 }, { 0, 0, 0 }, { 0.9f, 0.2f, 0.4f } };
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1/vae");
  PdAutoencoder *autoencoder = load (path);

  for (guint i = 0; autoencoder != NULL && i < G_N_ELEMENTS (colors); i++)
    {
      PdCoderOptions options = { .autoencoder = autoencoder,
                                 .height = 5,
                                 .width = 7,
                                 .tile = 48,
                                 .batch = 1,
                                 .wrap = PD_TORUS_XY };
      Picture picture = picture_new (&options), back;
      g_autofree float *latents = NULL;

      for (gsize k = 0; k < (gsize) picture.h * picture.w * 3; k++)
        picture.rgb[k] = colors[i][k % 3];
      latents = encode (&options, &picture);
      decode (&options, latents, &back);
      for (gsize k = 0; k < (gsize) picture.h * picture.w * 3; k++)
        g_assert_true (isfinite (back.rgb[k]));
      picture_clear (&picture);
      picture_clear (&back);
    }
  pd_autoencoder_free (autoencoder);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  device = pd_device_new (NULL, &error);
  if (device == NULL)
    {
      g_print ("1..0 # SKIP %s\n", error->message);
      return 0;
    }
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F16, &error));
  g_test_add_func ("/decode/tiny/exact", test_tiny_exact);
  g_test_add_func ("/decode/tiny/torus", test_tiny_torus);
  g_test_add_func ("/decode/tiny/memory", test_memory);
  g_test_add_func ("/decode/tiny/plan", test_tiny_plan);
  g_test_add_func ("/decode/tiny/failures", test_failures);
  g_test_add_func ("/decode/tiny/lengths", test_tiny_lengths);
  g_test_add_func ("/decode/kl/plan", test_kl_plan);
  g_test_add_func ("/decode/kl/golden", test_kl_golden);
  g_test_add_func ("/decode/kl/default", test_kl_default);
  g_test_add_func ("/decode/kl/wide", test_kl_wide);
  g_test_add_func ("/decode/kl/flat", test_kl_flat);
  result = g_test_run ();
  pd_device_free (device);
  return result;
}
