// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/words.h"
#include "engine/base/message.h"
#include "engine/request/mode.h"

#include <glib/gi18n-lib.h>

typedef struct
{
  const char *type; /* NULL: of any enumeration */
  const char *nick;
  const char *name;
} Choice;

static const Choice choices[] = {
  { "PdRequestSource", "visible", N_ ("All that is visible") },
  { "PdRequestSource", "layer", N_ ("This layer alone") },
  { "PdTorus", "none", N_ ("No") },
  { "PdTorus", "x", N_ ("Left and right") },
  { "PdTorus", "y", N_ ("Top and bottom") },
  { "PdTorus", "xy", N_ ("All sides") },
  { "PdSync", "none", N_ ("None") },
  { "PdSync", "fusion", N_ ("Colours and fused pictures") },
  { "PdSync", "attention", N_ ("Attention to each other") },
  { "PdRequestScale", "2", N_ ("2 times") },
  { "PdRequestScale", "4", N_ ("4 times") },
  { "PdRequestScale", "8", N_ ("8 times") },
  { "PdSolverType", "auto", N_ ("As the model asks") },
  { "PdSolverType", "ddim", "DDIM" },
  { "PdSolverType", "euler", "Euler" },
  { "PdSolverType", "euler_a", "Euler ancestral" },
  { "PdSolverType", "heun", "Heun" },
  { "PdSolverType", "dpm++2m", "DPM++ 2M" },
  { "PdSolverType", "dpm++sde", "DPM++ SDE" },
  { "PdSolverType", "unipc", "UniPC" },
  { "PdSolverType", "lcm", "LCM" },
  { "PdSolverType", "ddpm", "DDPM" },
  { "PdSolverType", "pndm", "PNDM" },
  { NULL, "auto", N_ ("Automatic") },
  { NULL, "off", N_ ("Off") },
  { NULL, "on", N_ ("On") },
};

const char *
pd_words_choice (GType type, const char *nick)
{
  for (guint i = 0; type == PD_TYPE_REQUEST_MODE && pd_modes[i].name != NULL; i++)
    if (g_str_equal (pd_modes[i].name, nick))
      return _ (pd_modes[i].title);
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (g_str_equal (choices[i].nick, nick) &&
        (choices[i].type == NULL || g_str_equal (choices[i].type, g_type_name (type))))
      return _ (choices[i].name);
  return nick;
}

static void
append (GString *line, char *part)
{
  if (line->len)
    g_string_append (line, " · ");
  g_string_append (line, part);
  g_free (part);
}

/* Tells that kernels have to be prepared first, if that takes long. */
static void
append_kernels (GString *line, const PdEstimate *estimate)
{
  static const double worth_telling = 2;
  const double seconds = estimate->kernel_seconds;
  g_autofree char *duration = NULL;

  if (estimate->n_kernels == 0 || (seconds >= 0 && seconds < worth_telling))
    return;
  if (seconds < 0)
    {
      append (line, g_strdup (_ ("the first run takes longer")));
      return;
    }
  duration = pd_message_duration (seconds);
  append (line, g_strdup_printf (_ ("%s of it only at the first run"), duration));
}

char *
pd_words_estimate (const PdEstimate *estimate)
{
  g_autoptr (GString) line = g_string_new (NULL);
  const guint tiles = estimate->n_tiles;

  if (tiles > 0)
    append (line,
            g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u tile", "%u tiles", tiles), tiles));
  if (estimate->seconds >= 0)
    {
      g_autofree char *duration = pd_message_duration (estimate->seconds);

      append (line, g_strdup_printf (_ ("about %s"), duration));
    }
  append_kernels (line, estimate);
  if (estimate->peak_device_bytes > 0)
    {
      g_autofree char *size = g_format_size (estimate->peak_device_bytes);

      append (line, g_strdup_printf (_ ("%s of device memory"), size));
    }
  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
pd_words_progress (const PdProgress *progress)
{
  g_autoptr (GString) line = g_string_new (pd_phase_title (progress->phase));

  if (progress->n_levels > 1)
    append (line, g_strdup_printf (_ ("level %u of %u"), progress->level, progress->n_levels));
  if (progress->n_steps > 1 && progress->phase == PD_PHASE_KERNELS)
    append (line, g_strdup_printf (_ ("kernel %u of %u"), progress->step, progress->n_steps));
  else if (progress->n_steps > 1)
    append (line, g_strdup_printf (_ ("step %u of %u"), progress->step, progress->n_steps));
  if (progress->n_tiles > 1)
    append (line, g_strdup_printf (_ ("tile %u of %u"), progress->tile, progress->n_tiles));
  if (progress->eta_seconds >= 0)
    {
      g_autofree char *duration = pd_message_duration (progress->eta_seconds);

      append (line, g_strdup_printf (_ ("about %s left"), duration));
    }
  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
pd_words_report (const PdReport *report)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *duration = pd_message_duration (report->total_seconds);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, report->seed);

  append (line, g_strdup_printf (_ ("Done in %s, seed %s"), duration, seed));
  if (report->workers > 1 && report->worker_tiles != NULL)
    append (line,
            g_strdup_printf (_ ("%u devices: %s tiles, idle for %.0f %% of the time"),
                             report->workers, report->worker_tiles, 100 * report->idle_share));
  return g_string_free (g_steal_pointer (&line), FALSE);
}
