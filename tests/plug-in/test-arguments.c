// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/arguments.h"

#include <string.h>

/* What the engine says of options is said in the words of GIMP's procedure and of the dialog. */
static void
test_names (void)
{
  static const struct
  {
    const char *said, *procedure, *dialog;
  } rows[] = {
    { "raise --memory, or wait", "raise memory=, or wait", "raise “Memory”, or wait" },
    { "try --precision f32", "try precision=f32", "try “Precision” f32" },
    { "use --sync attention, or less", "use sync=attention, or less",
      "use “Sync” attention, or less" },
    { "--tile or --overlap", "tile= or overlap=", "“Tile” or “Overlap”" },
    { "give --output; a--steps", "give --output; a--steps", "give --output; a--steps" },
    { "no options", "no options", "no options" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *procedure = pd_arguments_name_options (rows[i].said, FALSE);
      g_autofree char *dialog = pd_arguments_name_options (rows[i].said, TRUE);

      g_assert_cmpstr (procedure, ==, rows[i].procedure);
      g_assert_cmpstr (dialog, ==, rows[i].dialog);
    }
}

/* The nearest name that can be chosen, and no other. */
static void
test_nearest (void)
{
  static const struct
  {
    const char *options, *nearest; /* NULL: nothing is near */
  } rows[] = {
    { "Steps=3", "steps?" },  { "Guidance_rescale=0", "guidance-rescale?" },
    { "promt=a", "prompt?" }, { "quantum=1", NULL },
    { "outputs=1", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;

      g_assert_false (pd_arguments_apply (request, rows[i].options, &error));
      if (rows[i].nearest)
        g_assert_nonnull (strstr (error->message, rows[i].nearest));
      else
        g_assert_null (strstr (error->message, "did you mean"));
      g_assert_null (strstr (error->message, "output,"));
      g_assert_null (strstr (error->message, "width"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arguments/names", test_names);
  g_test_add_func ("/arguments/nearest", test_nearest);
  return g_test_run ();
}
