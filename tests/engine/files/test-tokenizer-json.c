// SPDX-License-Identifier: GPL-3.0-or-later
/* tokenizer.json, made of the golden vocabulary, against the two files it stands for. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/tokenizer.h"
#include "tests/fixtures/model-fixture.h"

static const char text[] = "A photo of Mossy rocks, 3 ferns & a stream <|endoftext|> don't";

typedef struct
{
  char *vocabulary;        /* JSON */
  GString *joined, *pairs; /* merges in both notations */
} Parts;

static gboolean
read_parts (Parts *self)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1/tokenizer");
  if (golden == NULL)
    return FALSE;
  g_autofree char *vocabulary_path = g_build_filename (golden, "vocab.json", NULL);
  g_autofree char *merges_path = g_build_filename (golden, "merges.txt", NULL);
  g_autofree char *merges = NULL;
  g_assert_true (g_file_get_contents (vocabulary_path, &self->vocabulary, NULL, NULL));
  g_assert_true (g_file_get_contents (merges_path, &merges, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (merges, "\n", -1);
  self->joined = g_string_new (NULL);
  self->pairs = g_string_new (NULL);
  for (guint i = 1; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_auto (GStrv) halves = g_strsplit (lines[i], " ", 2);
      g_autoptr (JsonNode) left = json_node_init_string (json_node_alloc (), halves[0]);
      g_autoptr (JsonNode) right = json_node_init_string (json_node_alloc (), halves[1]);
      g_autoptr (JsonNode) both = json_node_init_string (json_node_alloc (), lines[i]);
      g_autofree char *l = json_to_string (left, FALSE), *r = json_to_string (right, FALSE),
                      *b = json_to_string (both, FALSE);
      g_string_append_printf (self->joined, "%s%s", i > 1 ? "," : "", b);
      g_string_append_printf (self->pairs, "%s[%s, %s]", i > 1 ? "," : "", l, r);
    }
  return TRUE;
}

static void
parts_clear (Parts *self)
{
  g_free (self->vocabulary);
  if (self->joined != NULL)
    g_string_free (self->joined, TRUE);
  if (self->pairs != NULL)
    g_string_free (self->pairs, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parts, parts_clear)

static PdTokenizer *
load (const char *folder)
{
  g_autoptr (GError) error = NULL;
  PdTokenizer *tokenizer = pd_tokenizer_new_from_folder (folder, &error);
  g_assert_no_error (error);
  return tokenizer;
}

static void
expect_same (const PdTokenizer *a, const PdTokenizer *b)
{
  g_autoptr (GArray) x = pd_tokenizer_encode (a, text, NULL);
  g_autoptr (GArray) y = pd_tokenizer_encode (b, text, NULL);
  g_assert_cmpmem (x->data, x->len * 4, y->data, y->len * 4);
  g_assert_cmpint (pd_tokenizer_get_start (a), ==, pd_tokenizer_get_start (b));
  g_assert_cmpint (pd_tokenizer_get_end (a), ==, pd_tokenizer_get_end (b));
  g_assert_cmpint (pd_tokenizer_get_pad (a), ==, pd_tokenizer_get_pad (b));
}

static void
test_notations (void)
{
  g_auto (Parts) parts = { NULL };
  if (!read_parts (&parts))
    return;
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1/tokenizer");
  g_autoptr (PdTokenizer) expected = load (golden);
  const GString *const merges[] = { parts.joined, parts.pairs };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (merges); i++)
    {
      g_autofree char *json = g_strdup_printf (
          "{\"version\":\"1.0\",\"padding\":null,\"normalizer\":{\"type\":\"Sequence\"},"
          "\"added_tokens\":[{\"special\":true,\"id\":813,\"content\":\"<|endoftext|>\"}],"
          "\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":%s,"
          "\"merges\":[%s]}}",
          parts.vocabulary, merges[i]->str);
      g_free (pd_fixture_write (folder, "tokenizer.json", json, -1));
      g_autoptr (PdTokenizer) tokenizer = load (folder);
      expect_same (tokenizer, expected);
    }
  pd_fixture_remove (folder);
}

/* Tokens that the vocabulary lacks are found whole; the one that pads is taken. */
static void
test_added (void)
{
  g_auto (Parts) parts = { NULL };
  if (!read_parts (&parts))
    return;
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *json = g_strdup_printf (
      "{\"model\":{\"vocab\":%s,\"merges\":[%s]},\"padding\":{\"pad_token\":\"!\",\"pad_id\":0},"
      "\"added_tokens\":[{\"id\":814,\"content\":\"<moss-toy>\"},"
      "{\"id\":815,\"content\":\"<fern>\",\"lstrip\":false}]}",
      parts.vocabulary, parts.pairs->str);
  g_free (pd_fixture_write (folder, "tokenizer.json", json, -1));
  g_autoptr (PdTokenizer) tokenizer = load (folder);
  g_autoptr (GArray) ids = pd_tokenizer_encode (tokenizer, "<fern> <moss-toy><fern>", &error);
  const gint32 expected[] = { 815, 814, 815 };
  g_assert_cmpmem (ids->data, ids->len * 4, expected, sizeof expected);
  g_assert_cmpint (pd_tokenizer_get_size (tokenizer), ==, 816);
  g_assert_cmpint (pd_tokenizer_get_pad (tokenizer), ==, 0);
  pd_fixture_remove (folder);
}

/* A folder with settings only has CLIP's vocabulary. */
static void
test_built_in (void)
{
  g_autoptr (PdTokenizer) clip = pd_tokenizer_new_clip (NULL);
  char *folder = pd_fixture_folder ();
  g_assert_false (pd_tokenizer_folder_has_vocabulary (folder));
  g_autoptr (PdTokenizer) empty = load (folder);
  expect_same (empty, clip);
  g_free (pd_fixture_write (folder, "tokenizer_config.json", "{\"pad_token\":\"!\"}", -1));
  g_autoptr (PdTokenizer) other = load (folder);
  g_assert_cmpint (pd_tokenizer_get_pad (other), ==, 0);
  g_assert_cmpint (pd_tokenizer_get_size (other), ==, 49408);
  pd_fixture_remove (folder);
}

static void
test_bad (void)
{
  static const struct
  {
    const char *json, *fragments;
  } cases[] = {
    { "", "tokenizer.json JSON" },
    { "[]", "tokenizer.json object" },
    { "{}", "\"model\" missing" },
    { "{\"model\":[]}", "\"model\" object" },
    { "{\"model\":{\"type\":\"Unigram\"}}", "\"type\" BPE" },
    { "{\"model\":{\"end_of_word_suffix\":\"@\"}}", "end_of_word_suffix </w>" },
    { "{\"model\":{\"vocab\":[]}}", "\"vocab\" object" },
    { "{\"model\":{\"vocab\":{\"x\":-1}}}", "\"x\" 1000000" },
    { "{\"model\":{\"vocab\":{\"x\":1.5}}}", "\"x\" 1000000" },
    { "{\"model\":{\"vocab\":{\"x\":", "JSON" },
    { "{\"model\":{\"merges\":{}}}", "\"merges\" list" },
    { "{\"model\":{\"merges\":[[\"a\"]]}}", "\"merges\" list" },
    { "{\"model\":{\"merges\":[[\"a\",\"b\",\"c\"]]}}", "\"merges\" list" },
    { "{\"model\":{\"merges\":[[\"a b\",\"c\"]]}}", "\"merges\" list" },
    { "{\"model\":{\"merges\":[\"a\\nb\"]}}", "\"merges\" list" },
    { "{\"model\":{\"merges\":[7]}}", "\"merges\" list" },
    { "{\"model\":{\"vocab\":{\"x\":1}}}", "lacks" },
    { "{\"added_tokens\":{}}", "\"added_tokens\" list" },
    { "{\"added_tokens\":[1]}", "\"added_tokens\" list" },
    { "{\"added_tokens\":[{\"id\":2}]}", "\"added_tokens\" list" },
    { "{\"added_tokens\":[{\"content\":\"x\",\"id\":-2}]}", "\"added_tokens\" list" },
    { "{\"model\":{}} x", "JSON" },
  };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_free (pd_fixture_write (folder, "tokenizer.json", cases[i].json, -1));
      g_assert_null (pd_tokenizer_new_from_folder (folder, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
    }
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-json/notations", test_notations);
  g_test_add_func ("/tokenizer-json/added", test_added);
  g_test_add_func ("/tokenizer-json/built-in", test_built_in);
  g_test_add_func ("/tokenizer-json/bad", test_bad);
  return g_test_run ();
}
