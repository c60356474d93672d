// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/words.h"
#include "engine/request/request.h"

#include <glib/gi18n-lib.h>
#include <math.h>

typedef struct
{
  const char *type; /* NULL: of any enumeration */
  const char *nick;
  const char *name;
} Choice;

static const Choice choices[] = {
  { "PdRequestMode", "generate", N_ ("Generate something new") },
  { "PdRequestMode", "inpaint", N_ ("Continue the surroundings") },
  { "PdRequestMode", "restyle", N_ ("Restyle what is there") },
  { "PdRequestMode", "upscale", N_ ("Upscale the image") },
  { "PdRequestSource", "visible", N_ ("All that is visible") },
  { "PdRequestSource", "layer", N_ ("This layer alone") },
  { "PdRequestSeamless", "none", N_ ("No") },
  { "PdRequestSeamless", "x", N_ ("Left and right") },
  { "PdRequestSeamless", "y", N_ ("Top and bottom") },
  { "PdRequestSeamless", "xy", N_ ("All sides") },
  { "PdRequestSync", "none", N_ ("None") },
  { "PdRequestSync", "fusion", N_ ("Fused pictures") },
  { "PdRequestSync", "attention", N_ ("Attention to the canvas") },
  { "PdRequestSync", "exact", N_ ("All of each other") },
  { "PdRequestScale", "2", N_ ("2 times") },
  { "PdRequestScale", "4", N_ ("4 times") },
  { "PdRequestScale", "8", N_ ("8 times") },
  { "PdRequestSolver", "auto", N_ ("As the model asks") },
  { "PdRequestSolver", "ddim", "DDIM" },
  { "PdRequestSolver", "euler", "Euler" },
  { "PdRequestSolver", "euler_a", "Euler ancestral" },
  { "PdRequestSolver", "heun", "Heun" },
  { "PdRequestSolver", "dpm++2m", "DPM++ 2M" },
  { "PdRequestSolver", "dpm++sde", "DPM++ SDE" },
  { "PdRequestSolver", "unipc", "UniPC" },
  { "PdRequestSolver", "lcm", "LCM" },
  { "PdRequestSolver", "ddpm", "DDPM" },
  { "PdRequestSolver", "pndm", "PNDM" },
  { NULL, "auto", N_ ("Automatic") },
  { NULL, "off", N_ ("Off") },
  { NULL, "on", N_ ("On") },
};

const char *
pd_words_choice (GType type, const char *nick)
{
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (g_str_equal (choices[i].nick, nick) &&
        (!choices[i].type || g_str_equal (choices[i].type, g_type_name (type))))
      return _ (choices[i].name);
  return nick;
}

double
pd_words_number (GVariant *dictionary, const char *name, double fallback)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, name, NULL);

  if (!value)
    return fallback;
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_DOUBLE:
      return g_variant_get_double (value);
    case G_VARIANT_CLASS_INT64:
      return g_variant_get_int64 (value);
    case G_VARIANT_CLASS_UINT64:
      return g_variant_get_uint64 (value);
    case G_VARIANT_CLASS_INT32:
      return g_variant_get_int32 (value);
    case G_VARIANT_CLASS_UINT32:
      return g_variant_get_uint32 (value);
    default:
      return fallback;
    }
}

/* A whole number that fits, whatever an engine says. */
static guint
count (GVariant *dictionary, const char *name)
{
  double number = pd_words_number (dictionary, name, 0);

  return number > 0 ? (guint) MIN (number, G_MAXINT) : 0;
}

char *
pd_words_duration (double seconds)
{
  const guint whole = (guint) MIN (MAX (ceil (seconds), 1), G_MAXINT);
  const guint minutes = (whole + 30) / 60;

  if (whole < 90)
    return g_strdup_printf (_ ("%u s"), whole);
  if (minutes < 90)
    return g_strdup_printf (_ ("%u min"), minutes);
  return g_strdup_printf (_ ("%u h %u min"), minutes / 60, minutes % 60);
}

static void
append (GString *line, char *part)
{
  if (line->len)
    g_string_append (line, " · ");
  g_string_append (line, part);
  g_free (part);
}

/* That kernels have to be prepared first, if that takes long. */
static void
append_kernels (GString *line, GVariant *estimate)
{
  static const double worth_telling = 2;
  const double seconds = pd_words_number (estimate, "kernel-seconds", -1);
  g_autofree char *duration = NULL;

  if (count (estimate, "kernels") == 0 || (seconds >= 0 && seconds < worth_telling))
    return;
  if (seconds < 0)
    {
      append (line, g_strdup (_ ("the first run takes longer")));
      return;
    }
  duration = pd_words_duration (seconds);
  append (line, g_strdup_printf (_ ("%s of it only at the first run"), duration));
}

char *
pd_words_estimate (GVariant *estimate)
{
  g_autoptr (GString) line = g_string_new (NULL);
  const guint tiles = count (estimate, "tiles");
  const double seconds = pd_words_number (estimate, "seconds", -1);
  const double bytes = pd_words_number (estimate, "device-bytes", 0);

  if (tiles)
    append (line,
            g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u tile", "%u tiles", tiles), tiles));
  if (seconds >= 0)
    {
      g_autofree char *duration = pd_words_duration (seconds);

      append (line, g_strdup_printf (_ ("about %s"), duration));
    }
  append_kernels (line, estimate);
  if (bytes > 0)
    {
      g_autofree char *size = g_format_size ((guint64) bytes);

      append (line, g_strdup_printf (_ ("%s of device memory"), size));
    }
  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
pd_words_progress (GVariant *progress)
{
  g_autoptr (GString) line = g_string_new (NULL);
  const char *stage = "";
  const guint steps = count (progress, "steps");
  const guint levels = count (progress, "levels");
  const guint tiles = count (progress, "n-tiles");
  const double eta = pd_words_number (progress, "eta", -1);

  g_variant_lookup (progress, "stage", "&s", &stage);
  append (line, g_strdup (pd_request_stage (stage)));
  if (levels > 1)
    append (line, g_strdup_printf (_ ("level %u of %u"), count (progress, "level"), levels));
  if (steps > 1 && g_str_equal (stage, "kernels"))
    append (line, g_strdup_printf (_ ("kernel %u of %u"), count (progress, "step"), steps));
  else if (steps > 1)
    append (line, g_strdup_printf (_ ("step %u of %u"), count (progress, "step"), steps));
  if (tiles > 1)
    append (line, g_strdup_printf (_ ("tile %u of %u"), count (progress, "tiles"), tiles));
  if (eta >= 0)
    {
      g_autofree char *duration = pd_words_duration (eta);

      append (line, g_strdup_printf (_ ("about %s left"), duration));
    }
  return g_string_free (g_steal_pointer (&line), FALSE);
}
