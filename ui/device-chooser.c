// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/device-chooser.h"

#include "engine/base/device-names.h"
#include "engine/wire/messages.h"

#include <glib/gi18n-lib.h>

struct _PdDeviceChooser
{
  GtkMenuButton parent_instance;

  PdRequest *request;
  GVariant *answer; /* of the engine, whose strings the following borrow; NULL: not yet */
  GArray *devices;  /* of PdOfferedDevice, by number */
  GArray *names;    /* of PdDeviceName, of the same */
  GPtrArray *marks; /* of GtkToggleButton, of the same; NULL: cannot be used */
  gboolean filling; /* the list, which is not choosing */
  GtkLabel *chosen; /* what is */
  GtkWidget *list;  /* of marks */
};

enum
{
  SIGNAL_NOTE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_TYPE (PdDeviceChooser, pd_device_chooser, GTK_TYPE_MENU_BUTTON)

static const PdOfferedDevice *
device_at (const PdDeviceChooser *self, guint i)
{
  return &g_array_index (self->devices, PdOfferedDevice, i);
}

/* Returns: (transfer full) the parts of a value of the parameter */
static GStrv
split (const PdDeviceChooser *self, const char *text)
{
  return pd_device_names_split (&g_array_index (self->names, PdDeviceName, 0), self->names->len,
                                text);
}

/* Returns: (transfer none) (nullable) the mark of the device that @part names */
static GtkToggleButton *
mark_of (const PdDeviceChooser *self, const char *part)
{
  guint index;

  if (!pd_device_names_find (&g_array_index (self->names, PdDeviceName, 0), self->names->len, part,
                             &index))
    return NULL;
  return self->marks->pdata[index];
}

static guint
count_named (const PdDeviceChooser *self, const char *name)
{
  guint n = 0;

  for (guint i = 0; i < self->devices->len; i++)
    n += g_strcmp0 (device_at (self, i)->name, name) == 0;
  return n;
}

/* Returns: (transfer full) its name; if others have the same one, also its number */
static char *
title_of (const PdDeviceChooser *self, guint i)
{
  const char *name = device_at (self, i)->name;

  if (name != NULL && count_named (self, name) == 1)
    return g_strdup (name);
  return g_strdup_printf ("%s (%u)", name != NULL ? name : "", i);
}

/* Returns: (transfer full) what names it best: its UUID, which stays when others come and go. */
static char *
word_of (const PdDeviceChooser *self, guint i)
{
  const char *uuid = device_at (self, i)->uuid;
  guint index;

  if (uuid != NULL && *uuid &&
      pd_device_names_find (&g_array_index (self->names, PdDeviceName, 0), self->names->len, uuid,
                            &index) &&
      index == i)
    return g_strdup (uuid);
  return g_strdup_printf ("%u", i);
}

static void
show_chosen (PdDeviceChooser *self)
{
  g_autoptr (GStrvBuilder) titles = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < self->marks->len; i++)
    if (self->marks->pdata[i] != NULL && gtk_toggle_button_get_active (self->marks->pdata[i]))
      {
        g_autofree char *title = title_of (self, i);

        g_strv_builder_add (titles, title);
      }
  list = g_strv_builder_end (titles);
  /* Before the devices are known. */
  text = *list != NULL ? g_strjoinv (", ", list) : g_strdup (self->request->device);
  gtk_label_set_text (self->chosen, *text ? text : _ ("The best one"));
}

/* Takes devices that are not there out of the request, and tells of them. @parts: of its value */
static void
leave_out_gone (PdDeviceChooser *self, GStrv parts)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new (), gone = g_ptr_array_new ();
  g_autofree char *value = NULL, *names = NULL, *note = NULL;

  for (guint i = 0; parts[i] != NULL; i++)
    g_ptr_array_add (mark_of (self, parts[i]) != NULL ? kept : gone, parts[i]);
  g_ptr_array_add (kept, NULL);
  g_ptr_array_add (gone, NULL);
  value = g_strjoinv (",", (GStrv) kept->pdata);
  names = g_strjoinv (", ", (GStrv) gone->pdata);
  note = g_strdup_printf (_ ("Chosen devices that cannot be used now are left out: %s"), names);
  g_object_set (self->request, "device", value, NULL);
  g_signal_emit (self, signals[SIGNAL_NOTE], 0, note);
}

/* Shows what the request says. */
static void
update (PdDeviceChooser *self)
{
  g_auto (GStrv) parts = split (self, self->request->device);
  gboolean known = FALSE, gone = FALSE;

  for (guint i = 0; i < self->marks->len; i++)
    known |= self->marks->pdata[i] != NULL;
  for (guint i = 0; parts[i] != NULL && *self->request->device; i++)
    gone |= mark_of (self, parts[i]) == NULL;
  if (known && gone)
    {
      /* What is left comes here again. */
      leave_out_gone (self, parts);
      return;
    }
  self->filling = TRUE;
  for (guint i = 0; i < self->marks->len; i++)
    if (self->marks->pdata[i] != NULL)
      gtk_toggle_button_set_active (self->marks->pdata[i], FALSE);
  for (guint i = 0; known && parts[i] != NULL; i++)
    if (*parts[i])
      gtk_toggle_button_set_active (mark_of (self, parts[i]), TRUE);
  self->filling = FALSE;
  show_chosen (self);
}

/* Returns: whether the marks are those that "all" stands for, more than one */
static gboolean
are_all (const PdDeviceChooser *self, guint n_marked)
{
  g_auto (GStrv) all = split (self, "all");
  guint n = 0;

  for (; all[n] != NULL; n++)
    {
      GtkToggleButton *mark = mark_of (self, all[n]);

      if (mark == NULL || !gtk_toggle_button_get_active (mark))
        return FALSE;
    }
  return n == n_marked && n > 1;
}

static void
toggled (PdDeviceChooser *self)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;
  g_autofree char *text = NULL;

  if (self->filling)
    return;
  for (guint i = 0; i < self->marks->len; i++)
    if (self->marks->pdata[i] != NULL && gtk_toggle_button_get_active (self->marks->pdata[i]))
      {
        g_autofree char *word = word_of (self, i);

        g_strv_builder_add (words, word);
      }
  list = g_strv_builder_end (words);
  text = are_all (self, g_strv_length (list)) ? g_strdup ("all") : g_strjoinv (",", list);
  g_object_set (self->request, "device", text, NULL);
}

static void
add_mark (PdDeviceChooser *self, guint i)
{
  const PdOfferedDevice *device = device_at (self, i);
  g_autofree char *title = title_of (self, i);
  g_autofree char *memory = g_format_size (device->memory_bytes);
  g_autofree char *text =
      device->memory_bytes > 0 ? g_strdup_printf ("%s · %s", title, memory) : g_strdup (title);
  GtkWidget *mark = NULL;

  if (device->reason == NULL)
    {
      mark = gtk_check_button_new_with_label (text);
      g_signal_connect_swapped (mark, "toggled", G_CALLBACK (toggled), self);
      gtk_box_pack_start (GTK_BOX (self->list), mark, FALSE, FALSE, 0);
      gtk_widget_show (mark);
    }
  g_ptr_array_add (self->marks, mark);
}

void
pd_device_chooser_fill (PdDeviceChooser *self, GVariant *answer)
{
  for (guint i = 0; i < self->marks->len; i++)
    if (self->marks->pdata[i] != NULL)
      gtk_widget_destroy (self->marks->pdata[i]);
  g_ptr_array_set_size (self->marks, 0);
  g_array_set_size (self->names, 0);
  g_array_unref (self->devices);
  self->devices = pd_offered_devices (answer);
  g_variant_ref (answer);
  g_clear_pointer (&self->answer, g_variant_unref);
  self->answer = answer;
  for (guint i = 0; i < self->devices->len; i++)
    {
      const PdOfferedDevice *device = device_at (self, i);
      const PdDeviceName name = { device->name, device->uuid,
                                  g_strcmp0 (device->kind, "cpu") == 0 };

      g_array_append_val (self->names, name);
    }
  for (guint i = 0; i < self->devices->len; i++)
    add_mark (self, i);
  update (self);
}

static void
pd_device_chooser_finalize (GObject *object)
{
  PdDeviceChooser *self = PD_DEVICE_CHOOSER (object);

  g_clear_object (&self->request);
  g_ptr_array_unref (self->marks);
  g_array_unref (self->names);
  g_array_unref (self->devices);
  g_clear_pointer (&self->answer, g_variant_unref);
  G_OBJECT_CLASS (pd_device_chooser_parent_class)->finalize (object);
}

static void
pd_device_chooser_class_init (PdDeviceChooserClass *class)
{
  G_OBJECT_CLASS (class)->finalize = pd_device_chooser_finalize;
  signals[SIGNAL_NOTE] = g_signal_new ("note", PD_TYPE_DEVICE_CHOOSER, G_SIGNAL_RUN_LAST, 0, NULL,
                                       NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static GtkWidget *
new_popover (PdDeviceChooser *self)
{
  GtkWidget *popover = gtk_popover_new (GTK_WIDGET (self));
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *hint = gtk_label_new (_ ("Without a mark: the best one"));

  self->list = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  atk_object_set_name (gtk_widget_get_accessible (self->list), _ ("Devices"));
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scrolled), 300);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_container_add (GTK_CONTAINER (scrolled), self->list);
  gtk_label_set_xalign (GTK_LABEL (hint), 0);
  gtk_widget_set_margin_start (hint, 4);
  gtk_style_context_add_class (gtk_widget_get_style_context (hint), "dim-label");
  gtk_container_set_border_width (GTK_CONTAINER (popover), 12);
  gtk_box_pack_start (GTK_BOX (box), scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), hint, FALSE, FALSE, 0);
  gtk_container_add (GTK_CONTAINER (popover), box);
  gtk_widget_show_all (box);
  return popover;
}

static void
pd_device_chooser_init (PdDeviceChooser *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *chosen = gtk_label_new (NULL);
  GtkWidget *arrow = gtk_image_new_from_icon_name ("pan-down-symbolic", GTK_ICON_SIZE_BUTTON);

  self->devices = pd_offered_devices (NULL);
  self->names = g_array_new (FALSE, FALSE, sizeof (PdDeviceName));
  self->marks = g_ptr_array_new ();
  self->chosen = GTK_LABEL (chosen);
  gtk_label_set_xalign (self->chosen, 0);
  gtk_label_set_ellipsize (self->chosen, PANGO_ELLIPSIZE_END);
  gtk_label_set_width_chars (self->chosen, 16);
  gtk_box_pack_start (GTK_BOX (box), chosen, TRUE, TRUE, 0);
  gtk_box_pack_end (GTK_BOX (box), arrow, FALSE, FALSE, 0);
  gtk_container_add (GTK_CONTAINER (self), box);
  gtk_widget_show_all (box);
  gtk_menu_button_set_popover (GTK_MENU_BUTTON (self), new_popover (self));
}

void
pd_device_chooser_bind (PdDeviceChooser *self, PdRequest *request)
{
  self->request = g_object_ref (request);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self),
                               g_param_spec_get_blurb (pd_request_param ("device")));
  g_signal_connect_object (request, "notify::device", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
}
