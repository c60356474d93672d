// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/file-kind.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "tests/fixtures/model-fixture.h"

/* Names that files of each kind have, and a word of what is said; NULL: it may be a model. */
static const struct
{
  const char *id, *names, *shape, *word;
} CASES[] = {
  { "lora-kohya", "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "4,8", "LoRA" },
  { "lora-sdxl", "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha", "1", "LoRA" },
  { "lora-lycoris", "lycoris_down_blocks_0_resnets_0_conv1.hada_w1_a", "4,8", "LoRA" },
  { "lora-lokr", "unet_down_blocks_1.lokr_w2", "4,8", "LoRA" },
  { "lora-peft", "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight",
    "4,8", "LoRA" },
  { "lora-diffusers", "unet.down_blocks.0.attentions.0.attn1.to_q.lora.down.weight", "4,8",
    "LoRA" },
  { "lora-processor", "down_blocks.0.attentions.0.attn1.processor.to_q_lora.up.weight", "4,8",
    "LoRA" },
  { "lora-linear", "unet.mid_block.to_k.lora_linear_layer.down.weight", "4,8", "LoRA" },
  { "lora-of-model", "model.diffusion_model.input_blocks.1.0.lora_up.weight", "4,8", "LoRA" },
  { "vae", "decoder.conv_in.weight encoder.conv_in.weight quant_conv.bias", "4,8", "VAE" },
  { "vae-prefixed", "first_stage_model.decoder.conv_in.weight", "4,8", "VAE" },
  { "vae-tiny", "decoder.layers.0.weight encoder.layers.0.weight", "4,8", "VAE" },
  { "embedding", "emb_params", "2,768", "embedding" },
  { "embedding-pt", "string_to_param.*", "2,768", "embedding" },
  { "embedding-diffusers", "<moss>", "768", "embedding" },
  { "embedding-sdxl", "clip_g clip_l", "2,1280", "embedding" },
  { "embedding-named", "moss-style", "4,1024", "embedding" },
  { "controlnet", "control_model.input_blocks.0.0.weight", "4,8", "ControlNet" },
  { "controlnet-diffusers", "controlnet_cond_embedding.conv_in.weight down_blocks.0.x", "4,8",
    "ControlNet" },
  { "controlnet-lllite", "lllite_unet_input_blocks_4.depth1.0.weight", "4,8", "ControlNet" },
  { "t2i-adapter", "adapter.body.0.resnets.0.block1.weight", "4,8", "adapter" },
  { "ip-adapter", "image_proj.proj.weight ip_adapter.1.to_k_ip.weight", "4,8", "adapter" },
  { "motion", "down_blocks.0.motion_modules.0.temporal_transformer.norm.bias", "8", "motion" },
  { "upscaler", "conv_first.weight body.0.rdb1.conv1.weight", "4,8", "upscaler" },
  { "upscaler-old", "model.0.weight model.1.sub.0.RDB1.conv1.0.weight", "4,8", "upscaler" },
  { "text-encoder", "text_model.encoder.layers.0.mlp.fc1.weight", "4,8", "text" },
  { "unet", "down_blocks.0.resnets.0.conv1.weight conv_in.weight", "4,8", "UNet" },
  { "model", "model.diffusion_model.input_blocks.0.0.weight first_stage_model.decoder.conv_in.bias",
    "4,8", NULL },
  { "model-and-control", "control_model.zero_convs.0.0.bias model.diffusion_model.out.2.bias", "4",
    NULL },
  { "unknown", "double_blocks.0.img_attn.qkv.weight", "4,8", NULL },
  { "nothing", "", "", NULL },
};

static void
test_kind (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_auto (GStrv) names = g_strsplit (CASES[i].names, " ", -1);
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  for (guint j = 0; names[j] != NULL; j++)
    pd_fixture_header_add (&header, names[j], CASES[i].shape);
  g_autofree char *path = pd_fixture_header_write (&header, folder, "x.safetensors");
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_no_error (error);
  const char *kind = pd_file_kind (file);
  if (CASES[i].word == NULL)
    g_assert_null (kind);
  else
    g_assert_nonnull (strstr (kind, CASES[i].word));

  /* The same is said where it is chosen as a model, but of parts under a whole model's names. */
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &error);
  if (CASES[i].word != NULL && !g_str_has_prefix (CASES[i].names, "first_stage_model.") &&
      !g_str_has_prefix (CASES[i].names, "model."))
    pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, CASES[i].word);
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (CASES); i++)
    {
      g_autofree char *path = g_strconcat ("/file-kind/", CASES[i].id, NULL);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_kind);
    }
  return g_test_run ();
}
