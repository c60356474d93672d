// SPDX-License-Identifier: GPL-3.0-or-later
/* The names that published models have for their parts: tensors in whole files and in folders, and
 * the files themselves. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "tests/fixtures/model-fixture.h"

static void
write_one_tensor (const char *folder, const char *name, const char *tensor)
{
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, tensor, "2");
  g_free (pd_fixture_header_write (&header, folder, name));
}

/* Every way in which whole files name a text encoder and a VAE. */
static void
test_prefixes (void)
{
  static const struct
  {
    const char *text, *vae;
  } cases[] = {
    { "cond_stage_model.transformer.", "first_stage_model." },
    { "cond_stage_model.clip_l.transformer.text_model.", "first_stage_model." },
    { "cond_stage_model.clip_l.transformer.", "first_stage_model." },
    { "cond_stage_model.text_model.", "vae." },
    { "text_encoders.clip_l.transformer.text_model.", "vae." },
    { "text_encoders.clip_l.transformer.", "vae." },
    { "text_encoder.text_model.", "vae." },
    { "text_encoder.", "vae." },
    { "text_model.", "first_stage_model." },
  };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      PdFixtureHeader header;
      pd_fixture_header_init (&header);
      pd_fixture_header_add_ldm (&header);
      g_string_replace (header.header, "cond_stage_model.transformer.text_model.", cases[i].text,
                        0);
      g_string_replace (header.header, "first_stage_model.", cases[i].vae, 0);
      g_autofree char *path = pd_fixture_header_write (&header, folder, "p.safetensors");
      g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &error);
      g_assert_no_error (error);
      PdCheckpoint *vae_tensors = files->parts[PD_PART_VAE].checkpoint,
                   *text_tensors = files->parts[PD_PART_TEXT_ENCODER].checkpoint;
      g_assert_true (text_tensors != NULL && vae_tensors != NULL);
      const PdTextConfig *text = files->parts[PD_PART_TEXT_ENCODER].config;
      g_assert_cmpint (text->hidden_size, ==, 128);
      g_assert_cmpint (text->n_layers, ==, 1);
      g_assert_true (
          pd_checkpoint_has (text_tensors, "text_model.embeddings.position_embedding.weight"));
      g_assert_true (
          pd_checkpoint_has (text_tensors, "text_model.encoder.layers.0.mlp.fc1.weight"));
      g_assert_true (pd_checkpoint_has (vae_tensors, "decoder.conv_in.weight"));
    }
  pd_fixture_remove (folder);
}

/* Names of files that published folders have; of several, the first here is taken. */
static void
test_file_names (void)
{
  static const struct
  {
    PdPart part;
    const char *names; /* all there */
    const char *taken; /* NULL: none is, and the message names the last */
  } cases[] = {
    { PD_PART_TEXT_ENCODER, "model.safetensors pytorch_model.safetensors", "model.safetensors" },
    { PD_PART_TEXT_ENCODER, "pytorch_model.safetensors pytorch_model.bin",
      "pytorch_model.safetensors" },
    { PD_PART_TEXT_ENCODER, "pytorch_model.fp16.safetensors model.onnx",
      "pytorch_model.fp16.safetensors" },
    { PD_PART_TEXT_ENCODER, "diffusion_pytorch_model.safetensors",
      "diffusion_pytorch_model.safetensors" },
    { PD_PART_TEXT_ENCODER, "clip_l.safetensors tf_model.h5", "clip_l.safetensors" },
    { PD_PART_UNET, "diffusion_pytorch_model.fp16.safetensors diffusion_pytorch_model.bin",
      "diffusion_pytorch_model.fp16.safetensors" },
    { PD_PART_UNET, "diffusion_pytorch_model.non_ema.safetensors",
      "diffusion_pytorch_model.non_ema.safetensors" },
    { PD_PART_VAE, "model.safetensors", "model.safetensors" },
    { PD_PART_VAE, "model.bf16.safetensors", "model.bf16.safetensors" },
    { PD_PART_VAE, "a.safetensors b.safetensors", NULL },
    { PD_PART_TEXT_ENCODER, "pytorch_model.fp16.bin", NULL },
    { PD_PART_TEXT_ENCODER, "pytorch_model.bin.index.json", NULL },
    { PD_PART_UNET, "diffusion_flax_model.msgpack", NULL },
    { PD_PART_VAE, "model.ckpt", NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      g_auto (GStrv) names = g_strsplit (cases[i].names, " ", -1);
      for (guint k = 0; names[k] != NULL; k++)
        write_one_tensor (folder, names[k], names[k]);
      g_autoptr (PdCheckpoint) checkpoint =
          pd_checkpoint_open_folder (folder, cases[i].part, &error);
      if (cases[i].taken == NULL)
        {
          g_assert_null (checkpoint);
          pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, names[g_strv_length (names) - 1]);
        }
      else
        {
          g_assert_no_error (error);
          g_assert_true (pd_checkpoint_has (checkpoint, cases[i].taken));
        }
      pd_fixture_remove (folder);
    }
}

/* The tensors of a text encoder in a folder, as versions of transformers and others named them. */
static void
test_text_names (void)
{
  static const char *const prefixes[] = { "text_model.", "", "transformer.text_model.",
                                          "cond_stage_model.transformer.", "clip_l.text_model." };
  static const char *const names[] = { "embeddings.token_embedding.weight",
                                       "encoder.layers.3.mlp.fc2.bias", "final_layer_norm.bias" };
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      PdFixtureHeader header;
      pd_fixture_header_init (&header);
      pd_fixture_header_add (&header, "vision_model.encoder.layers.3.mlp.fc2.bias", "4");
      for (guint k = 0; k < G_N_ELEMENTS (names); k++)
        {
          g_autofree char *name = g_strconcat (prefixes[i], names[k], NULL);
          pd_fixture_header_add (&header, name, "4");
        }
      g_free (pd_fixture_header_write (&header, folder, "model.safetensors"));
      g_autoptr (PdCheckpoint) checkpoint =
          pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error);
      g_assert_no_error (error);
      for (guint k = 0; k < G_N_ELEMENTS (names); k++)
        {
          g_autofree char *name = g_strconcat ("text_model.", names[k], NULL);
          g_assert_true (pd_checkpoint_has (checkpoint, name));
        }
    }
  write_one_tensor (folder, "model.safetensors", "transformer.resblocks.0.ln_1.weight");
  g_assert_null (pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "model.safetensors resblocks OpenCLIP convert");
  pd_fixture_remove (folder);
}

/* A file that was not written to its end: zeros, but for what a good model may have so. */
static void
test_zeros (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add_ldm (&header);
  g_autofree char *path = pd_fixture_header_write (&header, folder, "zeros.safetensors");
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (files->notes->len, ==, 0);
  pd_model_files_note_zeros (files);
  g_assert_cmpuint (files->notes->len, ==, 1);
  g_test_message ("%s", (char *) files->notes->pdata[0]);
  g_assert_nonnull (strstr (files->notes->pdata[0], "zeros.safetensors: 23 tensors are all zero"));
  g_assert_nonnull (
      strstr (files->notes->pdata[0], "\"model.diffusion_model.input_blocks.0.0.weight\""));
  g_assert_false (pd_model_files_has_encoder (files));

  /* one value at the end of each of two tensors; the other two may be zero */
  const char good[] = "{\"mid_block.attentions.0.to_q.weight\":{\"dtype\":\"F16\",\"shape\":[2,2],"
                      "\"data_offsets\":[0,8]},\"conv_in.weight\":{\"dtype\":\"F16\","
                      "\"shape\":[2,2,1,1],\"data_offsets\":[8,16]},"
                      "\"mid_block.resnets.0.conv2.weight\":{\"dtype\":\"F16\","
                      "\"shape\":[2,2,1,1],\"data_offsets\":[16,24]},"
                      "\"conv_in.bias\":{\"dtype\":\"F16\",\"shape\":[2],"
                      "\"data_offsets\":[24,28]}}";
  const guint8 values[16] = { [7] = 0x3c, [15] = 0x3c };
  g_free (pd_fixture_write (folder, "m/unet/config.json", "{\"block_out_channels\":[32,32]}", -1));
  g_free (pd_fixture_write_safetensors (folder, "m/unet/diffusion_pytorch_model.safetensors", good,
                                        28, values, sizeof values));
  g_autofree char *model = g_build_filename (folder, "m", NULL);
  g_autoptr (PdModelFiles) fine = pd_model_files_open (model, NULL, &error);
  g_assert_no_error (error);
  pd_model_files_note_zeros (fine);
  g_assert_cmpuint (fine->notes->len, ==, 0);
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/part-names/prefixes", test_prefixes);
  g_test_add_func ("/part-names/files", test_file_names);
  g_test_add_func ("/part-names/text-encoder", test_text_names);
  g_test_add_func ("/part-names/zeros", test_zeros);
  return g_test_run ();
}
