// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/debug.h"
#include "engine/base/environment.h"

/* The table of environment variables, and what PD_DEBUG makes of one of them. */

static void
test_table (void)
{
  for (PdEnvironment i = 0; i < PD_ENVIRONMENT_N; i++)
    {
      g_auto (GStrv) lines = g_strsplit (pd_environment_meaning (i), "\n", -1);

      for (guint line = 0; lines[line] != NULL; line++)
        g_assert_cmpint (g_utf8_strlen (lines[line], -1), <=, 60);
      for (PdEnvironment other = 0; other < i; other++)
        g_assert_cmpstr (pd_environment_name (i), !=, pd_environment_name (other));
    }
}

static void
test_get (void)
{
  g_unsetenv ("PD_JOURNAL_SECONDS");
  g_assert_null (pd_environment_get (PD_ENVIRONMENT_JOURNAL_SECONDS));
  g_setenv ("PD_JOURNAL_SECONDS", "3", TRUE);
  g_assert_cmpstr (pd_environment_get (PD_ENVIRONMENT_JOURNAL_SECONDS), ==, "3");
}

/* In a process of its own, as the variable is read once. */
static void
test_debug (gconstpointer wanted)
{
  if (g_test_subprocess ())
    {
      g_setenv ("PD_DEBUG", wanted, TRUE);
      pd_debug (PD_DEBUG_CACHE, "a %s", "cache");
      pd_debug (PD_DEBUG_WIRE, "a wire");
      pd_debug (PD_DEBUG_PLAN, "a plan");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  if (strstr (wanted, "cache") != NULL || g_str_equal (wanted, "all"))
    g_test_trap_assert_stderr ("*[cache] a cache\n*");
  else
    g_test_trap_assert_stderr_unmatched ("*cache*");
  if (g_str_equal (wanted, "all"))
    g_test_trap_assert_stderr ("*[plan] a plan\n*");
  else
    g_test_trap_assert_stderr_unmatched ("*plan*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/environment/table", test_table);
  g_test_add_func ("/environment/get", test_get);
  g_test_add_data_func ("/environment/debug/none", "", test_debug);
  g_test_add_data_func ("/environment/debug/two", "cache,wire", test_debug);
  g_test_add_data_func ("/environment/debug/all", "all", test_debug);
  g_test_add_data_func ("/environment/debug/unknown", "graphs", test_debug);
  return g_test_run ();
}
