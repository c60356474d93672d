// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/notes.h"

#include <glib/gi18n-lib.h>

static const char notes_key[] = "pd-picture-notes";

const GPtrArray *
pd_notes_of (GeglBuffer *picture)
{
  return g_object_get_data (G_OBJECT (picture), notes_key);
}

void
pd_notes_add (GeglBuffer *picture, char *note)
{
  GPtrArray *notes = g_object_get_data (G_OBJECT (picture), notes_key);

  if (notes == NULL)
    {
      notes = g_ptr_array_new_with_free_func (g_free);
      g_object_set_data_full (G_OBJECT (picture), notes_key, notes,
                              (GDestroyNotify) g_ptr_array_unref);
    }
  g_ptr_array_add (notes, note);
}

void
pd_notes_add_profile (GeglBuffer *picture, const char *path, const char *problem)
{
  pd_notes_add (picture, g_strdup_printf (
                             _ ("%s: its colour profile is not followed, the colours are taken as "
                                "those of sRGB: %s"),
                             path, problem));
}
