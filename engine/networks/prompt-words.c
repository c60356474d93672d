// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/prompt-words.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* Whether it is more than punctuation. */
static gboolean
says_something (const char *text, const PdTokenizerWord *word)
{
  const char *end = text + word->start + word->length;

  for (const char *at = text + word->start; at < end; at = g_utf8_next_char (at))
    if (g_unichar_isalnum (g_utf8_get_char (at)))
      return TRUE;
  return FALSE;
}

/* Where token @token of a prompt stands in its condition: every chunk has a token that starts it
 * and one that ends it. */
static guint
place_of (guint token)
{
  const guint room = PD_TOKENIZER_CHUNK - 2;

  return token / room * PD_TOKENIZER_CHUNK + 1 + token % room;
}

PdPromptWords *
pd_prompt_words_new (const PdTokenizer *tokenizer,
                     const char *prompt,
                     guint n_tokens,
                     GError **error)
{
  g_autoptr (PdPromptWords) self = g_new0 (PdPromptWords, 1);
  g_autoptr (GArray) found = pd_tokenizer_find_words (tokenizer, prompt, &self->text, error);

  if (found == NULL ||
      (self->of_token = pd_try_new (gint, n_tokens, _ ("the prompt"), error)) == NULL)
    return NULL;
  self->words = g_array_new (FALSE, FALSE, sizeof (PdTokenizerWord));
  self->n_tokens = n_tokens;
  for (guint i = 0; i < n_tokens; i++)
    self->of_token[i] = -1;
  for (guint i = 0; i < found->len; i++)
    {
      const PdTokenizerWord *word = &g_array_index (found, PdTokenizerWord, i);

      if (!says_something (self->text, word))
        continue;
      for (guint t = word->first; t < word->first + word->n; t++)
        if (place_of (t) < n_tokens)
          self->of_token[place_of (t)] = (gint) self->n;
      g_array_append_val (self->words, *word);
      self->n++;
    }
  return g_steal_pointer (&self);
}

void
pd_prompt_words_free (PdPromptWords *self)
{
  if (self == NULL)
    return;
  g_free (self->of_token);
  g_free (self->text);
  g_clear_pointer (&self->words, g_array_unref);
  g_free (self);
}

char *
pd_prompt_words_get (const PdPromptWords *self, guint word)
{
  const PdTokenizerWord *place = &g_array_index (self->words, PdTokenizerWord, word);

  return g_strndup (self->text + place->start, place->length);
}

char *
pd_prompt_words_keep (const PdPromptWords *self, const gboolean *kept)
{
  GString *text = g_string_new (NULL);
  gsize at = 0;

  for (guint word = 0; word < self->n; word++)
    {
      const PdTokenizerWord *place = &g_array_index (self->words, PdTokenizerWord, word);

      if (kept[word])
        continue;
      g_string_append_len (text, self->text + at, (gssize) (place->start - at));
      at = place->start + place->length;
    }
  g_string_append (text, self->text + at);
  return g_string_free (text, FALSE);
}
