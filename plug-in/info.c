// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/info.h"
#include "engine/base/error.h"

#include <glib/gi18n-lib.h>

typedef struct
{
  GMainLoop *loop;
  GVariant *answer;
  GError *error;
} Wait;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;

  wait->answer = pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &wait->error);
  g_main_loop_quit (wait->loop);
}

/* params: floating or NULL */
static GVariant *
call (PdEngineClient *client, const char *method, GVariant *params, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Wait wait = { .loop = loop };

  pd_engine_client_call_async (client, method, params, NULL, on_answer, &wait);
  g_main_loop_run (loop);
  if (wait.error)
    g_propagate_error (error, wait.error);
  return wait.answer;
}

static const char *
text_of (GVariant *dict, const char *key)
{
  const char *text = NULL;

  return g_variant_lookup (dict, key, "&s", &text) ? text : "";
}

/* Adds a line for each device or model. Returns: how many can be used. */
static guint
add_list (GString *text, GVariant *engine, const char *key, const char *heading)
{
  g_autoptr (GVariant) list = g_variant_lookup_value (engine, key, G_VARIANT_TYPE ("av"));
  const gsize n = list ? g_variant_n_children (list) : 0;
  guint usable = 0;

  g_string_append_printf (text, "%s\n", heading);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (list, i);
      g_autoptr (GVariant) entry = g_variant_get_variant (boxed);
      gboolean good = TRUE;

      if (!g_variant_is_of_type (entry, G_VARIANT_TYPE_VARDICT))
        continue;
      g_variant_lookup (entry, "usable", "b", &good);
      usable += good;
      if (good)
        g_string_append_printf (text, "  %s\n", text_of (entry, "name"));
      else
        g_string_append_printf (text, _ ("  %s: cannot be used: %s\n"), text_of (entry, "name"),
                                text_of (entry, "reason"));
    }
  return usable;
}

char *
pd_info_collect (PdEngineClient *client, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) engine = call (client, "initialize", NULL, error);
  g_autoptr (GVariant) test = NULL;
  double seconds = 0.0;
  guint devices, models;

  if (!engine)
    return NULL;
  g_string_append_printf (text, _ ("Parallel Diffusion %s\n"), text_of (engine, "version"));
  g_string_append_printf (text, _ ("Engine: %s\n"), text_of (engine, "confinement"));
  devices = add_list (text, engine, "devices", _ ("Devices:"));
  models = add_list (text, engine, "models", _ ("Models:"));
  if (devices == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("There is no Vulkan device that can be used: install a driver for the "
                      "graphics card, or lavapipe (mesa-vulkan-drivers) to compute on the "
                      "processor.\n%s"),
                   text->str);
      return NULL;
    }
  if (models == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("There is no model that can be used: put one into %s.\n%s"),
                   "~/.local/share/parallel-diffusion/models", text->str);
      return NULL;
    }
  test = call (client, "test", NULL, error);
  if (!test)
    {
      g_prefix_error (error, "%s", _ ("The device does not compute: "));
      return NULL;
    }
  g_variant_lookup (test, "seconds", "d", &seconds);
  g_string_append_printf (text, _ ("Test: %s computes as it should (%.2f s)\n"),
                          text_of (test, "device"), seconds);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
