// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/base/half.h"

static void
test_round_trip (void)
{
  for (guint half = 0; half < 0x10000; half++)
    {
      float value = pd_half_to_float ((guint16) half);

      if ((half & 0x7fff) > 0x7c00)
        g_assert_true (isnan (value));
      else
        g_assert_cmphex (pd_half_from_float (value), ==, half);
    }
}

/* The value of a finite half by its definition. */
static double
definition (guint16 half)
{
  int exponent = half >> 10 & 31;
  double fraction = half & 0x3ff;
  double magnitude = exponent > 0 ? ldexp (1024 + fraction, exponent - 25) : ldexp (fraction, -24);

  return half & 0x8000 ? -magnitude : magnitude;
}

static void
test_definition (void)
{
  for (guint half = 0; half < 0x7c00; half++)
    {
      g_assert_cmpfloat (pd_half_to_float ((guint16) half), ==, definition ((guint16) half));
      g_assert_cmpfloat (pd_half_to_float ((guint16) (half | 0x8000)), ==,
                         definition ((guint16) (half | 0x8000)));
    }
}

/* Between neighbours the nearer one wins, in the middle the even one. */
static void
test_rounding (void)
{
  for (guint half = 0; half < 0x7bff; half++)
    {
      double low = definition ((guint16) half), high = definition ((guint16) (half + 1));
      float middle = (float) ((low + high) / 2);
      guint even = half % 2 == 0 ? half : half + 1;

      g_assert_cmphex (pd_half_from_float (middle), ==, even);
      g_assert_cmphex (pd_half_from_float (nextafterf (middle, 0)), ==, half);
      g_assert_cmphex (pd_half_from_float (nextafterf (middle, INFINITY)), ==, half + 1);
      g_assert_cmphex (pd_half_from_float (-middle), ==, even | 0x8000);
    }
  g_assert_cmphex (pd_half_from_float (65519.0f), ==, 0x7bff);
  g_assert_cmphex (pd_half_from_float (65520.0f), ==, 0x7c00);
  g_assert_cmphex (pd_half_from_float (-INFINITY), ==, 0xfc00);
  g_assert_cmphex (pd_half_from_float (1e-30f), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/half/round-trip", test_round_trip);
  g_test_add_func ("/half/definition", test_definition);
  g_test_add_func ("/half/rounding", test_rounding);
  return g_test_run ();
}
