// SPDX-License-Identifier: GPL-3.0-or-later
/* PdRequest as text: single values and JSON. */
#include "engine/request/request.h"
#include "engine/base/error.h"
#include "engine/base/json.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

/* Longer values are cut in messages. */
static const glong shown_characters = 40;

static gboolean
fail (const char *name, const char *text, const char *expected, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *shown = g_utf8_strlen (valid, -1) > shown_characters
                               ? g_utf8_substring (valid, 0, shown_characters)
                               : NULL;

  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: “%s%s” is not possible, expected %s"),
               name, shown != NULL ? shown : valid, shown != NULL ? "…" : "", expected);
  return FALSE;
}

static char *
choices (GType type)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (type);
  g_autoptr (GString) words = g_string_new (NULL);

  for (guint i = 0; i < G_ENUM_CLASS (class)->n_values; i++)
    g_string_append_printf (words, "%s%s", i ? ", " : "",
                            G_ENUM_CLASS (class)->values[i].value_nick);
  return g_string_free (g_steal_pointer (&words), FALSE);
}

/* Shortest decimal that reads back as the same number. */
static char *
number_to_text (double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 6; digits <= 17; digits++)
    {
      char format[8];

      g_snprintf (format, sizeof format, "%%.%dg", digits);
      g_ascii_formatd (text, sizeof text, format, number);
      if (g_ascii_strtod (text, NULL) == number)
        break;
    }
  return g_strdup (text);
}

/* What a number of bytes is counted in: "" or "bytes", K or KiB (1024), kB (1000), in any case. */
static gboolean
parse_unit (const char *text, double *factor)
{
  static const char letters[] = "KMGT";
  static const char *const ones[] = { "", "b", "byte", "bytes", NULL };
  g_autofree char *unit = g_ascii_strdown (text, -1);
  const char *letter = *unit ? strchr (letters, g_ascii_toupper (*unit)) : NULL;
  const guint power = letter != NULL ? (guint) (letter - letters) + 1 : 0;

  *factor = 1.0;
  if (g_strv_contains (ones, unit))
    return TRUE;
  if (letter == NULL)
    return FALSE;
  *factor = ldexp (1.0, 10 * (int) power);
  if (g_str_equal (unit + 1, "b"))
    *factor = pow (1000.0, power);
  return !unit[1] || g_str_equal (unit + 1, "ib") || g_str_equal (unit + 1, "b");
}

/* As g_format_size() writes it in any locale: "1.5 GiB", "1,5 GB" with a space that does not
 * break. Shares of a byte are cut off where there is a unit. */
static gboolean
parse_bytes (const char *text, guint64 maximum, guint64 *bytes)
{
  g_autofree char *plain = g_strdup (text);
  char *comma = strchr (plain, ',');
  const char *unit;
  char *end;
  double number, factor;

  if (comma != NULL && strchr (plain, '.') == NULL && strchr (comma + 1, ',') == NULL)
    *comma = '.';
  number = g_ascii_strtod (plain, &end);
  if (end == plain || !g_ascii_isdigit (plain[0]))
    return FALSE;
  unit = end;
  while (g_unichar_isspace (g_utf8_get_char (unit)))
    unit = g_utf8_next_char (unit);
  if (!parse_unit (unit, &factor))
    return FALSE;
  number *= factor;
  if (factor > 1.0)
    number = floor (number);
  if (!(number <= (double) maximum) || number != floor (number))
    return FALSE;
  *bytes = MIN ((guint64) number, maximum);
  return TRUE;
}

static gboolean
parse_boolean (const char *text, gboolean *value)
{
  static const char *const yes[] = { "yes", "true", "on", "1", NULL };
  static const char *const no[] = { "no", "false", "off", "0", NULL };

  *value = g_strv_contains (yes, text);
  return *value || g_strv_contains (no, text);
}

static gboolean
parse_enum (GType type, const char *text, int *value)
{
  g_autoptr (GTypeClass) class = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value_by_nick (G_ENUM_CLASS (class), text);

  if (found != NULL)
    *value = found->value;
  return found != NULL;
}

static gboolean
parse_double (const char *text, const GParamSpecDouble *range, double *value)
{
  char *end;

  *value = g_ascii_strtod (text, &end);
  return end != text && !*end && !g_ascii_isspace (text[0]) && *value >= range->minimum &&
         *value <= range->maximum;
}

char *
pd_request_allowed (GParamSpec *param)
{
  if (G_IS_PARAM_SPEC_ENUM (param))
    {
      g_autofree char *words = choices (param->value_type);

      return g_strdup_printf (_ ("one of %s"), words);
    }
  if (G_IS_PARAM_SPEC_BOOLEAN (param))
    return g_strdup (_ ("yes or no"));
  if (G_IS_PARAM_SPEC_UINT (param))
    {
      const GParamSpecUInt *range = G_PARAM_SPEC_UINT (param);

      return g_strdup_printf (_ ("a whole number from %u to %u"), range->minimum, range->maximum);
    }
  if (G_IS_PARAM_SPEC_INT64 (param))
    {
      const GParamSpecInt64 *range = G_PARAM_SPEC_INT64 (param);

      return g_strdup_printf (_ ("a whole number from %" PRId64 " to %" PRId64), range->minimum,
                              range->maximum);
    }
  if (G_IS_PARAM_SPEC_UINT64 (param))
    return g_strdup (_ ("a number of bytes such as 512M or 2G"));
  if (param->flags & PD_REQUEST_PARAM_SEED)
    return g_strdup_printf (_ ("a whole number from %" PRId64 " to %" PRIu64), (gint64) -1,
                            G_MAXUINT64);
  if (G_IS_PARAM_SPEC_DOUBLE (param))
    {
      const GParamSpecDouble *range = G_PARAM_SPEC_DOUBLE (param);
      g_autofree char *low = number_to_text (range->minimum);
      g_autofree char *high = number_to_text (range->maximum);

      return g_strdup_printf (_ ("a number from %s to %s"), low, high);
    }
  return NULL;
}

/* @value: initialised. FALSE if the text is not allowed. */
static gboolean
parse_value (GParamSpec *param, const char *text, GValue *value)
{
  gboolean good = TRUE;
  gboolean truth = FALSE;
  int choice = 0;
  gint64 whole = 0;
  guint64 natural = 0;
  double number = 0.0;

  switch (G_TYPE_FUNDAMENTAL (param->value_type))
    {
    case G_TYPE_STRING:
      good =
          !(param->flags & PD_REQUEST_PARAM_SEED) || pd_request_parse_seed (text, &natural, &truth);
      g_value_set_string (value, text);
      break;
    case G_TYPE_ENUM:
      good = parse_enum (param->value_type, text, &choice);
      g_value_set_enum (value, choice);
      break;
    case G_TYPE_BOOLEAN:
      good = parse_boolean (text, &truth);
      g_value_set_boolean (value, truth);
      break;
    case G_TYPE_UINT:
      good = g_ascii_string_to_unsigned (text, 10, G_PARAM_SPEC_UINT (param)->minimum,
                                         G_PARAM_SPEC_UINT (param)->maximum, &natural, NULL);
      g_value_set_uint (value, (guint) natural);
      break;
    case G_TYPE_INT64:
      good = g_ascii_string_to_signed (text, 10, G_PARAM_SPEC_INT64 (param)->minimum,
                                       G_PARAM_SPEC_INT64 (param)->maximum, &whole, NULL);
      g_value_set_int64 (value, whole);
      break;
    case G_TYPE_UINT64:
      good = parse_bytes (text, G_PARAM_SPEC_UINT64 (param)->maximum, &natural);
      g_value_set_uint64 (value, natural);
      break;
    default:
      good = parse_double (text, G_PARAM_SPEC_DOUBLE (param), &number);
      g_value_set_double (value, number);
    }
  return good;
}

/* Paths are bytes. */
static gboolean
is_path (const GParamSpec *param)
{
  static const char *const named[] = { "model", "regions", NULL };

  return param->flags & PD_REQUEST_PARAM_FILE || g_strv_contains (named, param->name);
}

/* @value: not initialised. */
static gboolean
parse (GParamSpec *param, const char *text, GValue *value, GError **error)
{
  g_autofree char *allowed = NULL;

  g_value_init (value, param->value_type);
  if (!is_path (param) && !g_utf8_validate (text, -1, NULL))
    return fail (param->name, text, _ ("valid UTF-8"), error);
  if (parse_value (param, text, value))
    return TRUE;
  allowed = pd_request_allowed (param);
  return fail (param->name, text, allowed, error);
}

static gboolean
set_size (PdRequest *self, const char *text, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_auto (GStrv) parts = g_regex_split_simple ("\\s*[xX×]\\s*", valid, 0, 0);
  g_auto (GValue) width = G_VALUE_INIT;
  g_auto (GValue) height = G_VALUE_INIT;

  if (g_strv_length (parts) != 2)
    return fail ("size", text, _ ("WIDTHxHEIGHT in pixels such as 768x512"), error);
  if (!parse (pd_request_param ("width"), parts[0], &width, error) ||
      !parse (pd_request_param ("height"), parts[1], &height, error))
    {
      g_prefix_error (error, "size: ");
      return FALSE;
    }
  g_object_set_property (G_OBJECT (self), "width", &width);
  g_object_set_property (G_OBJECT (self), "height", &height);
  return TRUE;
}

gboolean
pd_request_set_text (PdRequest *self, const char *name, const char *text, GError **error)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GParamSpec *param;

  if (g_str_equal (name, "size"))
    return set_size (self, text, error);
  param = pd_request_param (name);
  if (param == NULL)
    return pd_request_fail_unknown (name, 0, error);
  if (!parse (param, text, &value, error))
    return FALSE;
  g_object_set_property (G_OBJECT (self), param->name, &value);
  return TRUE;
}

static char *
value_to_text (const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_STRING:
      return g_value_dup_string (value);
    case G_TYPE_ENUM:
      return g_strdup (pd_request_nick (G_VALUE_TYPE (value), g_value_get_enum (value)));
    case G_TYPE_BOOLEAN:
      return g_strdup (g_value_get_boolean (value) ? "yes" : "no");
    case G_TYPE_UINT:
      return g_strdup_printf ("%u", g_value_get_uint (value));
    case G_TYPE_INT64:
      return g_strdup_printf ("%" G_GINT64_FORMAT, g_value_get_int64 (value));
    case G_TYPE_UINT64:
      return g_strdup_printf ("%" G_GUINT64_FORMAT, g_value_get_uint64 (value));
    case G_TYPE_DOUBLE:
      return number_to_text (g_value_get_double (value));
    default:
      g_return_val_if_reached (NULL);
    }
}

char *
pd_request_get_text (PdRequest *self, const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_object_get_property (G_OBJECT (self), name, &value);
  return value_to_text (&value);
}

char *
pd_request_to_json (PdRequest *self, guint except)
{
  g_autoptr (JsonNode) node = json_gobject_serialize (G_OBJECT (self));
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n_params);
  for (guint i = 0; i < n_params; i++)
    if (params[i]->flags & except)
      json_object_remove_member (json_node_get_object (node), params[i]->name);
  return json_to_string (node, FALSE);
}

/* Text of a JSON value, for pd_request_set_text(); NULL if it is an array or an object. */
static char *
member_to_text (GParamSpec *param, JsonNode *node)
{
  if (JSON_NODE_HOLDS_NULL (node))
    return value_to_text (g_param_spec_get_default_value (param));
  if (!JSON_NODE_HOLDS_VALUE (node))
    return NULL;
  switch (json_node_get_value_type (node))
    {
    case G_TYPE_STRING:
      return json_node_dup_string (node);
    case G_TYPE_BOOLEAN:
      return g_strdup (json_node_get_boolean (node) ? "yes" : "no");
    case G_TYPE_INT64:
      return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
    default:
      return number_to_text (json_node_get_double (node));
    }
}

static gboolean
set_member (PdRequest *self, const char *name, JsonNode *node, guint except, GError **error)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autofree char *text = NULL;
  GParamSpec *param = pd_request_param (name);

  if (param == NULL)
    return pd_request_fail_unknown (name, PD_REQUEST_PARAM_FILE, error);
  text = member_to_text (param, node);
  if (text == NULL)
    return fail (name, json_node_type_name (node), _ ("a single value"), error);
  if (!parse (param, text, &value, error))
    return FALSE;
  if (!(param->flags & except))
    g_object_set_property (G_OBJECT (self), param->name, &value);
  return TRUE;
}

gboolean
pd_request_set_json (PdRequest *self, const char *json, guint except, GError **error)
{
  g_autoptr (PdRequest) changed = pd_request_copy (self);
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) cause = NULL;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  root = pd_json_parse (json, strlen (json), _ ("parameters"), &cause);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                           cause != NULL
                               ? cause->message
                               : _ ("parameters: not a JSON object such as {\"steps\": 30}"));
      return FALSE;
    }
  json_object_iter_init (&iter, json_node_get_object (root));
  while (json_object_iter_next (&iter, &name, &node))
    if (!set_member (changed, name, node, except, error))
      return FALSE;
  pd_request_assign (self, changed);
  return TRUE;
}
