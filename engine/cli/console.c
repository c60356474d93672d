// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/console.h"
#include "engine/base/message.h"
#include "engine/run/report-json.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
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
  PdConsole *console = g_new0 (PdConsole, 1);

  if (json)
    {
      fflush (stdout);
      console->json = fdopen (dup (STDOUT_FILENO), "w");
      dup2 (STDERR_FILENO, STDOUT_FILENO);
    }
  console->terminal = !json && isatty (STDERR_FILENO);
  g_mutex_init (&console->lock);
  return console;
}

void
pd_console_free (PdConsole *console)
{
  if (!console)
    return;
  if (console->json)
    fclose (console->json);
  g_mutex_clear (&console->lock);
  g_free (console);
}

/* Takes the builder's object over. */
static void
print_json (PdConsole *console, JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *json = NULL, *line = NULL;

  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json = json_to_string (root, FALSE);
  line = pd_message_escape_json (json);
  fprintf (console->json, "%s\n", line);
  fflush (console->json);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static JsonBuilder *
begin_event (const char *event)
{
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_string (builder, "event", event);
  return builder;
}

/* "8 s", "3:05 min", "1:02 h" */
static char *
duration_text (double seconds)
{
  guint64 whole = (guint64) (seconds + 0.5);

  if (whole < 60)
    return g_strdup_printf (_ ("%u s"), (guint) whole);
  if (whole < 3600)
    return g_strdup_printf (_ ("%u:%02u min"), (guint) (whole / 60), (guint) (whole % 60));
  return g_strdup_printf (_ ("%u:%02u h"), (guint) (whole / 3600), (guint) (whole / 60 % 60));
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
                          pd_request_stage (progress->stage));
  if (progress->n_steps > 0)
    g_string_append_printf (line, " %u/%u", progress->step, progress->n_steps);
  if (progress->n_tiles > 1)
    g_string_append_printf (line, _ (", tile %u/%u"), progress->tiles, progress->n_tiles);
  if (progress->n_levels > 1)
    g_string_append_printf (line, _ (", level %u/%u"), progress->level, progress->n_levels);
  if (progress->eta_seconds >= 0.0)
    {
      g_autofree char *left = duration_text (progress->eta_seconds);

      g_string_append_printf (line, _ (", %s left"), left);
    }
  length = g_utf8_strlen (line->str, -1);
  return columns > 0 && length >= (glong) columns ? g_utf8_substring (line->str, 0, columns - 1)
                                                  : g_strdup (line->str);
}

static void
draw_bar (PdConsole *console, const PdProgress *progress)
{
  static const guint default_columns = 80;
  struct winsize size = { 0 };
  g_autofree char *line = NULL;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    size.ws_col = default_columns;
  line = pd_console_bar (progress, size.ws_col);
  fprintf (stderr, "\r%s\033[K", line);
  fflush (stderr);
  console->bar = TRUE;
}

static void
clear_bar (PdConsole *console)
{
  if (!console->bar)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  console->bar = FALSE;
}

void
pd_console_progress (PdConsole *console, const PdProgress *progress)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&console->lock);
  g_autoptr (JsonBuilder) builder = NULL;

  if (console->terminal)
    draw_bar (console, progress);
  if (!console->json)
    return;
  builder = begin_event ("progress");
  add_string (builder, "stage", progress->stage);
  add_int (builder, "level", progress->level);
  add_int (builder, "levels", progress->n_levels);
  add_int (builder, "step", progress->step);
  add_int (builder, "steps", progress->n_steps);
  add_int (builder, "tiles", progress->tiles);
  add_int (builder, "n-tiles", progress->n_tiles);
  add_double (builder, "fraction", progress->fraction);
  json_builder_set_member_name (builder, "eta_seconds");
  if (progress->eta_seconds >= 0.0)
    json_builder_add_double_value (builder, progress->eta_seconds);
  else
    json_builder_add_null_value (builder);
  print_json (console, builder);
}

static void
say_json (PdConsole *console, const char *event, const char *text)
{
  g_autofree char *clean = pd_message_clean (text);
  g_autoptr (JsonBuilder) builder = NULL;

  if (!console->json)
    return;
  builder = begin_event (event);
  add_string (builder, "message", clean);
  print_json (console, builder);
}

/* On standard error, whoever reads. */
static void
say (PdConsole *console, const char *event, const char *text)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&console->lock);
  g_autofree char *clean = pd_message_clean (text);

  clear_bar (console);
  fprintf (stderr, "parallel-diffusion: %s\n", clean);
  say_json (console, event, text);
}

void
pd_console_note (PdConsole *console, const char *text)
{
  say (console, "note", text);
}

int
pd_console_error (PdConsole *console, const GError *error)
{
  say (console, "error", error->message);
  return 1;
}

int
pd_console_usage_error (PdConsole *console, PdOptions *options, const char *message)
{
  say_json (console, "error", message);
  return pd_options_usage_error (options, message);
}

static void
print_report_json (PdConsole *console,
                   const PdRequest *request,
                   const PdReport *report,
                   double seconds)
{
  g_autoptr (JsonBuilder) builder = begin_event ("report");

  add_string (builder, "output", request->output);
  pd_report_add_json (report, seconds, builder);
  print_json (console, builder);
}

void
pd_console_report (PdConsole *console,
                   const PdRequest *request,
                   const PdReport *report,
                   double seconds)
{
  g_autofree char *took = duration_text (seconds);
  g_autofree char *output = pd_message_clean (request->output);
  g_autofree char *device_memory =
      g_format_size_full (report->peak_device_bytes, G_FORMAT_SIZE_IEC_UNITS);

  clear_bar (console);
  if (console->json)
    print_report_json (console, request, report, seconds);
  else
    printf (_ ("%s: %u × %u pixels, seed %" PRIu64
               ", %s on %s (%u tiles of %u pixels, %u at once; %u UNet forwards, %s of device "
               "memory)\n"),
            output, report->width, report->height, report->seed, took, report->device,
            report->n_tiles, report->tile, report->batch, report->unet_forwards, device_memory);
}
