// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Structs as messages: a table names the members that are sent, so that the code that writes or
 * reads a message (JSON on standard output, the pipe to a plug-in) spells none of them. */

typedef enum
{
  PD_FIELD_UINT,    /* guint */
  PD_FIELD_UINT64,  /* guint64: a number up to 2^63 - 1, above that its decimal text */
  PD_FIELD_DOUBLE,  /* double, not negative; a negative one is not known and null in a message */
  PD_FIELD_BOOLEAN, /* gboolean */
  PD_FIELD_STRING,  /* const char *; NULL is left out, bytes that are no UTF-8 are replaced */
  PD_FIELD_PHASE,   /* PdPhase, by its nick */
} PdFieldType;

typedef struct
{
  const char *name; /* NULL: the end of a table */
  PdFieldType type;
  gsize offset; /* in the struct, bytes */
} PdField;

/* The row of a member of Struct, under its own name; TYPE is that of a PdFieldType. */
#define PD_FIELD(Struct, member, TYPE)                                                             \
  {                                                                                                \
#member, PD_FIELD_##TYPE, G_STRUCT_OFFSET(Struct, member)                                      \
  }

/* Adds the members of the struct @self to an a{sv} that is being built. */
void pd_fields_add (const PdField *fields, gconstpointer self, GVariantBuilder *builder);

/* Ends what has been built, an a{sv}. Returns: (transfer full) it as a line of JSON, fit for a
 * terminal. */
char *pd_fields_to_json (GVariantBuilder *builder);

/* Returns: (transfer floating) the struct @self as an a{sv}. */
GVariant *pd_fields_to_variant (const PdField *fields, gconstpointer self);

/* Sets the struct @self from an a{sv} as JSON gives it. A member that @dictionary lacks, or has
 * with another type, is 0, FALSE or NULL, a double negative, and a phase stays as it was. Strings
 * belong to
 * @dictionary. */
void pd_fields_read (const PdField *fields, GVariant *dictionary, gpointer self);

/* Reads the member @name of @dictionary, an av of such a{sv}; either may be missing.
 * Returns: (transfer full) structs of @size bytes; their strings belong to @dictionary. */
GArray *
pd_fields_read_list (const PdField *fields, gsize size, GVariant *dictionary, const char *name);
