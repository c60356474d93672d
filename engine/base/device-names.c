// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/device-names.h"

#include <string.h>

static gboolean
is_number (const char *s)
{
  return *s != '\0' && s[strspn (s, "0123456789")] == '\0' && strlen (s) < 4;
}

static gboolean
same_uuid (const char *selector, const char *uuid)
{
  g_autoptr (GString) digits = g_string_new (NULL);

  for (const char *p = selector; *p != '\0'; p++)
    if (*p != '-')
      g_string_append_c (digits, g_ascii_tolower (*p));
  return g_strcmp0 (digits->str, uuid) == 0;
}

static gboolean
name_contains (const char *name, const char *part)
{
  g_autofree char *folded_name = name != NULL ? g_utf8_casefold (name, -1) : NULL;
  g_autofree char *folded_part = g_utf8_casefold (part, -1);

  return folded_name != NULL && strstr (folded_name, folded_part) != NULL;
}

gboolean
pd_device_names_find (const PdDeviceName *devices, guint n, const char *selector, guint *index)
{
  if (is_number (selector))
    {
      *index = (guint) g_ascii_strtoull (selector, NULL, 10);
      return *index < n;
    }
  for (guint i = 0; i < n && *selector != '\0'; i++)
    if (same_uuid (selector, devices[i].uuid) || name_contains (devices[i].name, selector))
      {
        *index = i;
        return TRUE;
      }
  return FALSE;
}

static GStrv
number_all (const PdDeviceName *devices, guint n)
{
  g_autoptr (GStrvBuilder) numbers = g_strv_builder_new ();
  gboolean other = FALSE;

  for (guint i = 0; i < n; i++)
    other |= !devices[i].is_cpu;
  for (guint i = 0; i < n; i++)
    if (!other || !devices[i].is_cpu)
      {
        g_autofree char *number = g_strdup_printf ("%u", i);

        g_strv_builder_add (numbers, number);
      }
  return g_strv_builder_end (numbers);
}

GStrv
pd_device_names_split (const PdDeviceName *devices, guint n, const char *selectors)
{
  const char *const whole[] = { selectors, NULL };
  g_auto (GStrv) parts = NULL;
  guint index;

  if (g_str_equal (selectors, "all"))
    return number_all (devices, n);
  if (strchr (selectors, ',') == NULL || pd_device_names_find (devices, n, selectors, &index))
    return g_strdupv ((GStrv) whole);
  parts = g_strsplit (selectors, ",", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    g_strstrip (parts[i]);
  return g_steal_pointer (&parts);
}
