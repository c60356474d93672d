// SPDX-License-Identifier: GPL-3.0-or-later
/* The seed of a PdRequest: more than a number of GObject or JSON holds. */
#include "engine/request/request.h"

gboolean
pd_request_parse_seed (const char *text, guint64 *seed, gboolean *draws)
{
  *seed = 0;
  *draws = g_str_equal (text, "-1");
  return *draws || g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, seed, NULL);
}

void
pd_request_set_seed (PdRequest *self, guint64 seed)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, seed);

  g_object_set (self, "seed", text, NULL);
}
