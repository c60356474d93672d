// SPDX-License-Identifier: GPL-3.0-or-later
/* Which devices are to work, chosen in the dialog with a host that is not GIMP. */
#include "tests/ui/fake-host.h"
#include "tests/ui/live.h"
#include "ui/device-chooser.h"
#include "ui/dialog.h"

#include <glib/gstdio.h>
#include <libintl.h>
#include <string.h>

typedef struct
{
  FakeHost *host;
  PdRequest *request;
  GtkWidget *dialog;
  GtkWidget *chooser;
} Fixture;

static const char two[] = "[<{'index': <int64 0>, 'name': <'Fast GPU'>, 'uuid': <'a0'>, "
                          "'kind': <'discrete'>, 'memory_bytes': <int64 24000000000>}>, "
                          "<{'index': <int64 1>, 'name': <'Small GPU'>, 'uuid': <'a1'>, "
                          "'kind': <'integrated'>, 'memory_bytes': <int64 4000000000>}>]";
static const char twins_and_processor[] =
    "[<{'name': <'Twin'>, 'uuid': <'b0'>, 'kind': <'discrete'>}>, "
    "<{'name': <'Processor'>, 'uuid': <'c0'>, 'kind': <'cpu'>}>, "
    "<{'name': <'Twin'>, 'uuid': <'b0'>, 'kind': <'discrete'>}>]";

static GtkWidget *
child (const Fixture *fixture, const char *id)
{
  return GTK_WIDGET (gtk_widget_get_template_child (fixture->dialog, PD_TYPE_DIALOG, id));
}

static GtkPopover *
popover (const Fixture *fixture)
{
  return gtk_menu_button_get_popover (GTK_MENU_BUTTON (fixture->chooser));
}

static void
add_checks (GtkWidget *widget, gpointer list)
{
  if (GTK_IS_CHECK_BUTTON (widget))
    g_ptr_array_add (list, widget);
  else if (GTK_IS_CONTAINER (widget))
    gtk_container_foreach (GTK_CONTAINER (widget), add_checks, list);
}

/* Returns: (transfer container) the marks, from the top */
static GPtrArray *
marks (const Fixture *fixture)
{
  GPtrArray *list = g_ptr_array_new ();

  add_checks (GTK_WIDGET (popover (fixture)), list);
  return list;
}

static GtkToggleButton *
mark (const Fixture *fixture, guint i)
{
  g_autoptr (GPtrArray) list = marks (fixture);

  g_assert_cmpuint (i, <, list->len);
  return list->pdata[i];
}

/* @expected: a character for each, "x" or "-" */
static void
check_marks (const Fixture *fixture, const char *expected)
{
  g_autoptr (GPtrArray) list = marks (fixture);
  g_autoptr (GString) shown = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    g_string_append_c (shown, gtk_toggle_button_get_active (list->pdata[i]) ? 'x' : '-');
  g_assert_cmpstr (shown->str, ==, expected);
}

static void
find_label (GtkWidget *widget, gpointer label)
{
  if (GTK_IS_LABEL (widget))
    *(GtkWidget **) label = widget;
  else if (GTK_IS_CONTAINER (widget))
    gtk_container_foreach (GTK_CONTAINER (widget), find_label, label);
}

static const char *
shown (const Fixture *fixture)
{
  GtkWidget *label = NULL;

  find_label (fixture->chooser, &label);
  return gtk_label_get_text (GTK_LABEL (label));
}

static const char *
status (const Fixture *fixture)
{
  return gtk_label_get_text (GTK_LABEL (child (fixture, "status")));
}

static void
open_dialog (Fixture *fixture, const char *devices, const char *chosen)
{
  fixture->host->devices = devices;
  g_object_set (fixture->request, "device", chosen, NULL);
  fixture->dialog = pd_dialog_new (PD_HOST (fixture->host), fixture->request);
  fixture->chooser = child (fixture, "device");
  gtk_expander_set_expanded (GTK_EXPANDER (child (fixture, "advanced")), TRUE);
  gtk_window_present (GTK_WINDOW (fixture->dialog));
  wait_for (gtk_widget_get_mapped (fixture->dialog));
}

static void
fill (Fixture *fixture, const char *devices, const char *chosen)
{
  open_dialog (fixture, devices, chosen);
  for (gboolean filled = FALSE; !filled;)
    {
      g_autoptr (GPtrArray) list = NULL;

      wait_for (g_main_context_iteration (NULL, FALSE));
      list = marks (fixture);
      filled = list->len > 0;
    }
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->host = fake_host_new ();
  fixture->request = pd_request_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gtk_widget_destroy (fixture->dialog);
  /* Questions under way are answered first. */
  wait_for (G_OBJECT (fixture->host)->ref_count == 1);
  g_assert_finalize_object (fixture->request);
  g_assert_finalize_object (fixture->host);
}

static void
test_marks (Fixture *fixture, gconstpointer data)
{
  fill (fixture, two, "");
  check_marks (fixture, "--");
  g_assert_cmpstr (shown (fixture), ==, "The best one");
  /* The second one first: the order is that of their numbers all the same. */
  gtk_toggle_button_set_active (mark (fixture, 1), TRUE);
  g_assert_cmpstr (fixture->request->device, ==, "a1");
  g_assert_cmpstr (shown (fixture), ==, "Small GPU");
  gtk_toggle_button_set_active (mark (fixture, 0), TRUE);
  g_assert_cmpstr (fixture->request->device, ==, "all");
  g_assert_cmpstr (shown (fixture), ==, "Fast GPU, Small GPU");
  gtk_toggle_button_set_active (mark (fixture, 1), FALSE);
  g_assert_cmpstr (fixture->request->device, ==, "a0");
  gtk_toggle_button_set_active (mark (fixture, 0), FALSE);
  g_assert_cmpstr (fixture->request->device, ==, "");
  g_assert_cmpstr (shown (fixture), ==, "The best one");
}

/* What the parameter may say, as the engine reads it. */
static void
test_values (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *value, *marks;
  } rows[] = { { "0,1", "xx" },        { "1", "-x" },  { "all", "xx" }, { " 1 , 0", "xx" },
               { "small,FAST", "xx" }, { "", "--" },   { "0,0", "x-" }, { "A-0", "x-" },
               { "a1,a0", "xx" },      { "gpu", "x-" } };

  fill (fixture, two, "0,1");
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      check_marks (fixture, i == 0 ? "xx" : rows[i - 1].marks);
      g_object_set (fixture->request, "device", rows[i].value, NULL);
      check_marks (fixture, rows[i].marks);
      /* Nobody has chosen: it stays as it was written. */
      g_assert_cmpstr (fixture->request->device, ==, rows[i].value);
    }
  g_assert_cmpstr (status (fixture), ==, "");
}

/* Processors do not belong to "all" where there is something else, and a UUID that is not unique
 * names nothing. */
static void
test_twins (Fixture *fixture, gconstpointer data)
{
  fill (fixture, twins_and_processor, "all");
  check_marks (fixture, "x-x");
  g_assert_cmpstr (shown (fixture), ==, "Twin (0), Twin (2)");
  gtk_toggle_button_set_active (mark (fixture, 1), TRUE);
  g_assert_cmpstr (fixture->request->device, ==, "b0,c0,2");
  check_marks (fixture, "xxx");
  gtk_toggle_button_set_active (mark (fixture, 1), FALSE);
  g_assert_cmpstr (fixture->request->device, ==, "all");
}

/* They are told and left out; the others are kept as they were written. */
static void
test_gone (Fixture *fixture, gconstpointer data)
{
  fill (fixture, two, "1,e9,0,7");
  g_assert_cmpstr (fixture->request->device, ==, "1,0");
  check_marks (fixture, "xx");
  g_assert_true (g_str_has_suffix (status (fixture), "left out: e9, 7"));
  g_object_set (fixture->request, "device", "e8", NULL);
  g_assert_cmpstr (fixture->request->device, ==, "");
  g_assert_cmpstr (shown (fixture), ==, "The best one");
  check_marks (fixture, "--");
  g_assert_true (g_str_has_suffix (status (fixture), "left out: e8"));
}

/* Without a list nothing is lost. */
static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  open_dialog (fixture, "@av []", "a0,a1");
  wait_for (fixture->host->n_estimates > 0);
  g_assert_cmpstr (fixture->request->device, ==, "a0,a1");
  g_assert_cmpstr (shown (fixture), ==, "a0,a1");
  g_assert_cmpstr (status (fixture), ==, "");
}

/* What cannot be used is not offered, and a list that comes again replaces the first. */
static void
test_one (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) again = NULL;
  g_autofree char *text = g_strdup_printf ("{'devices': <%s>}", two);

  fill (fixture, fixture->host->devices, "f0");
  check_marks (fixture, "x");
  gtk_toggle_button_set_active (mark (fixture, 0), FALSE);
  g_assert_cmpstr (fixture->request->device, ==, "");
  gtk_toggle_button_set_active (mark (fixture, 0), TRUE);
  g_assert_cmpstr (fixture->request->device, ==, "f0");
  again = g_variant_ref_sink (g_variant_new_parsed (text));
  pd_device_chooser_fill (PD_DEVICE_CHOOSER (fixture->chooser), again);
  check_marks (fixture, "--");
}

static void
test_estimate (Fixture *fixture, gconstpointer data)
{
  fill (fixture, two, "");
  wait_for (fixture->host->n_estimates > 0);
  gtk_toggle_button_set_active (mark (fixture, 0), TRUE);
  wait_for (g_str_equal (fixture->host->last_estimate->device, "a0"));
  gtk_toggle_button_set_active (mark (fixture, 1), TRUE);
  wait_for (g_str_equal (fixture->host->last_estimate->device, "all"));
}

/* What each device has done is told where there are several. */
static void
test_report (Fixture *fixture, gconstpointer data)
{
  fill (fixture, two, "all");
  for (fixture->host->workers = 1; fixture->host->workers <= 2; fixture->host->workers++)
    {
      gtk_button_clicked (GTK_BUTTON (child (fixture, "generate_button")));
      wait_for (!gtk_widget_get_visible (child (fixture, "cancel_button")));
      g_assert_cmpstr (fixture->host->last_run->device, ==, "all");
      g_assert_cmpstr (
          status (fixture), ==,
          fixture->host->workers > 1
              ? "Done in 2 s, seed 4711 · 2 devices: 38 37 tiles, idle for 3 % of the time"
              : "Done in 2 s, seed 4711");
    }
}

/* Tells GTK of a key in the dialog, as the window system does. */
static void
press (const Fixture *fixture, guint key, GdkModifierType state)
{
  GdkDisplay *display = gtk_widget_get_display (fixture->dialog);
  g_autoptr (GdkEvent) event = gdk_event_new (GDK_KEY_PRESS);
  g_autofree GdkKeymapKey *keys = NULL;
  int n = 0;

  gdk_keymap_get_entries_for_keyval (gdk_keymap_get_for_display (display), key, &keys, &n);
  g_assert_cmpint (n, >, 0);
  event->key.window = g_object_ref (gtk_widget_get_window (fixture->dialog));
  event->key.keyval = key;
  event->key.state = state;
  event->key.hardware_keycode = (guint16) keys[0].keycode;
  event->key.group = (guint8) keys[0].group;
  gdk_event_set_device (event, gdk_seat_get_keyboard (gdk_display_get_default_seat (display)));
  gtk_main_do_event (event);
  event->key.type = GDK_KEY_RELEASE;
  gtk_main_do_event (event);
}

static GtkWidget *
focus (const Fixture *fixture)
{
  return gtk_window_get_focus (GTK_WINDOW (fixture->dialog));
}

static void
test_keys (Fixture *fixture, gconstpointer data)
{
  fill (fixture, two, "");
  /* The seed has the same letter. */
  for (guint i = 0; i < 2 && focus (fixture) != fixture->chooser; i++)
    press (fixture, GDK_KEY_d, GDK_MOD1_MASK);
  g_assert_true (focus (fixture) == fixture->chooser);
  press (fixture, GDK_KEY_space, 0);
  wait_for (gtk_widget_get_mapped (GTK_WIDGET (popover (fixture))));
  wait_for (focus (fixture) == GTK_WIDGET (mark (fixture, 0)));
  press (fixture, GDK_KEY_space, 0);
  wait_for (g_str_equal (fixture->request->device, "a0"));
  /* A button that a key has pressed keeps the keyboard for a quarter of a second. */
  live (500);
  press (fixture, GDK_KEY_Tab, 0);
  g_assert_true (focus (fixture) == GTK_WIDGET (mark (fixture, 1)));
  press (fixture, GDK_KEY_space, 0);
  wait_for (g_str_equal (fixture->request->device, "all"));
  /* Closes the list, not the dialog. */
  press (fixture, GDK_KEY_Escape, 0);
  wait_for (!gtk_widget_get_mapped (GTK_WIDGET (popover (fixture))));
  g_assert_true (gtk_widget_get_mapped (fixture->dialog));
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  g_autoptr (AtkRelationSet) relations = NULL;
  AtkObject *button;

  fill (fixture, two, "0");
  button = gtk_widget_get_accessible (fixture->chooser);
  relations = atk_object_ref_relation_set (button);
  g_assert_true (atk_relation_set_contains (relations, ATK_RELATION_LABELLED_BY));
  g_assert_cmpstr (atk_object_get_name (button), ==, "Fast GPU");
  g_assert_cmpstr (atk_object_get_name (gtk_widget_get_accessible (GTK_WIDGET (mark (fixture, 1)))),
                   ==, "Small GPU · 4.0 GB");
}

/* Also of the translation that the environment asks for. */
static void
test_looks (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name, *devices, *chosen;
  } rows[] = {
    { "one",
      "[<{'name': <'llvmpipe (LLVM 15.0.6, 256 bits)'>, 'uuid': <'d0'>, 'kind': <'cpu'>, "
      "'memory_bytes': <int64 12000000000>}>]",
      "" },
    { "two", two, "0,1" },
  };
  const char *folder = g_getenv ("PD_SCREENSHOTS");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      int width, height;

      if (fixture->dialog != NULL)
        gtk_widget_destroy (fixture->dialog);
      fill (fixture, rows[i].devices, rows[i].chosen);
      gtk_widget_grab_focus (fixture->chooser);
      gtk_button_clicked (GTK_BUTTON (fixture->chooser));
      wait_for (gtk_widget_get_mapped (GTK_WIDGET (popover (fixture))));
      live (400);
      gtk_window_get_size (GTK_WINDOW (fixture->dialog), &width, &height);
      g_assert_cmpint (width, <=, 1280);
      g_assert_cmpint (height, <=, 720);
      if (folder != NULL)
        {
          g_autofree char *name = g_strconcat (rows[i].name, ".png", NULL);
          g_autofree char *file = g_build_filename (folder, name, NULL);
          cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
          cairo_t *cr = cairo_create (surface);

          gtk_widget_draw (fixture->dialog, cr);
          cairo_destroy (cr);
          g_mkdir_with_parents (folder, 0755);
          g_assert_cmpint (cairo_surface_write_to_png (surface, file), ==, CAIRO_STATUS_SUCCESS);
          cairo_surface_destroy (surface);
        }
    }
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/device-chooser/marks", test_marks },       { "/device-chooser/values", test_values },
    { "/device-chooser/twins", test_twins },       { "/device-chooser/gone", test_gone },
    { "/device-chooser/unknown", test_unknown },   { "/device-chooser/one", test_one },
    { "/device-chooser/estimate", test_estimate }, { "/device-chooser/report", test_report },
    { "/device-chooser/keys", test_keys },         { "/device-chooser/names", test_names },
    { "/device-chooser/looks", test_looks },
  };

  g_setenv ("NO_AT_BRIDGE", "1", TRUE);
  g_test_init (&argc, &argv, NULL);
  if (g_getenv ("PD_LOCALE"))
    bindtextdomain (GETTEXT_PACKAGE, g_getenv ("PD_LOCALE"));
  g_assert_true (gtk_init_check (&argc, &argv));
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
