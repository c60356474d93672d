// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/console.h"
#include "engine/base/message.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct _PdConsole
{
  FILE *json;        /* NULL: speak to people */
  gboolean terminal; /* standard error is one */
  gboolean bar;      /* is on the screen */
  GMutex lock;       /* one thread speaks at a time */
};

PdConsole *
pd_console_new (gboolean json)
{
  PdConsole *self = g_new0 (PdConsole, 1);

  if (json)
    {
      fflush (stdout);
      self->json = fdopen (dup (STDOUT_FILENO), "w");
      dup2 (STDERR_FILENO, STDOUT_FILENO);
    }
  self->terminal = !json && isatty (STDERR_FILENO);
  g_mutex_init (&self->lock);
  return self;
}

void
pd_console_free (PdConsole *self)
{
  if (self == NULL)
    return;
  if (self->json != NULL)
    fclose (self->json);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
print_json (PdConsole *self, GVariantBuilder *builder)
{
  g_autofree char *line = pd_fields_to_json (builder);

  fprintf (self->json, "%s\n", line);
  fflush (self->json);
}

static void
begin_event (GVariantBuilder *builder, const char *event)
{
  g_variant_builder_init (builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (builder, "{sv}", "event", g_variant_new_string (event));
}

char *
pd_console_bar (const PdProgress *progress, guint columns)
{
  static const guint bar_width = 24;
  const guint filled = (guint) (CLAMP (progress->fraction, 0.0, 1.0) * bar_width);
  g_autoptr (GString) line = g_string_new ("[");
  glong length;

  for (guint i = 0; i < bar_width; i++)
    g_string_append_c (line, i < filled ? '#' : '.');
  g_string_append_printf (line, "] %3.0f %%  %s", progress->fraction * 100.0,
                          pd_phase_title (progress->phase));
  if (progress->n_steps > 0)
    g_string_append_printf (line, " %u/%u", progress->step, progress->n_steps);
  if (progress->n_tiles > 1)
    g_string_append_printf (line, _ (", tile %u/%u"), progress->tile, progress->n_tiles);
  if (progress->n_levels > 1)
    g_string_append_printf (line, _ (", level %u/%u"), progress->level, progress->n_levels);
  if (progress->eta_seconds >= 0.0)
    {
      g_autofree char *left = pd_message_duration (progress->eta_seconds);

      g_string_append_printf (line, _ (", %s left"), left);
    }
  length = g_utf8_strlen (line->str, -1);
  return columns > 0 && length >= (glong) columns ? g_utf8_substring (line->str, 0, columns - 1)
                                                  : g_strdup (line->str);
}

static void
draw_bar (PdConsole *self, const PdProgress *progress)
{
  static const guint default_columns = 80;
  struct winsize size = { 0 };
  g_autofree char *line = NULL;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    size.ws_col = default_columns;
  line = pd_console_bar (progress, size.ws_col);
  fprintf (stderr, "\r%s\033[K", line);
  fflush (stderr);
  self->bar = TRUE;
}

static void
clear_bar (PdConsole *self)
{
  if (!self->bar)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  self->bar = FALSE;
}

void
pd_console_progress (PdConsole *self, const PdProgress *progress)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  GVariantBuilder builder;

  if (self->terminal)
    draw_bar (self, progress);
  if (self->json == NULL)
    return;
  begin_event (&builder, "progress");
  pd_fields_add (pd_progress_fields, progress, &builder);
  print_json (self, &builder);
}

static void
say_json (PdConsole *self, const char *event, const char *text)
{
  g_autofree char *clean = pd_message_clean (text);
  GVariantBuilder builder;

  if (self->json == NULL)
    return;
  begin_event (&builder, event);
  g_variant_builder_add (&builder, "{sv}", "message", g_variant_new_string (clean));
  print_json (self, &builder);
}

/* Always on standard error, in JSON mode too. */
static void
say (PdConsole *self, const char *event, const char *text)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autofree char *clean = pd_message_clean (text);

  clear_bar (self);
  fprintf (stderr, "parallel-diffusion: %s\n", clean);
  say_json (self, event, text);
}

void
pd_console_note (PdConsole *self, const char *text)
{
  say (self, "note", text);
}

int
pd_console_error (PdConsole *self, const GError *error)
{
  say (self, "error", error->message);
  return 1;
}

int
pd_console_usage_error (PdConsole *self, PdOptions *options, const char *message)
{
  say_json (self, "error", message);
  return pd_options_usage_error (options, message);
}

static void
print_report_json (PdConsole *self, const char *output, const PdReport *report)
{
  g_autofree char *path = g_filename_display_name (output);
  GVariantBuilder builder;

  begin_event (&builder, "report");
  g_variant_builder_add (&builder, "{sv}", "output", g_variant_new_string (path));
  pd_fields_add (pd_report_fields, report, &builder);
  print_json (self, &builder);
}

static void
print_workers (const PdReport *report)
{
  g_autofree char *exchanged =
      g_format_size_full (report->step_exchange_bytes, G_FORMAT_SIZE_IEC_UNITS);

  printf (
      _ ("%u devices predicted tiles (%s), idle for %.0f %% of the time; %s went between them in "
         "a step\n"),
      report->workers, report->worker_tiles, 100 * report->idle_share, exchanged);
}

void
pd_console_report (PdConsole *self, const PdRequest *request, const PdReport *report)
{
  g_autofree char *took = pd_message_duration (report->total_seconds);
  g_autofree char *output = pd_message_clean (request->output);
  g_autofree char *device_memory =
      g_format_size_full (report->peak_device_bytes, G_FORMAT_SIZE_IEC_UNITS);

  clear_bar (self);
  if (self->json != NULL)
    print_report_json (self, request->output, report);
  else
    printf (_ ("%s: %u × %u pixels, seed %" PRIu64
               ", %s on %s (%u tiles of %u pixels, %u at once; %u UNet forwards, %s of device "
               "memory)\n"),
            output, report->width, report->height, report->seed, took, report->device,
            report->n_tiles, report->tile, report->batch, report->forwards, device_memory);
  if (self->json == NULL && report->workers > 1)
    print_workers (report);
}
