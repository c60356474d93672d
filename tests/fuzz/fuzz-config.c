// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/model/config.h"
#include "engine/model/json.h"
#include "tests/fuzz/fuzz.h"

static const char *const PIECES[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "false",
  "0",
  "-1",
  "1e308",
  "1e-308",
  "3.5",
  "2147483648",
  "9223372036854775807",
  "-9223372036854775808",
  "\"\"",
  "\\u00e9",
  "\\ud83d\\ude00",
  "-Infinity",
  "[1,2]",
  "\"silu\"",
  "\"AutoencoderTiny\"",
  "\"UNet2DConditionModel\"",
  "\"CLIPTextModel\"",
  "16384",
  "\"norm_num_groups\":",
  "\"block_out_channels\":",
  "\"attention_head_dim\":",
  NULL,
};

static const char *const SEEDS[] = {
  "{\"_class_name\":\"UNet2DConditionModel\",\"act_fn\":\"silu\",\"attention_head_dim\":[2,4],"
  "\"block_out_channels\":[32,64],\"cross_attention_dim\":32,\"down_block_types\":["
  "\"CrossAttnDownBlock2D\",\"DownBlock2D\"],\"downsample_padding\":1,\"flip_sin_to_cos\":true,"
  "\"freq_shift\":0,\"in_channels\":4,\"layers_per_block\":2,\"mid_block_scale_factor\":1,"
  "\"mid_block_type\":\"UNetMidBlock2DCrossAttn\",\"norm_eps\":1e-05,\"norm_num_groups\":32,"
  "\"only_cross_attention\":false,\"out_channels\":4,\"sample_size\":16,"
  "\"transformer_layers_per_block\":[1,2],\"up_block_types\":[\"UpBlock2D\",\"CrossAttnUpBlock2D\"]"
  ","
  "\"use_linear_projection\":true,\"time_embedding_dim\":null}",
  "{\"_class_name\":\"AutoencoderKL\",\"act_fn\":\"silu\",\"block_out_channels\":[16,32],"
  "\"down_block_types\":[\"DownEncoderBlock2D\",\"DownEncoderBlock2D\"],\"force_upcast\":true,"
  "\"in_channels\":3,\"latent_channels\":4,\"layers_per_block\":2,\"norm_num_groups\":16,"
  "\"sample_size\":128,\"scaling_factor\":0.18215}",
  "{\"_class_name\":\"AutoencoderTiny\",\"act_fn\":\"relu\",\"decoder_block_out_channels\":[16,16],"
  "\"encoder_block_out_channels\":[16,16],\"num_decoder_blocks\":[3,1],\"num_encoder_blocks\":[1,3]"
  ","
  "\"latent_magnitude\":3,\"latent_shift\":0.5,\"upsampling_scaling_factor\":2}",
  "{\"architectures\":[\"CLIPTextModel\"],\"hidden_act\":\"quick_gelu\",\"hidden_size\":32,"
  "\"intermediate_size\":64,\"num_attention_heads\":4,\"num_hidden_layers\":3,\"vocab_size\":814,"
  "\"layer_norm_eps\":1e-05,\"eos_token_id\":2,\"max_position_embeddings\":77}",
  "{\"_class_name\":\"StableDiffusionPipeline\",\"unet\":[\"diffusers\",\"UNet2DConditionModel\"],"
  "\"vae\":[\"diffusers\",\"AutoencoderKL\"],\"safety_checker\":[null,null]}",
};

/* A UNet that reads without error can be built: nothing divides by zero, nothing is out of range.
 */
static void
check_unet (const PdUNetConfig *c)
{
  g_assert_true (c->n_blocks >= 1 && c->n_blocks <= PD_CONFIG_MAX_BLOCKS);
  for (int i = 0; i < c->n_blocks; i++)
    {
      gboolean attends = c->down_attention[i] || c->up_attention[c->n_blocks - 1 - i] ||
                         (c->mid_attention && i == c->n_blocks - 1);
      g_assert_true (c->block_out_channels[i] >= 1 && c->block_out_channels[i] <= 16384);
      g_assert_true (c->layers_per_block[i] >= 1 && c->transformer_layers[i] >= 1);
      g_assert_cmpint (c->block_out_channels[i] % c->norm_num_groups, ==, 0);
      g_assert_cmpint (c->heads[i], >=, 1);
      g_assert_true (!attends || c->block_out_channels[i] % c->heads[i] == 0);
    }
  g_assert_true (c->cross_attention_dim >= 1 && c->time_embed_dim >= 1 && c->in_channels >= 1);
  g_assert_true (c->norm_eps > 0 && c->block_out_channels[0] % 2 == 0);
}

static void
run (const char *path, gpointer data)
{
  PdUNetConfig unet;
  PdVaeConfig vae;
  PdTinyVaeConfig tiny;
  PdTextConfig text;
  PdPipelineConfig pipeline;
  GError *errors[5] = { NULL };
  gboolean is_unet = pd_unet_config_load (&unet, path, &errors[0]);
  gboolean is_vae = pd_vae_config_load (&vae, path, &errors[1]);
  gboolean is_tiny = pd_tiny_vae_config_load (&tiny, path, &errors[2]);
  gboolean is_text = pd_text_config_load (&text, path, &errors[3]);
  gboolean is_pipeline = pd_pipeline_config_load (&pipeline, path, &errors[4]);
  const gboolean results[5] = { is_unet, is_vae, is_tiny, is_text, is_pipeline };
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    pd_fuzz_check (results[i], errors[i]);
  if (is_unet)
    check_unet (&unet);
  for (int i = 0; is_vae && i < vae.n_blocks; i++)
    g_assert_cmpint (vae.block_out_channels[i] % vae.norm_num_groups, ==, 0);
  for (int i = 0; is_tiny && i < tiny.n_encoder_stages; i++)
    g_assert_true (tiny.encoder_blocks[i] >= 1 && tiny.encoder_channels[i] >= 1);
  if (is_text)
    g_assert_cmpint (text.hidden_size % text.n_heads, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    g_clear_error (&errors[i]);
}

int
main (void)
{
  GBytes *seeds[G_N_ELEMENTS (SEEDS)];
  for (guint i = 0; i < G_N_ELEMENTS (SEEDS); i++)
    seeds[i] = g_bytes_new_static (SEEDS[i], strlen (SEEDS[i]));
  PdFuzz fuzz = {
    .name = "config",
    .seeds = (const GBytes *const *) seeds,
    .n_seeds = G_N_ELEMENTS (seeds),
    .pieces = PIECES,
    .run = run,
    .file_name = "config.json",
  };
  g_print ("TAP version 13\n");
  pd_fuzz_run (&fuzz, 2);
  g_print ("1..1\nok 1 fuzz-config\n");
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    g_bytes_unref (seeds[i]);
  return 0;
}
