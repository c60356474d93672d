// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json-glib/json-glib.h>

/* Parses strict JSON from an untrusted source: valid UTF-8, no comments, no duplicate keys; depth
 * and number of values and keys are bounded, for large files there is json-scan.h. Python's
 * Infinity, as some schedulers' files have it, reads as null, and a whole number beyond 64 bits
 * with a sign as a string of its digits. @name (a path) begins every message. Fails with
 * PD_ERROR_BAD_MODEL. */
JsonNode *pd_json_parse (const char *data, gsize length, const char *name, GError **error);

/* The same for a file of at most @max_bytes; its root must be an object. */
JsonNode *pd_json_load_object (const char *path, gsize max_bytes, GError **error);

/* Reads the members of one object. The first failure is kept in `error` (PD_ERROR_BAD_MODEL, naming
 * file, key, value and what was expected); after it every call returns its fallback, so a caller
 * checks once, at the end. A member that is absent or null gives the fallback. */
typedef struct
{
  const char *name; /* for messages; not owned */
  JsonObject *object;
  GError *error;
} PdJsonReader;

/* Absent or null. */
gboolean pd_json_reader_is_null (PdJsonReader *self, const char *key);

gint64
pd_json_reader_int (PdJsonReader *self, const char *key, gint64 fallback, gint64 min, gint64 max);
double pd_json_reader_double (
    PdJsonReader *self, const char *key, double fallback, double min, double max);
gboolean pd_json_reader_bool (PdJsonReader *self, const char *key, gboolean fallback);

/* NULL or a string owned by the object. */
const char *pd_json_reader_string (PdJsonReader *self, const char *key);

/* The index in @choices (NULL-terminated) of the string at @key. */
guint pd_json_reader_choice (PdJsonReader *self,
                             const char *key,
                             guint fallback,
                             const char *const *choices);

/* A list of 1 … @max_length numbers in [min, max]. Returns its length; 0 if absent. */
guint pd_json_reader_ints (
    PdJsonReader *self, const char *key, int *out, guint max_length, gint64 min, gint64 max);

/* Like pd_json_reader_ints, but the list must have @length entries, and a single number stands for
 * @length equal ones. If absent, @out is left alone and FALSE returned. */
gboolean pd_json_reader_ints_exact (
    PdJsonReader *self, const char *key, int *out, guint length, gint64 min, gint64 max);

/* Like pd_json_reader_ints for strings; entries of @out are owned by the object. */
guint
pd_json_reader_strings (PdJsonReader *self, const char *key, const char **out, guint max_length);

/* Records a failure unless there is one already. */
void pd_json_reader_fail (PdJsonReader *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* TRUE if nothing failed; otherwise moves the failure to @error. */
gboolean pd_json_reader_finish (PdJsonReader *self, GError **error);
