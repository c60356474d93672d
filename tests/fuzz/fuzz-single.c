// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/files/checkpoint-private.h"
#include "engine/files/model-check.h"
#include "engine/files/model-files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fixtures/model-fixture.h"

/* A model in one file, whose sizes come from its tensors. The input is the header of a .safetensors
 * file without its length; behind it are ROOM zeros. */
enum
{
  ROOM = 1 << 16,
};

static const char *const words[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e9",
  "0.5",
  "\"\"",
  "\\u0000",
  "\\ud800",
  "9223372036854775807",
  "18446744073709551615",
  "4294967296",
  "2305843009213693953",
  "\"dtype\":\"F64\"",
  "\"shape\":[]",
  "\"data_offsets\":[0,0]",
  "\"__metadata__\":{}",
  "\"F16\"",
  "\"BF16\"",
  "\"BOOL\"",
  "model.diffusion_model.",
  "input_blocks.7.0.op.weight",
  "transformer_blocks.",
  ".weight",
  "first_stage_model.decoder.up.",
  "999999999",
  "cond_stage_model.transformer.text_model.",
  "cond_stage_model.model.",
  "label_emb.0.0.weight",
  "middle_block.",
  "output_blocks.",
  ".0.in_layers.2.weight",
  "model_ema.",
  "decoder.layers.0.weight",
  "encoder.",
  "text_model.",
  "text_encoders.",
  "lora_unet_",
  ".scale_weight",
  NULL,
};

static void
check_checkpoint (PdCheckpoint *checkpoint)
{
  if (checkpoint == NULL)
    return;
  g_autoptr (GPtrArray) names = pd_checkpoint_list (checkpoint);
  for (guint i = 0; i < names->len; i++)
    for (guint n_dims = 0; n_dims <= 4; n_dims++)
      {
        static const gint64 any[4] = { -1, -1, -1, -1 };
        g_autoptr (GError) error = NULL;
        const PdTensorInfo *info =
            pd_checkpoint_get (checkpoint, names->pdata[i], n_dims, any, &error);
        pd_fuzz_check_line (info != NULL, error);
        g_assert_true (info == NULL || info->n_dims == n_dims);
      }
}

static void
check_model (PdModelFiles *files)
{
  const PdUNetConfig *unet = files->parts[PD_PART_UNET].config;
  g_autoptr (GError) error = NULL;
  gboolean fits;

  for (guint part = 0; part < PD_N_PARTS; part++)
    check_checkpoint (files->parts[part].checkpoint);
  for (int i = 0; unet != NULL && i < unet->n_blocks; i++)
    g_assert_true (unet->block_out_channels[i] >= 1 && unet->layers_per_block[i] >= 1);
  pd_model_files_has_encoder (files);
  pd_model_files_note_zeros (files);
  for (guint i = 0; files->notes != NULL && i < files->notes->len; i++)
    g_assert_true (g_utf8_validate (files->notes->pdata[i], -1, NULL));
  fits = pd_model_check (files, NULL, &error);
  pd_fuzz_check_line (fits, error);
}

/* The same file where one part is taken from it. */
static void
check_parts (const char *path)
{
  static const PdPart parts[] = { PD_PART_VAE, PD_PART_TEXT_ENCODER };
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, NULL);

  for (guint i = 0; file != NULL && i < G_N_ELEMENTS (parts); i++)
    {
      g_autoptr (GError) error = NULL;
      PdLdmConfig config;
      const gboolean good = pd_ldm_config_infer_part (&config, file, parts[i], &error);

      pd_fuzz_check_line (good, error);
      if (good && (config.has_vae || config.has_text_encoder))
        {
          g_autoptr (PdCheckpoint) part = pd_checkpoint_new_ldm (file, &config, parts[i], &error);

          pd_fuzz_check_line (part != NULL, error);
          check_checkpoint (part);
        }
    }
}

/* @header: without its end. */
static void
add_seed (GPtrArray *seeds, PdFixtureHeader *header)
{
  g_string_append_c (header->header, '}');
  pd_fuzz_add_seed (seeds, "", 0, header->header->str, -1);
  g_string_free (header->header, TRUE);
}

/* The tensors of the smallest model, its names alone, and each part by itself, without what whole
 * files put before its names as well. */
static void
add_seeds (GPtrArray *seeds)
{
  static const struct
  {
    const char *name, *shape;
  } tensors[] = {
    { "model.diffusion_model.input_blocks.0.0.weight", "32,4" },
    { "model.diffusion_model.out.2.weight", "4" },
    { "model.diffusion_model.time_embed.0.weight", "4" },
    { "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "32" },
    { "model.diffusion_model.input_blocks.1.1.proj_in.weight", "2,2,1,1" },
    { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.norm1.weight", "1" },
    { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", "1,8" },
    { "model.diffusion_model.input_blocks.2.0.op.weight", "1" },
    { "model.diffusion_model.input_blocks.3.0.in_layers.2.weight", "64" },
    { "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight", "1,8" },
    { "model.diffusion_model.middle_block.0.in_layers.0.bias", "1" },
    { "model.diffusion_model.output_blocks.1.1.conv.weight", "1" },
    { "first_stage_model.decoder.conv_in.weight", "2,4" },
    { "first_stage_model.decoder.conv_out.weight", "3" },
    { "first_stage_model.decoder.up.0.block.0.conv1.weight", "32" },
    { "first_stage_model.decoder.up.0.block.1.conv1.weight", "32" },
    { "first_stage_model.decoder.mid.attn_1.q.weight", "2,2,1,1" },
    { "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", "4,64" },
    { "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight", "77,1" },
    { "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "4" },
    { "cond_stage_model.transformer.text_model.encoder.layers.0.layer_norm1.weight", "4" },
  };
  static const struct
  {
    const char *name, *shape;
  } bare[] = {
    { "decoder.conv_in.weight", "2,4" },
    { "decoder.conv_out.weight", "3" },
    { "decoder.up_blocks.0.resnets.0.conv1.weight", "64" },
    { "decoder.up_blocks.0.resnets.1.conv1.weight", "64" },
    { "decoder.up_blocks.1.resnets.0.conv1.weight", "32" },
    { "decoder.mid_block.attentions.0.query.weight", "2,2" },
    { "embeddings.token_embedding.weight", "4,64" },
    { "embeddings.position_embedding.weight", "77,1" },
    { "encoder.layers.0.mlp.fc1.weight", "4" },
    { "encoder.layers.0.layer_norm1.weight", "4" },
  };
  static const char *const parts[] = { "", "model.", "first_", "cond_" };
  static const char *const prefixes[] = { "first_stage_model.", "cond_stage_model.transformer." };
  PdFixtureHeader header;

  for (guint part = 0; part < G_N_ELEMENTS (parts); part++)
    {
      pd_fixture_header_init (&header);
      for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
        if (g_str_has_prefix (tensors[i].name, parts[part]))
          pd_fixture_header_add (&header, tensors[i].name, tensors[i].shape);
      add_seed (seeds, &header);
    }
  pd_fixture_header_init (&header);
  for (guint i = 0; i < G_N_ELEMENTS (bare); i++)
    pd_fixture_header_add (&header, bare[i].name, bare[i].shape);
  add_seed (seeds, &header);
  for (guint part = 0; part < G_N_ELEMENTS (prefixes); part++)
    {
      pd_fixture_header_init (&header);
      for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
        if (g_str_has_prefix (tensors[i].name, prefixes[part]))
          pd_fixture_header_add (&header, tensors[i].name + strlen (prefixes[part]),
                                 tensors[i].shape);
      add_seed (seeds, &header);
    }
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "encoder.layers.0.weight", "2,3,1,1");
  pd_fixture_header_add (&header, "decoder.layers.0.weight", "2,4,1,1");
  add_seed (seeds, &header);
  pd_fixture_header_init (&header);
  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    pd_fixture_header_add (&header, tensors[i].name, "0,0");
  add_seed (seeds, &header);
  pd_fixture_header_init (&header);
  pd_fixture_header_add_ldm (&header);
  add_seed (seeds, &header);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const guint64 length = GUINT64_TO_LE ((guint64) size);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = NULL;
  const char *path;

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, data, (guint) size);
  path = pd_fuzz_file (bytes->data, bytes->len, ROOM);
  files = pd_model_files_open (path, NULL, &error);
  pd_fuzz_check_line (files != NULL, error);
  if (files != NULL)
    check_model (files);
  check_parts (path);
  return 0;
}
