// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Byte-pair encoding of single words in CLIP's form: each byte is written as a printable character,
 * the last one carries the mark </w>, and neighbours are merged in the order of the merge list
 * (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909). Immutable. */
typedef struct _PdBpe PdBpe;

/* @vocabulary: token -> id (GINT_TO_POINTER). @merges: one merge a line, most important first,
 * after an optional line "#version…". @name begins the messages. Fails with PD_ERROR_BAD_MODEL. */
PdBpe *pd_bpe_new (GHashTable *vocabulary, const char *merges, const char *name, GError **error);

void pd_bpe_free (PdBpe *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBpe, pd_bpe_free)

/* Appends the ids (gint32) of a word of @length ≥ 1 bytes to @ids. O(length · log (length)). */
void pd_bpe_encode (const PdBpe *self, const char *word, gsize length, GArray *ids);

/* The vocabulary that OpenAI builds from a merge list: byte symbols, the same with </w>, merged
 * tokens, start and end of text. */
GHashTable *pd_bpe_vocabulary_from_merges (const char *merges);
