// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/device-names.h"

static const PdDeviceName devices[] = {
  { "GeForce RTX 4090", "aa00", FALSE },
  { "llvmpipe (LLVM 15.0.6, 256 bits)", "bb11", TRUE },
  { "GeForce RTX 4090", "cc22", FALSE },
  { NULL, NULL, FALSE },
};

static void
test_find (void)
{
  static const struct
  {
    const char *selector;
    int index; /* -1: none */
  } rows[] = { { "0", 0 },       { "2", 2 },    { "4", -1 },    { "0002", -1 },
               { "geforce", 0 }, { "CC22", 2 }, { "b-b11", 1 }, { "(LLVM 15.0.6, 256", 1 },
               { "radeon", -1 }, { "", -1 },    { "cc2", -1 },  { "all", -1 },
               { "-1", -1 } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint index = 99;
      const gboolean found =
          pd_device_names_find (devices, G_N_ELEMENTS (devices), rows[i].selector, &index);

      g_test_message ("%s", rows[i].selector);
      g_assert_cmpint (found ? (int) index : -1, ==, rows[i].index);
    }
}

static void
test_split (void)
{
  static const struct
  {
    const char *selectors, *parts;
  } rows[] = { { "", "" },
               { "1", "1" },
               { "0,1", "0|1" },
               { " 1 , 0", "1|0" },
               { "0,0", "0|0" },
               { "0,,1", "0||1" },
               { "5,radeon", "5|radeon" },
               { "llvmpipe (LLVM 15.0.6, 256 bits)", "llvmpipe (LLVM 15.0.6, 256 bits)" },
               { "all", "0|2|3" },
               { "all,1", "all|1" } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (GStrv) parts =
          pd_device_names_split (devices, G_N_ELEMENTS (devices), rows[i].selectors);
      g_autofree char *text = g_strjoinv ("|", parts);

      g_assert_cmpstr (text, ==, rows[i].parts);
    }
}

/* Processors where there is nothing else. */
static void
test_processors (void)
{
  const PdDeviceName two[] = { { "one", "aa", TRUE }, { "other", "bb", TRUE } };
  g_auto (GStrv) all = pd_device_names_split (two, 2, "all");
  g_auto (GStrv) none = pd_device_names_split (NULL, 0, "all");

  g_assert_cmpuint (g_strv_length (all), ==, 2);
  g_assert_cmpstr (all[1], ==, "1");
  g_assert_cmpuint (g_strv_length (none), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-names/find", test_find);
  g_test_add_func ("/device-names/split", test_split);
  g_test_add_func ("/device-names/processors", test_processors);
  return g_test_run ();
}
