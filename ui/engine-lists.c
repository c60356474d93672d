// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/engine-lists.h"
#include "engine/base/error.h"
#include "ui/bind.h"

#include <glib/gi18n-lib.h>

/* Returns: (nullable) what to call a model instead of its name */
static const char *
model_title (const char *name)
{
  return g_str_equal (name, "default") ? _ ("Embedded (materials, nature)") : NULL;
}

/* Returns: whether there is one to use; if not, an error that tells why */
static gboolean
add_models (GtkComboBoxText *combo, GVariant *models, GError **error)
{
  GVariantIter iter;
  GVariant *item;
  g_autofree char *why = NULL;
  gboolean found = FALSE;

  g_variant_iter_init (&iter, models);
  while (g_variant_iter_loop (&iter, "v", &item))
    {
      gboolean usable = TRUE;
      const char *name = NULL;
      const char *reason = NULL;

      g_variant_lookup (item, "usable", "b", &usable);
      g_variant_lookup (item, "reason", "&s", &reason);
      if (usable && g_variant_lookup (item, "name", "&s", &name))
        {
          pd_bind_add_word (combo, name, model_title (name));
          found = TRUE;
        }
      else if (reason && !why)
        why = g_strdup (reason);
    }
  if (!found && why)
    g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_MODEL, why);
  else if (!found)
    {
      g_autofree char *folder =
          g_build_filename (g_get_user_data_dir (), "parallel-diffusion", "models", NULL);

      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("There is no model: put one into %s, then try again"), folder);
    }
  return found;
}

/* Only devices that can be used; each by what names it best. */
static void
add_devices (GtkComboBoxText *combo, GVariant *devices)
{
  GVariantIter iter;
  GVariant *item;

  g_variant_iter_init (&iter, devices);
  while (g_variant_iter_loop (&iter, "v", &item))
    {
      gboolean usable = TRUE;
      const char *id = NULL;
      const char *name = NULL;

      g_variant_lookup (item, "usable", "b", &usable);
      g_variant_lookup (item, "name", "&s", &name);
      if (!g_variant_lookup (item, "uuid", "&s", &id) || !*id)
        id = name;
      if (usable && id)
        pd_bind_add_word (combo, id, name);
    }
}

gboolean
pd_engine_lists_fill (GVariant *answer,
                      GtkComboBoxText *model,
                      GtkComboBoxText *device,
                      GError **error)
{
  g_autoptr (GVariant) models = NULL;
  g_autoptr (GVariant) devices = NULL;

  models = g_variant_lookup_value (answer, "models", G_VARIANT_TYPE ("av"));
  devices = g_variant_lookup_value (answer, "devices", G_VARIANT_TYPE ("av"));
  if (devices)
    add_devices (device, devices);
  return !models || add_models (model, models, error);
}
