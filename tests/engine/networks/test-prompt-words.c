// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/prompt-words.h"

#include <string.h>

/* Which words a prompt has, and what is left without some. */

static PdTokenizer *tokenizer;

static PdPromptWords *
words_of (const char *prompt, guint chunks)
{
  g_autoptr (GError) error = NULL;
  PdPromptWords *words =
      pd_prompt_words_new (tokenizer, prompt, chunks * PD_TOKENIZER_CHUNK, &error);

  g_assert_no_error (error);
  return words;
}

static void
test_words (void)
{
  g_autoptr (PdPromptWords) words = words_of (" A  cat's tail, by the LIGHTHOUSE - 8k", 1);
  static const char *const expected[] = { "a", "cat's", "tail,", "by", "the", "lighthouse", "8k" };
  /* The start; a, cat, 's, tail, comma, by, the, lighthouse, -, 8, k; the end. */
  static const gint of_token[] = { -1, 0, 1, 1, 2, 2, 3, 4, 5, -1, 6, 6, -1 };
  gboolean kept[] = { TRUE, FALSE, FALSE, TRUE, TRUE, TRUE, FALSE };
  g_autofree char *without = NULL, *whole = NULL;

  g_assert_cmpuint (words->n, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < words->n; i++)
    {
      g_autofree char *word = pd_prompt_words_get (words, i);

      g_assert_cmpstr (word, ==, expected[i]);
    }
  for (guint i = 0; i < words->n_tokens; i++)
    g_assert_cmpint (words->of_token[i], ==, i < G_N_ELEMENTS (of_token) ? of_token[i] : -1);
  without = pd_prompt_words_keep (words, kept);
  g_assert_cmpstr (without, ==, " a    by the lighthouse - ");
  for (guint i = 0; i < words->n; i++)
    kept[i] = TRUE;
  whole = pd_prompt_words_keep (words, kept);
  g_assert_cmpstr (whole, ==, words->text);
}

/* The tokens of a long prompt are in chunks with a start and an end each. */
static void
test_chunks (void)
{
  g_autoptr (GString) prompt = g_string_new (NULL);
  g_autoptr (PdPromptWords) words = NULL, cut = NULL;

  for (guint i = 0; i < 80; i++)
    g_string_append (prompt, "cat ");
  words = words_of (prompt->str, 2);
  g_assert_cmpuint (words->n, ==, 80);
  for (guint i = 0; i < words->n_tokens; i++)
    {
      const guint chunk = i / PD_TOKENIZER_CHUNK, at = i % PD_TOKENIZER_CHUNK;
      const guint word = chunk * (PD_TOKENIZER_CHUNK - 2) + at - 1;
      const gboolean is_word = at > 0 && at < PD_TOKENIZER_CHUNK - 1 && word < 80;

      g_assert_cmpint (words->of_token[i], ==, is_word ? (gint) word : -1);
    }
  cut = words_of (prompt->str, 1); /* a condition of other shape, as plans have */
  g_assert_cmpuint (cut->n_tokens, ==, PD_TOKENIZER_CHUNK);
}

static void
test_nothing (void)
{
  static const char *const prompts[] = { "", " ", "... !?", "-" };

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      g_autoptr (PdPromptWords) words = words_of (prompts[i], 1);
      g_autofree char *all = pd_prompt_words_keep (words, NULL);

      g_assert_cmpuint (words->n, ==, 0);
      g_assert_cmpstr (all, ==, prompts[i]);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  tokenizer = pd_tokenizer_new_clip (&error);
  g_assert_no_error (error);
  g_test_add_func ("/prompt-words/words", test_words);
  g_test_add_func ("/prompt-words/chunks", test_chunks);
  g_test_add_func ("/prompt-words/nothing", test_nothing);
  status = g_test_run ();
  pd_tokenizer_free (tokenizer);
  return status;
}
