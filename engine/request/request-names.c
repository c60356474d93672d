// SPDX-License-Identifier: GPL-3.0-or-later
/* Names of parameters and of their values. */
#include "engine/request/request.h"
#include "engine/base/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

enum
{
  MAX_LENGTH = 31,    /* of a name */
  FEWEST_LETTERS = 3, /* of a beginning that stands for a name */
  SHORT_LENGTH = 4,   /* names up to it may differ in one letter, others in two */
};

GParamSpec *
pd_request_param (const char *name)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (PD_TYPE_REQUEST);

  return g_object_class_find_property (G_OBJECT_CLASS (class), name);
}

const char *
pd_request_nick (GType type, int value)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (type);

  return g_enum_get_value (G_ENUM_CLASS (class), value)->value_nick;
}

/* Lower case, dashes for underscores. FALSE: too long for a name. */
static gboolean
normalize (const char *text, char *normal)
{
  const gsize length = strlen (text);

  if (length > MAX_LENGTH)
    return FALSE;
  for (gsize i = 0; i <= length; i++)
    normal[i] = text[i] == '_' ? '-' : g_ascii_tolower (text[i]);
  return TRUE;
}

/* How many letters have to be put in, left out or changed. */
static guint
distance (const char *a, const char *b)
{
  guint row[MAX_LENGTH + 1];
  const guint width = (guint) strlen (b);

  for (guint j = 0; j <= width; j++)
    row[j] = j;
  for (guint i = 0; a[i]; i++)
    {
      guint diagonal = row[0];

      row[0] = i + 1;
      for (guint j = 1; j <= width; j++)
        {
          const guint changed = diagonal + (a[i] != b[j - 1]);

          diagonal = row[j];
          row[j] = MIN (changed, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[width];
}

const char *
pd_request_similar (const char *text, const char *const *names)
{
  char given[MAX_LENGTH + 1];
  const char *best = NULL;
  guint least = G_MAXUINT;

  if (!normalize (text, given))
    return NULL;
  for (guint i = 0; names[i] != NULL; i++)
    {
      char name[MAX_LENGTH + 1];
      guint differing;

      if (!normalize (names[i], name))
        continue;
      differing = distance (given, name);
      if (strlen (given) >= FEWEST_LETTERS && g_str_has_prefix (name, given))
        differing = MIN (differing, 1);
      if (differing < least && differing <= (strlen (given) <= SHORT_LENGTH ? 1 : 2))
        {
          least = differing;
          best = names[i];
        }
    }
  return best;
}

gboolean
pd_request_fail_unknown (const char *name, guint except, GError **error)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (PD_TYPE_REQUEST);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree GParamSpec **params = NULL;
  g_autofree char *list = NULL;
  g_autofree char *valid = g_utf8_make_valid (name, -1);
  const char *meant;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_CLASS (class), &n_params);
  for (guint i = 0; i < n_params; i++)
    if (!(params[i]->flags & except))
      g_ptr_array_add (names, (char *) params[i]->name);
  g_ptr_array_add (names, NULL);
  list = g_strjoinv (", ", (char **) names->pdata);
  meant = pd_request_similar (name, (const char *const *) names->pdata);
  if (meant != NULL)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("there is no parameter “%s” (did you mean %s?); there are %s"), valid, meant,
                 list);
  else
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("there is no parameter “%s”; there are %s"), valid, list);
  return FALSE;
}
