// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/style-chooser.h"

#include "engine/base/message.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

struct _PdStyleChooser
{
  GtkBox parent_instance;

  PdHost *host;
  PdRequest *request;
  GtkComboBoxText *list;
  GtkWidget *picture; /* a GtkImage */
  GtkLabel *problem;  /* why there is no picture of it */
  gboolean filling;   /* the list, which is not choosing */
  char *stamp;        /* of the file that is shown; NULL: none is */
};

enum
{
  PROP_CHOSEN = 1,
  N_PROPS,
};

static GParamSpec *params[N_PROPS];

/* Longest side of the small picture, pixels of a screen without scaling. */
static const int picture_side = 96;

G_DEFINE_TYPE (PdStyleChooser, pd_style_chooser, GTK_TYPE_BOX)

/* Shows @message, or if that is NULL the picture @surface, or if that is NULL nothing. */
static void
show (PdStyleChooser *self, cairo_surface_t *surface, const char *message)
{
  g_autofree char *clean = message != NULL ? pd_message_clean (message) : g_strdup ("");

  gtk_image_set_from_surface (GTK_IMAGE (self->picture), surface);
  gtk_widget_set_visible (self->picture, surface != NULL);
  gtk_label_set_text (self->problem, clean);
  gtk_widget_set_visible (GTK_WIDGET (self->problem), message != NULL);
}

/* Returns: (transfer full) what changes with a file, which takes long to read; NULL: it is none. */
static char *
stamp_of (const char *style)
{
  GStatBuf about;

  if (!g_path_is_absolute (style) || g_stat (style, &about) != 0)
    return NULL;
  return g_strdup_printf ("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, style,
                          (gint64) about.st_mtime, (gint64) about.st_size);
}

static void
show_picture (PdStyleChooser *self)
{
  const char *style = self->request->style;
  g_autofree char *stamp = stamp_of (style);
  const int scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  g_autofree char *title = gtk_combo_box_text_get_active_text (self->list);
  g_autoptr (GdkPixbuf) small = NULL;
  g_autoptr (GError) error = NULL;
  cairo_surface_t *surface = NULL;

  if (stamp != NULL && g_strcmp0 (stamp, self->stamp) == 0)
    return;
  g_clear_pointer (&self->stamp, g_free);
  if (*style)
    small = pd_host_get_style (self->host, style, (guint) (picture_side * scale), &error);
  if (small != NULL)
    surface = gdk_cairo_surface_create_from_pixbuf (small, scale, NULL);
  show (self, surface, error != NULL ? error->message : NULL);
  atk_object_set_name (gtk_widget_get_accessible (self->picture), title != NULL ? title : "");
  g_clear_pointer (&surface, cairo_surface_destroy);
  if (small != NULL)
    self->stamp = g_steal_pointer (&stamp);
}

/* What is chosen stays in the list even if it is not open any more. */
void
pd_style_chooser_refresh (PdStyleChooser *self)
{
  g_autoptr (GPtrArray) styles = pd_host_list_styles (self->host);
  const char *chosen = self->request->style;

  self->filling = TRUE;
  gtk_combo_box_text_remove_all (self->list);
  gtk_combo_box_text_append (self->list, "", _ ("No style"));
  for (guint i = 0; i < styles->len; i++)
    {
      const PdHostStyle *style = styles->pdata[i];

      gtk_combo_box_text_append (self->list, style->style, style->title);
    }
  if (!gtk_combo_box_set_active_id (GTK_COMBO_BOX (self->list), chosen))
    {
      g_autofree char *name = g_filename_display_basename (chosen);

      gtk_combo_box_text_append (self->list, chosen, name);
      gtk_combo_box_set_active_id (GTK_COMBO_BOX (self->list), chosen);
    }
  self->filling = FALSE;
  show_picture (self);
}

static void
style_changed (PdStyleChooser *self)
{
  pd_style_chooser_refresh (self);
  g_object_notify_by_pspec (G_OBJECT (self), params[PROP_CHOSEN]);
}

static void
row_chosen (PdStyleChooser *self)
{
  const char *id = gtk_combo_box_get_active_id (GTK_COMBO_BOX (self->list));

  if (!self->filling && id != NULL)
    g_object_set (self->request, "style", id, NULL);
}

/* The window may have been closed meanwhile. */
static void
file_chosen (GtkNativeDialog *files, int response, gpointer user_data)
{
  g_autoptr (PdStyleChooser) self = user_data;
  g_autofree char *path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (files));

  if (response == GTK_RESPONSE_ACCEPT && path != NULL)
    g_object_set (self->request, "style", path, NULL);
  gtk_native_dialog_destroy (files);
  g_object_unref (files);
}

static void
choose_file (PdStyleChooser *self)
{
  GtkWidget *window = gtk_widget_get_toplevel (GTK_WIDGET (self));
  GtkFileChooserNative *files =
      gtk_file_chooser_native_new (_ ("Picture Whose Style to Take"), GTK_WINDOW (window),
                                   GTK_FILE_CHOOSER_ACTION_OPEN, NULL, NULL);

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (files), TRUE);
  if (g_path_is_absolute (self->request->style))
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (files), self->request->style);
  g_signal_connect (files, "response", G_CALLBACK (file_chosen), g_object_ref (self));
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (files));
}

static void
drag_data_received (GtkWidget *widget,
                    GdkDragContext *context,
                    int x,
                    int y,
                    GtkSelectionData *data,
                    guint info,
                    guint time)
{
  PdStyleChooser *self = PD_STYLE_CHOOSER (widget);
  g_auto (GStrv) uris = gtk_selection_data_get_uris (data);
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      uris != NULL && uris[0] != NULL ? g_filename_from_uri (uris[0], NULL, &error) : NULL;

  if (path != NULL)
    g_object_set (self->request, "style", path, NULL);
  else if (error != NULL)
    {
      g_clear_pointer (&self->stamp, g_free);
      show (self, NULL, error->message);
    }
}

static void
pd_style_chooser_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  const PdStyleChooser *self = PD_STYLE_CHOOSER (object);

  g_return_if_fail (id == PROP_CHOSEN);
  g_value_set_boolean (value, self->request != NULL && *self->request->style);
}

static void
pd_style_chooser_dispose (GObject *object)
{
  PdStyleChooser *self = PD_STYLE_CHOOSER (object);

  g_clear_object (&self->request);
  g_clear_object (&self->host);
  G_OBJECT_CLASS (pd_style_chooser_parent_class)->dispose (object);
}

static void
pd_style_chooser_finalize (GObject *object)
{
  g_free (PD_STYLE_CHOOSER (object)->stamp);
  G_OBJECT_CLASS (pd_style_chooser_parent_class)->finalize (object);
}

static void
pd_style_chooser_class_init (PdStyleChooserClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->get_property = pd_style_chooser_get_property;
  object_class->dispose = pd_style_chooser_dispose;
  object_class->finalize = pd_style_chooser_finalize;
  GTK_WIDGET_CLASS (class)->drag_data_received = drag_data_received;
  params[PROP_CHOSEN] =
      g_param_spec_boolean ("chosen", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, params);
}

static GtkWidget *
new_file_button (PdStyleChooser *self)
{
  GtkWidget *button =
      gtk_button_new_from_icon_name ("document-open-symbolic", GTK_ICON_SIZE_BUTTON);

  gtk_widget_set_tooltip_text (button,
                               _ ("Take the style of a file, which can also be dropped here"));
  atk_object_set_name (gtk_widget_get_accessible (button), _ ("Style from a File"));
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (choose_file), self);
  return button;
}

static void
pd_style_chooser_init (PdStyleChooser *self)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *list = gtk_combo_box_text_new ();
  GtkWidget *problem = gtk_label_new (NULL);
  AtkObject *accessible;
  GList *cells;

  gtk_orientable_set_orientation (GTK_ORIENTABLE (self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (self), 6);
  self->list = GTK_COMBO_BOX_TEXT (list);
  cells = gtk_cell_layout_get_cells (GTK_CELL_LAYOUT (list));
  /* Names may be long. */
  g_object_set (cells->data, "ellipsize", PANGO_ELLIPSIZE_END, "width-chars", 16, NULL);
  g_list_free (cells);
  self->picture = gtk_image_new ();
  gtk_widget_set_halign (self->picture, GTK_ALIGN_START);
  accessible = gtk_widget_get_accessible (self->picture);
  atk_object_set_role (accessible, ATK_ROLE_IMAGE);
  self->problem = GTK_LABEL (problem);
  gtk_label_set_line_wrap (self->problem, TRUE);
  gtk_label_set_max_width_chars (self->problem, 32);
  gtk_label_set_xalign (self->problem, 0);
  gtk_style_context_add_class (gtk_widget_get_style_context (problem), GTK_STYLE_CLASS_ERROR);
  gtk_box_pack_start (GTK_BOX (line), list, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (line), new_file_button (self), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (self), line, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (self), self->picture, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (self), problem, FALSE, FALSE, 0);
  gtk_widget_show_all (line);
  g_signal_connect_swapped (list, "changed", G_CALLBACK (row_chosen), self);
  gtk_drag_dest_set (GTK_WIDGET (self), GTK_DEST_DEFAULT_ALL, NULL, 0, GDK_ACTION_COPY);
  gtk_drag_dest_add_uri_targets (GTK_WIDGET (self));
}

void
pd_style_chooser_bind (PdStyleChooser *self, PdHost *host, PdRequest *request, GtkLabel *label)
{
  self->host = g_object_ref (host);
  self->request = g_object_ref (request);
  gtk_label_set_mnemonic_widget (label, GTK_WIDGET (self->list));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->list),
                               g_param_spec_get_blurb (pd_request_param ("style")));
  g_signal_connect_object (request, "notify::style", G_CALLBACK (style_changed), self,
                           G_CONNECT_SWAPPED);
  style_changed (self);
}
