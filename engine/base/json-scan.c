// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/json-scan.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"

/* What may come next. */
enum
{
  STATE_VALUE,
  STATE_FIRST_VALUE, /* or the end of the array */
  STATE_KEY,
  STATE_FIRST_KEY, /* or the end of the object */
  STATE_AFTER,     /* a value */
  STATE_FAILED,
};

gboolean
pd_json_scan_init (
    PdJsonScan *self, const char *data, gsize length, const char *name, GError **error)
{
  const char *start = data != NULL ? data : "", *invalid;
  *self = (PdJsonScan){ .text = start, .start = start, .at = start, .end = start + length };
  if (g_utf8_validate_len (start, length, &invalid))
    return TRUE;
  pd_error_set_bad_model (error, _ ("%s: not valid UTF-8 at byte %zu of the JSON"), name,
                          (gsize) (invalid - start));
  return FALSE;
}

static PdJsonToken
fail (PdJsonScan *self, const char *reason)
{
  self->reason = reason;
  self->offence = (gsize) (self->at - self->start);
  self->state = STATE_FAILED;
  return PD_JSON_TOKEN_ERROR;
}

static PdJsonToken
fail_syntax (PdJsonScan *self)
{
  return fail (self, _ ("a syntax error"));
}

/* The value of four hexadecimal digits at @at, or -1. */
static int
hex4 (const char *at, const char *end)
{
  int value = 0;
  if (end - at < 4)
    return -1;
  for (int i = 0; i < 4; i++)
    {
      if (!g_ascii_isxdigit (at[i]))
        return -1;
      value = value * 16 + g_ascii_xdigit_value (at[i]);
    }
  return value;
}

/* The character that \u at @at (after the u) stands for, by one or two units, and *after what
 * follows; 0: none that may be there. */
static gunichar
read_unit (const char *at, const char *end, const char **after)
{
  int unit = hex4 (at, end), low;
  if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
    return 0;
  *after = at + 4;
  if (unit < 0xd800 || unit > 0xdbff)
    return (gunichar) unit;
  if (end - at < 6 || at[4] != '\\' || at[5] != 'u')
    return 0;
  low = hex4 (at + 6, end);
  *after = at + 10;
  return low >= 0xdc00 && low <= 0xdfff
             ? 0x10000 + (gunichar) (unit - 0xd800) * 0x400 + (gunichar) (low - 0xdc00)
             : 0;
}

/* The end of the string that begins at @at (a quotation mark), or NULL. */
static const char *
skip_string (const char *at, const char *end)
{
  at++;
  while (at < end)
    {
      if (*at == '"')
        return at + 1;
      if ((guchar) *at < 0x20)
        return NULL;
      if (*at++ != '\\')
        continue;
      if (at == end || *at == '\0' || strchr ("\"\\/bfnrtu", *at) == NULL)
        return NULL;
      if (*at++ == 'u' && read_unit (at, end, &at) == 0)
        return NULL;
    }
  return NULL;
}

static const char *
skip_digits (const char *at, const char *end)
{
  while (at < end && g_ascii_isdigit (*at))
    at++;
  return at;
}

/* The end of the number at @at, or NULL. */
static const char *
skip_number (const char *at, const char *end)
{
  const char *digits;
  at += *at == '-';
  digits = at;
  at = skip_digits (at, end);
  if (at == digits || (*digits == '0' && at > digits + 1))
    return NULL;
  if (at < end && *at == '.')
    {
      digits = ++at;
      at = skip_digits (at, end);
      if (at == digits)
        return NULL;
    }
  if (at < end && (*at == 'e' || *at == 'E'))
    {
      at++;
      at += at < end && (*at == '+' || *at == '-');
      digits = at;
      at = skip_digits (at, end);
      if (at == digits)
        return NULL;
    }
  return at;
}

/* The end of the literal at @at, or NULL. */
static const char *
skip_literal (const char *at, const char *end)
{
  static const char *const words[] = { "true", "false", "null", "Infinity", "-Infinity" };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize length = strlen (words[i]);
      if ((gsize) (end - at) >= length && memcmp (at, words[i], length) == 0)
        return at + length;
    }
  return NULL;
}

static PdJsonToken
open_level (PdJsonScan *self, gboolean is_object)
{
  if (self->depth == PD_JSON_MAX_DEPTH)
    return fail (self, _ ("nested too deeply"));
  self->objects &= ~(1u << self->depth);
  self->objects |= (guint32) is_object << self->depth;
  self->depth++;
  self->at++;
  self->state = is_object ? STATE_FIRST_KEY : STATE_FIRST_VALUE;
  return is_object ? PD_JSON_TOKEN_OBJECT : PD_JSON_TOKEN_ARRAY;
}

static gboolean
in_object (const PdJsonScan *self)
{
  return self->depth > 0 && (self->objects >> (self->depth - 1) & 1) != 0;
}

static PdJsonToken
close_level (PdJsonScan *self)
{
  gboolean was_object = in_object (self);
  self->depth--;
  self->at++;
  self->state = STATE_AFTER;
  return was_object ? PD_JSON_TOKEN_OBJECT_END : PD_JSON_TOKEN_ARRAY_END;
}

static void
skip_space (PdJsonScan *self)
{
  while (self->at < self->end && *self->at != '\0' && strchr (" \t\r\n", *self->at) != NULL)
    self->at++;
}

static PdJsonToken
read_string (PdJsonScan *self, PdJsonToken token)
{
  const char *after = skip_string (self->at, self->end);
  if (after == NULL)
    return fail_syntax (self);
  self->text = self->at + 1;
  self->length = (gsize) (after - self->text - 1);
  self->at = after;
  self->state = STATE_AFTER;
  return token;
}

static PdJsonToken
read_value (PdJsonScan *self)
{
  const char *after;
  PdJsonToken token = PD_JSON_TOKEN_LITERAL;
  if (*self->at == '{' || *self->at == '[')
    return open_level (self, *self->at == '{');
  if (*self->at == '"')
    return read_string (self, PD_JSON_TOKEN_STRING);
  after = skip_literal (self->at, self->end);
  if (after == NULL && (*self->at == '-' || g_ascii_isdigit (*self->at)))
    {
      token = PD_JSON_TOKEN_NUMBER;
      after = skip_number (self->at, self->end);
    }
  if (after == NULL)
    return fail_syntax (self);
  self->text = self->at;
  self->length = (gsize) (after - self->at);
  self->at = after;
  self->state = STATE_AFTER;
  return token;
}

/* A key and the colon after it. */
static PdJsonToken
read_key (PdJsonScan *self)
{
  if (*self->at != '"' || read_string (self, PD_JSON_TOKEN_KEY) == PD_JSON_TOKEN_ERROR)
    return fail_syntax (self);
  skip_space (self);
  if (self->at == self->end || *self->at != ':')
    return fail_syntax (self);
  self->at++;
  self->state = STATE_VALUE;
  return PD_JSON_TOKEN_KEY;
}

PdJsonToken
pd_json_scan_next (PdJsonScan *self)
{
  if (self->state == STATE_FAILED)
    return PD_JSON_TOKEN_ERROR;
  skip_space (self);
  if (self->state == STATE_AFTER && self->depth == 0)
    return self->at == self->end ? PD_JSON_TOKEN_END : fail_syntax (self);
  if (self->at == self->end)
    return fail (self, self->state == STATE_VALUE && self->depth == 0 ? _ ("it is empty")
                                                                      : _ ("it ends too early"));
  if (self->state != STATE_VALUE && self->state != STATE_KEY &&
      *self->at == (in_object (self) ? '}' : ']'))
    return close_level (self);
  if (self->state == STATE_AFTER)
    {
      if (*self->at != ',')
        return fail_syntax (self);
      self->at++;
      self->state = in_object (self) ? STATE_KEY : STATE_VALUE;
      return pd_json_scan_next (self);
    }
  return self->state == STATE_KEY || self->state == STATE_FIRST_KEY ? read_key (self)
                                                                    : read_value (self);
}

gboolean
pd_json_scan_skip (PdJsonScan *self, PdJsonToken token)
{
  guint outside = self->depth;
  if (token != PD_JSON_TOKEN_OBJECT && token != PD_JSON_TOKEN_ARRAY)
    return token != PD_JSON_TOKEN_ERROR;
  while (self->depth >= outside)
    if (pd_json_scan_next (self) == PD_JSON_TOKEN_ERROR)
      return FALSE;
  return TRUE;
}

char *
pd_json_scan_string (const PdJsonScan *self)
{
  static const char escapes[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
  const char *at = self->text, *end = self->text + self->length;
  char *result = g_malloc (self->length + 1), *out = result;
  while (at < end)
    {
      if (*at != '\\')
        *out++ = *at++;
      else if (at[1] == 'u')
        out += g_unichar_to_utf8 (read_unit (at + 2, end, &at), out);
      else
        {
          *out++ = characters[strchr (escapes, at[1]) - escapes];
          at += 2;
        }
    }
  *out = '\0';
  return result;
}

gboolean
pd_json_scan_is (const PdJsonScan *self, const char *text)
{
  if (memchr (self->text, '\\', self->length) == NULL)
    return strlen (text) == self->length && memcmp (self->text, text, self->length) == 0;
  g_autofree char *string = pd_json_scan_string (self);
  return g_str_equal (string, text);
}

gboolean
pd_json_scan_count (const PdJsonScan *self, PdJsonToken token, gint64 *out)
{
  guint64 value = 0;
  if (token != PD_JSON_TOKEN_NUMBER)
    return FALSE;
  for (gsize i = 0; i < self->length; i++)
    if (!g_ascii_isdigit (self->text[i]) || !g_uint64_checked_mul (&value, value, 10) ||
        !g_uint64_checked_add (&value, value, (guint64) g_ascii_digit_value (self->text[i])))
      return FALSE;
  *out = (gint64) value;
  return value <= G_MAXINT64;
}

gboolean
pd_json_scan_fail (const PdJsonScan *self, const char *name, GError **error)
{
  pd_error_set_bad_model (error, _ ("%s: not valid JSON: %s at byte %zu"), name, self->reason,
                          self->offence);
  return FALSE;
}
