// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/arguments.h"
#include "engine/base/error.h"
#include "engine/base/message.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static gboolean
is_decided_by_image (const char *name)
{
  const GParamSpec *param = pd_request_param (name);

  return g_str_equal (name, "size") || (param != NULL && param->flags & PD_REQUEST_PARAM_IMAGE);
}

static gboolean
fail_unknown (const char *name, GError **error)
{
  pd_request_fail_unknown (name, PD_REQUEST_PARAM_IMAGE, error);
  g_prefix_error (error, "options: ");
  return FALSE;
}

static gboolean
apply_word (PdRequest *request, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals != NULL ? g_strndup (word, (gsize) (equals - word)) : NULL;

  if (equals == NULL || equals == word)
    {
      g_autofree char *valid = g_utf8_make_valid (word, -1);

      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” is not possible, expected name=value such as steps=20"),
                   valid);
      return FALSE;
    }
  if (is_decided_by_image (name))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” cannot be chosen, the image and its selection decide it"),
                   name);
      return FALSE;
    }
  if (pd_request_param (name) == NULL)
    return fail_unknown (name, error);
  return pd_request_set_text (request, name, equals + 1, error);
}

static gboolean
apply (PdRequest *request, const char *options, GError **error)
{
  g_autoptr (PdRequest) changed = pd_request_copy (request);
  g_autoptr (GError) cause = NULL;
  g_auto (GStrv) words = NULL;
  int n = 0;

  if (!g_shell_parse_argv (options, &n, &words, &cause) &&
      !g_error_matches (cause, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    {
      g_autofree char *valid = g_utf8_make_valid (options, -1);
      g_autofree char *why = g_utf8_make_valid (cause->message, -1);

      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” cannot be read: %s; write them as steps=20 negative='a b'"),
                   valid, why);
      return FALSE;
    }
  for (int i = 0; i < n; i++)
    if (!apply_word (changed, words[i], error))
      return FALSE;
  pd_request_assign (request, changed);
  return TRUE;
}

/* Arguments of a script may be any bytes: messages that quote them are cleaned. */
gboolean
pd_arguments_apply (PdRequest *request, const char *options, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (apply (request, options, &failure))
    return TRUE;
  g_propagate_error (error, pd_message_clean_error (failure));
  return FALSE;
}

/* Translates an option of the command line into this program's terms.
 * @value: the word after it, or NULL
 * Returns: (transfer full) NULL if there is none */
static char *
name_here (const char *name, const char *value, gboolean in_dialog)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  GParamSpec *param = pd_request_param (name);
  gboolean meant;

  if (param == NULL || is_decided_by_image (name))
    return NULL;
  meant = value != NULL && param->value_type != G_TYPE_STRING &&
          pd_request_set_text (request, name, value, NULL);
  if (in_dialog)
    return g_strdup_printf (value != NULL ? "“%s” %s" : "“%s”", g_param_spec_get_nick (param),
                            value);
  return g_strdup_printf (meant || value == NULL ? "%s=%s" : "%s= %s", name,
                          value != NULL ? value : "");
}

static gboolean
replace_option (const GMatchInfo *match, GString *text, gpointer in_dialog)
{
  g_autofree char *whole = g_match_info_fetch (match, 0);
  g_autofree char *name = g_match_info_fetch (match, 1);
  g_autofree char *value = g_match_info_fetch (match, 2);
  g_autofree char *here =
      name_here (name, value != NULL && *value ? value : NULL, GPOINTER_TO_INT (in_dialog));

  g_string_append (text, here != NULL ? here : whole);
  return FALSE;
}

char *
pd_arguments_name_options (const char *message, gboolean in_dialog)
{
  g_autoptr (GRegex) option =
      g_regex_new ("(?<![^\\s(“\"'])--([a-z]+(?:-[a-z]+)*)(?:[ =]([\\w.%+]+))?", 0, 0, NULL);
  g_autofree char *valid = g_utf8_make_valid (message, -1);

  return g_regex_replace_eval (option, valid, -1, 0, 0, replace_option, GINT_TO_POINTER (in_dialog),
                               NULL);
}
