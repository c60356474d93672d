// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* CLIP's byte-level BPE. The text is normalised (NFC), runs of white space become one space, all is
 * lower case; words are contractions, runs of letters, single digits and runs of other characters;
 * each is encoded as bytes with an end-of-word mark, and pairs are merged by rank. As the fast
 * tokenizer of transformers does, which is OpenAI's
 * (https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py) without its HTML clean-up.
 * Immutable, so it may be used from any thread. */
typedef struct _PdTokenizer PdTokenizer;

enum
{
  PD_TOKENIZER_CHUNK = 77,       /* ids per chunk, with those that start and end it */
  PD_TOKENIZER_MOST_CHUNKS = 64, /* of a prompt: each is a run of the text encoder */
};

/* @folder holds vocab.json and merges.txt, or tokenizer.json, or none of them for CLIP's
 * vocabulary, and special_tokens_map.json or tokenizer_config.json for the token that pads. Fails
 * with PD_ERROR_BAD_MODEL. */
PdTokenizer *pd_tokenizer_new_from_folder (const char *folder, GError **error);

/* Whether @folder holds a vocabulary, or a part of one. */
gboolean pd_tokenizer_folder_has_vocabulary (const char *folder);

/* CLIP's public vocabulary of 49408 tokens, which is built in. */
PdTokenizer *pd_tokenizer_new_clip (GError **error);

void pd_tokenizer_free (PdTokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTokenizer, pd_tokenizer_free)

gint32 pd_tokenizer_get_start (const PdTokenizer *self);
gint32 pd_tokenizer_get_end (const PdTokenizer *self);
gint32 pd_tokenizer_get_pad (const PdTokenizer *self);
/* One more than the largest id. */
gint32 pd_tokenizer_get_size (const PdTokenizer *self);

/* The ids (gint32) of @text, without start, end and padding, of any number. Fails with
 * PD_ERROR_BAD_REQUEST if @text is not UTF-8. */
GArray *pd_tokenizer_encode (const PdTokenizer *self, const char *text, GError **error);

/* What stands between two white spaces of a text. */
typedef struct
{
  gsize start, length; /* bytes */
  guint first, n;      /* of its ids */
} PdTokenizerWord;

/* The words of @text as it is read, which *@normal becomes: NFC and lower case, with the same ids.
 * Returns: (transfer full) of PdTokenizerWord. Fails as pd_tokenizer_encode. */
GArray *
pd_tokenizer_find_words (const PdTokenizer *self, const char *text, char **normal, GError **error);

/* The ids of @text as *n_chunks ≥ 1 chunks of PD_TOKENIZER_CHUNK ids: start, up to 75 ids, end,
 * padding. An empty text gives one chunk. Free with g_free. PD_ERROR_BAD_REQUEST too if there were
 * more than PD_TOKENIZER_MOST_CHUNKS. */
gint32 *pd_tokenizer_encode_chunks (const PdTokenizer *self,
                                    const char *text,
                                    guint *n_chunks,
                                    GError **error);
