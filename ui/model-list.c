// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/engine-lists.h"
#include "engine/base/error.h"
#include "engine/wire/messages.h"
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
add_models (GtkComboBoxText *combo, GArray *models, GError **error)
{
  const char *why = NULL;
  gboolean found = FALSE;

  for (guint i = 0; i < models->len; i++)
    {
      const PdOfferedModel *model = &g_array_index (models, PdOfferedModel, i);

      if (model->reason != NULL)
        why = why != NULL ? why : model->reason;
      else if (model->name != NULL)
        {
          pd_bind_add_word (combo, model->name, model_title (model->name));
          found = TRUE;
        }
    }
  if (!found && why != NULL)
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
add_devices (GtkComboBoxText *combo, GArray *devices)
{
  for (guint i = 0; i < devices->len; i++)
    {
      const PdOfferedDevice *device = &g_array_index (devices, PdOfferedDevice, i);
      const char *id = device->uuid != NULL && *device->uuid != '\0' ? device->uuid : device->name;

      if (device->reason == NULL && id != NULL)
        pd_bind_add_word (combo, id, device->name);
    }
}

gboolean
pd_engine_lists_fill (GVariant *answer,
                      GtkComboBoxText *model,
                      GtkComboBoxText *device,
                      GError **error)
{
  g_autoptr (GArray) models = pd_offered_models (answer);
  g_autoptr (GArray) devices = pd_offered_devices (answer);

  add_devices (device, devices);
  return add_models (model, models, error);
}
