// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a tokenizer.json tells. */
typedef struct
{
  GHashTable *vocabulary; /* token -> id, those of `added` too */
  GString *merges;        /* as merges.txt has them */
  GPtrArray *added;       /* tokens that are one wherever they stand in a text */
  char *pad;              /* the token that pads; NULL: not told */
} PdTokenizerTables;

void pd_tokenizer_tables_clear (PdTokenizerTables *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdTokenizerTables, pd_tokenizer_tables_clear)

/* Reads the file at @path, as the fast tokenizers of transformers write it, with merges as "a b" or
 * as ["a", "b"]. @self is to be cleared whatever happens. Fails with PD_ERROR_BAD_MODEL. */
gboolean pd_tokenizer_tables_load (PdTokenizerTables *self, const char *path, GError **error);
