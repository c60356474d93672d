// SPDX-License-Identifier: GPL-3.0-or-later
/* The dialog shows what a run notes, with a host that is not GIMP. */
#include "tests/ui/fake-host.h"
#include "ui/dialog.h"

#include <string.h>

static GtkWidget *
child (GtkWidget *dialog, const char *id)
{
  return GTK_WIDGET (gtk_widget_get_template_child (dialog, PD_TYPE_DIALOG, id));
}

static const char *
status (GtkWidget *dialog)
{
  return gtk_label_get_text (GTK_LABEL (child (dialog, "status")));
}

/* Until the status has `text` in it, or without one until the run is over. */
static void
wait_for (GtkWidget *dialog, const char *text)
{
  const gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

  while (text ? !strstr (status (dialog), text)
              : gtk_widget_get_visible (child (dialog, "cancel_button")))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (1000);
    }
}

static void
run (GtkWidget *dialog)
{
  gtk_button_clicked (GTK_BUTTON (child (dialog, "generate_button")));
}

/* Below what the run is at, once, until the next one begins. */
static void
test_notes (void)
{
  g_autoptr (FakeHost) host = fake_host_new ();
  g_autoptr (PdRequest) request = pd_request_new ();
  GtkWidget *dialog = pd_dialog_new (PD_HOST (host), request);

  gtk_window_present (GTK_WINDOW (dialog));
  host->note = "12 pixels are not finite";
  run (dialog);
  wait_for (dialog, "step 2 of 3 · about 12 s left\n12 pixels are not finite");
  wait_for (dialog, NULL);
  g_assert_true (g_str_has_suffix (status (dialog), "seed 4711\n12 pixels are not finite"));
  /* A run that fails has them too. */
  host->run_error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "The engine ended");
  run (dialog);
  wait_for (dialog, NULL);
  g_assert_cmpstr (status (dialog), ==, "12 pixels are not finite");
  g_clear_error (&host->run_error);
  host->note = NULL;
  run (dialog);
  wait_for (dialog, NULL);
  g_assert_true (g_str_has_suffix (status (dialog), "seed 4711"));
  gtk_widget_destroy (dialog);
}

/* What is to be said of a preset stands there until the next run. */
static void
test_preset (void)
{
  g_autoptr (FakeHost) host = fake_host_new ();
  g_autoptr (PdRequest) request = pd_request_new ();
  GtkWidget *dialog = pd_dialog_new (PD_HOST (host), request);
  GtkPopover *menu =
      gtk_menu_button_get_popover (GTK_MENU_BUTTON (child (dialog, "presets_button")));

  gtk_window_present (GTK_WINDOW (dialog));
  g_signal_emit_by_name (menu, "note", "left as it is: vae");
  g_assert_cmpstr (status (dialog), ==, "left as it is: vae");
  run (dialog);
  wait_for (dialog, NULL);
  g_assert_true (g_str_has_suffix (status (dialog), "seed 4711"));
  gtk_widget_destroy (dialog);
}

int
main (int argc, char *argv[])
{
  g_setenv ("NO_AT_BRIDGE", "1", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_assert_true (gtk_init_check (&argc, &argv));
  g_test_add_func ("/notes/status", test_notes);
  g_test_add_func ("/notes/preset", test_preset);
  return g_test_run ();
}
