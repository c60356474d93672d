// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/debug.h"

#include "engine/base/environment.h"

static const GDebugKey topics[] = {
  { "plan", PD_DEBUG_PLAN },   { "graph", PD_DEBUG_GRAPH }, { "submit", PD_DEBUG_SUBMIT },
  { "cache", PD_DEBUG_CACHE }, { "wire", PD_DEBUG_WIRE },
};

gboolean
pd_debug_wants (PdDebugTopic topic)
{
  static gsize wanted; /* with a bit that tells that it is set */
  static const gsize is_set = 1u << 31;

  if (g_once_init_enter (&wanted))
    g_once_init_leave (&wanted,
                       is_set | g_parse_debug_string (pd_environment_get (PD_ENVIRONMENT_DEBUG),
                                                      topics, G_N_ELEMENTS (topics)));
  return (wanted & topic) != 0;
}

void
pd_debug (PdDebugTopic topic, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  if (!pd_debug_wants (topic))
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    if (topics[i].value == (guint) topic)
      g_printerr ("[%s] %s\n", topics[i].key, text);
}
