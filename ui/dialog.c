// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/dialog.h"
#include "engine/base/message.h"
#include "engine/request/mode.h"
#include "ui/bind.h"
#include "ui/device-chooser.h"
#include "ui/estimator.h"
#include "ui/model-list.h"
#include "ui/pd-ui-resources.h"
#include "ui/presets-menu.h"
#include "ui/preview-area.h"
#include "ui/status.h"
#include "ui/style-chooser.h"
#include "ui/words.h"

#include <glib/gi18n-lib.h>

struct _PdDialog
{
  GtkWindow parent_instance;

  PdHost *host;
  PdRequest *request;
  PdEstimator *estimator;
  GCancellable *start; /* of the engine's start, while that is under way */
  GCancellable *run;   /* of a run, while that is under way */
  char *last_seed;     /* of the last result; NULL: there is none */
  guint width;         /* of the region, pixels; 0: there is none */
  guint height;

  GtkInfoBar *info_bar;
  GtkLabel *info_label;
  GtkWidget *retry_button;
  GtkComboBoxText *model;
  PdDeviceChooser *device;
  GtkLabel *size;
  GtkEntry *seed;
  GtkToggleButton *dice;
  GtkEntry *memory;
  PdPreviewArea *preview;
  GtkLabel *caption;
  GtkWidget *compare;
  GtkProgressBar *progress;
  GtkLabel *status; /* shows what follows */
  PdStatus run_status;
  GtkLabel *estimate;
  GtkMenuButton *presets_button;
  GtkWidget *generate_button;
  GtkWidget *cancel_button;
  GtkWidget *close_button;
};

G_DEFINE_TYPE (PdDialog, pd_dialog, GTK_TYPE_WINDOW)

/* Longest side of the region's small picture, pixels of a screen without scaling. */
static const int preview_side = 512;

/* Rows that only some modes show: those that take the parameter, and a mask or none. */
static const struct
{
  const char *label, *control;
  const char *param;
  guint needs, lacks; /* PD_TAKES_* */
} rows[] = {
  { "source_label", "source", "source" },
  { "scale_label", "scale", "scale" },
  { "strength_label", "strength_box", "strength" },
  { "style_label", "style", "style" },
  { "style_strength_label", "style_strength_box", "style-strength" },
  { "seamless_label", "seamless", "seamless", .lacks = PD_TAKES_MASK },
  { "padding_label", "padding", "padding", .needs = PD_TAKES_MASK },
  { "inversion_label", "inversion", "inversion" },
};

static GtkWidget *
child (PdDialog *self, const char *id)
{
  return GTK_WIDGET (gtk_widget_get_template_child (GTK_WIDGET (self), PD_TYPE_DIALOG, id));
}

static void
hide_error (PdDialog *self)
{
  gtk_info_bar_set_revealed (self->info_bar, FALSE);
}

/* @retry: offer to start the engine again */
static void
show_error (PdDialog *self, const GError *error, gboolean retry)
{
  g_autofree char *clean = pd_message_clean (error->message);

  gtk_label_set_text (self->info_label, clean);
  gtk_widget_set_visible (self->retry_button, retry);
  gtk_info_bar_set_revealed (self->info_bar, TRUE);
}

static void
show_size (PdDialog *self)
{
  g_autofree char *text = NULL;
  const guint scale = pd_mode_scale (self->request);

  if (!self->width)
    text = g_strdup ("–");
  else if (scale > 1)
    text = g_strdup_printf (_ ("%u × %u → %u × %u pixels"), self->width, self->height,
                            self->width * scale, self->height * scale);
  else
    text = g_strdup_printf (_ ("%u × %u pixels"), self->width, self->height);
  gtk_label_set_text (self->size, text);
}

/* Reads the region again, which may have changed in the image meanwhile. A result is kept as long
 * as the region has its size. Returns: whether there is a region */
static gboolean
look_at_region (PdDialog *self, gboolean keep_result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkPixbuf) original = NULL;
  const guint side = preview_side * gtk_widget_get_scale_factor (GTK_WIDGET (self));
  guint width = 0, height = 0;

  if (pd_host_get_region (self->host, self->request, &width, &height, &error) &&
      (width != self->width || height != self->height))
    pd_estimator_update (self->estimator);
  if (keep_result && width == self->width && height == self->height &&
      pd_preview_area_has_result (self->preview))
    return TRUE;
  self->width = width;
  self->height = height;
  show_size (self);
  if (error == NULL)
    original = pd_host_get_original (self->host, self->request, side, &error);
  pd_preview_area_set_size (self->preview, width, height);
  pd_preview_area_set_original (self->preview, original);
  pd_preview_area_set_result (self->preview, NULL);
  if (error != NULL)
    show_error (self, error, FALSE);
  return error == NULL;
}

static void
show_mode (PdDialog *self)
{
  const PdRequestMode mode = self->request->mode;
  const guint needs = pd_modes[mode].needs;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const gboolean visible = pd_mode_takes (mode, rows[i].param) &&
                               (needs & rows[i].needs) == rows[i].needs && !(needs & rows[i].lacks);

      gtk_widget_set_visible (child (self, rows[i].label), visible);
      gtk_widget_set_visible (child (self, rows[i].control), visible);
    }
}

/* Which pixels are worked on has changed. */
static void
region_changed (PdDialog *self)
{
  show_mode (self);
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (child (self, "style")));
  if (self->run == NULL)
    look_at_region (self, FALSE);
}

static gboolean
focused (PdDialog *self)
{
  pd_style_chooser_refresh (PD_STYLE_CHOOSER (child (self, "style")));
  if (self->run == NULL)
    look_at_region (self, TRUE);
  return GDK_EVENT_PROPAGATE;
}

static void
show_state (PdDialog *self)
{
  g_autofree char *state = NULL;

  g_object_get (self->preview, "state", &state, NULL);
  gtk_label_set_text (self->caption, state);
  gtk_widget_set_sensitive (self->compare, pd_preview_area_has_result (self->preview));
}

static void
estimated (PdDialog *self, const char *text, gboolean possible)
{
  GtkStyleContext *style = gtk_widget_get_style_context (GTK_WIDGET (self->estimate));

  if (possible)
    gtk_style_context_remove_class (style, GTK_STYLE_CLASS_ERROR);
  else
    gtk_style_context_add_class (style, GTK_STYLE_CLASS_ERROR);
  gtk_label_set_text (self->estimate, text);
}

static void
started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PdDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = pd_host_start_engine_finish (PD_HOST (object), result, &error);

  g_clear_object (&self->start);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  pd_estimator_pause (self->estimator, self->run != NULL);
  if (error != NULL)
    {
      show_error (self, error, TRUE);
      return;
    }
  pd_device_chooser_fill (self->device, answer);
  if (!pd_model_list_fill (answer, self->model, &error))
    show_error (self, error, TRUE);
}

static void
start_engine (PdDialog *self)
{
  if (self->start != NULL)
    return;
  hide_error (self);
  self->start = g_cancellable_new ();
  pd_host_start_engine_async (self->host, self->start, started, g_object_ref (self));
}

/* Shows that a run is under way or over. */
static void
set_run (PdDialog *self, GCancellable *run)
{
  const gboolean focus =
      gtk_widget_has_focus (self->generate_button) || gtk_widget_has_focus (self->cancel_button);

  g_set_object (&self->run, run);
  pd_estimator_pause (self->estimator, run != NULL);
  gtk_widget_set_visible (self->generate_button, run == NULL);
  gtk_widget_set_visible (self->cancel_button, run != NULL);
  gtk_widget_set_sensitive (self->cancel_button, run != NULL);
  if (focus)
    gtk_widget_grab_focus (run != NULL ? self->cancel_button : self->generate_button);
}

static void
show_finished (PdDialog *self, GVariant *answer)
{
  PdReport report;
  g_autofree char *text = NULL;

  pd_fields_read (pd_report_fields, answer, &report);
  g_free (self->last_seed);
  self->last_seed = g_strdup_printf ("%" G_GUINT64_FORMAT, report.seed);
  text = pd_words_report (&report);
  gtk_progress_bar_set_fraction (self->progress, 1);
  pd_status_show (&self->run_status, text);
}

static void
finished (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PdDialog) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) report = pd_host_run_finish (PD_HOST (object), result, &error);

  /* The dialog may be closed. */
  if (self->run == NULL)
    return;
  set_run (self, NULL);
  if (report != NULL)
    {
      show_finished (self, report);
      return;
    }
  gtk_progress_bar_set_fraction (self->progress, 0);
  pd_preview_area_set_result (self->preview, NULL);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    pd_status_show (&self->run_status, _ ("Cancelled"));
  else
    {
      pd_status_show (&self->run_status, "");
      show_error (self, error, FALSE);
    }
}

static void
generate (PdDialog *self)
{
  GtkEntry *const entries[] = { self->seed, self->memory };
  g_autoptr (GCancellable) run = NULL;

  if (self->run != NULL)
    return;
  hide_error (self);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      g_autoptr (GError) error = pd_bind_entry_error (entries[i]);

      if (error != NULL)
        {
          show_error (self, error, FALSE);
          return;
        }
    }
  if (!look_at_region (self, FALSE))
    return;
  gtk_progress_bar_set_fraction (self->progress, 0);
  pd_status_begin (&self->run_status);
  pd_status_show (&self->run_status, _ ("Starting"));
  run = g_cancellable_new ();
  set_run (self, run);
  pd_host_run_async (self->host, self->request, run, finished, g_object_ref (self));
}

static void
cancel (PdDialog *self)
{
  gtk_widget_set_sensitive (self->cancel_button, FALSE);
  pd_status_show (&self->run_status, _ ("Cancelling"));
  g_cancellable_cancel (self->run);
}

static void
progressed (PdDialog *self, const PdProgress *progress)
{
  g_autofree char *text = pd_words_progress (progress);

  if (self->run == NULL || g_cancellable_is_cancelled (self->run))
    return;
  gtk_progress_bar_set_fraction (self->progress, CLAMP (progress->fraction, 0, 1));
  pd_status_show (&self->run_status, text);
}

/* What is to be said outside of a run, too. */
static void
told (PdDialog *self, const char *text)
{
  if (self->run == NULL)
    {
      pd_status_begin (&self->run_status);
      pd_status_show (&self->run_status, "");
    }
  pd_status_note (&self->run_status, text);
}

static void
noted (PdDialog *self, const char *text)
{
  if (self->run != NULL)
    pd_status_note (&self->run_status, text);
}

static void
previewed (PdDialog *self, GdkPixbuf *picture)
{
  if (self->run != NULL && !g_cancellable_is_cancelled (self->run))
    pd_preview_area_set_result (self->preview, picture);
}

/* Mode and prompts stay, everything else goes back to its default. */
static void
reset (PdDialog *self)
{
  g_autoptr (PdRequest) defaults = pd_request_new ();

  g_object_set (defaults, "mode", self->request->mode, "prompt", self->request->prompt, "negative",
                self->request->negative, NULL);
  pd_request_assign (self->request, defaults);
  hide_error (self);
}

static gboolean
seed_to_dice (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  g_value_set_boolean (to, g_str_equal (g_value_get_string (from), "-1"));
  return TRUE;
}

/* Released: the seed of the last result, so that it can be made again with changes. */
static gboolean
dice_to_seed (GBinding *binding, const GValue *from, GValue *to, gpointer user_data)
{
  PdDialog *self = user_data;

  if (g_value_get_boolean (from))
    g_value_set_string (to, "-1");
  else if (!self->request->draws_seed)
    g_value_take_string (to, pd_request_get_text (self->request, "seed"));
  else if (self->last_seed != NULL)
    g_value_set_string (to, self->last_seed);
  else
    g_value_take_string (to, g_strdup_printf ("%u", g_random_int ()));
  return TRUE;
}

static void
bind_widgets (PdDialog *self)
{
  PdRequest *request = self->request;
  static const char *const choices[] = { "mode",        "source", "scale", "seamless",
                                         "progressive", "sync",   "solver" };
  static const struct
  {
    const char *param, *control;
    double step;
    gboolean automatic; /* what the smallest value means */
  } numbers[] = {
    { "strength", "strength", 0.01 },
    { "style-strength", "style_strength", 0.01 },
    { "steps", "steps", 1 },
    { "guidance", "guidance", 0.1 },
    { "inversion", "inversion", 0.01 },
    { "tile", "tile", 64, TRUE },
    { "overlap", "overlap", 8, TRUE },
    { "padding", "padding", 8, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    pd_bind_choice (request, choices[i], GTK_COMBO_BOX_TEXT (child (self, choices[i])));
  pd_bind_text (request, "prompt", GTK_TEXT_VIEW (child (self, "prompt")));
  pd_bind_text (request, "negative", GTK_TEXT_VIEW (child (self, "negative")));
  pd_bind_word (request, "model", self->model);
  pd_device_chooser_bind (self->device, request);
  pd_style_chooser_bind (PD_STYLE_CHOOSER (child (self, "style")), self->host, request,
                         GTK_LABEL (child (self, "style_label")));
  g_object_bind_property (child (self, "style"), "chosen", child (self, "style_strength_box"),
                          "sensitive", G_BINDING_SYNC_CREATE);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    pd_bind_number (request, numbers[i].param, GTK_SPIN_BUTTON (child (self, numbers[i].control)),
                    numbers[i].step, numbers[i].automatic ? _ ("Automatic") : NULL);
  pd_bind_entry (request, "seed", self->seed, "-1");
  pd_bind_entry (request, "memory", self->memory, "0");
  gtk_widget_set_tooltip_text (child (self, "strength_scale"),
                               g_param_spec_get_blurb (pd_request_param ("strength")));
  gtk_widget_set_tooltip_text (child (self, "style_strength_scale"),
                               g_param_spec_get_blurb (pd_request_param ("style-strength")));
  g_object_bind_property_full (request, "seed", self->dice, "active",
                               G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE, seed_to_dice,
                               dice_to_seed, self, NULL);
}

static void
connect (PdDialog *self)
{
  const GConnectFlags swapped = G_CONNECT_SWAPPED;
  PdRequest *request = self->request;
  GtkWidget *menu = pd_presets_menu_new (request);

  gtk_menu_button_set_popover (self->presets_button, menu);
  g_signal_connect_object (menu, "failed", G_CALLBACK (show_error), self, swapped);
  g_signal_connect_object (menu, "note", G_CALLBACK (told), self, swapped);
  g_signal_connect_object (self->device, "note", G_CALLBACK (told), self, swapped);
  g_signal_connect_object (self->estimator, "estimated", G_CALLBACK (estimated), self, swapped);
  g_signal_connect_object (self->host, "progress", G_CALLBACK (progressed), self, swapped);
  g_signal_connect_object (self->host, "preview", G_CALLBACK (previewed), self, swapped);
  g_signal_connect_object (self->host, "note", G_CALLBACK (noted), self, swapped);
  g_signal_connect_object (request, "notify::mode", G_CALLBACK (region_changed), self, swapped);
  g_signal_connect_object (request, "notify::source", G_CALLBACK (region_changed), self, swapped);
  g_signal_connect_object (request, "notify::scale", G_CALLBACK (show_size), self, swapped);
  g_signal_connect_object (self->preview, "notify::state", G_CALLBACK (show_state), self, swapped);
  g_object_bind_property (self->compare, "active", self->preview, "compare", G_BINDING_DEFAULT);
  g_signal_connect (self, "focus-in-event", G_CALLBACK (focused), NULL);
}

/* Runs after the focused widget and popovers, which have their own use for Escape. */
static gboolean
key_pressed (PdDialog *self, GdkEventKey *event)
{
  if (event->keyval != GDK_KEY_Escape)
    return GDK_EVENT_PROPAGATE;
  if (self->run != NULL)
    cancel (self);
  else
    gtk_widget_destroy (GTK_WIDGET (self));
  return GDK_EVENT_STOP;
}

static void
pd_dialog_dispose (GObject *object)
{
  PdDialog *self = PD_DIALOG (object);

  g_cancellable_cancel (self->start);
  g_cancellable_cancel (self->run);
  g_clear_object (&self->start);
  g_clear_object (&self->run);
  if (self->estimator != NULL)
    pd_estimator_pause (self->estimator, TRUE);
  g_clear_object (&self->estimator);
  G_OBJECT_CLASS (pd_dialog_parent_class)->dispose (object);
}

static void
pd_dialog_finalize (GObject *object)
{
  PdDialog *self = PD_DIALOG (object);

  g_clear_object (&self->request);
  g_clear_object (&self->host);
  pd_status_finish (&self->run_status);
  g_free (self->last_seed);
  G_OBJECT_CLASS (pd_dialog_parent_class)->finalize (object);
}

static void
bind_children (GtkWidgetClass *class)
{
  static const char unnamed[] =
      "mode prompt negative source scale strength strength_box strength_scale steps guidance "
      "seamless tile overlap padding sync progressive inversion solver source_label scale_label "
      "strength_label seamless_label padding_label inversion_label advanced reset_button style "
      "style_label style_strength style_strength_scale style_strength_box style_strength_label "
      "viewport";
  g_auto (GStrv) ids = g_strsplit (unnamed, " ", -1);

  gtk_widget_class_bind_template_child (class, PdDialog, info_bar);
  gtk_widget_class_bind_template_child (class, PdDialog, info_label);
  gtk_widget_class_bind_template_child (class, PdDialog, retry_button);
  gtk_widget_class_bind_template_child (class, PdDialog, model);
  gtk_widget_class_bind_template_child (class, PdDialog, device);
  gtk_widget_class_bind_template_child (class, PdDialog, size);
  gtk_widget_class_bind_template_child (class, PdDialog, seed);
  gtk_widget_class_bind_template_child (class, PdDialog, dice);
  gtk_widget_class_bind_template_child (class, PdDialog, memory);
  gtk_widget_class_bind_template_child (class, PdDialog, preview);
  gtk_widget_class_bind_template_child (class, PdDialog, caption);
  gtk_widget_class_bind_template_child (class, PdDialog, compare);
  gtk_widget_class_bind_template_child (class, PdDialog, progress);
  gtk_widget_class_bind_template_child (class, PdDialog, status);
  gtk_widget_class_bind_template_child (class, PdDialog, estimate);
  gtk_widget_class_bind_template_child (class, PdDialog, presets_button);
  gtk_widget_class_bind_template_child (class, PdDialog, generate_button);
  gtk_widget_class_bind_template_child (class, PdDialog, cancel_button);
  gtk_widget_class_bind_template_child (class, PdDialog, close_button);
  for (guint i = 0; ids[i] != NULL; i++)
    gtk_widget_class_bind_template_child_full (class, ids[i], FALSE, 0);
  gtk_widget_class_bind_template_callback (class, start_engine);
  gtk_widget_class_bind_template_callback (class, hide_error);
  gtk_widget_class_bind_template_callback (class, reset);
  gtk_widget_class_bind_template_callback (class, generate);
  gtk_widget_class_bind_template_callback (class, cancel);
  gtk_widget_class_bind_template_callback (class, gtk_widget_destroy);
}

static void
pd_dialog_class_init (PdDialogClass *class)
{
  G_OBJECT_CLASS (class)->dispose = pd_dialog_dispose;
  G_OBJECT_CLASS (class)->finalize = pd_dialog_finalize;
  g_resources_register (pd_ui_get_resource ());
  gtk_icon_theme_add_resource_path (gtk_icon_theme_get_default (), "/parallel-diffusion/icons");
  g_type_ensure (PD_TYPE_DEVICE_CHOOSER);
  g_type_ensure (PD_TYPE_PREVIEW_AREA);
  g_type_ensure (PD_TYPE_STYLE_CHOOSER);
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (class),
                                               "/parallel-diffusion/dialog.ui");
  bind_children (GTK_WIDGET_CLASS (class));
}

static void
pd_dialog_init (PdDialog *self)
{
  GtkAccelGroup *keys = gtk_accel_group_new ();
  GtkWidget *viewport;

  gtk_widget_init_template (GTK_WIDGET (self));
  /* What gets the focus comes into view. */
  viewport = child (self, "viewport");
  gtk_container_set_focus_vadjustment (GTK_CONTAINER (viewport),
                                       gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (viewport)));
  pd_status_init (&self->run_status, self->status);
  gtk_widget_add_accelerator (self->generate_button, "clicked", keys, GDK_KEY_Return,
                              GDK_CONTROL_MASK, 0);
  gtk_widget_add_accelerator (self->generate_button, "clicked", keys, GDK_KEY_KP_Enter,
                              GDK_CONTROL_MASK, 0);
  gtk_window_add_accel_group (GTK_WINDOW (self), keys);
  g_object_unref (keys);
  g_signal_connect_after (self, "key-press-event", G_CALLBACK (key_pressed), NULL);
}

GtkWidget *
pd_dialog_new (PdHost *host, PdRequest *request)
{
  PdDialog *self = g_object_new (PD_TYPE_DIALOG, NULL);

  self->host = g_object_ref (host);
  self->request = g_object_ref (request);
  self->estimator = pd_estimator_new (host, request);
  bind_widgets (self);
  connect (self);
  show_mode (self);
  look_at_region (self, FALSE);
  pd_estimator_update (self->estimator);
  start_engine (self);
  return GTK_WIDGET (self);
}
