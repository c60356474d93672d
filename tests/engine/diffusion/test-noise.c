// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"

/* Random123, tests/kat_vectors, lines "philox4x32 10". */
static void
test_philox (void)
{
  static const struct
  {
    guint32 counter[4], key[2], result[4];
  } vectors[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      guint32 result[4];

      pd_noise_philox (vectors[i].counter, vectors[i].key, result);
      g_assert_cmpmem (result, sizeof result, vectors[i].result, sizeof vectors[i].result);
    }
}

/* torch.manual_seed (0); torch.randn (3, 4, device="cuda"), as published with
 * stable-diffusion-webui's port of the generator (modules/rng_philox.py). */
static void
test_torch_cuda (void)
{
  static const float expected[12] = {
    -0.92466259f, -0.42534415f, -2.6438457f,  0.14518388f,  -0.12086647f, -0.57972564f,
    -0.62285122f, -0.32838709f, -1.07454231f, -0.36314407f, -1.67105067f, 2.26550497f,
  };
  float found[12];

  pd_noise_normal (0, 0, 0, 12, found);
  for (guint i = 0; i < 12; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 3e-7);
}

static void
test_moments (void)
{
  enum
  {
    N = 1 << 18
  };
  g_autofree float *noise = g_new (float, N);
  double power[5] = { 0 };
  double neighbours = 0.0;

  pd_noise_normal (12345, 3, 0, N, noise);
  for (guint i = 0; i < N; i++)
    {
      for (guint p = 1; p <= 4; p++)
        power[p] += pow (noise[i], p) / N;
      neighbours += noise[i] * noise[(i + 1) % N] / N;
    }

  /* four standard deviations of the estimates */
  g_assert_cmpfloat_with_epsilon (power[1], 0.0, 4 * sqrt (1.0 / N));
  g_assert_cmpfloat_with_epsilon (power[2], 1.0, 4 * sqrt (2.0 / N));
  g_assert_cmpfloat_with_epsilon (power[3], 0.0, 4 * sqrt (15.0 / N));
  g_assert_cmpfloat_with_epsilon (power[4], 3.0, 4 * sqrt (96.0 / N));
  g_assert_cmpfloat_with_epsilon (neighbours, 0.0, 4 * sqrt (1.0 / N));
}

/* An element depends on seed, draw and index alone. */
static void
test_keys (void)
{
  float whole[64], part[16], other[64];

  pd_noise_normal (7, 2, 0, 64, whole);
  pd_noise_normal (7, 2, 40, 16, part);
  g_assert_cmpmem (part, sizeof part, whole + 40, sizeof part);

  pd_noise_normal (7, 1, 0, 64, other);
  g_assert_cmpint (memcmp (whole, other, sizeof whole), !=, 0);
  pd_noise_normal (8, 2, 0, 64, other);
  g_assert_cmpint (memcmp (whole, other, sizeof whole), !=, 0);

  /* the upper halves of seed and index count too */
  pd_noise_normal (7 + (G_GUINT64_CONSTANT (1) << 32), 2, 0, 64, other);
  g_assert_cmpint (memcmp (whole, other, sizeof whole), !=, 0);
  pd_noise_normal (7, 2, (gsize) (G_GUINT64_CONSTANT (1) << 32), 64, other);
  g_assert_cmpint (memcmp (whole, other, sizeof whole), !=, 0);
}

static void
test_region (void)
{
  enum
  {
    C = 3,
    H = 7,
    W = 11,
    PART_H = 5,
    PART_W = 6
  };
  const PdRect rect = { 2, 4, PART_H, PART_W };
  float canvas[C * H * W], part[C * PART_H * PART_W];

  pd_noise_normal (99, 0, 0, C * H * W, canvas);
  pd_noise_region (&(PdNoiseSource){ .seed = 99 }, 0, C, (PdSize){ H, W }, &rect, part);
  for (guint c = 0; c < C; c++)
    for (guint y = 0; y < PART_H; y++)
      for (guint x = 0; x < PART_W; x++)
        g_assert_cmpfloat (part[(c * PART_H + y) * PART_W + x], ==,
                           canvas[(c * H + rect.y + y) * W + rect.x + x]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/noise/philox", test_philox);
  g_test_add_func ("/noise/torch-cuda", test_torch_cuda);
  g_test_add_func ("/noise/moments", test_moments);
  g_test_add_func ("/noise/keys", test_keys);
  g_test_add_func ("/noise/region", test_region);
  return g_test_run ();
}
