// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/mode.h"

/* What each mode names are parameters that some modes do not take, and all of those are named. */
static void
test_params (void)
{
  g_autoptr (GHashTable) named = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GTypeClass) class = g_type_class_ref (PD_TYPE_REQUEST);
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    g_hash_table_add (named, g_strdup (pd_given[given].name));
  for (guint i = 0; pd_modes[i].name != NULL; i++)
    {
      g_auto (GStrv) names = g_strsplit (pd_modes[i].params, " ", -1);

      for (guint k = 0; names[k] != NULL; k++)
        {
          g_assert_nonnull (pd_request_param (names[k]));
          g_assert_true (pd_request_param (names[k])->flags & PD_REQUEST_PARAM_SOME);
          g_hash_table_add (named, g_strdup (names[k]));
        }
    }
  params = g_object_class_list_properties (G_OBJECT_CLASS (class), &n_params);
  for (guint i = 0; i < n_params; i++)
    g_assert_true (g_hash_table_contains (named, params[i]->name) ==
                   ((params[i]->flags & PD_REQUEST_PARAM_SOME) != 0));
}

static void
test_takes (void)
{
  static const struct
  {
    const char *param;
    gboolean generate, restyle, style, inpaint, upscale;
  } rows[] = {
    { "prompt", TRUE, TRUE, TRUE, TRUE, TRUE },
    { "input", FALSE, TRUE, TRUE, TRUE, TRUE },
    { "mask", FALSE, TRUE, TRUE, TRUE, FALSE },
    { "style", TRUE, FALSE, TRUE, TRUE, FALSE },
    { "strength", FALSE, TRUE, TRUE, FALSE, FALSE },
    { "style-strength", TRUE, FALSE, TRUE, TRUE, FALSE },
    { "width", TRUE, TRUE, TRUE, FALSE, FALSE },
    { "scale", FALSE, FALSE, FALSE, FALSE, TRUE },
    { "padding", FALSE, TRUE, TRUE, TRUE, FALSE },
    { "progressive", TRUE, FALSE, FALSE, FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_true (pd_mode_takes (PD_REQUEST_MODE_GENERATE, rows[i].param) == rows[i].generate);
      g_assert_true (pd_mode_takes (PD_REQUEST_MODE_RESTYLE, rows[i].param) == rows[i].restyle);
      g_assert_true (pd_mode_takes (PD_REQUEST_MODE_STYLE, rows[i].param) == rows[i].style);
      g_assert_true (pd_mode_takes (PD_REQUEST_MODE_INPAINT, rows[i].param) == rows[i].inpaint);
      g_assert_true (pd_mode_takes (PD_REQUEST_MODE_UPSCALE, rows[i].param) == rows[i].upscale);
    }
}

/* The rows are the enumeration's values. */
static void
test_names (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  for (guint i = 0; pd_modes[i].name != NULL; i++)
    {
      g_assert_true (pd_request_set_text (request, "mode", pd_modes[i].name, NULL));
      g_assert_cmpuint (request->mode, ==, i);
      g_assert_cmpstr (pd_request_nick (PD_TYPE_REQUEST_MODE, (int) i), ==, pd_modes[i].name);
    }
  g_assert_false (pd_request_set_text (request, "mode", "paint", NULL));
}

static void
test_scale (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  g_object_set (request, "scale", PD_REQUEST_SCALE_4, NULL);
  g_assert_cmpuint (pd_mode_scale (request), ==, 1);
  g_object_set (request, "mode", PD_REQUEST_MODE_UPSCALE, NULL);
  g_assert_cmpuint (pd_mode_scale (request), ==, 4);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mode/params", test_params);
  g_test_add_func ("/mode/takes", test_takes);
  g_test_add_func ("/mode/names", test_names);
  g_test_add_func ("/mode/scale", test_scale);
  return g_test_run ();
}
