// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/family.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/networks/family-sd.h"

static const PdFamily *const families[] = { &pd_family_sd };

const PdFamily *
pd_family_find (const PdModelFiles *files, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (families[i]->recognises (files))
      return families[i];
  pd_error_set_bad_model (error, _ ("%s: belongs to no family of models that is known here"),
                          files->path);
  return NULL;
}
