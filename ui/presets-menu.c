// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/presets-menu.h"
#include "ui/presets.h"

#include <glib/gi18n-lib.h>

struct _PdPresetsMenu
{
  GtkPopover parent_instance;

  PdRequest *request;
  GPtrArray *presets; /* as listed: row i shows element i */
  GtkWidget *list;
  GtkWidget *name;
  GtkWidget *save;
};

enum
{
  SIGNAL_FAILED,
  SIGNAL_NOTE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_TYPE (PdPresetsMenu, pd_presets_menu, GTK_TYPE_POPOVER)

static void fill (PdPresetsMenu *self);

static PdPreset *
find_own (PdPresetsMenu *self, const char *name)
{
  for (guint i = 0; i < self->presets->len; i++)
    {
      PdPreset *preset = g_ptr_array_index (self->presets, i);

      if (preset->file != NULL && g_str_equal (preset->name, name))
        return preset;
    }
  return NULL;
}

static void
name_changed (PdPresetsMenu *self)
{
  const char *name = gtk_entry_get_text (GTK_ENTRY (self->name));

  gtk_widget_set_sensitive (self->save, *name != '\0');
  gtk_button_set_label (GTK_BUTTON (self->save),
                        find_own (self, name) != NULL ? _ ("_Replace") : _ ("_Save"));
}

/* @error: (transfer full) */
static void
done (PdPresetsMenu *self, GError *error)
{
  gtk_popover_popdown (GTK_POPOVER (self));
  if (error != NULL)
    g_signal_emit (self, signals[SIGNAL_FAILED], 0, error);
  g_clear_error (&error);
}

static void
apply (PdPresetsMenu *self, GtkListBoxRow *row)
{
  const PdPreset *preset = g_ptr_array_index (self->presets, gtk_list_box_row_get_index (row));
  g_autofree char *note = NULL;
  GError *error = NULL;

  if (pd_preset_apply (preset, self->request, &note, &error) && preset->file != NULL)
    gtk_entry_set_text (GTK_ENTRY (self->name), preset->name);
  done (self, error);
  if (note != NULL)
    g_signal_emit (self, signals[SIGNAL_NOTE], 0, note);
}

static void
save (PdPresetsMenu *self)
{
  const char *name = gtk_entry_get_text (GTK_ENTRY (self->name));
  GError *error = NULL;

  if (!*name)
    return;
  pd_presets_save (name, self->request, &error);
  done (self, error);
}

static void delete (PdPresetsMenu *self, GtkWidget *button)
{
  GtkWidget *row = gtk_widget_get_ancestor (button, GTK_TYPE_LIST_BOX_ROW);
  const int index = gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (row));
  GError *error = NULL;

  if (pd_preset_delete (g_ptr_array_index (self->presets, index), &error))
    {
      fill (self);
      gtk_widget_child_focus (self->list, GTK_DIR_TAB_FORWARD);
    }
  else
    done (self, error);
}

static void
add_row (PdPresetsMenu *self, const PdPreset *preset)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *label = gtk_label_new (preset->name);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 40);
  gtk_widget_set_margin_start (label, 6);
  gtk_widget_set_size_request (box, -1, 30);
  gtk_box_pack_start (GTK_BOX (box), label, TRUE, TRUE, 0);
  if (preset->file != NULL)
    {
      GtkWidget *button =
          gtk_button_new_from_icon_name ("user-trash-symbolic", GTK_ICON_SIZE_BUTTON);
      g_autofree char *name = g_strdup_printf (_ ("Delete “%s”"), preset->name);

      gtk_button_set_relief (GTK_BUTTON (button), GTK_RELIEF_NONE);
      gtk_widget_set_tooltip_text (button, name);
      atk_object_set_name (gtk_widget_get_accessible (button), name);
      g_signal_connect_swapped (button, "clicked", G_CALLBACK (delete), self);
      gtk_box_pack_end (GTK_BOX (box), button, FALSE, FALSE, 0);
    }
  gtk_list_box_insert (GTK_LIST_BOX (self->list), box, -1);
}

/* A line between one's own presets and the others. */
static void
separate (GtkListBoxRow *row, GtkListBoxRow *before, gpointer user_data)
{
  PdPresetsMenu *self = user_data;
  const int index = gtk_list_box_row_get_index (row);
  gboolean separator = FALSE;

  if (index > 0 && index < (int) self->presets->len)
    {
      const PdPreset *preset = g_ptr_array_index (self->presets, index);
      const PdPreset *previous = g_ptr_array_index (self->presets, index - 1);

      separator = previous->file != NULL && preset->file == NULL;
    }
  gtk_list_box_row_set_header (row,
                               separator ? gtk_separator_new (GTK_ORIENTATION_HORIZONTAL) : NULL);
}

static void
fill (PdPresetsMenu *self)
{
  GtkListBoxRow *row;

  while ((row = gtk_list_box_get_row_at_index (GTK_LIST_BOX (self->list), 0)) != NULL)
    gtk_widget_destroy (GTK_WIDGET (row));
  g_clear_pointer (&self->presets, g_ptr_array_unref);
  self->presets = pd_presets_list ();
  for (guint i = 0; i < self->presets->len; i++)
    add_row (self, g_ptr_array_index (self->presets, i));
  gtk_widget_show_all (self->list);
  name_changed (self);
}

static void
pd_presets_menu_show (GtkWidget *widget)
{
  fill (PD_PRESETS_MENU (widget));
  GTK_WIDGET_CLASS (pd_presets_menu_parent_class)->show (widget);
}

static void
pd_presets_menu_finalize (GObject *object)
{
  PdPresetsMenu *self = PD_PRESETS_MENU (object);

  g_clear_pointer (&self->presets, g_ptr_array_unref);
  g_clear_object (&self->request);
  G_OBJECT_CLASS (pd_presets_menu_parent_class)->finalize (object);
}

static void
pd_presets_menu_class_init (PdPresetsMenuClass *class)
{
  G_OBJECT_CLASS (class)->finalize = pd_presets_menu_finalize;
  GTK_WIDGET_CLASS (class)->show = pd_presets_menu_show;
  signals[SIGNAL_FAILED] = g_signal_new ("failed", PD_TYPE_PRESETS_MENU, G_SIGNAL_RUN_LAST, 0, NULL,
                                         NULL, NULL, G_TYPE_NONE, 1, G_TYPE_ERROR);
  signals[SIGNAL_NOTE] = g_signal_new ("note", PD_TYPE_PRESETS_MENU, G_SIGNAL_RUN_LAST, 0, NULL,
                                       NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
pd_presets_menu_init (PdPresetsMenu *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *bottom = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  AtkObject *accessible;

  self->list = gtk_list_box_new ();
  gtk_list_box_set_selection_mode (GTK_LIST_BOX (self->list), GTK_SELECTION_NONE);
  gtk_list_box_set_header_func (GTK_LIST_BOX (self->list), separate, self, NULL);
  g_signal_connect_swapped (self->list, "row-activated", G_CALLBACK (apply), self);
  atk_object_set_name (gtk_widget_get_accessible (self->list), _ ("Presets"));
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scrolled), 400);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_container_add (GTK_CONTAINER (scrolled), self->list);

  self->name = gtk_entry_new ();
  gtk_entry_set_placeholder_text (GTK_ENTRY (self->name), _ ("Name of a new preset"));
  gtk_entry_set_width_chars (GTK_ENTRY (self->name), 24);
  accessible = gtk_widget_get_accessible (self->name);
  atk_object_set_name (accessible, _ ("Name of a new preset"));
  g_signal_connect_swapped (self->name, "changed", G_CALLBACK (name_changed), self);
  g_signal_connect_swapped (self->name, "activate", G_CALLBACK (save), self);
  self->save = gtk_button_new_with_mnemonic (_ ("_Save"));
  g_signal_connect_swapped (self->save, "clicked", G_CALLBACK (save), self);
  gtk_box_pack_start (GTK_BOX (bottom), self->name, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (bottom), self->save, FALSE, FALSE, 0);

  gtk_container_set_border_width (GTK_CONTAINER (self), 12);
  gtk_box_pack_start (GTK_BOX (box), scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), bottom, FALSE, FALSE, 0);
  gtk_container_add (GTK_CONTAINER (self), box);
  gtk_widget_show_all (box);
}

GtkWidget *
pd_presets_menu_new (PdRequest *request)
{
  PdPresetsMenu *self = g_object_new (PD_TYPE_PRESETS_MENU, NULL);

  self->request = g_object_ref (request);
  return GTK_WIDGET (self);
}
