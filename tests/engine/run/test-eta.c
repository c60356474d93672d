// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/eta.h"

static const double SECOND = G_USEC_PER_SEC;

/* Steady work: right from the second call on. */
static void
test_steady (void)
{
  PdEta eta = { 0 };

  g_assert_cmpfloat (pd_eta_update (&eta, 0, 5), <, 0);
  for (guint i = 1; i <= 100; i++)
    g_assert_cmpfloat_with_epsilon (pd_eta_update (&eta, i / 100.0, 5 + (gint64) (i * SECOND)),
                                    100 - i, 1e-6);
}

/* What was done before a run went on does not count as fast work. */
static void
test_middle (void)
{
  PdEta eta = { 0 };

  g_assert_cmpfloat (pd_eta_update (&eta, 0.5, 0), <, 0);
  g_assert_cmpfloat_with_epsilon (pd_eta_update (&eta, 0.6, (gint64) (10 * SECOND)), 40, 1e-6);
}

/* The last steps count, not the slow first one in which pipelines are made. */
static void
test_slow_start (void)
{
  PdEta eta = { 0 };
  double left = 0;

  pd_eta_update (&eta, 0, 0);
  pd_eta_update (&eta, 0.01, (gint64) (60 * SECOND));
  for (guint i = 2; i <= 50; i++)
    left = pd_eta_update (&eta, i / 100.0, (gint64) ((60 + i) * SECOND));
  g_assert_cmpfloat (left, >=, 50);
  g_assert_cmpfloat (left, <=, 60);
}

/* Between two steps it falls with time, but not below nothing. */
static void
test_waiting (void)
{
  PdEta eta = { 0 };

  pd_eta_update (&eta, 0, 0);
  pd_eta_update (&eta, 0.5, (gint64) (10 * SECOND));
  g_assert_cmpfloat_with_epsilon (pd_eta_update (&eta, 0.5, (gint64) (14 * SECOND)), 6, 1e-6);
  g_assert_cmpfloat (pd_eta_update (&eta, 0.5, (gint64) (40 * SECOND)), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/eta/steady", test_steady);
  g_test_add_func ("/eta/middle", test_middle);
  g_test_add_func ("/eta/slow-start", test_slow_start);
  g_test_add_func ("/eta/waiting", test_waiting);
  return g_test_run ();
}
