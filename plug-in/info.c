// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/info.h"
#include "engine/base/error.h"
#include "engine/wire/messages.h"

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

/* @params: floating or NULL */
static GVariant *
call (PdEngineClient *client, const char *method, GVariant *params, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Wait wait = { .loop = loop };

  pd_engine_client_call_async (client, method, params, NULL, on_answer, &wait);
  g_main_loop_run (loop);
  if (wait.error != NULL)
    g_propagate_error (error, wait.error);
  return wait.answer;
}

static const char *
text_of (GVariant *dict, const char *key)
{
  const char *text = NULL;

  return g_variant_lookup (dict, key, "&s", &text) ? text : "";
}

/* Adds a line for a device or model. @reason: why it cannot be used, NULL: it can. Returns: whether
 * it can be used. */
static gboolean
add_line (GString *text, const char *name, const char *reason)
{
  if (reason == NULL)
    g_string_append_printf (text, "  %s\n", name);
  else
    g_string_append_printf (text, _ ("  %s: cannot be used: %s\n"), name, reason);
  return reason == NULL;
}

char *
pd_info_collect (PdEngineClient *client, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GVariant) engine = call (client, "initialize", NULL, error);
  g_autoptr (GVariant) test = NULL;
  g_autoptr (GArray) devices = NULL, models = NULL;
  double seconds = 0.0;
  guint n_devices = 0, n_models = 0;

  if (engine == NULL)
    return NULL;
  devices = pd_offered_devices (engine);
  models = pd_offered_models (engine);
  g_string_append_printf (text, _ ("Parallel Diffusion %s\n"), text_of (engine, "version"));
  g_string_append_printf (text, _ ("Engine: %s\n"), text_of (engine, "confinement"));
  g_string_append_printf (text, "%s\n", _ ("Devices:"));
  for (guint i = 0; i < devices->len; i++)
    {
      const PdOfferedDevice *device = &g_array_index (devices, PdOfferedDevice, i);

      n_devices += add_line (text, device->name, device->reason);
    }
  g_string_append_printf (text, "%s\n", _ ("Models:"));
  for (guint i = 0; i < models->len; i++)
    {
      const PdOfferedModel *model = &g_array_index (models, PdOfferedModel, i);

      n_models += add_line (text, model->name, model->reason);
    }
  if (n_devices == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("There is no Vulkan device that can be used: install a driver for the "
                      "graphics card, or lavapipe (mesa-vulkan-drivers) to compute on the "
                      "processor.\n%s"),
                   text->str);
      return NULL;
    }
  if (n_models == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("There is no model that can be used: put one into %s.\n%s"),
                   "~/.local/share/parallel-diffusion/models", text->str);
      return NULL;
    }
  test = call (client, "test", NULL, error);
  if (test == NULL)
    {
      g_prefix_error (error, "%s", _ ("The device does not compute: "));
      return NULL;
    }
  g_variant_lookup (test, "seconds", "d", &seconds);
  g_string_append_printf (text, _ ("Test: %s computes as it should (%.2f s)\n"),
                          text_of (test, "device"), seconds);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
