// SPDX-License-Identifier: GPL-3.0-or-later
/* What chooses the picture of a style, in a window of its own. */
#include "tests/ui/fake-host.h"
#include "ui/style-chooser.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  FakeHost *host;
  PdRequest *request;
  GtkWidget *window, *chooser;
  GtkWidget *list, *picture, *problem; /* in the chooser */
} Fixture;

/* The first widget of a type within boxes. */
static GtkWidget *
find (GtkWidget *widget, GType type)
{
  g_autoptr (GList) children = NULL;
  GtkWidget *found = NULL;

  if (g_type_is_a (G_OBJECT_TYPE (widget), type))
    return widget;
  if (!GTK_IS_BOX (widget))
    return NULL;
  children = gtk_container_get_children (GTK_CONTAINER (widget));
  for (GList *at = children; at != NULL && found == NULL; at = at->next)
    found = find (at->data, type);
  return found;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *label = gtk_label_new_with_mnemonic ("St_yle");

  fixture->host = fake_host_new ();
  fixture->request = pd_request_new ();
  fixture->window = gtk_window_new (GTK_WINDOW_TOPLEVEL);
  fixture->chooser = g_object_new (PD_TYPE_STYLE_CHOOSER, NULL);
  gtk_container_add (GTK_CONTAINER (box), label);
  gtk_container_add (GTK_CONTAINER (box), fixture->chooser);
  gtk_container_add (GTK_CONTAINER (fixture->window), box);
  gtk_widget_show (fixture->chooser);
  gtk_widget_show (label);
  gtk_widget_show (box);
  pd_style_chooser_bind (PD_STYLE_CHOOSER (fixture->chooser), PD_HOST (fixture->host),
                         fixture->request, GTK_LABEL (label));
  gtk_window_present (GTK_WINDOW (fixture->window));
  fixture->list = find (fixture->chooser, GTK_TYPE_COMBO_BOX);
  fixture->picture = find (fixture->chooser, GTK_TYPE_IMAGE);
  fixture->problem = find (fixture->chooser, GTK_TYPE_LABEL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gtk_widget_destroy (fixture->window);
  g_assert_finalize_object (fixture->request);
  g_assert_finalize_object (fixture->host);
}

static gboolean
is_chosen (const Fixture *fixture)
{
  gboolean chosen;

  g_object_get (fixture->chooser, "chosen", &chosen, NULL);
  return chosen;
}

static const char *
shown_id (const Fixture *fixture)
{
  return gtk_combo_box_get_active_id (GTK_COMBO_BOX (fixture->list));
}

static void
check_problem (const Fixture *fixture, const char *words)
{
  g_assert_true (gtk_widget_get_visible (fixture->problem));
  g_assert_false (gtk_widget_get_visible (fixture->picture));
  g_assert_nonnull (strstr (gtk_label_get_text (GTK_LABEL (fixture->problem)), words));
}

static void
test_open (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpstr (shown_id (fixture), ==, "");
  g_assert_false (gtk_widget_get_visible (fixture->picture));
  g_assert_false (gtk_widget_get_visible (fixture->problem));
  g_assert_false (is_chosen (fixture));
  g_assert_true (gtk_combo_box_set_active_id (GTK_COMBO_BOX (fixture->list), "image:2"));
  g_assert_cmpstr (fixture->request->style, ==, "image:2");
  g_assert_true (gtk_combo_box_set_active_id (GTK_COMBO_BOX (fixture->list), "layer:7"));
  g_assert_cmpstr (fixture->request->style, ==, "layer:7");
  g_assert_true (is_chosen (fixture));
  g_assert_true (gtk_widget_get_visible (fixture->picture));
  g_assert_false (gtk_widget_get_visible (fixture->problem));
  g_assert_cmpstr (atk_object_get_name (gtk_widget_get_accessible (fixture->picture)), ==,
                   "Layer: Waves");
  g_object_set (fixture->request, "style", "", NULL);
  g_assert_cmpstr (shown_id (fixture), ==, "");
  g_assert_false (is_chosen (fixture));
}

/* It stays chosen, and is told. */
static void
test_gone (Fixture *fixture, gconstpointer data)
{
  g_object_set (fixture->request, "style", "layer:7", NULL);
  fixture->host->style_gone = TRUE;
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (fixture->chooser));
  g_assert_cmpstr (fixture->request->style, ==, "layer:7");
  g_assert_cmpstr (shown_id (fixture), ==, "layer:7");
  check_problem (fixture, "layer:7 is not there");
  g_object_set (fixture->request, "style", "/nowhere/painting.jpg", NULL);
  g_assert_cmpstr (shown_id (fixture), ==, "/nowhere/painting.jpg");
  check_problem (fixture, "/nowhere/painting.jpg is not there");
}

/* It is read again when it has changed, not whenever the window gets the focus. */
static void
test_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;
  const int file = g_file_open_tmp ("pd-style-XXXXXX", &path, NULL);

  g_assert_cmpint (file, >=, 0);
  g_assert_true (g_close (file, NULL));
  g_object_set (fixture->request, "style", path, NULL);
  g_assert_true (gtk_widget_get_visible (fixture->picture));
  fixture->host->n_styles = 0;
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (fixture->chooser));
  g_assert_cmpuint (fixture->host->n_styles, ==, 0);
  g_assert_true (g_file_set_contents (path, "longer", -1, NULL));
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (fixture->chooser));
  g_assert_cmpuint (fixture->host->n_styles, ==, 1);
  g_unlink (path);
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (fixture->chooser));
  check_problem (fixture, path);
}

static void
give_uris (GtkClipboard *clipboard, GtkSelectionData *data, guint info, gpointer uris)
{
  gtk_selection_data_set_uris (data, uris);
}

/* As a file manager hands it over. */
static void
drop (const Fixture *fixture, const char *uri)
{
  const char *const uris[] = { uri, NULL };
  const GdkAtom type = gdk_atom_intern_static_string ("text/uri-list");
  GtkClipboard *clipboard = gtk_clipboard_get (gdk_atom_intern_static_string ("PD_TEST_DROP"));
  GtkTargetEntry targets[] = { { (char *) "text/uri-list", 0, 0 } };
  GtkSelectionData *dropped;

  g_assert_true (
      gtk_clipboard_set_with_data (clipboard, targets, 1, give_uris, NULL, (gpointer) uris));
  dropped = gtk_clipboard_wait_for_contents (clipboard, type);
  g_assert_nonnull (dropped);
  GTK_WIDGET_GET_CLASS (fixture->chooser)
      ->drag_data_received (fixture->chooser, NULL, 0, 0, dropped, 0, 0);
  gtk_selection_data_free (dropped);
  gtk_clipboard_clear (clipboard);
}

static void
test_dropped (Fixture *fixture, gconstpointer data)
{
  const GtkTargetList *targets = gtk_drag_dest_get_target_list (fixture->chooser);

  g_assert_true (gtk_target_list_find ((GtkTargetList *) targets,
                                       gdk_atom_intern_static_string ("text/uri-list"), NULL));
  drop (fixture, "file:///a%20folder/painting.jpg");
  g_assert_cmpstr (fixture->request->style, ==, "/a folder/painting.jpg");
  drop (fixture, "https://example.org/painting.jpg");
  g_assert_cmpstr (fixture->request->style, ==, "/a folder/painting.jpg");
  check_problem (fixture, "example.org");
}

int
main (int argc, char *argv[])
{
  g_setenv ("NO_AT_BRIDGE", "1", TRUE);
  g_test_init (&argc, &argv, NULL);
  if (!gtk_init_check (&argc, &argv))
    {
      g_print ("Bail out! There is no display\n");
      return 1;
    }
  g_test_add ("/style-chooser/open", Fixture, NULL, set_up, test_open, tear_down);
  g_test_add ("/style-chooser/gone", Fixture, NULL, set_up, test_gone, tear_down);
  g_test_add ("/style-chooser/file", Fixture, NULL, set_up, test_file, tear_down);
  g_test_add ("/style-chooser/dropped", Fixture, NULL, set_up, test_dropped, tear_down);
  return g_test_run ();
}
