// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/rephrase.h"

static void
test_options (void)
{
  static const char *const rows[][2] = {
    { "raise --memory, or choose", "raise memory=, or choose" },
    { "try --precision f32", "try precision=f32" },
    { "use --sync attention, choose", "use sync=attention, choose" },
    { "with --solver dpm++2m.", "with solver=dpm++2m." },
    { "again without --resume to start", "again without resume=yes to start" },
    { "--tile 64", "tile=64" },
    { "--tile may be", "tile= may be" },
    { "--memory are", "memory= are" },
    { "--region beyond", "regions= beyond" },
    { "--colour red -- a--memory", "--colour red -- a--memory" },
    { "two\nlines \xff", "two␊lines �" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *words = pd_rephrase (rows[i][0]);

      g_assert_cmpstr (words, ==, rows[i][1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rephrase/options", test_options);
  return g_test_run ();
}
