// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Reads strict JSON token by token: nothing is built, the depth is bounded, and the time is that of
 * reading the text once. Python's Infinity and -Infinity are literals as well. */

enum
{
  PD_JSON_MAX_DEPTH = 32 /* model files nest four levels at most */
};

typedef enum
{
  PD_JSON_TOKEN_END,   /* after the one value that a text holds */
  PD_JSON_TOKEN_ERROR, /* see reason; it comes again */
  PD_JSON_TOKEN_OBJECT,
  PD_JSON_TOKEN_OBJECT_END,
  PD_JSON_TOKEN_ARRAY,
  PD_JSON_TOKEN_ARRAY_END,
  PD_JSON_TOKEN_KEY,
  PD_JSON_TOKEN_STRING,
  PD_JSON_TOKEN_NUMBER,
  PD_JSON_TOKEN_LITERAL, /* true, false, null, Infinity, -Infinity */
} PdJsonToken;

typedef struct
{
  const char *text; /* of the last token, of a key or string without its quotation marks */
  gsize length;
  const char *reason; /* for the error, translated */
  gsize offence;      /* and its place, in bytes */
  guint depth;        /* of open objects and arrays */

  /* private */
  const char *start, *at, *end;
  guint state;
  guint32 objects; /* bit per level: an object, not an array */
} PdJsonScan;

/* @data: @length bytes, borrowed. Fails with PD_ERROR_BAD_MODEL if they are not UTF-8; @name begins
 * the message. */
gboolean pd_json_scan_init (
    PdJsonScan *self, const char *data, gsize length, const char *name, GError **error);

PdJsonToken pd_json_scan_next (PdJsonScan *self);

/* Passes over the value whose first token was @token. FALSE after an error. */
gboolean pd_json_scan_skip (PdJsonScan *self, PdJsonToken token);

/* The last token, a key or string, with its escapes replaced. Free with g_free. */
char *pd_json_scan_string (const PdJsonScan *self);

/* Whether the last token, a key or string, is @text. */
gboolean pd_json_scan_is (const PdJsonScan *self, const char *text);

/* The last token if it is a whole number from 0 to G_MAXINT64 without point and exponent. */
gboolean pd_json_scan_count (const PdJsonScan *self, PdJsonToken token, gint64 *out);

/* Sets PD_ERROR_BAD_MODEL, "@name: not valid JSON: …"; always FALSE. */
gboolean pd_json_scan_fail (const PdJsonScan *self, const char *name, GError **error);
