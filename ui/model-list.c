// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/model-list.h"
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

gboolean
pd_model_list_fill (GVariant *answer, GtkComboBoxText *combo, GError **error)
{
  g_autoptr (GArray) models = pd_offered_models (answer);
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
