// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/model/bpe.h"
#include "engine/model/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model-fixture.h"

/* Fuzzes prompts on CLIP's vocabulary, then each of the tokenizer's files beside the others intact.
 */

static const char *const PROMPT_PIECES[] = {
  "'s",
  "'ll",
  " ",
  "\t",
  "\xe2\x80\x83",
  "\xc2\x85",
  "\xcc\x81",
  "e\xcc\x81",
  "\xc4\xb0",
  "\xef\xb7\xba",
  "<|startoftext|>",
  "<|endoftext|>",
  "<|",
  "|>",
  "\xf0\x9f\x91\xa8\xe2\x80\x8d",
  "\xe7\x8c\xab",
  "\xed\xa0\x80",
  "\xf4\x90\x80\x80",
  "\xc0\x80",
  "\xff",
  "0123",
  "aaaaaaaaaaaaaaaa",
  "\xe2\x85\xab",
  NULL,
};

static const char *const FILE_PIECES[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\"",
  " ",
  "\n",
  "\r\n",
  "#version",
  "</w>",
  "-1",
  "999999",
  "1000001",
  "null",
  "\"bos_token\"",
  "\"pad_token\"",
  "\"content\"",
  "\\u0021",
  "i n\n",
  "a b c\n",
  "ab",
  NULL,
};

static void
check_ids (const PdTokenizer *tokenizer, const char *text)
{
  g_autoptr (GError) error = NULL;
  guint n_chunks = 0;
  g_autofree gint32 *ids = pd_tokenizer_encode_chunks (tokenizer, text, &n_chunks, &error);
  pd_fuzz_check (ids != NULL, error);
  g_assert_true ((ids != NULL) == g_utf8_validate (text, -1, NULL));
  for (guint i = 0; ids != NULL && i < n_chunks; i++)
    {
      const gint32 *chunk = ids + i * PD_TOKENIZER_CHUNK;
      g_assert_cmpint (chunk[0], ==, pd_tokenizer_get_start (tokenizer));
      for (guint j = 0; j < PD_TOKENIZER_CHUNK; j++)
        g_assert_true (chunk[j] >= 0 && chunk[j] < pd_tokenizer_get_size (tokenizer));
    }
}

static void
run_prompt (const char *path, gpointer data)
{
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL)); /* ends at the first zero byte */
  check_ids (data, text);
}

/* @data: the other files, which are copied beside the input once. */
static void
run_folder (const char *path, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (path);
  GHashTableIter iter;
  gpointer name, content;
  g_hash_table_iter_init (&iter, data);
  while (g_hash_table_iter_next (&iter, &name, &content))
    {
      g_autofree char *other = g_build_filename (folder, name, NULL);
      if (!g_file_test (other, G_FILE_TEST_EXISTS))
        g_free (pd_fixture_write (folder, name, content, -1));
    }
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_from_folder (folder, &error);
  pd_fuzz_check (tokenizer != NULL, error);
  if (tokenizer != NULL)
    check_ids (tokenizer, "the thing in a hat, it's 3 \xe7\x8c\xab");
}

static char *
make_vocabulary (const char *merges)
{
  g_autoptr (GHashTable) vocabulary = pd_bpe_vocabulary_from_merges (merges);
  GString *json = g_string_new ("{");
  GHashTableIter iter;
  gpointer token, id;
  g_hash_table_iter_init (&iter, vocabulary);
  while (g_hash_table_iter_next (&iter, &token, &id))
    {
      g_string_append (json, json->len > 1 ? ",\"" : "\"");
      if (strchr ("\"\\", *(char *) token) != NULL)
        g_string_append_c (json, '\\');
      g_string_append_printf (json, "%s\":%d", (char *) token, GPOINTER_TO_INT (id));
    }
  g_string_append_c (json, '}');
  return g_string_free (json, FALSE);
}

static void
fuzz_text (const char *name,
           const char *const *texts,
           guint n_texts,
           const char *const *pieces,
           void (*run) (const char *, gpointer),
           gpointer data)
{
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  for (guint i = 0; i < n_texts; i++)
    g_ptr_array_add (seeds, g_bytes_new (texts[i], strlen (texts[i])));
  PdFuzz fuzz = {
    .name = name,
    .seeds = (const GBytes *const *) seeds->pdata,
    .n_seeds = seeds->len,
    .pieces = pieces,
    .run = run,
    .data = data,
    .file_name = name,
  };
  pd_fuzz_run (&fuzz, 0.5);
}

int
main (void)
{
  static const char *const prompts[] = { "", "a photo of a cat, it's 4k",
                                         "Stra\xc3\x9f"
                                         "e \xe7\x8c\xab \xf0\x9f\x90\xb1 <|endoftext|> 'd" };
  static const char merges[] = "#version: 0.2\ni n\nt h\nth e</w>\nin g</w>\na t</w>\n";
  static const char specials[] = "{\"bos_token\":\"<|startoftext|>\",\"eos_token\":{\"content\":"
                                 "\"<|endoftext|>\"},\"pad_token\":\"!\"}";
  g_autofree char *vocabulary = make_vocabulary (merges);
  const struct
  {
    const char *name, *content;
  } files[] = { { "vocab.json", vocabulary },
                { "merges.txt", merges },
                { "special_tokens_map.json", specials } };

  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) clip = pd_tokenizer_new_clip (&error);
  g_assert_no_error (error);
  g_print ("TAP version 13\n");
  fuzz_text ("prompt", prompts, G_N_ELEMENTS (prompts), PROMPT_PIECES, run_prompt, clip);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GHashTable) others = g_hash_table_new (g_str_hash, g_str_equal);
      for (guint j = 0; j < G_N_ELEMENTS (files); j++)
        if (j != i)
          g_hash_table_insert (others, (gpointer) files[j].name, (gpointer) files[j].content);
      fuzz_text (files[i].name, &files[i].content, 1, FILE_PIECES, run_folder, others);
    }
  g_print ("1..1\nok 1 fuzz-tokenizer\n");
  return 0;
}
