// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gstdio.h>
#include <string.h>

#include "engine/files/bpe.h"
#include "engine/files/tokenizer.h"
#include "tests/fuzz/fuzz.h"

/* The files of a tokenizer's folder, and prompts. The input begins with a byte, its Mode; the rest
 * is divided by bytes of value 1 into vocabulary, merges, special tokens and prompt. */
typedef enum
{
  MORE_VOCABULARY,  /* added to that of the merges "i n", "t h", "th e" */
  WHOLE_VOCABULARY, /* the file is the first field alone */
  ONE_FILE,         /* the first field is tokenizer.json */
  CLIP,             /* only a prompt, in the vocabulary of CLIP */
  N_MODES,
} Mode;

enum
{
  VOCABULARY,
  MERGES,
  SPECIALS,
  PROMPT,
  N_FIELDS,
};

static const char *const words[] = {
  "\x01",
  "</w>",
  "\xc4\xa0",
  "{\"id\":5,\"content\":\"<|x|>\"}",
  "\"added_tokens\":",
  "\"type\":\"BPE\"",
  "\"unk_token\":",
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
  "'s",
  "'ll",
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

static const char merges[] = "#version: 0.2\ni n\nt h\nth e</w>\n";

/* An object of the tokens, without its end. */
static char *
make_vocabulary (void)
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
  return g_string_free (json, FALSE);
}

static void
add_seeds (GPtrArray *seeds)
{
  static const char specials[] = "{\"bos_token\":\"<|startoftext|>\",\"eos_token\":{\"content\":"
                                 "\"<|endoftext|>\"},\"pad_token\":\"!\"}";
  static const char *const prompts[] = {
    "", "a photo of a cat, it's 4k", "Stra\u00dfe \xe7\x8c\xab \xf0\x9f\x90\xb1 <|endoftext|> 'd"
  };
  g_autofree char *vocabulary = make_vocabulary ();
  g_autofree char *more = g_strdup_printf ("\"zz\":900\1%s\1%s\1%s", merges, specials, prompts[1]);
  g_autofree char *whole = g_strdup_printf ("%s}\1%s\1\1%s", vocabulary, merges, prompts[2]);
  g_autofree char *one = g_strdup_printf (
      "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":513,\"content\":\"<|x|>\",\"special\":true}],"
      "\"model\":{\"type\":\"BPE\",\"vocab\":%s},\"merges\":[\"i n\",[\"t\",\"h\"],\"th "
      "e</w>\"]}}\1\1%s\1%s",
      vocabulary, specials, prompts[1]);

  pd_fuzz_add_seed (seeds, "\0", 1, more, -1);
  pd_fuzz_add_seed (seeds, "\1", 1, whole, -1);
  pd_fuzz_add_seed (seeds, "\1", 1, "{\"a\":1}\1\1\1x", -1);
  pd_fuzz_add_seed (seeds, "\2", 1, one, -1);
  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    pd_fuzz_add_seed (seeds, "\3", 1, prompts[i], -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

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

/* CLIP's vocabulary, which is read once. */
static const PdTokenizer *
get_clip (void)
{
  static PdTokenizer *clip;
  g_autoptr (GError) error = NULL;

  if (clip == NULL)
    clip = pd_tokenizer_new_clip (&error);
  g_assert_no_error (error);
  return clip;
}

static void
write_files (Mode mode, const char *const *fields)
{
  static char *base;
  static const char *const none[] = { "vocab.json", "merges.txt", "tokenizer.json" };
  g_autofree char *more = NULL;

  if (base == NULL)
    base = make_vocabulary ();
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_autofree char *path = g_build_filename (pd_fuzz_folder (), none[i], NULL);

      g_unlink (path);
    }
  more = g_strconcat (base, *fields[VOCABULARY] != '\0' ? "," : "", fields[VOCABULARY], "}", NULL);
  if (mode == ONE_FILE)
    pd_fuzz_write ("tokenizer.json", fields[VOCABULARY], strlen (fields[VOCABULARY]));
  else
    {
      const char *vocabulary = mode == MORE_VOCABULARY ? more : fields[VOCABULARY];

      pd_fuzz_write ("vocab.json", vocabulary, strlen (vocabulary));
      pd_fuzz_write ("merges.txt", fields[MERGES], strlen (fields[MERGES]));
    }
  if (*fields[SPECIALS] == '\0')
    pd_fuzz_write ("special_tokens_map.json", "{}", 2);
  else
    pd_fuzz_write ("special_tokens_map.json", fields[SPECIALS], strlen (fields[SPECIALS]));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = size > 0 ? g_strndup ((const char *) data + 1, size - 1) : NULL;
  g_auto (GStrv) parts = NULL;
  const char *fields[N_FIELDS] = { "", "", "", "" };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = NULL;

  if (size == 0)
    return 0;
  if (data[0] % N_MODES == CLIP)
    {
      check_ids (get_clip (), text);
      return 0;
    }
  parts = g_strsplit (text, "\1", N_FIELDS);
  for (guint i = 0; parts[i] != NULL; i++)
    fields[i] = parts[i];
  write_files (data[0] % N_MODES, fields);
  tokenizer = pd_tokenizer_new_from_folder (pd_fuzz_folder (), &error);
  pd_fuzz_check_line (tokenizer != NULL, error);
  if (tokenizer == NULL)
    return 0;
  check_ids (tokenizer, "the thing in a hat, it's 3 \xe7\x8c\xab");
  check_ids (tokenizer, fields[PROMPT]);
  return 0;
}
