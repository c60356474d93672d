// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/patience.h"

static const double look = 0.05; /* seconds from one to the next */

static gint64
after (double seconds)
{
  return (gint64) (seconds * G_USEC_PER_SEC);
}

/* Looks until it is over, from @start on. Returns: seconds that took */
static double
last (PdPatience *patience, gboolean cancelled, double start, double step)
{
  double now = start;

  do
    now += step;
  while (!pd_patience_is_over (patience, cancelled, after (now)) && now < start + 10000);
  return now - start;
}

static void
test_limits (void)
{
  static const struct
  {
    double expected;
    gboolean cancelled;
    double limit;
  } rows[] = { { 0, FALSE, 120 }, { 2, FALSE, 320 }, { 0, TRUE, 5 }, { 2, TRUE, 25 } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PdPatience patience;

      pd_patience_begin (&patience, rows[i].expected, 0);
      g_assert_cmpfloat_with_epsilon (last (&patience, rows[i].cancelled, 0, look), rows[i].limit,
                                      3 * look);
    }
}

/* The clock runs on while the process is stopped, or its machine asleep. */
static void
test_stopped (void)
{
  PdPatience patience;
  double now = 50;

  pd_patience_begin (&patience, 0, 0);
  for (double t = look; t <= now; t += look)
    g_assert_false (pd_patience_is_over (&patience, FALSE, after (t)));
  for (guint i = 0; i < 10; i++)
    g_assert_false (pd_patience_is_over (&patience, FALSE, after (now += 3600)));
  /* What it had waited before counts, and a second for each stop. */
  g_assert_cmpfloat_with_epsilon (last (&patience, FALSE, now, look), 120 - 50 - 10, 3 * look);
}

/* A machine so busy that it looks seldom is no stopped one. */
static void
test_busy (void)
{
  PdPatience patience;

  pd_patience_begin (&patience, 0, 0);
  g_assert_cmpfloat_with_epsilon (last (&patience, FALSE, 0, 0.9), 120, 1);
}

static void
test_cancelled (void)
{
  PdPatience patience;

  pd_patience_begin (&patience, 0, 0);
  for (double t = look; t < 100; t += look)
    g_assert_false (pd_patience_is_over (&patience, FALSE, after (t)));
  g_assert_false (pd_patience_is_over (&patience, TRUE, after (100)));
  g_assert_cmpfloat_with_epsilon (last (&patience, TRUE, 100, look), 5, 3 * look);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/patience/limits", test_limits);
  g_test_add_func ("/patience/stopped", test_stopped);
  g_test_add_func ("/patience/busy", test_busy);
  g_test_add_func ("/patience/cancelled", test_cancelled);
  return g_test_run ();
}
