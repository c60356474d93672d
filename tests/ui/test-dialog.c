// SPDX-License-Identifier: GPL-3.0-or-later
/* The dialog with a host that is not GIMP: what the widgets do to the request and the other way. */
#include "engine/base/error.h"
#include "tests/ui/fake-host.h"
#include "tests/ui/live.h"
#include "ui/dialog.h"
#include "ui/preview-area.h"

#include <glib/gstdio.h>
#include <libintl.h>
#include <string.h>

static const char *const modes[] = { "generate", "inpaint", "restyle", "style", "upscale" };

typedef struct
{
  FakeHost *host;
  PdRequest *request;
  GtkWidget *dialog;
} Fixture;

static GtkWidget *
child (const Fixture *fixture, const char *id)
{
  GObject *found = gtk_widget_get_template_child (fixture->dialog, PD_TYPE_DIALOG, id);

  g_assert_nonnull (found);
  return GTK_WIDGET (found);
}

static const char *
text_of (const Fixture *fixture, const char *label)
{
  return gtk_label_get_text (GTK_LABEL (child (fixture, label)));
}

static void
open_dialog (Fixture *fixture)
{
  fixture->dialog = pd_dialog_new (PD_HOST (fixture->host), fixture->request);
  gtk_window_present (GTK_WINDOW (fixture->dialog));
  wait_for (gtk_widget_get_mapped (fixture->dialog));
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

static gboolean
has_error (const Fixture *fixture)
{
  return gtk_info_bar_get_revealed (GTK_INFO_BAR (child (fixture, "info_bar")));
}

static gboolean
is_running (const Fixture *fixture)
{
  return gtk_widget_get_visible (child (fixture, "cancel_button"));
}

static void
click (const Fixture *fixture, const char *id)
{
  gtk_button_clicked (GTK_BUTTON (child (fixture, id)));
}

static void
test_numbers (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    double value;
  } rows[] = { { "steps", 17 },      { "guidance", 7.5 },       { "strength", 0.25 },
               { "tile", 256 },      { "overlap", 40 },         { "padding", 24 },
               { "inversion", 0.5 }, { "style-strength", 0.75 } };

  open_dialog (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *id = g_strdelimit (g_strdup (rows[i].name), "-", '_');
      GtkSpinButton *spin = GTK_SPIN_BUTTON (child (fixture, id));
      GParamSpec *param = pd_request_param (rows[i].name);
      g_auto (GValue) value = G_VALUE_INIT;
      g_auto (GValue) number = G_VALUE_INIT;
      double minimum;

      gtk_spin_button_set_value (spin, rows[i].value);
      g_object_get_property (G_OBJECT (fixture->request), rows[i].name, &value);
      g_value_init (&number, G_TYPE_DOUBLE);
      g_assert_true (g_value_transform (&value, &number));
      g_assert_cmpfloat_with_epsilon (g_value_get_double (&number), rows[i].value, 1e-9);
      gtk_spin_button_get_range (spin, &minimum, NULL);
      g_value_set_double (&number, minimum);
      g_assert_true (g_value_transform (&number, &value));
      g_object_set_property (G_OBJECT (fixture->request), rows[i].name, &value);
      g_assert_cmpfloat (gtk_spin_button_get_value (spin), ==, minimum);
      g_object_set_property (G_OBJECT (fixture->request), rows[i].name,
                             g_param_spec_get_default_value (param));
    }
}

static void
test_choices (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "mode",        "source", "scale", "seamless",
                                       "progressive", "sync",   "solver" };

  open_dialog (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GtkComboBox *combo = GTK_COMBO_BOX (child (fixture, names[i]));
      GParamSpec *param = pd_request_param (names[i]);
      const GEnumClass *class = G_PARAM_SPEC_ENUM (param)->enum_class;

      for (guint j = 0; j < class->n_values; j++)
        {
          int value;

          g_assert_true (gtk_combo_box_set_active_id (combo, class->values[j].value_nick));
          g_object_get (fixture->request, names[i], &value, NULL);
          g_assert_cmpint (value, ==, class->values[j].value);
        }
      g_object_set (fixture->request, names[i], class->values[0].value, NULL);
      g_assert_cmpstr (gtk_combo_box_get_active_id (combo), ==, class->values[0].value_nick);
    }
}

static void
test_texts (Fixture *fixture, gconstpointer data)
{
  GtkTextBuffer *prompt, *negative;

  g_object_set (fixture->request, "prompt", "moss\nstone", NULL);
  open_dialog (fixture);
  prompt = gtk_text_view_get_buffer (GTK_TEXT_VIEW (child (fixture, "prompt")));
  negative = gtk_text_view_get_buffer (GTK_TEXT_VIEW (child (fixture, "negative")));
  g_assert_cmpint (gtk_text_buffer_get_line_count (prompt), ==, 2);
  gtk_text_buffer_set_text (prompt, "Gänse am Teich", -1);
  gtk_text_buffer_set_text (negative, "blurry", -1);
  g_assert_cmpstr (fixture->request->prompt, ==, "Gänse am Teich");
  g_assert_cmpstr (fixture->request->negative, ==, "blurry");
}

static void
test_engine_lists (Fixture *fixture, gconstpointer data)
{
  GtkComboBox *model;
  g_autofree char *title = NULL;

  g_object_set (fixture->request, "model", "large", NULL);
  open_dialog (fixture);
  model = GTK_COMBO_BOX (child (fixture, "model"));
  wait_for (gtk_tree_model_iter_n_children (gtk_combo_box_get_model (model), NULL) == 2);
  g_assert_cmpstr (gtk_combo_box_get_active_id (model), ==, "large");
  g_assert_true (gtk_combo_box_set_active_id (model, "default"));
  g_assert_cmpstr (fixture->request->model, ==, "default");
  title = gtk_combo_box_text_get_active_text (GTK_COMBO_BOX_TEXT (model));
  g_assert_cmpstr (title, ==, "Embedded (materials, nature)");
  g_object_set (fixture->request, "model", "a/path.safetensors", NULL);
  g_assert_cmpstr (gtk_combo_box_get_active_id (model), ==, "a/path.safetensors");
}

/* What the engine lists comes also when it is put to work before it has told. */
static void
test_generate_at_once (Fixture *fixture, gconstpointer data)
{
  GtkTreeModel *models;

  open_dialog (fixture);
  models = gtk_combo_box_get_model (GTK_COMBO_BOX (child (fixture, "model")));
  g_assert_cmpint (gtk_tree_model_iter_n_children (models, NULL), ==, 1);
  click (fixture, "generate_button");
  g_assert_true (is_running (fixture));
  wait_for (!is_running (fixture));
  wait_for (gtk_tree_model_iter_n_children (models, NULL) == 2);
}

static void
test_seed (Fixture *fixture, gconstpointer data)
{
  GtkEntry *seed;
  GtkToggleButton *dice;

  open_dialog (fixture);
  seed = GTK_ENTRY (child (fixture, "seed"));
  dice = GTK_TOGGLE_BUTTON (child (fixture, "dice"));
  g_assert_cmpstr (gtk_entry_get_text (seed), ==, "");
  g_assert_true (gtk_toggle_button_get_active (dice));
  gtk_entry_set_text (seed, "18446744073709551615");
  g_assert_cmpuint (fixture->request->seed, ==, G_MAXUINT64);
  g_assert_false (gtk_toggle_button_get_active (dice));
  gtk_toggle_button_set_active (dice, TRUE);
  g_assert_true (fixture->request->draws_seed);
  g_assert_cmpstr (gtk_entry_get_text (seed), ==, "");
  /* The seed of the last result can be kept. */
  click (fixture, "generate_button");
  wait_for (!is_running (fixture));
  gtk_toggle_button_set_active (dice, FALSE);
  g_assert_cmpuint (fixture->request->seed, ==, 4711);
  g_assert_cmpstr (gtk_entry_get_text (seed), ==, "4711");
}

static void
test_invalid (Fixture *fixture, gconstpointer data)
{
  GtkEntry *memory;

  open_dialog (fixture);
  memory = GTK_ENTRY (child (fixture, "memory"));
  gtk_entry_set_text (memory, "2G");
  g_assert_cmpuint (fixture->request->memory, ==, G_GUINT64_CONSTANT (2) << 30);
  gtk_entry_set_text (memory, "2 gallons");
  g_assert_nonnull (gtk_entry_get_icon_name (memory, GTK_ENTRY_ICON_SECONDARY));
  g_assert_cmpuint (fixture->request->memory, ==, G_GUINT64_CONSTANT (2) << 30);
  click (fixture, "generate_button");
  g_assert_true (has_error (fixture));
  g_assert_true (g_str_has_prefix (text_of (fixture, "info_label"), "Memory: “2 gallons” is"));
  g_assert_cmpuint (fixture->host->n_runs, ==, 0);
  gtk_entry_set_text (memory, "");
  g_assert_cmpuint (fixture->request->memory, ==, 0);
  g_assert_null (gtk_entry_get_icon_name (memory, GTK_ENTRY_ICON_SECONDARY));
  click (fixture, "generate_button");
  g_assert_false (has_error (fixture));
  wait_for (!is_running (fixture));
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *control;
    const char *modes[6];
  } rows[] = {
    { "source", { "inpaint", "restyle", "style", "upscale" } },
    { "strength_box", { "restyle", "style" } },
    { "style", { "generate", "inpaint", "style" } },
    { "style_strength_box", { "generate", "inpaint", "style" } },
    { "scale", { "upscale" } },
    { "seamless", { "generate", "restyle", "style", "upscale" } },
    { "padding", { "inpaint" } },
    { "prompt", { "generate", "inpaint", "restyle", "style", "upscale" } },
  };

  open_dialog (fixture);
  gtk_expander_set_expanded (GTK_EXPANDER (child (fixture, "advanced")), TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      gtk_combo_box_set_active_id (GTK_COMBO_BOX (child (fixture, "mode")), modes[i]);
      for (guint j = 0; j < G_N_ELEMENTS (rows); j++)
        g_assert_true (gtk_widget_get_visible (child (fixture, rows[j].control)) ==
                       g_strv_contains (rows[j].modes, modes[i]));
    }
  g_object_set (fixture->request, "scale", 4, NULL);
  g_assert_nonnull (strstr (text_of (fixture, "size"), "2560 × 1920"));
}

static void
test_estimate (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GdkEvent) focus = gdk_event_new (GDK_FOCUS_CHANGE);

  open_dialog (fixture);
  wait_for (strstr (text_of (fixture, "estimate"), "12 tiles · about 40 s · 1.2"));
  fixture->host->n_estimates = 0;
  for (guint i = 1; i <= 20; i++)
    g_object_set (fixture->request, "steps", i, NULL);
  g_assert_cmpuint (fixture->host->n_estimates, ==, 0);
  wait_for (fixture->host->n_estimates);
  g_assert_cmpuint (fixture->host->last_estimate->steps, ==, 20);
  /* A change while the question is under way is asked about too. */
  g_object_set (fixture->request, "steps", 33, NULL);
  wait_for (fixture->host->last_estimate->steps == 33);
  g_assert_cmpuint (fixture->host->n_estimates, ==, 2);
  fixture->host->estimate_error =
      g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST, "tile: 7 is too small, expected 64 or more");
  g_object_set (fixture->request, "tile", 7, NULL);
  wait_for (strstr (text_of (fixture, "estimate"), "too small"));
  g_clear_error (&fixture->host->estimate_error);
  g_object_set (fixture->request, "tile", 64, NULL);
  wait_for (strstr (text_of (fixture, "estimate"), "12 tiles"));
  /* The image was changed outside. */
  fixture->host->n_estimates = 0;
  fixture->host->width = 100;
  focus->focus_change.window = g_object_ref (gtk_widget_get_window (fixture->dialog));
  focus->focus_change.in = TRUE;
  gtk_widget_event (fixture->dialog, focus);
  wait_for (fixture->host->n_estimates == 1);
  g_assert_nonnull (strstr (text_of (fixture, "size"), "100 × 480"));
}

static void
test_run (Fixture *fixture, gconstpointer data)
{
  PdPreviewArea *preview;

  open_dialog (fixture);
  preview = PD_PREVIEW_AREA (child (fixture, "preview"));
  g_assert_false (pd_preview_area_has_result (preview));
  g_assert_false (gtk_widget_get_sensitive (child (fixture, "compare")));
  g_object_set (fixture->request, "prompt", "moss", NULL);
  click (fixture, "generate_button");
  g_assert_true (is_running (fixture));
  g_assert_false (gtk_widget_get_visible (child (fixture, "generate_button")));
  wait_for (strstr (text_of (fixture, "status"), "step 1 of 3 · about 12 s left"));
  wait_for (pd_preview_area_has_result (preview));
  wait_for (!is_running (fixture));
  g_assert_cmpstr (fixture->host->last_run->prompt, ==, "moss");
  g_assert_nonnull (strstr (text_of (fixture, "status"), "4711"));
  g_assert_false (has_error (fixture));
  g_assert_true (gtk_widget_get_visible (fixture->dialog));
  /* The result stays in view until something else is worked on, and can be compared. */
  g_assert_true (pd_preview_area_has_result (preview));
  g_assert_cmpstr (text_of (fixture, "caption"), ==, "Result");
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (child (fixture, "compare")), TRUE);
  g_assert_cmpstr (text_of (fixture, "caption"), ==, "Original");
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (child (fixture, "compare")), FALSE);
  click (fixture, "generate_button");
  wait_for (!is_running (fixture));
  g_assert_cmpuint (fixture->host->n_runs, ==, 2);
}

static void
test_keys (Fixture *fixture, gconstpointer data)
{
  open_dialog (fixture);
  gtk_widget_grab_focus (child (fixture, "prompt"));
  g_assert_true (
      gtk_accel_groups_activate (G_OBJECT (fixture->dialog), GDK_KEY_Return, GDK_CONTROL_MASK));
  g_assert_true (is_running (fixture));
  g_assert_cmpstr (fixture->request->prompt, ==, "");
  wait_for (!is_running (fixture));
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  fixture->host->steps = 0;
  open_dialog (fixture);
  click (fixture, "generate_button");
  wait_for (pd_preview_area_has_result (PD_PREVIEW_AREA (child (fixture, "preview"))));
  click (fixture, "cancel_button");
  wait_for (!is_running (fixture));
  g_assert_false (has_error (fixture));
  g_assert_cmpstr (text_of (fixture, "status"), ==, "Cancelled");
  g_assert_false (pd_preview_area_has_result (PD_PREVIEW_AREA (child (fixture, "preview"))));
  fixture->host->steps = 1;
  click (fixture, "generate_button");
  wait_for (!is_running (fixture));
  g_assert_nonnull (strstr (text_of (fixture, "status"), "4711"));
}

/* Nothing is left behind: tear_down() checks that the host is free. */
static void
test_close_while_running (Fixture *fixture, gconstpointer data)
{
  fixture->host->steps = 0;
  open_dialog (fixture);
  click (fixture, "generate_button");
  live (50);
  g_object_ref (fixture->dialog);
  gtk_widget_destroy (fixture->dialog);
  live (100);
  g_assert_finalize_object (fixture->dialog);
  fixture->dialog = gtk_label_new (NULL);
  g_object_ref_sink (fixture->dialog);
}

static void
test_failure (Fixture *fixture, gconstpointer data)
{
  fixture->host->run_error = g_error_new (PD_ERROR, PD_ERROR_DEVICE_LOST, "The engine ended");
  open_dialog (fixture);
  click (fixture, "generate_button");
  wait_for (!is_running (fixture));
  g_assert_true (has_error (fixture));
  g_assert_cmpstr (text_of (fixture, "info_label"), ==, "The engine ended");
  g_assert_false (pd_preview_area_has_result (PD_PREVIEW_AREA (child (fixture, "preview"))));
  g_clear_error (&fixture->host->run_error);
  click (fixture, "generate_button");
  g_assert_false (has_error (fixture));
  wait_for (!is_running (fixture));
  g_assert_false (has_error (fixture));
  fixture->host->width = 0;
  click (fixture, "generate_button");
  g_assert_false (is_running (fixture));
  g_assert_cmpstr (text_of (fixture, "info_label"), ==, "The layer is gone");
}

static void
test_engine_missing (Fixture *fixture, gconstpointer data)
{
  fixture->host->start_error = g_error_new (PD_ERROR, PD_ERROR_NO_DEVICE, "No engine there");
  open_dialog (fixture);
  wait_for (has_error (fixture));
  g_assert_cmpstr (text_of (fixture, "info_label"), ==, "No engine there");
  g_clear_error (&fixture->host->start_error);
  fixture->host->n_models = 0;
  click (fixture, "retry_button");
  g_assert_false (has_error (fixture));
  wait_for (has_error (fixture));
  g_assert_nonnull (strstr (text_of (fixture, "info_label"), "no model"));
  fixture->host->n_models = 2;
  click (fixture, "retry_button");
  wait_for (fixture->host->n_starts == 3);
  live (50);
  g_assert_false (has_error (fixture));
}

static void
test_reset (Fixture *fixture, gconstpointer data)
{
  g_autoptr (PdRequest) defaults = pd_request_new ();

  open_dialog (fixture);
  g_object_set (fixture->request, "mode", PD_REQUEST_MODE_RESTYLE, "prompt", "moss", "steps", 7,
                "seed", "5", "tile", 64, NULL);
  gtk_entry_set_text (GTK_ENTRY (child (fixture, "memory")), "wrong");
  click (fixture, "reset_button");
  g_assert_cmpint (fixture->request->mode, ==, PD_REQUEST_MODE_RESTYLE);
  g_assert_cmpstr (fixture->request->prompt, ==, "moss");
  g_assert_cmpuint (fixture->request->steps, ==, defaults->steps);
  g_assert_true (fixture->request->draws_seed);
  g_assert_cmpuint (fixture->request->tile, ==, 0);
  g_assert_cmpstr (gtk_entry_get_text (GTK_ENTRY (child (fixture, "memory"))), ==, "");
  g_assert_null (
      gtk_entry_get_icon_name (GTK_ENTRY (child (fixture, "memory")), GTK_ENTRY_ICON_SECONDARY));
}

/* Whether a control says what it is without its looks. */
static gboolean
is_named (GtkWidget *widget)
{
  AtkObject *accessible = gtk_widget_get_accessible (widget);
  g_autoptr (AtkRelationSet) relations = atk_object_ref_relation_set (accessible);
  const char *name = atk_object_get_name (accessible);

  return (name && *name) || atk_relation_set_contains (relations, ATK_RELATION_LABELLED_BY);
}

static void
check_control (GtkWidget *widget, gpointer n_controls)
{
  if (GTK_IS_LABEL (widget))
    g_assert_false (pango_layout_is_ellipsized (gtk_label_get_layout (GTK_LABEL (widget))));
  if ((GTK_IS_ENTRY (widget) || GTK_IS_COMBO_BOX (widget) || GTK_IS_TEXT_VIEW (widget) ||
       GTK_IS_BUTTON (widget) || GTK_IS_PROGRESS_BAR (widget) || GTK_IS_RANGE (widget) ||
       PD_IS_PREVIEW_AREA (widget)) &&
      gtk_widget_get_mapped (widget) && !GTK_IS_SCROLLBAR (widget))
    {
      g_autofree char *tooltip = gtk_widget_get_tooltip_text (widget);

      if (!is_named (widget))
        g_error ("%s has no accessible name", gtk_buildable_get_name (GTK_BUILDABLE (widget)));
      if (!GTK_IS_BUTTON (widget) && !GTK_IS_PROGRESS_BAR (widget))
        g_assert_nonnull (tooltip);
      (*(guint *) n_controls)++;
    }
  /* What a combo box is made of is its own affair. */
  if (GTK_IS_CONTAINER (widget) && !GTK_IS_COMBO_BOX (widget) && !GTK_IS_INFO_BAR (widget))
    gtk_container_forall (GTK_CONTAINER (widget), check_control, n_controls);
}

/* Also of the translation that the environment asks for: nothing is cut off, all of it fits. */
static void
test_looks (Fixture *fixture, gconstpointer data)
{
  const char *folder = g_getenv ("PD_SCREENSHOTS");

  g_object_set (fixture->request, "prompt", "mossy stone wall, soft morning light", "style",
                "layer:7", NULL);
  fixture->host->width = 1920;
  fixture->host->height = 1280;
  open_dialog (fixture);
  gtk_expander_set_expanded (GTK_EXPANDER (child (fixture, "advanced")), TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      GtkRequisition minimum;
      int width, height;
      guint n_controls = 0;

      gtk_combo_box_set_active_id (GTK_COMBO_BOX (child (fixture, "mode")), modes[i]);
      live (100);
      gtk_widget_get_preferred_size (fixture->dialog, &minimum, NULL);
      gtk_window_get_size (GTK_WINDOW (fixture->dialog), &width, &height);
      g_assert_cmpint (minimum.width, <=, 1280);
      g_assert_cmpint (minimum.height, <=, 720);
      g_assert_cmpint (width, <=, 1280);
      g_assert_cmpint (height, <=, 720);
      check_control (fixture->dialog, &n_controls);
      g_assert_cmpuint (n_controls, >, 20);
      if (folder)
        {
          g_autofree char *name = g_strconcat (modes[i], ".png", NULL);
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
    { "/dialog/numbers", test_numbers },
    { "/dialog/choices", test_choices },
    { "/dialog/texts", test_texts },
    { "/dialog/engine-lists", test_engine_lists },
    { "/dialog/generate-at-once", test_generate_at_once },
    { "/dialog/seed", test_seed },
    { "/dialog/invalid", test_invalid },
    { "/dialog/modes", test_modes },
    { "/dialog/estimate", test_estimate },
    { "/dialog/run", test_run },
    { "/dialog/keys", test_keys },
    { "/dialog/cancel", test_cancel },
    { "/dialog/close-while-running", test_close_while_running },
    { "/dialog/failure", test_failure },
    { "/dialog/engine-missing", test_engine_missing },
    { "/dialog/reset", test_reset },
    { "/dialog/looks", test_looks },
  };

  g_setenv ("NO_AT_BRIDGE", "1", TRUE);
  g_test_init (&argc, &argv, NULL);
  if (g_getenv ("PD_LOCALE"))
    bindtextdomain (GETTEXT_PACKAGE, g_getenv ("PD_LOCALE"));
  if (!gtk_init_check (&argc, &argv))
    {
      g_print ("Bail out! There is no display\n");
      return 1;
    }
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE,
                "gtk-application-prefer-dark-theme", g_getenv ("PD_DARK") != NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
