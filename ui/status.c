// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/status.h"

void
pd_status_init (PdStatus *self, GtkLabel *label)
{
  self->label = label;
  self->doing = g_strdup ("");
  self->notes = g_ptr_array_new_with_free_func (g_free);
}

void
pd_status_finish (PdStatus *self)
{
  g_clear_pointer (&self->doing, g_free);
  g_clear_pointer (&self->notes, g_ptr_array_unref);
}

void
pd_status_begin (PdStatus *self)
{
  g_ptr_array_set_size (self->notes, 0);
}

static void
update (PdStatus *self)
{
  g_autoptr (GString) lines = g_string_new (self->doing);

  for (guint i = 0; i < self->notes->len; i++)
    g_string_append_printf (lines, "%s%s", lines->len ? "\n" : "",
                            (const char *) g_ptr_array_index (self->notes, i));
  gtk_label_set_text (self->label, lines->str);
}

void
pd_status_show (PdStatus *self, const char *doing)
{
  g_free (self->doing);
  self->doing = g_strdup (doing);
  update (self);
}

void
pd_status_note (PdStatus *self, const char *note)
{
  if (g_ptr_array_find_with_equal_func (self->notes, note, g_str_equal, NULL))
    return;
  g_ptr_array_add (self->notes, g_strdup (note));
  update (self);
}
