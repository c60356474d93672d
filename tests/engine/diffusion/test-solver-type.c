// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/diffusion/solver-type.h"

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  for (PdSolverType i = 0; i < pd_solver_type_count (); i++)
    {
      g_assert_true (pd_solver_type_from_string (pd_solver_type_to_string (i), &type, NULL));
      g_assert_cmpint (type, ==, i);
    }
  g_assert_false (pd_solver_type_from_string ("dpm", &type, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "dpm++2m"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/solver-type/names", test_names);
  return g_test_run ();
}
