// SPDX-License-Identifier: GPL-3.0-or-later
/* M1 to M6 on synthetic pictures of 512×512 in 25 tiles, clean and with defects of known size. */
#include "tests/metrics/report.h"
#include "tests/metrics/synthetic.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

enum
{
  SIDE = 512,
  TILE = 128,
  OVERLAP = 32,
  SEEDS = 3,
};

static const PdSyntheticKind kinds[] = { PD_SYNTHETIC_TEXTURE, PD_SYNTHETIC_GRADIENT,
                                         PD_SYNTHETIC_NOISE };

static PdLayout *
make_layout (guint overlap, gboolean wrap)
{
  g_autoptr (GError) error = NULL;
  PdLayout *layout =
      pd_layout_new (SIDE, SIDE, TILE, overlap, 8, wrap ? PD_TORUS_XY : PD_TORUS_NONE, &error);

  g_assert_no_error (error);
  return layout;
}

static PdBorders
measure_borders (const PdPixels *picture, const PdLayout *layout)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);

  return pd_borders_measure (luma, layout);
}

static PdRepetition
measure_repetition (const PdPixels *picture, const PdLayout *layout)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);
  g_autoptr (PdPlane) detail = pd_plane_detail (luma, 4, layout->x.wrap, layout->y.wrap);

  return pd_repetition_measure (luma, detail, layout);
}

static PdDetail
measure_detail (const PdPixels *picture, const PdLayout *layout)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);
  g_autoptr (PdPlane) detail = pd_plane_detail (luma, 4, layout->x.wrap, layout->y.wrap);

  return pd_detail_measure (detail, layout);
}

static PdCoherence
measure_coherence (const PdPixels *picture, const PdPixels *base, const PdLayout *layout)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);

  return pd_coherence_measure (picture, luma, base, layout);
}

static void
assert_below (double value, double bound)
{
  g_assert_false (isnan (value));
  g_assert_cmpfloat (value, <, bound);
}

static void
assert_clean_borders (const PdBorders *borders)
{
  const PdPhases *phases[] = { &borders->x.starts, &borders->x.ends, &borders->x.middles,
                               &borders->y.starts, &borders->y.ends, &borders->y.middles };

  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    assert_below (fabs (phases[i]->z), 3.0);
}

/* --- M1 --- */

static void
test_borders_value (void)
{
  g_autoptr (PdLayout) layout = make_layout (0, FALSE);
  g_autoptr (PdPlane) plane = pd_plane_new (SIDE, SIDE);
  PdBorders borders;

  /* Steps of 3 that cancel over two segments, but not along one. */
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++)
      plane->values[y * SIDE + x] = 100.0f + (((x / TILE) ^ (y / TILE)) & 1 ? 3.0f : 0.0f);
  borders = pd_borders_measure (plane, layout);
  g_assert_cmpfloat (borders.x.starts.here, ==, 3.0);
  g_assert_cmpfloat (borders.y.starts.here, ==, 3.0);
  g_assert_cmpfloat (borders.x.starts.elsewhere, ==, 0.0);
  g_assert_cmpfloat (borders.x.middles.here, ==, 0.0);
  g_assert_cmpfloat (borders.x.starts.z, >, 100.0);
}

static void
test_borders_clean (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
        g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
        PdBorders borders;

        pd_synthetic_round (picture);
        borders = measure_borders (picture, layout);
        assert_clean_borders (&borders);
      }
}

/* A deviation of 2/255 on texture, ½ on a slope, 4 in noise of 10: found in both directions. */
static void
test_borders_sharp (void)
{
  static const double steps[] = { 2.0, 0.5, 4.0 };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      for (guint wrap = 0; wrap < 2; wrap++)
        {
          g_autoptr (PdLayout) layout = make_layout (OVERLAP, wrap);
          g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
          PdBorders borders;

          /* A slope is no torus. */
          if (wrap && kinds[k] == PD_SYNTHETIC_GRADIENT)
            continue;
          pd_synthetic_add_offsets (picture, layout, FALSE, steps[k], seed + 50);
          pd_synthetic_round (picture);
          borders = measure_borders (picture, layout);
          g_test_message ("kind %u seed %u wrap %u: z %.1f %.1f", k, seed, wrap, borders.x.starts.z,
                          borders.y.starts.z);
          g_assert_cmpfloat (borders.x.starts.z, >, 3.0);
          g_assert_cmpfloat (borders.y.starts.z, >, 3.0);
          assert_below (fabs (borders.x.middles.z), 3.0);
          assert_below (fabs (borders.y.middles.z), 3.0);
        }
}

/* What M1 does not see and M2 is for. */
static void
test_borders_feathered (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  PdBorders borders;

  pd_synthetic_add_offsets (picture, layout, TRUE, 4.0, 51);
  pd_synthetic_round (picture);
  borders = measure_borders (picture, layout);
  assert_clean_borders (&borders);
}

static void
measure_seam (const PdPixels *picture, PdPhases *x, PdPhases *y)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);
  g_autoptr (PdPlane) rolled = pd_plane_shift_half (luma);

  pd_borders_measure_middle (rolled, TILE, x, y);
}

/* A texture is seamless; with a slope from left to right of 8/255 it is not in x. */
static void
test_borders_seamless (void)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++)
    {
      g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, seed);
      g_autoptr (PdPixels) sloped = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, seed);
      PdPhases x, y;

      pd_synthetic_round (picture);
      measure_seam (picture, &x, &y);
      assert_below (fabs (x.z), 3.0);
      assert_below (fabs (y.z), 3.0);
      for (gsize i = 0; i < SIDE * SIDE * 3; i++)
        sloped->pixels[i] += 8.0f / 255.0f * (float) (i / 3 % SIDE) / SIDE;
      pd_synthetic_round (sloped);
      measure_seam (sloped, &x, &y);
      g_test_message ("seed %u: z %.1f", seed, x.z);
      g_assert_cmpfloat (x.z, >, 3.0);
      assert_below (fabs (y.z), 3.0);
    }
}

/* --- M2 --- */

static PdOffsets
measure_offsets (
    PdSyntheticKind kind, guint32 seed, gboolean feathered, double steps, double *drawn)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (kind, SIDE, seed);
  g_autoptr (PdPixels) reference = pd_pixels_reduce (picture, SIDE / 4, SIDE / 4);

  *drawn = pd_synthetic_add_offsets (picture, layout, feathered, steps, seed + 50);
  pd_synthetic_round (picture);
  pd_synthetic_round (reference);
  return pd_offsets_measure (picture, reference, layout);
}

/* Found to two fifths: sharp tiles are not quite their cells, and 25 draws are few. */
static void
test_offsets (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        double drawn;
        PdOffsets offsets = measure_offsets (kinds[k], seed, FALSE, 0.0, &drawn);

        assert_below (offsets.offset, 0.1);
        for (guint steps = 1; steps <= 4; steps *= 2)
          for (guint feathered = 0; feathered < 2; feathered++)
            {
              offsets = measure_offsets (kinds[k], seed, feathered, steps, &drawn);
              g_test_message ("kind %u seed %u feathered %u: %.2f of %.2f, ratio %.2f", k, seed,
                              feathered, offsets.offset, drawn, offsets.ratio);
              g_assert_cmpfloat (offsets.ratio, >, 1.4);
              g_assert_cmpfloat_with_epsilon (offsets.offset, drawn, 0.4 * drawn);
            }
      }
}

/* Detail that the reference does not have is no offset of tiles. */
static void
test_offsets_unrelated (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);

  for (guint32 seed = 1; seed <= 8; seed++)
    {
      g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, seed);
      g_autoptr (PdPixels) other = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, seed + 100);
      g_autoptr (PdPixels) reference = pd_pixels_reduce (picture, SIDE / 4, SIDE / 4);
      PdOffsets offsets;

      for (gsize i = 0; i < SIDE * SIDE * 3; i++)
        picture->pixels[i] += 0.1f * (other->pixels[i] - 0.5f);
      offsets = pd_offsets_measure (picture, reference, layout);
      g_test_message ("seed %u: %.2f, ratio %.2f", seed, offsets.offset, offsets.ratio);
      assert_below (offsets.ratio, 1.4);
    }
}

/* Only red differs. */
static void
test_offsets_colour (void)
{
  g_autoptr (PdLayout) layout = make_layout (0, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_GRADIENT, SIDE, 1);
  g_autoptr (PdPixels) reference = pd_synthetic_picture (PD_SYNTHETIC_GRADIENT, SIDE, 1);
  PdOffsets offsets;

  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++)
      if ((x / TILE + y / TILE) & 1)
        picture->pixels[(y * SIDE + x) * 3] += 6.0f / 255.0f;
  offsets = pd_offsets_measure (picture, reference, layout);
  /* 16 tiles, half of them 6 up: 6 · ½ · √(16/15) in one channel of three; shifted they cancel. */
  g_assert_cmpfloat_with_epsilon (offsets.on_grid, 3.0 * sqrt (16.0 / 15.0 / 3.0), 1e-3);
  assert_below (offsets.shifted, 1e-3);
}

/* --- M3 --- */

static void
test_repetition_clean (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
        PdRepetition repetition;

        pd_synthetic_round (picture);
        repetition = measure_repetition (picture, layout);
        assert_below (repetition.lags - fmax (0.0, repetition.other_lags), 0.03);
        assert_below (repetition.tiles - repetition.crops, 0.05);
      }
}

/* A quarter of one tile in all: seen by both on texture and slopes, in noise only in the tiles. */
static void
test_repetition_mixed (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
        g_autoptr (PdPixels) other = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, seed + 100);
        PdRepetition repetition;

        pd_synthetic_mix_tile (picture, layout, other, 0.25);
        pd_synthetic_round (picture);
        repetition = measure_repetition (picture, layout);
        g_test_message ("kind %u seed %u: lags %.3f (%.3f), tiles %.3f (%.3f)", k, seed,
                        repetition.lags, repetition.other_lags, repetition.tiles, repetition.crops);
        g_assert_cmpfloat (repetition.tiles - repetition.crops, >, 0.05);
        if (kinds[k] != PD_SYNTHETIC_NOISE)
          g_assert_cmpfloat (repetition.lags - fmax (0.0, repetition.other_lags), >, 0.03);
      }
}

/* Nothing but one tile; and two tiles only, which are named. */
static void
test_repetition_copies (void)
{
  g_autoptr (PdLayout) layout = make_layout (0, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  g_autoptr (PdPixels) pair = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 2);
  PdRepetition repetition;

  for (guint y = 0; y < TILE; y++)
    memcpy (pair->pixels + ((2 * TILE + y) * SIDE + 3 * TILE) * 3,
            pair->pixels + (y * SIDE + TILE) * 3, TILE * 3 * sizeof (float));
  repetition = measure_repetition (pair, layout);
  g_assert_cmpfloat (repetition.strongest, >, 0.8);
  g_assert_cmpuint (repetition.a, ==, 1);
  g_assert_cmpuint (repetition.b, ==, 2 * 4 + 3);

  pd_synthetic_mix_tile (picture, layout, pair, 1.0);
  repetition = measure_repetition (picture, layout);
  /* Not quite 1 because of the pixels at the outer edges. */
  g_assert_cmpfloat (repetition.lags, >, 0.95);
  g_assert_cmpfloat (repetition.tiles, >, 0.95);
  assert_below (repetition.other_lags, 0.3);
}

/* --- M4 --- */

static void
test_detail (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
        g_autoptr (PdPixels) blurred = pd_synthetic_picture (kinds[k], SIDE, seed);
        PdDetail detail;

        pd_synthetic_round (picture);
        detail = measure_detail (picture, layout);
        g_assert_cmpfloat_with_epsilon (detail.x.ratio, 1.0, 0.1);
        g_assert_cmpfloat_with_epsilon (detail.y.ratio, 1.0, 0.1);
        /* A slope has no detail to lose. */
        if (kinds[k] == PD_SYNTHETIC_GRADIENT)
          continue;
        pd_synthetic_blur_overlaps (blurred, layout, 0.3);
        pd_synthetic_round (blurred);
        detail = measure_detail (blurred, layout);
        g_test_message ("kind %u seed %u: ratio %.2f, z %.1f", k, seed, detail.x.ratio, detail.x.z);
        g_assert_cmpfloat_with_epsilon (detail.x.ratio, 0.51, 0.04);
        g_assert_cmpfloat (detail.x.z, <, -10.0);
        g_assert_cmpfloat_with_epsilon (detail.y.ratio, 1.0, 0.1);
      }
}

/* --- M5 --- */

static void
test_coherence_values (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  g_autoptr (PdPixels) base = pd_pixels_reduce (picture, SIDE / 4, SIDE / 4);
  PdCoherence coherence = measure_coherence (picture, base, layout);

  g_assert_cmpfloat (coherence.psnr, >, 80.0);
  g_assert_cmpfloat_with_epsilon (coherence.ssim, 1.0, 1e-6);
  for (gsize i = 0; i < SIDE * SIDE * 3; i++)
    picture->pixels[i] += 0.1f;
  coherence = measure_coherence (picture, base, layout);
  g_assert_cmpfloat_with_epsilon (coherence.psnr, 20.0, 1e-3);
  /* All tiles alike: the picture changed, no tile drifted. */
  assert_below (coherence.mean_drift, 0.01);
  assert_below (coherence.contrast_drift, 0.01);
  coherence = measure_coherence (picture, NULL, layout);
  g_assert_true (isnan (coherence.psnr));
  g_assert_false (isnan (coherence.orientation));
}

static void
test_coherence_drift (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint32 seed = 1; seed <= SEEDS; seed++)
      {
        g_autoptr (PdPixels) picture = pd_synthetic_picture (kinds[k], SIDE, seed);
        g_autoptr (PdPixels) base = pd_pixels_reduce (picture, SIDE / 4, SIDE / 4);
        g_autoptr (PdPixels) lighter = pd_pixels_reduce (picture, SIDE, SIDE);
        PdCoherence coherence;

        pd_synthetic_round (picture);
        coherence = measure_coherence (picture, base, layout);
        assert_below (coherence.mean_drift, 0.2);
        assert_below (coherence.contrast_drift, 0.05);
        pd_synthetic_drift_tile (lighter, layout, 6, 1.0, 4.0);
        coherence = measure_coherence (lighter, base, layout);
        g_assert_cmpfloat_with_epsilon (coherence.mean_drift, 3.3, 0.4);
        /* Only what has contrast can lose it. */
        if (kinds[k] != PD_SYNTHETIC_TEXTURE)
          continue;
        pd_synthetic_drift_tile (picture, layout, 6, 0.7, 0.0);
        coherence = measure_coherence (picture, base, layout);
        g_test_message ("seed %u: contrast %.2f", seed, coherence.contrast_drift);
        g_assert_cmpfloat (coherence.contrast_drift, >, 0.25);
      }
}

static void
test_coherence_orientation (void)
{
  g_autoptr (PdLayout) layout = make_layout (0, FALSE);

  for (guint32 seed = 1; seed <= SEEDS; seed++)
    {
      g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_RINGS, SIDE, seed);

      assert_below (measure_coherence (picture, NULL, layout).orientation, 0.85);
      pd_synthetic_shuffle_tiles (picture, layout, seed);
      g_assert_cmpfloat (measure_coherence (picture, NULL, layout).orientation, >, 0.9);
    }
}

/* --- all --- */

static void
test_report (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, SIDE, 1);
  g_autoptr (PdPixels) base = pd_pixels_reduce (picture, SIDE / 4, SIDE / 4);
  PdReport report = pd_report_measure (picture, layout, base, base, 8, TRUE);
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) root = NULL;
  JsonObject *object;

  g_assert_true (pd_report_passes (&report));
  pd_synthetic_add_offsets (picture, layout, FALSE, 4.0, 51);
  report = pd_report_measure (picture, layout, base, base, 8, FALSE);
  g_assert_false (pd_report_passes (&report));
  text = pd_report_to_json (&report);
  root = json_from_string (text, NULL);
  object = json_node_get_object (root);
  g_assert_false (json_object_get_boolean_member (object, "pass"));
  g_assert_cmpfloat (
      json_object_get_double_member (json_object_get_object_member (object, "M1"), "starts x, z"),
      ==, report.borders.x.starts.z);
  g_assert_cmpstr (
      json_array_get_string_element (json_object_get_array_member (object, "outside"), 0), ==,
      "M1 starts x, z");
}

/* --- M6 --- */

static PdEvenness
measure_evenness (const PdPixels *picture, const PdLayout *layout)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);

  return pd_evenness_measure (picture, luma, layout, 8);
}

/* Noise is the same everywhere, in colour and grain, and none of it is coarse. */
static void
test_evenness_clean (void)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++)
    {
      g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
      g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, seed);
      PdEvenness evenness = measure_evenness (picture, layout);

      assert_below (evenness.spread, 0.3);
      assert_below (fabs (evenness.far_over_near - 1), 0.35);
      assert_below (evenness.grain[0], 0.1);
      assert_below (fabs (evenness.fine - 10), 0.3);
      assert_below (evenness.mid, 0.5);
    }
}

/* Offsets of tiles are spread, and not grain or fine detail; far cells differ more than near ones.
 */
static void
test_evenness_offsets (void)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++)
    {
      g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
      g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, seed);
      PdEvenness before = measure_evenness (picture, layout), after;
      double steps = pd_synthetic_add_offsets (picture, layout, TRUE, 4, seed);

      after = measure_evenness (picture, layout);
      g_test_message ("seed %u: offsets %.2f, spread %.2f, far over near %.2f, mid %.2f, fine %.2f",
                      seed, steps, after.spread, after.far_over_near, after.mid, after.fine);
      g_assert_cmpfloat (after.spread, >, 0.6 * steps);
      assert_below (after.spread, 1.2 * steps);
      g_assert_cmpfloat (after.far_over_near, >, 1.15);
      g_assert_cmpfloat (after.mid, >, 1.5 * before.mid);
      assert_below (fabs (after.grain[0] - before.grain[0]), 0.02);
      assert_below (fabs (after.fine - before.fine), 0.2);
    }
}

/* One tile without its detail is another grain, not another colour. */
static void
test_evenness_grain (void)
{
  g_autoptr (PdLayout) layout = make_layout (OVERLAP, FALSE);
  g_autoptr (PdPixels) picture = pd_synthetic_picture (PD_SYNTHETIC_NOISE, SIDE, 1);
  PdEvenness before = measure_evenness (picture, layout), after;

  pd_synthetic_drift_tile (picture, layout, 12, 0.2, 0);
  after = measure_evenness (picture, layout);
  g_assert_cmpfloat (after.grain[0], >, 4 * before.grain[0]);
  assert_below (fabs (after.spread - before.spread), 1);
  assert_below (after.fine, before.fine);
}

/* Nothing to compare: undefined, not a defect. */
static void
test_report_one_tile (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdLayout) layout = pd_layout_new (64, 40, 512, 128, 8, PD_TORUS_NONE, &error);
  g_autoptr (PdPixels) large = pd_synthetic_picture (PD_SYNTHETIC_TEXTURE, 64, 1);
  g_autoptr (PdPixels) picture = pd_pixels_reduce (large, 64, 40);
  PdReport report = pd_report_measure (picture, layout, picture, picture, 8, FALSE);
  g_autofree char *text = pd_report_to_json (&report);
  g_autofree char *table = pd_report_to_table (&report);

  g_assert_true (pd_report_passes (&report));
  g_assert_true (isnan (report.borders.x.starts.z));
  g_assert_true (isnan (report.offsets.offset));
  g_assert_true (isnan (report.repetition.tiles));
  g_assert_nonnull (strstr (text, "\"tiles\":null"));
  g_assert_nonnull (strstr (table, "not defined here"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/borders/value", test_borders_value);
  g_test_add_func ("/metrics/borders/clean", test_borders_clean);
  g_test_add_func ("/metrics/borders/sharp", test_borders_sharp);
  g_test_add_func ("/metrics/borders/feathered", test_borders_feathered);
  g_test_add_func ("/metrics/borders/seamless", test_borders_seamless);
  g_test_add_func ("/metrics/offsets", test_offsets);
  g_test_add_func ("/metrics/offsets/colour", test_offsets_colour);
  g_test_add_func ("/metrics/offsets/unrelated", test_offsets_unrelated);
  g_test_add_func ("/metrics/repetition/clean", test_repetition_clean);
  g_test_add_func ("/metrics/repetition/mixed", test_repetition_mixed);
  g_test_add_func ("/metrics/repetition/copies", test_repetition_copies);
  g_test_add_func ("/metrics/detail", test_detail);
  g_test_add_func ("/metrics/coherence/values", test_coherence_values);
  g_test_add_func ("/metrics/coherence/drift", test_coherence_drift);
  g_test_add_func ("/metrics/coherence/orientation", test_coherence_orientation);
  g_test_add_func ("/metrics/evenness/clean", test_evenness_clean);
  g_test_add_func ("/metrics/evenness/offsets", test_evenness_offsets);
  g_test_add_func ("/metrics/evenness/grain", test_evenness_grain);
  g_test_add_func ("/metrics/report", test_report);
  g_test_add_func ("/metrics/report/one-tile", test_report_one_tile);
  return g_test_run ();
}
