// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <gegl.h>

#include "engine/networks/model.h"
#include "tests/metrics/style.h"
#include "tests/metrics/synthetic.h"

/* What the measure of style says of pictures of which it is known. */

enum
{
  SIDE = 256,
  TILE = 96,
  OVERLAP = 32,
};

static PdAutoencoder *autoencoder;

static PdStyleReport
measure (const PdPixels *picture, const PdPixels *style, const PdPixels *content)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdLayout) layout = pd_layout_new (SIDE, SIDE, TILE, OVERLAP, 8, PD_TORUS_NONE, &error);
  g_autoptr (PdGrams) grams = NULL, style_grams = NULL;

  g_assert_no_error (error);
  grams = pd_grams_new (autoencoder, picture, &error);
  g_assert_no_error (error);
  style_grams = pd_grams_new (autoencoder, style, &error);
  g_assert_no_error (error);
  return pd_style_measure (&(PdStylePicture){ picture, grams },
                           &(PdStylePicture){ style, style_grams }, content, layout);
}

static void
test_itself (void)
{
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  PdStyleReport report = measure (picture, picture, picture);

  for (guint i = 0; i < PD_GRAM_LEVELS; i++)
    g_assert_cmpfloat_with_epsilon (report.gram[i], 0, 1e-6);
  g_assert_cmpfloat_with_epsilon (report.histogram, 0, 1e-9);
  g_assert_cmpfloat_with_epsilon (report.edges, 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (report.low, 1, 1e-6);
}

/* Another picture of the same kind is nearer in style than one of another kind, and shows nothing
 * of it. */
static void
test_kinds (void)
{
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  g_autoptr (PdPixels) sister = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 2);
  g_autoptr (PdPixels) other = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, 1);
  PdStyleReport near = measure (sister, picture, picture), far = measure (other, picture, picture);

  for (guint i = 0; i < PD_GRAM_LEVELS; i++)
    {
      g_test_message ("level %u: %.3f, %.3f", i, near.gram[i], far.gram[i]);
      g_assert_cmpfloat (near.gram[i], <, far.gram[i] / 2);
    }
  g_assert_cmpfloat (near.histogram, <, far.histogram);
  g_assert_cmpfloat (fabs (near.edges), <, 0.3);
}

/* A tile of another hand spreads between tiles, not inside. */
static void
test_spread (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdPixels) clean = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, 3);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, 3);
  g_autoptr (PdLayout) layout = pd_layout_new (SIDE, SIDE, TILE, OVERLAP, 8, PD_TORUS_NONE, &error);
  PdStyleReport before = measure (clean, clean, clean), after;

  pd_synthetic_drift_tile (picture, layout, 4, 1, 60);
  after = measure (picture, clean, clean);
  g_test_message ("between %.4f, inside %.4f; before %.4f, %.4f", after.style_spread.between,
                  after.style_spread.inside, before.style_spread.between,
                  before.style_spread.inside);
  g_assert_cmpfloat (after.style_spread.between, >, 4 * before.style_spread.between);
}

/* Colours become the style's; what is seen stays. */
static void
test_colours (void)
{
  g_autoptr (PdPixels) content = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  g_autoptr (PdPixels) style = pd_synthetic_picture (PD_SYNTHETIC_GRADIENT, SIDE, 1);
  g_autoptr (PdPixels) matched = pd_style_match_colours (content, style);
  PdStyleReport before = measure (content, style, content);
  PdStyleReport after = measure (matched, style, content);

  g_assert_cmpfloat (after.histogram, <, before.histogram);
  g_assert_cmpfloat (after.gram[0], <, before.gram[0]);
  g_assert_cmpfloat (after.low, >, 0.95);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDevice) device = NULL;
  g_autoptr (PdModel) model = NULL;
  PdBackend backend;
  int status;

  pd_device_prepare_environment ();
  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, &error);
  g_assert_no_error (error);
  model = pd_model_load (&backend, PD_SOURCE_ROOT "/engine/models/default", NULL, &error);
  g_assert_no_error (error);
  autoencoder = model->autoencoder;
  g_test_add_func ("/style/itself", test_itself);
  g_test_add_func ("/style/kinds", test_kinds);
  g_test_add_func ("/style/spread", test_spread);
  g_test_add_func ("/style/colours", test_colours);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  g_clear_pointer (&model, pd_model_free);
  g_clear_pointer (&device, pd_device_free);
  gegl_exit ();
  return status;
}
