// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/deadline.h"

static void
test_passes (void)
{
  PdDeadline *deadline = pd_deadline_push (1000);
  GCancellable *current = g_cancellable_get_current ();
  g_assert_nonnull (current);
  while (!g_cancellable_is_cancelled (current))
    g_usleep (1000);
  pd_deadline_pop (deadline);
  g_assert_null (g_cancellable_get_current ());
}

static void
test_early (void)
{
  PdDeadline *deadline = pd_deadline_push (G_TIME_SPAN_HOUR);
  g_assert_false (g_cancellable_is_cancelled (g_cancellable_get_current ()));
  pd_deadline_pop (deadline); /* does not wait for it */
  pd_deadline_pop (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deadline/passes", test_passes);
  g_test_add_func ("/deadline/early", test_early);
  return g_test_run ();
}
