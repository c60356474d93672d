// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/bind.h"
#include "ui/words.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

static const GBindingFlags both_ways = G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE;

static GParamSpec *
prepare (GtkWidget *widget, const char *name)
{
  GParamSpec *param = pd_request_param (name);

  gtk_widget_set_tooltip_text (widget, g_param_spec_get_blurb (param));
  return param;
}

static void
get_range (GParamSpec *param, double *minimum, double *maximum)
{
  if (G_IS_PARAM_SPEC_DOUBLE (param))
    {
      *minimum = G_PARAM_SPEC_DOUBLE (param)->minimum;
      *maximum = G_PARAM_SPEC_DOUBLE (param)->maximum;
    }
  else if (G_IS_PARAM_SPEC_INT64 (param))
    {
      *minimum = G_PARAM_SPEC_INT64 (param)->minimum;
      *maximum = G_PARAM_SPEC_INT64 (param)->maximum;
    }
  else
    {
      *minimum = G_PARAM_SPEC_UINT (param)->minimum;
      *maximum = G_PARAM_SPEC_UINT (param)->maximum;
    }
}

static gboolean
show_minimum_text (GtkSpinButton *spin, gpointer minimum_text)
{
  double minimum;

  gtk_spin_button_get_range (spin, &minimum, NULL);
  if (gtk_spin_button_get_value (spin) > minimum)
    return FALSE;
  if (!g_str_equal (gtk_entry_get_text (GTK_ENTRY (spin)), minimum_text))
    gtk_entry_set_text (GTK_ENTRY (spin), minimum_text);
  return TRUE;
}

/* Whatever is not a number means the minimum. */
static gint
read_minimum_text (GtkSpinButton *spin, double *value, gpointer minimum_text)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_entry_get_text (GTK_ENTRY (spin))));

  if (!g_str_equal (text, minimum_text) && *text)
    return FALSE;
  gtk_spin_button_get_range (spin, value, NULL);
  return TRUE;
}

static void
free_text (gpointer text, GClosure *closure)
{
  g_free (text);
}

void
pd_bind_number (PdRequest *request,
                const char *name,
                GtkSpinButton *spin,
                double step,
                const char *minimum_text)
{
  GParamSpec *param = prepare (GTK_WIDGET (spin), name);
  GtkAdjustment *adjustment = gtk_spin_button_get_adjustment (spin);
  const gboolean whole = !G_IS_PARAM_SPEC_DOUBLE (param);
  double minimum, maximum;

  get_range (param, &minimum, &maximum);
  gtk_adjustment_configure (adjustment, minimum, minimum, maximum, step, 10 * step, 0);
  gtk_spin_button_set_digits (spin, whole ? 0 : (guint) ceil (-log10 (step)));
  if (minimum_text != NULL)
    {
      g_signal_connect_data (spin, "output", G_CALLBACK (show_minimum_text),
                             g_strdup (minimum_text), free_text, 0);
      g_signal_connect_data (spin, "input", G_CALLBACK (read_minimum_text), g_strdup (minimum_text),
                             free_text, 0);
    }
  g_object_bind_property (request, name, adjustment, "value", both_ways);
  gtk_spin_button_update (spin);
}

static gboolean
choice_to_id (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_value_set_string (to, pd_request_nick (G_VALUE_TYPE (from), g_value_get_enum (from)));
  return TRUE;
}

static gboolean
id_to_choice (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (G_VALUE_TYPE (to));
  const char *id = g_value_get_string (from);
  const GEnumValue *value = id != NULL ? g_enum_get_value_by_nick (G_ENUM_CLASS (class), id) : NULL;

  if (value != NULL)
    g_value_set_enum (to, value->value);
  return value != NULL;
}

void
pd_bind_choice (PdRequest *request, const char *name, GtkComboBoxText *combo)
{
  GParamSpec *param = prepare (GTK_WIDGET (combo), name);
  g_autoptr (GTypeClass) class = g_type_class_ref (param->value_type);

  for (guint i = 0; i < G_ENUM_CLASS (class)->n_values; i++)
    {
      const char *nick = G_ENUM_CLASS (class)->values[i].value_nick;

      gtk_combo_box_text_append (combo, nick, pd_words_choice (param->value_type, nick));
    }
  g_object_bind_property_full (request, name, combo, "active-id", both_ways, choice_to_id,
                               id_to_choice, NULL, NULL);
}

/* @row: set to the one with that id */
static gboolean
find_id (GtkComboBoxText *combo, const char *id, GtkTreeIter *row)
{
  GtkTreeModel *model = gtk_combo_box_get_model (GTK_COMBO_BOX (combo));
  const int column = gtk_combo_box_get_id_column (GTK_COMBO_BOX (combo));
  gboolean valid = gtk_tree_model_get_iter_first (model, row);

  for (; valid; valid = gtk_tree_model_iter_next (model, row))
    {
      g_autofree char *row_id = NULL;

      gtk_tree_model_get (model, row, column, &row_id, -1);
      if (g_strcmp0 (row_id, id) == 0)
        return TRUE;
    }
  return FALSE;
}

/* A value that the list lacks, such as a model's path, becomes part of it. */
static gboolean
word_to_id (GBinding *binding, const GValue *from, GValue *to, gpointer combo)
{
  pd_bind_add_word (combo, g_value_get_string (from), NULL);
  g_value_copy (from, to);
  return TRUE;
}

static gboolean
id_to_word (GBinding *binding, const GValue *from, GValue *to, gpointer combo)
{
  if (g_value_get_string (from) == NULL)
    return FALSE;
  g_value_copy (from, to);
  return TRUE;
}

void
pd_bind_word (PdRequest *request, const char *name, GtkComboBoxText *combo)
{
  prepare (GTK_WIDGET (combo), name);
  g_object_bind_property_full (request, name, combo, "active-id", both_ways, word_to_id, id_to_word,
                               combo, NULL);
}

void
pd_bind_add_word (GtkComboBoxText *combo, const char *id, const char *title)
{
  GtkTreeModel *model = gtk_combo_box_get_model (GTK_COMBO_BOX (combo));
  GtkTreeIter row;

  if (!find_id (combo, id, &row))
    gtk_combo_box_text_append (combo, id, title != NULL ? title : id);
  else if (title != NULL)
    gtk_list_store_set (GTK_LIST_STORE (model), &row,
                        gtk_combo_box_get_entry_text_column (GTK_COMBO_BOX (combo)), title, -1);
}

void
pd_bind_text (PdRequest *request, const char *name, GtkTextView *view)
{
  prepare (GTK_WIDGET (view), name);
  g_object_bind_property (request, name, gtk_text_view_get_buffer (view), "text", both_ways);
}

typedef struct
{
  PdRequest *request;
  char *name;
  char *empty;
  GtkEntry *entry; /* not owned: it owns this */
  gulong notify;
  GError *error;
} EntryBinding;

static const char entry_binding_key[] = "pd-entry-binding";

static void
entry_binding_free (EntryBinding *binding)
{
  g_clear_signal_handler (&binding->notify, binding->request);
  g_object_unref (binding->request);
  g_free (binding->name);
  g_free (binding->empty);
  g_clear_error (&binding->error);
  g_free (binding);
}

static void
mark (EntryBinding *binding)
{
  GtkStyleContext *style = gtk_widget_get_style_context (GTK_WIDGET (binding->entry));

  gtk_entry_set_icon_from_icon_name (binding->entry, GTK_ENTRY_ICON_SECONDARY,
                                     binding->error != NULL ? "dialog-error-symbolic" : NULL);
  if (binding->error != NULL)
    {
      gtk_style_context_add_class (style, GTK_STYLE_CLASS_ERROR);
      gtk_entry_set_icon_tooltip_text (binding->entry, GTK_ENTRY_ICON_SECONDARY,
                                       binding->error->message);
    }
  else
    gtk_style_context_remove_class (style, GTK_STYLE_CLASS_ERROR);
}

static void
read_entry (EntryBinding *binding)
{
  const char *text = gtk_entry_get_text (binding->entry);

  g_clear_error (&binding->error);
  g_signal_handler_block (binding->request, binding->notify);
  pd_request_set_text (binding->request, binding->name, *text ? text : binding->empty,
                       &binding->error);
  g_signal_handler_unblock (binding->request, binding->notify);
  mark (binding);
}

static void
write_entry (EntryBinding *binding)
{
  g_autofree char *text = pd_request_get_text (binding->request, binding->name);

  gtk_entry_set_text (binding->entry, g_str_equal (text, binding->empty) ? "" : text);
}

void
pd_bind_entry (PdRequest *request, const char *name, GtkEntry *entry, const char *empty)
{
  g_autofree char *detail = g_strconcat ("notify::", name, NULL);
  EntryBinding *binding = g_new0 (EntryBinding, 1);

  prepare (GTK_WIDGET (entry), name);
  binding->request = g_object_ref (request);
  binding->name = g_strdup (name);
  binding->empty = g_strdup (empty);
  binding->entry = entry;
  binding->notify = g_signal_connect_swapped (request, detail, G_CALLBACK (write_entry), binding);
  write_entry (binding);
  g_signal_connect_swapped (entry, "changed", G_CALLBACK (read_entry), binding);
  g_object_set_data_full (G_OBJECT (entry), entry_binding_key, binding,
                          (GDestroyNotify) entry_binding_free);
}

GError *
pd_bind_entry_error (GtkEntry *entry)
{
  const EntryBinding *binding = g_object_get_data (G_OBJECT (entry), entry_binding_key);
  const GError *error = binding->error;
  g_autoptr (GList) labels = gtk_widget_list_mnemonic_labels (GTK_WIDGET (entry));
  const char *rest = error != NULL ? strstr (error->message, ": ") : NULL;

  if (error == NULL)
    return NULL;
  return g_error_new (error->domain, error->code, "%s%s",
                      gtk_label_get_text (GTK_LABEL (labels->data)),
                      rest != NULL ? rest + 1 : error->message);
}
