// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/model-check.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "tests/fixtures/model-fixture.h"

/* The parts of a model that can be used, with sizes that no published model has. */
static const char UNET[] =
    "{\"_class_name\":\"UNet2DConditionModel\",\"in_channels\":6,\"out_channels\":6,"
    "\"block_out_channels\":[32,64],\"down_block_types\":[\"CrossAttnDownBlock2D\","
    "\"DownBlock2D\"],\"up_block_types\":[\"UpBlock2D\",\"CrossAttnUpBlock2D\"],"
    "\"cross_attention_dim\":40}";
static const char VAE[] =
    "{\"_class_name\":\"AutoencoderKL\",\"in_channels\":3,\"out_channels\":3,"
    "\"latent_channels\":6,\"block_out_channels\":[32,64],\"layers_per_block\":1}";
static const char TINY[] =
    "{\"_class_name\":\"AutoencoderTiny\",\"in_channels\":3,\"out_channels\":3,"
    "\"latent_channels\":6,\"encoder_block_out_channels\":[16,16,16],"
    "\"decoder_block_out_channels\":[16,16,16],\"num_encoder_blocks\":[1,1,1],"
    "\"num_decoder_blocks\":[1,1,1]}";
static const char TEXT[] = "{\"architectures\":[\"CLIPTextModel\"],\"vocab_size\":520,"
                           "\"hidden_size\":40,\"num_attention_heads\":4,\"eos_token_id\":2,"
                           "\"max_position_embeddings\":80}";

/* One value that does not go with another one. */
typedef struct
{
  const char *part;
  const char *base;       /* the config that is changed */
  const char *key, *json; /* the value; NULL: none */
  const char *fragments;  /* of the message */
} Case;

static const Case good[] = {
  { "vae", VAE, NULL, NULL, NULL },
  { "vae", TINY, NULL, NULL, NULL },
  { "text_encoder", TEXT, "max_position_embeddings", "77", NULL },
  { "text_encoder", TEXT, "vocab_size", "514", NULL },
  { "text_encoder", TEXT, "vocab_size", "5000", NULL },
};

static const Case bad[] = {
  { "vae", VAE, "in_channels", "1", "/vae/ \"in_channels\" is 1, expected 3" },
  { "vae", VAE, "out_channels", "4", "/vae/ \"out_channels\" is 4, expected 3" },
  { "vae", VAE, "out_channels", "2", "/vae/ \"out_channels\" is 2, expected 3" },
  { "vae", VAE, "latent_channels", "8", "/unet/ \"in_channels\" is 6, expected 8" },
  { "vae", TINY, "in_channels", "4", "/vae/ \"in_channels\" is 4, expected 3" },
  { "vae", TINY, "out_channels", "48", "/vae/ \"out_channels\" is 48, expected 3" },
  { "vae", TINY, "latent_channels", "5", "/unet/ \"in_channels\" is 6, expected 5" },
  { "vae", TINY, "encoder_block_out_channels", "[16,16]",
    "/vae/ encoder_block_out_channels is 2, expected 3" },
  { "vae", TINY, "decoder_block_out_channels", "[16,16]",
    "/vae/ encoder_block_out_channels is 3, expected 2" },
  { "unet", UNET, "in_channels", "12", "/unet/ \"in_channels\" is 12, expected 6" },
  { "unet", UNET, "in_channels", "7", "/unet/ \"in_channels\" is 7, expected 6" },
  { "unet", UNET, "out_channels", "12", "/unet/ \"out_channels\" is 12, expected 6" },
  { "unet", UNET, "cross_attention_dim", "41",
    "/unet/ \"cross_attention_dim\" is 41, expected 40" },
  { "unet", UNET, "cross_attention_dim", "39",
    "/unet/ \"cross_attention_dim\" is 39, expected 40" },
  { "unet", UNET, "addition_embed_type", "\"text_time\"", "/unet/ text_time SDXL" },
  { "text_encoder", TEXT, "hidden_size", "48",
    "/unet/ \"cross_attention_dim\" is 40, expected 48" },
  { "text_encoder", TEXT, "max_position_embeddings", "76",
    "/text_encoder/ \"max_position_embeddings\" is 76, least 77" },
  { "text_encoder", TEXT, "vocab_size", "513", "/text_encoder/ \"vocab_size\" is 513, least 514" },
};

/* Sizes of one part that nothing can be built from. */
static const Case unreadable[] = {
  { "unet", UNET, "layers_per_block", "16", "/unet/ layers_per_block 16 15" },
  { "vae", VAE, "layers_per_block", "16", "/vae/ layers_per_block 16 15" },
};

static void
write_part (const char *folder, const char *part, const char *base, const Case *other)
{
  g_autoptr (JsonNode) root = json_from_string (base, NULL);
  JsonObject *object = json_node_get_object (root);
  g_autofree char *config = g_build_filename (part, "config.json", NULL);
  const char *weights = g_str_equal (part, "text_encoder") ? "model" : "diffusion_pytorch_model";
  g_autofree char *name = g_strdup_printf ("%s/%s.safetensors", part, weights);
  g_autofree char *text = NULL;
  PdFixtureHeader header;

  if (other->key != NULL)
    json_object_set_member (object, other->key, json_from_string (other->json, NULL));
  /* A tiny autoencoder counts its blocks per stage. */
  if (g_strcmp0 (other->key, "encoder_block_out_channels") == 0)
    json_object_set_member (object, "num_encoder_blocks", json_from_string ("[1,1]", NULL));
  if (g_strcmp0 (other->key, "decoder_block_out_channels") == 0)
    json_object_set_member (object, "num_decoder_blocks", json_from_string ("[1,1]", NULL));
  text = json_to_string (root, FALSE);
  g_free (pd_fixture_write (folder, config, text, -1));
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "some", "2");
  g_free (pd_fixture_header_write (&header, folder, name));
}

/* Bytes, alone and at the end of a word, and the two tokens that start and end: 514 in all. */
static void
write_tokenizer (const char *folder)
{
  g_autoptr (JsonNode) root = json_from_string ("{}", NULL);
  JsonObject *vocabulary = json_node_get_object (root);
  g_autofree char *text = NULL;
  guint next = 256;

  for (guint byte = 0; byte < 256; byte++)
    {
      gboolean printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
      char symbol[16] = { 0 };

      g_unichar_to_utf8 (printable ? byte : next++, symbol);
      json_object_set_int_member (vocabulary, symbol, byte);
      strcat (symbol, "</w>");
      json_object_set_int_member (vocabulary, symbol, 256 + byte);
    }
  json_object_set_int_member (vocabulary, "<|startoftext|>", 513);
  json_object_set_int_member (vocabulary, "<|endoftext|>", 512);
  text = json_to_string (root, FALSE);
  g_free (pd_fixture_write (folder, "tokenizer/vocab.json", text, -1));
  g_free (pd_fixture_write (folder, "tokenizer/merges.txt", "#version: 0.2\n", -1));
}

/* A model of which one part is @one's. Returns: whether it can be used. */
static gboolean
check (const Case *one, GError **error)
{
  static const Case unchanged = { 0 };
  static const char *const parts[] = { "unet", "vae", "text_encoder" };
  static const char *const bases[] = { UNET, VAE, TEXT };
  char *folder = pd_fixture_folder ();
  g_autoptr (PdModelFiles) files = NULL;
  g_autoptr (PdTokenizer) tokenizer = NULL;
  gboolean ok = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      gboolean mine = g_str_equal (parts[i], one->part);

      write_part (folder, parts[i], mine ? one->base : bases[i], mine ? one : &unchanged);
    }
  write_tokenizer (folder);
  files = pd_model_files_open (folder, NULL, error);
  if (files != NULL)
    {
      g_autoptr (GError) failure = NULL;

      tokenizer = pd_model_files_load_tokenizer (files, &failure);
      g_assert_no_error (failure);
      ok = pd_model_check (files, tokenizer, error);
    }
  pd_fixture_remove (folder);
  return ok;
}

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s %s", good[i].key, good[i].json);
      check (&good[i], &error);
      g_assert_no_error (error);
    }
}

static void
refuse (const Case *cases, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s %s", cases[i].key, cases[i].json);
      g_assert_false (check (&cases[i], &error));
      g_test_message ("%s", error->message);
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
    }
}

static void
test_bad (void)
{
  refuse (bad, G_N_ELEMENTS (bad));
}

static void
test_unreadable (void)
{
  refuse (unreadable, G_N_ELEMENTS (unreadable));
}

/* A part alone has nobody to agree with. */
static void
test_alone (void)
{
  static const Case unet = { "unet", UNET, "cross_attention_dim", "7", NULL };
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autoptr (PdModelFiles) files = NULL;

  write_part (folder, "unet", UNET, &unet);
  files = pd_model_files_open (folder, NULL, &error);
  g_assert_no_error (error);
  pd_model_check (files, NULL, &error);
  g_assert_no_error (error);
  pd_fixture_remove (folder);
}

/* Every file of a model that is opened is known, and told apart from one that takes its place. */
static void
test_changed (void)
{
  static const char *const parts[] = { "unet", "vae", "text_encoder" };
  static const char *const bases[] = { UNET, VAE, TEXT };
  static const Case unchanged = { 0 };
  static const char *const files_read[] = { "unet/config.json",
                                            "vae/diffusion_pytorch_model.safetensors",
                                            "text_encoder/model.safetensors",
                                            "tokenizer/vocab.json", "tokenizer/merges.txt" };

  for (guint change = 0; change < 3; change++)
    for (guint i = 0; i < G_N_ELEMENTS (files_read); i++)
      {
        g_autoptr (GPtrArray) stamps =
            g_ptr_array_new_with_free_func ((GDestroyNotify) pd_file_stamp_free);
        g_autoptr (GError) error = NULL;
        char *folder = pd_fixture_folder ();
        g_autofree char *path = g_build_filename (folder, files_read[i], NULL);
        g_autofree char *other = g_build_filename (folder, "other", NULL);
        g_autofree char *content = NULL;
        gsize length;
        guint n_changed = 0;

        for (guint k = 0; k < G_N_ELEMENTS (parts); k++)
          write_part (folder, parts[k], bases[k], &unchanged);
        write_tokenizer (folder);
        pd_file_record_push (stamps);
        g_autoptr (PdModelFiles) files = pd_model_files_open (folder, NULL, &error);
        g_assert_no_error (error);
        g_autoptr (PdTokenizer) tokenizer = pd_model_files_load_tokenizer (files, &error);
        g_assert_no_error (error);
        pd_file_record_pop ();
        for (guint k = 0; k < stamps->len; k++)
          g_assert_true (pd_file_stamp_holds (stamps->pdata[k]));

        g_assert_true (g_file_get_contents (path, &content, &length, NULL));
        if (change == 0)
          g_assert_cmpint (truncate (path, (off_t) length - 1), ==, 0);
        else if (change == 1)
          {
            g_assert_true (g_file_set_contents (other, content, (gssize) length, NULL));
            g_assert_cmpint (g_rename (other, path), ==, 0);
          }
        else
          g_assert_cmpint (g_remove (path), ==, 0);
        for (guint k = 0; k < stamps->len; k++)
          n_changed += !pd_file_stamp_holds (stamps->pdata[k]);
        g_assert_cmpuint (n_changed, ==, 1);
        pd_fixture_remove (folder);
      }
}

/* Values that are no longer in the file are an error. */
static void
test_shortened (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  PdFixtureHeader header;
  float values[5000];

  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "many", "5000");
  g_autofree char *path = pd_fixture_header_write (&header, folder, "x.safetensors");
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (truncate (path, 4096), ==, 0);
  g_assert_false (pd_tensor_info_to_f32 (pd_safetensors_find (file, "many"), values, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "x.safetensors shorter");
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model-check/good", test_good);
  g_test_add_func ("/model-check/bad", test_bad);
  g_test_add_func ("/model-check/unreadable", test_unreadable);
  g_test_add_func ("/model-check/alone", test_alone);
  g_test_add_func ("/model-check/changed", test_changed);
  g_test_add_func ("/model-check/shortened", test_shortened);
  return g_test_run ();
}
