// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Lets the dialog live until an expression holds; it fails after ten seconds. */
#define wait_for(expression)                                                                       \
  for (gint64 end = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND; !(expression);)             \
    {                                                                                              \
      g_assert_cmpint (g_get_monotonic_time (), <, end);                                           \
      if (!g_main_context_iteration (NULL, FALSE))                                                 \
        g_usleep (1000);                                                                           \
    }

static inline gboolean
set_true (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

/* Lets it live so long. */
static inline void
live (guint milliseconds)
{
  volatile gboolean over = FALSE;

  g_timeout_add (milliseconds, set_true, (gpointer) &over);
  wait_for (over);
}
