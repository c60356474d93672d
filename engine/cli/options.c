// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/options.h"
#include "engine/base/error.h"
#include "engine/base/message.h"
#include "engine/pictures/png-file.h"
#include "engine/request/mode.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char pd_options_keyword[] = "parallel-diffusion";

/* A value as it stood on the command line. */
typedef struct
{
  const char *name; /* of the parameter, or "size" */
  char *text;
} Given;

struct _PdOptions
{
  const char *verb;
  GOptionContext *context;
  GPtrArray *strings; /* what the entries point to */
  char **names;       /* of the options but its own, for suggestions */
  GArray *given;      /* of Given, in the order of the command line */
  char *from;
  gboolean json;
};

static void
clear_given (gpointer data)
{
  g_free (((Given *) data)->text);
}

/* For every option that is a parameter. Values are checked when they are applied, so that one of
 * --from can be overridden, and read as bytes, so that UTF-8 means itself in every locale. */
static gboolean
on_option (const char *option, const char *text, gpointer user_data, GError **error)
{
  PdOptions *self = user_data;
  const char *name = g_intern_string (option + strlen ("--"));
  Given given = { .name = name, .text = g_strdup (text) };

  if (text == NULL)
    {
      given.text = g_strdup (g_str_has_prefix (name, "no-") ? "no" : "yes");
      if (g_str_has_prefix (name, "no-"))
        given.name = name + strlen ("no-");
    }
  g_array_append_val (self->given, given);
  return TRUE;
}

static const char *
keep (PdOptions *self, char *string)
{
  g_ptr_array_add (self->strings, string);
  return string;
}

/* "Number of denoising steps (1 to 1000; 30)" */
static char *
describe (GParamSpec *param)
{
  g_autoptr (PdRequest) defaults = pd_request_new ();
  g_autofree char *value = pd_request_get_text (defaults, param->name);
  g_autofree char *allowed = pd_request_allowed (param);

  if (G_IS_PARAM_SPEC_BOOLEAN (param) || !(allowed != NULL || *value))
    return g_strdup (g_param_spec_get_blurb (param));
  if (allowed == NULL)
    return g_strdup_printf (_ ("%s (default %s)"), g_param_spec_get_blurb (param), value);
  return g_strdup_printf (_ ("%s (%s; default %s)"), g_param_spec_get_blurb (param), allowed,
                          value);
}

static const char *
placeholder (GParamSpec *param)
{
  if (param->flags & PD_REQUEST_PARAM_FILE)
    return _ ("FILE");
  if (param->flags & PD_REQUEST_PARAM_BYTES)
    return _ ("SIZE");
  if (G_IS_PARAM_SPEC_ENUM (param))
    return _ ("NAME");
  return G_IS_PARAM_SPEC_STRING (param) ? _ ("TEXT") : _ ("N");
}

static void
add_param (PdOptions *self, GArray *entries, GParamSpec *param)
{
  GOptionEntry entry = {
    .long_name = param->name,
    .flags = G_OPTION_FLAG_FILENAME,
    .arg = G_OPTION_ARG_CALLBACK,
    .arg_data = on_option,
    .description = keep (self, describe (param)),
    .arg_description = placeholder (param),
  };

  if (G_IS_PARAM_SPEC_BOOLEAN (param))
    {
      GOptionEntry negation = entry;

      negation.long_name = keep (self, g_strconcat ("no-", param->name, NULL));
      negation.flags = G_OPTION_FLAG_NO_ARG | G_OPTION_FLAG_HIDDEN;
      g_array_append_val (entries, negation);
      entry.flags = G_OPTION_FLAG_NO_ARG;
      entry.arg_description = NULL;
    }
  g_array_append_val (entries, entry);
}

/* Adds an option that is not one parameter. */
static void
add_special (PdOptions *self, GArray *entries, const char *name)
{
  const GOptionEntry special[] = {
    { "size", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
      _ ("Width and height of the picture in pixels (default 512x512)"), _ ("WIDTHxHEIGHT") },
    { "region", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
      _ ("A part of the picture with a prompt of its own, x,y,width,height:prompt in pixels or "
         "mask=FILE:prompt (white: counts, black: does not); can be given several times"),
      _ ("REGION") },
    { "from", 0, 0, G_OPTION_ARG_FILENAME, &self->from,
      _ ("Repeat the run that made this picture; other options override its own"), _ ("FILE") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, _ ("Print JSON, one object a line"), NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (special); i++)
    if (g_str_equal (name, special[i].long_name))
      {
        g_array_append_val (entries, special[i]);
        return;
      }
  g_assert_not_reached ();
}

static gboolean
print_version (const char *option, const char *text, gpointer user_data, GError **error)
{
  pd_options_print_version ();
  exit (0);
}

void
pd_options_print_version (void)
{
  puts ("parallel-diffusion " PD_VERSION);
}

PdOptions *
pd_options_new (const char *verb,
                const char *summary,
                const char *const *names,
                const GOptionEntry *own)
{
  PdOptions *self = g_new0 (PdOptions, 1);
  g_autoptr (GArray) entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  const GOptionEntry version = { "version",
                                 0,
                                 G_OPTION_FLAG_NO_ARG,
                                 G_OPTION_ARG_CALLBACK,
                                 print_version,
                                 _ ("Show the version"),
                                 NULL };
  GOptionGroup *group;

  self->verb = verb;
  self->names = g_strdupv ((char **) names);
  self->strings = g_ptr_array_new_with_free_func (g_free);
  self->given = g_array_new (FALSE, FALSE, sizeof (Given));
  g_array_set_clear_func (self->given, clear_given);
  for (guint i = 0; names[i] != NULL; i++)
    if (pd_request_param (names[i]) != NULL)
      add_param (self, entries, pd_request_param (names[i]));
    else
      add_special (self, entries, names[i]);
  for (; own != NULL && own->long_name != NULL; own++)
    g_array_append_vals (entries, own, 1);
  g_array_append_val (entries, version);
  group = g_option_group_new (verb, NULL, NULL, self, NULL);
  g_option_group_add_entries (group, (const GOptionEntry *) entries->data);
  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  self->context = g_option_context_new (NULL);
  g_option_context_set_main_group (self->context, group);
  g_option_context_set_summary (self->context, summary);
  return self;
}

/* All that the mode takes, but what the verb or an image of layers decides; in the place of width
 * and height stands the size, in that of regions one of them. */
PdOptions *
pd_options_new_of_mode (PdRequestMode mode)
{
  static const char *const without[] = { "mode", "source", "height", NULL };
  g_autoptr (GTypeClass) class = g_type_class_ref (PD_TYPE_REQUEST);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_CLASS (class), &n_params);
  for (guint i = 0; i < n_params; i++)
    {
      const char *name = params[i]->name;

      if (g_strv_contains (without, name) || !pd_mode_takes (mode, name))
        continue;
      if (g_str_equal (name, "width"))
        name = "size";
      else if (g_str_equal (name, "regions"))
        name = "region";
      g_ptr_array_add (names, (char *) name);
    }
  g_ptr_array_add (names, (char *) "from");
  g_ptr_array_add (names, (char *) "json");
  g_ptr_array_add (names, NULL);
  return pd_options_new (pd_modes[mode].name, _ (pd_modes[mode].help),
                         (const char *const *) names->pdata, NULL);
}

void
pd_options_free (PdOptions *self)
{
  if (self == NULL)
    return;
  g_option_context_free (self->context);
  g_array_unref (self->given);
  g_strfreev (self->names);
  g_ptr_array_unref (self->strings);
  g_free (self->from);
  g_free (self);
}

/* The option of this verb that may have been meant instead of the one an error is about. */
static void
suggest (PdOptions *self, GError *error)
{
  const char *dashes = strstr (error->message, "--");
  const char *meant = dashes != NULL ? pd_request_similar (dashes + strlen ("--"),
                                                           (const char *const *) self->names)
                                     : NULL;
  char *text;

  if (meant == NULL)
    return;
  text = g_strdup_printf (_ ("%s; did you mean --%s?"), error->message, meant);
  g_free (error->message);
  error->message = text;
}

gboolean
pd_options_parse (PdOptions *self, int argc, char **argv, GError **error)
{
  GError *cause = NULL;

  if (!g_option_context_parse (self->context, &argc, &argv, &cause))
    {
      if (g_error_matches (cause, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
        suggest (self, cause);
      g_propagate_error (error, cause);
      return FALSE;
    }
  if (argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   _ ("“%s” is neither an option nor the value of one"), argv[1]);
      return FALSE;
    }
  return TRUE;
}

int
pd_options_usage_error (PdOptions *self, const char *message)
{
  g_autofree char *clean = pd_message_clean (message);
  const char *verb = self->verb;

  fprintf (stderr, _ ("parallel-diffusion %s: %s\nTry “parallel-diffusion %s --help”.\n"), verb,
           clean, verb);
  return 2;
}

/* @files: the options for those that the picture names; @meaning: of this one, to be translated. */
static gboolean
check_file (PdOptions *self, char **files, const char *option, const char *meaning, GError **error)
{
  if (!g_strv_contains ((const char *const *) files, option) || pd_options_given (self, option))
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: the picture names a file as %s: give it with --%s"), self->from, _ (meaning),
               option);
  return FALSE;
}

/* A picture from a stranger does not choose which files are opened: those that it names have to be
 * given. @files: the options for them. */
static gboolean
check_files (PdOptions *self, char **files, GError **error)
{
  static const struct
  {
    const char *option, *meaning;
  } meanings[] = {
    { "region", N_ ("the mask of a region") },
    { "model", N_ ("its model") },
    { "vae", N_ ("the model's autoencoder") },
    { "text-encoder", N_ ("the model's text encoder") },
  };

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (!check_file (self, files, pd_given[given].name, pd_given[given].meaning, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (meanings); i++)
    if (!check_file (self, files, meanings[i].option, meanings[i].meaning, error))
      return FALSE;
  return TRUE;
}

/* A picture made in another mode is repeated by that verb. */
static gboolean
apply_from (PdOptions *self, PdRequest *request, GError **error)
{
  const PdRequestMode mode = request->mode;
  g_autofree char *json = pd_png_read_text (self->from, pd_options_keyword, error);
  g_auto (GStrv) files = NULL;

  if (json == NULL)
    return FALSE;
  if (!pd_request_set_json_of_others (request, json, &files, error))
    {
      g_prefix_error (error, "%s: ", self->from);
      return FALSE;
    }
  if (request->mode != mode)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: made by “%s”; repeat it with that verb"), self->from,
                   pd_modes[request->mode].name);
      return FALSE;
    }
  return check_files (self, files, error);
}

/* All --region of the command line together are the parameter. */
static gboolean
apply_regions (PdOptions *self, PdRequest *request, GError **error)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  for (guint i = 0; i < self->given->len; i++)
    {
      const Given *given = &g_array_index (self->given, Given, i);

      if (!g_str_equal (given->name, "region"))
        continue;
      if (strchr (given->text, '\n') != NULL)
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("region: “%s” is more than one line; give --region several times"),
                       given->text);
          return FALSE;
        }
      g_string_append_printf (lines, "%s%s", lines->len > 0 ? "\n" : "", given->text);
    }
  return pd_request_set_text (request, "regions", lines->str, error);
}

/* Checks the name alone; whether it can be written is found out later. */
static gboolean
check_output (const char *name, const char *path, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);

  if (!*path || g_str_has_suffix (lower, ".png"))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               _ ("--%s: “%s” is not possible, it is a PNG file, its name must end in .png"), name,
               path);
  return FALSE;
}

gboolean
pd_options_apply (PdOptions *self, PdRequest *request, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (self->from != NULL && !apply_from (self, request, error))
    return FALSE;
  for (guint i = 0; i < self->given->len; i++)
    {
      const Given *given = &g_array_index (self->given, Given, i);

      if (!(g_str_equal (given->name, "region")
                ? apply_regions (self, request, &cause)
                : pd_request_set_text (request, given->name, given->text, &cause)))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s", cause->message);
          return FALSE;
        }
    }
  return check_output ("output", request->output, error) &&
         check_output ("preview", request->preview, error);
}

const char *
pd_options_text (PdOptions *self, const char *name)
{
  for (guint i = self->given->len; i > 0; i--)
    if (g_str_equal (g_array_index (self->given, Given, i - 1).name, name))
      return g_array_index (self->given, Given, i - 1).text;
  return NULL;
}

const char *
pd_options_from (PdOptions *self)
{
  return self->from;
}

gboolean
pd_options_given (PdOptions *self, const char *name)
{
  if (g_str_equal (name, "from"))
    return self->from != NULL;
  return pd_options_text (self, name) != NULL;
}

gboolean
pd_options_json (PdOptions *self)
{
  return self->json;
}
