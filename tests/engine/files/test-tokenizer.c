// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/tokenizer.h"
#include "engine/files/words.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/files/safetensors.h"
#include "tests/fixtures/model-fixture.h"

static PdTokenizer *
open_golden (const char *model)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *relative = g_strdup_printf ("goldens/models/%s/tokenizer", model);
  g_autofree char *folder = pd_fixture_shared (relative);
  if (folder == NULL)
    return NULL;
  PdTokenizer *self = pd_tokenizer_new_from_folder (folder, &error);
  g_assert_no_error (error);
  return self;
}

/* @info may be NULL: an empty tensor. */
static void
assert_ids (
    const PdTensorInfo *info, const gint32 *ids, guint count, const char *what, guint prompt)
{
  g_assert_nonnull (info);
  g_assert_cmpuint (pd_tensor_info_count (info), ==, count);
  g_autofree float *expected = g_new (float, count + 1);
  g_assert_true (pd_tensor_info_to_f32 (info, expected, NULL));
  for (guint i = 0; i < count; i++)
    if (expected[i] != ids[i])
      g_error ("%s of prompt %u: id %u is %d, expected %g", what, prompt, i, ids[i], expected[i]);
}

static void
test_goldens (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) first = open_golden ("sd1");
  if (first == NULL)
    return;
  g_autoptr (PdTokenizer) second = open_golden ("sd2");
  g_autofree char *path = pd_fixture_shared ("goldens/data/tokenizer.safetensors");
  g_autofree char *prompts_path = pd_fixture_shared ("goldens/data/prompts.json");
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_autofree char *text = NULL;
  gsize length;
  g_file_get_contents (prompts_path, &text, &length, &error);
  g_assert_no_error (error);
  g_autoptr (JsonNode) root = pd_json_parse (text, length, "prompts.json", &error);
  g_assert_no_error (error);
  JsonArray *prompts = json_node_get_array (root);

  g_assert_cmpuint (json_array_get_length (prompts), >=, 14);
  for (guint i = 0; i < json_array_get_length (prompts); i++)
    {
      const char *prompt =
          json_object_get_string_member (json_array_get_object_element (prompts, i), "text");
      g_autofree char *raw_name = g_strdup_printf ("raw.%u", i);
      g_autofree char *ids_name = g_strdup_printf ("ids.%u", i);
      g_autofree char *pad0_name = g_strdup_printf ("ids_pad0.%u", i);
      guint n_chunks;
      g_autoptr (GArray) raw = pd_tokenizer_encode (first, prompt, &error);
      assert_ids (pd_safetensors_find (file, raw_name), (gint32 *) (gpointer) raw->data, raw->len,
                  "raw", i);
      /* The reference cuts off what the first chunk does not hold. */
      g_autofree gint32 *ids = pd_tokenizer_encode_chunks (first, prompt, &n_chunks, &error);
      g_assert_cmpuint (n_chunks, ==, MAX (1, (raw->len + 74) / 75));
      assert_ids (pd_safetensors_find (file, ids_name), ids, 77, "ids", i);
      g_autofree gint32 *pad0 = pd_tokenizer_encode_chunks (second, prompt, &n_chunks, &error);
      assert_ids (pd_safetensors_find (file, pad0_name), pad0, 77, "ids_pad0", i);
    }
}

static void
assert_encodes (const PdTokenizer *tokenizer, const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) ids = pd_tokenizer_encode (tokenizer, text, &error);
  g_assert_no_error (error);
  g_autoptr (GString) found = g_string_new (NULL);
  for (guint i = 0; i < ids->len; i++)
    g_string_append_printf (found, "%s%d", i > 0 ? " " : "", g_array_index (ids, gint32, i));
  g_assert_cmpstr (found->str, ==, expected);
}

/* Expected ids: computed from the same merge list by other implementations, clip-bpe-js for ASCII
 * and a direct transcription of OpenAI's simple_tokenizer.py for the rest. */
static void
test_clip (void)
{
  static const struct
  {
    const char *text, *ids;
  } cases[] = {
    { "", "" },
    { " \t\n", "" },
    { "a photo of a cat", "320 1125 539 320 2368" },
    { "hello world!", "3306 1002 256" },
    { "a diagram", "320 22697" },
    { "it's they're I'll we've don't", "585 568 889 982 328 1342 649 1200 847 713" },
    { "1024x768, 50%", "272 271 273 275 343 278 277 279 267 276 271 260" },
    { "supercalifragilisticexpialidocious", "1642 2857 13093 2076 5868 26850 835 639 38466" },
    { "masterpiece, best quality, (8k:1.2)",
      "12066 267 949 3027 267 263 279 330 281 272 269 273 264" },
    { "...!!!???", "3002 11194 3824" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "23126 23126 23126 23126 6727 9583" },
    { "x\302\205y\302\240z\343\200\200w", "343 344 345 342" }, /* all of Unicode's white space */
    { "\342\205\253", "158 227 375" }, /* ROMAN NUMERAL TWELVE, a number with a lower case */
    { "a <|endoftext|>!<|startoftext|>", "320 49407 256 49406" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);
  g_assert_no_error (error);
  g_assert_cmpint (pd_tokenizer_get_size (tokenizer), ==, 49408);
  g_assert_cmpint (pd_tokenizer_get_start (tokenizer), ==, 49406);
  g_assert_cmpint (pd_tokenizer_get_end (tokenizer), ==, 49407);
  g_assert_cmpint (pd_tokenizer_get_pad (tokenizer), ==, 49407);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_encodes (tokenizer, cases[i].text, cases[i].ids);

  /* composed and decomposed, upper and lower case are the same */
  g_autoptr (GArray) composed = pd_tokenizer_encode (tokenizer, "CAF\303\211", &error);
  g_autoptr (GArray) decomposed = pd_tokenizer_encode (tokenizer, "cafe\314\201", &error);
  g_assert_cmpmem (composed->data, 4 * composed->len, decomposed->data, 4 * decomposed->len);
}

static void
test_chunks (void)
{
  static const struct
  {
    guint n_words, n_chunks;
  } cases[] = { { 0, 1 }, { 1, 1 }, { 74, 1 }, { 75, 1 }, { 76, 2 }, { 150, 2 }, { 151, 3 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      for (guint j = 0; j < cases[i].n_words; j++)
        g_string_append (text, "cat ");
      guint n_chunks;
      g_autofree gint32 *ids = pd_tokenizer_encode_chunks (tokenizer, text->str, &n_chunks, &error);
      g_assert_cmpuint (n_chunks, ==, cases[i].n_chunks);
      for (guint c = 0; c < n_chunks; c++)
        for (guint j = 0; j < 77; j++)
          {
            guint words = MIN (75, cases[i].n_words - 75 * c);
            gint32 expected = j == 0 ? 49406 : j <= words ? 2368 : 49407;
            g_assert_cmpint (ids[77 * c + j], ==, expected);
          }
    }
}

/* A prompt of more chunks than are worth it is refused, one of as many is not. */
static void
test_long (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);
  g_autoptr (GString) text = g_string_new (NULL);
  guint n_chunks;
  for (guint i = 0; i < 64 * 75; i++)
    g_string_append (text, "cat ");
  g_autofree gint32 *ids = pd_tokenizer_encode_chunks (tokenizer, text->str, &n_chunks, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_chunks, ==, 64);
  g_string_append (text, "cat");
  g_assert_null (pd_tokenizer_encode_chunks (tokenizer, text->str, &n_chunks, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "4801 tokens, more than 4800");
}

static void
test_invalid_utf8 (void)
{
  g_autoptr (GError) error = NULL;
  guint n_chunks;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);
  g_assert_null (pd_tokenizer_encode (tokenizer, "a cat\377", &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "UTF-8 5");
  g_assert_null (pd_tokenizer_encode_chunks (tokenizer, "\303", &n_chunks, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "UTF-8 0");
}

/* A word of a million letters takes about as long as a million letters in words. */
static void
test_long_word (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree char *text = g_malloc0 (1000001);
  for (guint i = 0; i < 1000000; i++)
    text[i] = g_rand_int_range (rand, 'a', 'z' + 1);
  g_autoptr (GArray) ids = pd_tokenizer_encode (tokenizer, text, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ids->len, <, 1000000);
  g_assert_cmpuint (ids->len, >, 1000000 / 20);
}

/* A long text is composed piece by piece, which is the same as at once: letters and marks, vowels
 * of Bengali and Tamil, Hangul; without marks upon marks for pages. */
static void
test_composed (void)
{
  static const gunichar ranges[][2] = {
    { 'A', 'z' },     { 0xc0, 0x17f },    { 0x300, 0x362 },   { 0x391, 0x3a9 },  { 0x9c7, 0x9d7 },
    { 0xbc6, 0xbd7 }, { 0x1100, 0x1112 }, { 0x1161, 0x1175 }, { 0x11a8, 0x11c2 }
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  for (guint n = 0; n < 200; n++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      for (guint i = 0; i < 500; i++)
        {
          const gunichar *range = ranges[g_rand_int_range (rand, 0, G_N_ELEMENTS (ranges))];
          g_string_append_unichar (text, g_rand_int_range (rand, range[0], range[1] + 1));
        }
      g_autofree char *composed = g_utf8_normalize (text->str, -1, G_NORMALIZE_NFC);
      g_autofree char *expected = pd_words_normalise (composed);
      g_autofree char *found = pd_words_normalise (text->str);
      g_assert_cmpstr (found, ==, expected);
    }
}

/* So that as many letters with marks take about as long as without, and any number of marks. */
static void
test_many_marks (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < 300000; i++)
    g_string_append (text, "e\u0301");
  g_autofree char *letters = pd_words_normalise (text->str);
  g_assert_cmpuint (strlen (letters), ==, 2 * 300000);
  for (guint i = 0; i < 300000; i++)
    g_string_append (text, "\u0323\u0301");
  g_autofree char *marks = pd_words_normalise (text->str);
  g_assert_true (g_utf8_validate (marks, -1, NULL));
}

/* Folders made from the golden tokenizer with one file changed. */
static void
test_bad_files (void)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1/tokenizer");
  if (golden == NULL)
    return;
  static const struct
  {
    const char *file, *content, *fragments;
  } cases[] = {
    { "vocab.json", NULL, "vocab.json" },
    { "vocab.json", "[]", "vocab.json object" },
    { "vocab.json", "{\"a\":0}", "lacks" },
    { "vocab.json", "{\"a\":-1}", "\"a\" 1000000" },
    { "vocab.json", "{\"a\":99999999}", "\"a\" 1000000" },
    { "vocab.json", "{\"a\":\"b\"}", "\"a\" 1000000" },
    { "vocab.json", "{\"a\":1,\"a\":2}", "\"a\" twice" },
    { "merges.txt", NULL, "merges.txt" },
    { "merges.txt", "#version: 0.2\na b c\n", "line 2" },
    { "merges.txt", "#version: 0.2\nab\n", "line 2 two" },
    { "merges.txt", "#version: 0.2\nq q\n", "line 2 \"qq\"" },
    { "merges.txt", "a \377", "merges.txt UTF-8" },
    { "special_tokens_map.json", "{\"pad_token\":\"nowhere\"}", "nowhere" },
    { "special_tokens_map.json", "{\"bos_token\":5}", "bos_token 5" },
    { "special_tokens_map.json", "{\"eos_token\":{\"content\":[]}}", "content" },
  };
  static const char *const files[] = { "vocab.json", "merges.txt", "special_tokens_map.json",
                                       "tokenizer_config.json" };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      for (guint j = 0; j < G_N_ELEMENTS (files); j++)
        {
          g_autofree char *path = g_build_filename (golden, files[j], NULL);
          g_autofree char *content = NULL;
          gboolean changed = g_str_equal (files[j], cases[i].file);
          g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
          if (changed && cases[i].content == NULL)
            continue;
          g_free (pd_fixture_write (folder, files[j], changed ? cases[i].content : content, -1));
        }
      g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_from_folder (folder, &error);
      g_assert_null (tokenizer);
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
      pd_fixture_remove (folder);
    }
}

/* The pad token as an object, as newer files have it; no config at all pads with the end token. */
static void
test_pad (void)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1/tokenizer");
  if (golden == NULL)
    return;
  static const struct
  {
    const char *map;
    gint32 pad;
  } cases[] = {
    { NULL, 813 },
    { "{\"pad_token\":{\"content\":\"!\",\"lstrip\":false}}", 0 },
    { "{\"pad_token\":\"!\"}", 0 },
    { "{\"pad_token\":null}", 813 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      static const char *const files[] = { "vocab.json", "merges.txt" };
      for (guint j = 0; j < G_N_ELEMENTS (files); j++)
        {
          g_autofree char *path = g_build_filename (golden, files[j], NULL);
          g_autofree char *content = NULL;
          g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
          g_free (pd_fixture_write (folder, files[j], content, -1));
        }
      if (cases[i].map != NULL)
        g_free (pd_fixture_write (folder, "special_tokens_map.json", cases[i].map, -1));
      g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_from_folder (folder, &error);
      g_assert_no_error (error);
      g_assert_cmpint (pd_tokenizer_get_pad (tokenizer), ==, cases[i].pad);
      g_assert_cmpint (pd_tokenizer_get_end (tokenizer), ==, 813);
      pd_fixture_remove (folder);
    }
}

/* Words as they stand between white spaces, with their ids. */
static void
test_find_words (void)
{
  static const struct
  {
    const char *text, *normal, *words;
  } cases[] = {
    { "", "", "" },
    { "A photo of  a cat", "a photo of  a cat", "a:1 photo:1 of:1 a:1 cat:1 " },
    { "It's 1024x768,\tOK", "it's 1024x768,\tok", "it's:2 1024x768,:9 ok:1 " },
    { "supercalifragilisticexpialidocious - a<|endoftext|>",
      "supercalifragilisticexpialidocious - a<|endoftext|>",
      "supercalifragilisticexpialidocious:9 -:1 a<|endoftext|>:2 " },
    { "z\303\211\343\200\200w", "z\303\251\343\200\200w", "z\303\251:2 w:1 " },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdTokenizer) tokenizer = pd_tokenizer_new_clip (&error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *normal = NULL;
      g_autoptr (GArray) words =
          pd_tokenizer_find_words (tokenizer, cases[i].text, &normal, &error);
      g_autoptr (GArray) ids = NULL, again = NULL;
      g_autoptr (GString) found = g_string_new (NULL);
      guint n = 0;

      g_assert_no_error (error);
      g_assert_cmpstr (normal, ==, cases[i].normal);
      for (guint j = 0; j < words->len; j++)
        {
          const PdTokenizerWord *word = &g_array_index (words, PdTokenizerWord, j);

          g_assert_cmpuint (word->first, ==, n);
          n += word->n;
          g_string_append_len (found, normal + word->start, (gssize) word->length);
          g_string_append_printf (found, ":%u ", word->n);
        }
      g_assert_cmpstr (found->str, ==, cases[i].words);
      ids = pd_tokenizer_encode (tokenizer, cases[i].text, &error);
      again = pd_tokenizer_encode (tokenizer, normal, &error);
      g_assert_cmpuint (ids->len, ==, n);
      g_assert_cmpmem (ids->data, n * sizeof (gint32), again->data, again->len * sizeof (gint32));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer/goldens", test_goldens);
  g_test_add_func ("/tokenizer/clip", test_clip);
  g_test_add_func ("/tokenizer/find-words", test_find_words);
  g_test_add_func ("/tokenizer/chunks", test_chunks);
  g_test_add_func ("/tokenizer/long", test_long);
  g_test_add_func ("/tokenizer/invalid-utf8", test_invalid_utf8);
  g_test_add_func ("/tokenizer/long-word", test_long_word);
  g_test_add_func ("/tokenizer/composed", test_composed);
  g_test_add_func ("/tokenizer/many-marks", test_many_marks);
  g_test_add_func ("/tokenizer/bad-files", test_bad_files);
  g_test_add_func ("/tokenizer/pad", test_pad);
  return g_test_run ();
}
