// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/rephrase.h"
#include "engine/base/message.h"
#include "engine/request/request.h"

#include <string.h>

static gboolean
is_value (GParamSpec *param, const char *word)
{
  g_autoptr (PdRequest) request = NULL;

  if (G_IS_PARAM_SPEC_STRING (param))
    return FALSE;
  request = pd_request_new ();
  return pd_request_set_text (request, param->name, word, NULL);
}

/* @match: of an option and perhaps the word after it. */
static gboolean
rename_option (const GMatchInfo *match, GString *result, gpointer user_data)
{
  g_autofree char *whole = g_match_info_fetch (match, 0);
  g_autofree char *name = g_match_info_fetch (match, 1);
  g_autofree char *word = g_match_info_fetch (match, 2);
  GParamSpec *param = pd_request_param (g_str_equal (name, "region") ? "regions" : name);
  const char *rest = whole + strlen ("--") + strlen (name);

  if (param == NULL)
    g_string_append (result, whole);
  else if (G_IS_PARAM_SPEC_BOOLEAN (param))
    g_string_append_printf (result, "%s=yes%s", param->name, rest);
  else if (word != NULL && *word != '\0' && is_value (param, word))
    g_string_append_printf (result, "%s=%s", param->name, word);
  else
    g_string_append_printf (result, "%s=%s", param->name, rest);
  return FALSE;
}

char *
pd_rephrase (const char *text)
{
  g_autofree char *clean = pd_message_clean (text);
  g_autoptr (GRegex) regex =
      g_regex_new ("(?<![\\w-])--([a-z][a-z-]*[a-z])(?: ([a-z0-9+_.]*[a-z0-9+_]))?", 0, 0, NULL);

  return g_regex_replace_eval (regex, clean, -1, 0, 0, rename_option, NULL, NULL);
}
