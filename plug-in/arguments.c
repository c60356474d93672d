// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/arguments.h"
#include "engine/error.h"
#include "engine/message.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static gboolean
is_decided_by_image (const char *name)
{
  static const char *const names[] = { "size", "width", "height", "depth", NULL };
  const GParamSpec *param = pd_request_param (name);

  return g_strv_contains (names, name) || (param && param->flags & PD_REQUEST_PARAM_FILE);
}

static gboolean
apply_word (PdRequest *request, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals ? g_strndup (word, (gsize) (equals - word)) : NULL;

  if (!equals || equals == word)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” is not possible, expected name=value such as steps=20"), word);
      return FALSE;
    }
  if (is_decided_by_image (name))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” cannot be chosen, the image and its selection decide it"),
                   name);
      return FALSE;
    }
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
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("options: “%s” cannot be read: %s; write them as steps=20 negative='a b'"),
                   options, cause->message);
      return FALSE;
    }
  for (int i = 0; i < n; i++)
    if (!apply_word (changed, words[i], error))
      return FALSE;
  pd_request_assign (request, changed);
  return TRUE;
}

/* What comes from a script may be any bytes: messages that quote it are cleaned. */
gboolean
pd_arguments_apply (PdRequest *request, const char *options, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (apply (request, options, &failure))
    return TRUE;
  g_propagate_error (error, pd_message_clean_error (failure));
  return FALSE;
}
