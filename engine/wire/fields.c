// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/fields.h"
#include "engine/base/message.h"
#include "engine/wire/phase.h"

#include <json-glib/json-glib.h>

static GVariant *
write_member (PdFieldType type, gconstpointer member)
{
  const guint64 *whole = member;
  const double *number = member;

  switch (type)
    {
    case PD_FIELD_UINT:
      return g_variant_new_int64 (*(const guint *) member);
    case PD_FIELD_UINT64:
      return *whole <= G_MAXINT64
                 ? g_variant_new_int64 ((gint64) *whole)
                 : g_variant_new_take_string (g_strdup_printf ("%" G_GUINT64_FORMAT, *whole));
    case PD_FIELD_DOUBLE:
      return *number < 0 ? g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL)
                         : g_variant_new_double (*number);
    case PD_FIELD_BOOLEAN:
      return g_variant_new_boolean (*(const gboolean *) member);
    case PD_FIELD_PHASE:
      return g_variant_new_string (pd_phase_nick (*(const PdPhase *) member));
    case PD_FIELD_STRING:
    default:
      return g_variant_new_take_string (g_utf8_make_valid (*(const char *const *) member, -1));
    }
}

void
pd_fields_add (const PdField *fields, gconstpointer self, GVariantBuilder *builder)
{
  for (; fields->name != NULL; fields++)
    {
      gconstpointer member = (const char *) self + fields->offset;

      if (fields->type != PD_FIELD_STRING || *(const char *const *) member != NULL)
        g_variant_builder_add (builder, "{sv}", fields->name, write_member (fields->type, member));
    }
}

char *
pd_fields_to_json (GVariantBuilder *builder)
{
  g_autoptr (GVariant) object = g_variant_ref_sink (g_variant_builder_end (builder));
  g_autofree char *json = json_gvariant_serialize_data (object, NULL);

  return pd_message_escape_json (json);
}

GVariant *
pd_fields_to_variant (const PdField *fields, gconstpointer self)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  pd_fields_add (fields, self, &builder);
  return g_variant_builder_end (&builder);
}

/* Returns: 0 for what is no whole number from 0 to @maximum. */
static guint64
read_whole (GVariant *dictionary, const char *name, guint64 maximum)
{
  const char *text;
  gint64 number = 0;
  guint64 whole = 0;

  if (g_variant_lookup (dictionary, name, "x", &number))
    whole = number > 0 ? (guint64) number : 0;
  else if (g_variant_lookup (dictionary, name, "&s", &text))
    g_ascii_string_to_unsigned (text, 10, 0, maximum, &whole, NULL);
  return whole <= maximum ? whole : 0;
}

static double
read_double (GVariant *dictionary, const char *name)
{
  gint64 whole;
  double number = -1;

  if (g_variant_lookup (dictionary, name, "x", &whole))
    number = (double) whole;
  else
    g_variant_lookup (dictionary, name, "d", &number);
  return number;
}

void
pd_fields_read (const PdField *fields, GVariant *dictionary, gpointer self)
{
  for (; fields->name != NULL; fields++)
    {
      gpointer member = (char *) self + fields->offset;
      const char *text = NULL;

      switch (fields->type)
        {
        case PD_FIELD_UINT:
          *(guint *) member = (guint) read_whole (dictionary, fields->name, G_MAXUINT);
          break;
        case PD_FIELD_UINT64:
          *(guint64 *) member = read_whole (dictionary, fields->name, G_MAXUINT64);
          break;
        case PD_FIELD_DOUBLE:
          *(double *) member = read_double (dictionary, fields->name);
          break;
        case PD_FIELD_BOOLEAN:
          *(gboolean *) member = FALSE;
          g_variant_lookup (dictionary, fields->name, "b", member);
          break;
        case PD_FIELD_PHASE:
          if (g_variant_lookup (dictionary, fields->name, "&s", &text))
            pd_phase_from_nick (text, member);
          break;
        case PD_FIELD_STRING:
        default:
          g_variant_lookup (dictionary, fields->name, "&s", &text);
          *(const char **) member = text;
        }
    }
}

GArray *
pd_fields_read_list (const PdField *fields, gsize size, GVariant *dictionary, const char *name)
{
  GArray *array = g_array_new (FALSE, TRUE, (guint) size);
  g_autoptr (GVariant) list =
      dictionary != NULL ? g_variant_lookup_value (dictionary, name, G_VARIANT_TYPE ("av")) : NULL;

  for (gsize i = 0; list != NULL && i < g_variant_n_children (list); i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (list, i);
      g_autoptr (GVariant) item = g_variant_get_variant (boxed);

      if (!g_variant_is_of_type (item, G_VARIANT_TYPE_VARDICT))
        continue;
      g_array_set_size (array, array->len + 1);
      pd_fields_read (fields, item, array->data + size * (array->len - 1));
    }
  return array;
}
