// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/tokenizer.h"

/* A prompt as the words that could be left out of it: what stands between white spaces and has a
 * letter or a digit. Members are for reading. */
typedef struct
{
  guint n;
  gint *of_token; /* of every token of the prompt's condition: its word, or -1 */
  guint n_tokens;
  char *text;    /* the prompt as the tokenizer reads it */
  GArray *words; /* of PdTokenizerWord: places in text */
} PdPromptWords;

/* @n_tokens: of the condition, at least those of the prompt's chunks. Errors: those of
 * pd_tokenizer_find_words, PD_ERROR_OUT_OF_HOST_MEMORY. */
PdPromptWords *pd_prompt_words_new (const PdTokenizer *tokenizer,
                                    const char *prompt,
                                    guint n_tokens,
                                    GError **error);
void pd_prompt_words_free (PdPromptWords *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPromptWords, pd_prompt_words_free)

/* Returns: (transfer full) word @word. */
char *pd_prompt_words_get (const PdPromptWords *self, guint word);

/* The prompt without the words that are not in @kept ([n]). Returns: (transfer full). */
char *pd_prompt_words_keep (const PdPromptWords *self, const gboolean *kept);
