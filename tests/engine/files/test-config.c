// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/config.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "tests/fixtures/model-fixture.h"

typedef gboolean (*Read) (gpointer config, JsonObject *object, const char *name, GError **error);

/* Reads a config given as the inside of a JSON object. */
static gboolean
read_text (Read read, gpointer config, const char *members, GError **error)
{
  g_autofree char *json = g_strdup_printf ("{%s}", members);
  g_autoptr (JsonNode) root = pd_json_parse (json, strlen (json), "config.json", error);
  return root != NULL && read (config, json_node_get_object (root), "config.json", error);
}

static gboolean
read_unet (PdUNetConfig *config, const char *members, GError **error)
{
  return read_text ((Read) pd_unet_config_read, config, members, error);
}

static void
test_unet_defaults (void)
{
  g_autoptr (GError) error = NULL;
  PdUNetConfig c;
  read_unet (&c, "\"block_out_channels\":[320,640,1280,1280],\"cross_attention_dim\":768", &error);
  g_assert_no_error (error);
  g_assert_cmpint (c.n_blocks, ==, 4);
  g_assert_cmpint (c.time_embed_dim, ==, 1280);
  g_assert_cmpint (c.norm_num_groups, ==, 32);
  g_assert_cmpint (c.heads[0], ==, 8);
  g_assert_cmpint (c.heads[3], ==, 8);
  g_assert_cmpint (c.layers_per_block[3], ==, 2);
  g_assert_cmpint (c.transformer_layers[3], ==, 1);
  g_assert_true (c.down_attention[0] && c.down_attention[2] && !c.down_attention[3]);
  g_assert_true (!c.up_attention[0] && c.up_attention[1] && c.up_attention[3]);
  g_assert_true (c.mid_attention && c.flip_sin_to_cos && !c.use_linear_projection);
  g_assert_cmpint (c.addition, ==, PD_ADDITION_NONE);
}

/* attention_head_dim is the number of heads, unless num_attention_heads is there. */
static void
test_unet_heads (void)
{
  g_autoptr (GError) error = NULL;
  PdUNetConfig c;
  read_unet (&c, "\"block_out_channels\":[64,128],\"attention_head_dim\":[2,4]", &error);
  g_assert_no_error (error);
  g_assert_cmpint (c.heads[0], ==, 2);
  g_assert_cmpint (c.heads[1], ==, 4);
  read_unet (&c,
             "\"block_out_channels\":[64,128],\"attention_head_dim\":64,"
             "\"num_attention_heads\":[1,2]",
             &error);
  g_assert_no_error (error);
  g_assert_cmpint (c.heads[0], ==, 1);
  g_assert_cmpint (c.heads[1], ==, 2);
  /* no attention, nothing to divide */
  read_unet (&c,
             "\"block_out_channels\":[64,128],\"attention_head_dim\":[7,8],"
             "\"down_block_types\":[\"DownBlock2D\",\"CrossAttnDownBlock2D\"],"
             "\"up_block_types\":[\"CrossAttnUpBlock2D\",\"UpBlock2D\"]",
             &error);
  g_assert_no_error (error);
}

static const struct
{
  const char *name;
  Read read;
  const char *members, *fragments;
} BAD[] = {
  { "unet-no-channels", (Read) pd_unet_config_read, "", "block_out_channels missing" },
  { "unet-giant-channels", (Read) pd_unet_config_read, "\"block_out_channels\":[320,99999999]",
    "block_out_channels[1] 99999999 16384" },
  { "unet-negative-channels", (Read) pd_unet_config_read, "\"block_out_channels\":[-320]",
    "block_out_channels[0] -320" },
  { "unet-zero-channels", (Read) pd_unet_config_read, "\"block_out_channels\":[0]",
    "block_out_channels[0]" },
  { "unet-text-channels", (Read) pd_unet_config_read, "\"block_out_channels\":[\"320\"]",
    "block_out_channels[0] \"320\"" },
  { "unet-nine-blocks", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32,32,32,32,32,32,32,32,32]", "block_out_channels 8" },
  { "unet-no-blocks", (Read) pd_unet_config_read, "\"block_out_channels\":[]",
    "block_out_channels []" },
  { "unet-huge-number", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"in_channels\":1e300", "in_channels 1024" },
  { "unet-odd-first", (Read) pd_unet_config_read,
    "\"block_out_channels\":[33],\"norm_num_groups\":33,\"attention_head_dim\":3", "33 even" },
  { "unet-groups", (Read) pd_unet_config_read, "\"block_out_channels\":[32,48]",
    "norm_num_groups 32 48 1" },
  { "unet-heads", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32,64],\"attention_head_dim\":[5,8]", "attention_head_dim 5 32" },
  { "unet-heads-list", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32,64],\"attention_head_dim\":[1,2,3]", "attention_head_dim 2" },
  { "unet-zero-heads", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"attention_head_dim\":0", "attention_head_dim" },
  { "unet-types", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"down_block_types\":[\"AttnDownBlock2D\"]",
    "down_block_types AttnDownBlock2D CrossAttnDownBlock2D" },
  { "unet-types-count", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32,32],\"up_block_types\":[\"UpBlock2D\"]", "up_block_types 1 2" },
  { "unet-mid", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"mid_block_type\":\"UNetMidBlock2DSimpleCrossAttn\"",
    "mid_block_type UNetMidBlock2DSimpleCrossAttn" },
  { "unet-only-cross", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"only_cross_attention\":[false,true]", "only_cross_attention" },
  { "unet-dual-cross", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"dual_cross_attention\":true", "dual_cross_attention" },
  { "unet-scale-shift", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"resnet_time_scale_shift\":\"scale_shift\"",
    "resnet_time_scale_shift scale_shift default" },
  { "unet-addition", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"addition_embed_type\":\"image\"",
    "addition_embed_type image text_time" },
  { "unet-class", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32],\"_class_name\":\"UNet3DConditionModel\"",
    "_class_name UNet3DConditionModel" },
  { "unet-context-list", (Read) pd_unet_config_read,
    "\"block_out_channels\":[32,32],\"cross_attention_dim\":[32,64]", "cross_attention_dim 32 64" },
  { "vae-latents", (Read) pd_vae_config_read, "\"block_out_channels\":[32],\"latent_channels\":0",
    "latent_channels 1024" },
  { "vae-groups", (Read) pd_vae_config_read, "\"block_out_channels\":[16]",
    "norm_num_groups 32 16" },
  { "vae-layers", (Read) pd_vae_config_read,
    "\"block_out_channels\":[32],\"layers_per_block\":1000000", "layers_per_block 1000000 15" },
  { "vae-scaling", (Read) pd_vae_config_read, "\"block_out_channels\":[32],\"scaling_factor\":0",
    "scaling_factor" },
  { "vae-types", (Read) pd_vae_config_read,
    "\"block_out_channels\":[32],\"down_block_types\":[\"AttnDownEncoderBlock2D\"]",
    "AttnDownEncoderBlock2D" },
  { "vae-means", (Read) pd_vae_config_read,
    "\"block_out_channels\":[32],\"latents_mean\":[0,0,0,0]", "latents_mean null" },
  { "tiny-missing", (Read) pd_tiny_vae_config_read,
    "\"encoder_block_out_channels\":[64,64],\"decoder_block_out_channels\":[64,64]",
    "num_encoder_blocks" },
  { "tiny-count", (Read) pd_tiny_vae_config_read,
    "\"encoder_block_out_channels\":[64,64],\"decoder_block_out_channels\":[64,64],"
    "\"num_encoder_blocks\":[1,3,3],\"num_decoder_blocks\":[3,1]",
    "num_encoder_blocks 2" },
  { "text-heads", (Read) pd_text_config_read, "\"hidden_size\":100,\"num_attention_heads\":12",
    "num_attention_heads 12 100" },
  { "text-vocabulary", (Read) pd_text_config_read, "\"vocab_size\":2000000000",
    "vocab_size 2000000000 1000000" },
  { "text-act", (Read) pd_text_config_read, "\"hidden_act\":\"relu\"", "hidden_act quick_gelu" },
  { "text-class", (Read) pd_text_config_read,
    "\"architectures\":[\"T5EncoderModel\"],\"eos_token_id\":2", "T5EncoderModel CLIPTextModel" },
  { "text-bool", (Read) pd_text_config_read, "\"num_hidden_layers\":true", "num_hidden_layers" },
  { "pipeline-pair", (Read) pd_pipeline_config_read, "\"unet\":\"UNet2DConditionModel\"",
    "\"unet\" pair" },
};

static void
test_bad (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;
  union
  {
    PdTextConfig text;
    PdUNetConfig unet;
    PdVaeConfig vae;
    PdTinyVaeConfig tiny;
    PdPipelineConfig pipeline;
  } config;
  g_assert_false (read_text (BAD[i].read, &config, BAD[i].members, &error));
  g_assert_true (g_str_has_prefix (error->message, "config.json: "));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, BAD[i].fragments);
}

static void
test_json (void)
{
  static const struct
  {
    const char *json, *fragments;
  } bad[] = {
    { "", "JSON" },
    { "{\"a\":1,}", "JSON" },
    { "{\"a\" 1}", "JSON" },
    { "{'a':1}", "JSON" },
    { "var a = {}", "JSON" },
    { "{\"a\":[1}", "JSON" },
    { "{\"a\":1}}", "JSON" },
    { "{\"a\":1} {\"b\":2}", "JSON" },
    { "{\"a\":nul}", "JSON" },
    { "{\"a\":\"\n\"}", "JSON" },
    { "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "\"c\" twice" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) root =
          pd_json_parse (bad[i].json, strlen (bad[i].json), "x.json", &error);
      if (root != NULL)
        g_error ("accepted: %s", bad[i].json);
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, bad[i].fragments);
    }
  g_autoptr (GError) error = NULL;
  static const char good[] = " {\"a\": -Infinity, \"b\": \"Infinity [{\", \"c\": -1.5e-05}\n";
  g_autoptr (JsonNode) root = pd_json_parse (good, strlen (good), "x.json", &error);
  g_assert_no_error (error);
  JsonObject *object = json_node_get_object (root);
  g_assert_true (json_object_get_null_member (object, "a"));
  g_assert_cmpstr (json_object_get_string_member (object, "b"), ==, "Infinity [{");
  g_assert_cmpfloat (json_object_get_double_member (object, "c"), ==, -1.5e-05);
}

/* Fields in which the golden models differ from the defaults. */
static void
test_goldens (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *models = pd_fixture_shared ("goldens/models");
  if (models == NULL)
    return;
  g_autofree char *sd2 = g_build_filename (models, "sd2/unet/config.json", NULL);
  g_autofree char *sdxl = g_build_filename (models, "sdxl/unet/config.json", NULL);
  g_autofree char *vae_path = g_build_filename (models, "sdxl/vae/config.json", NULL);
  g_autofree char *text_path = g_build_filename (models, "sdxl/text_encoder_2/config.json", NULL);
  g_autofree char *tiny_path = g_build_filename (models, "taesd/config.json", NULL);
  g_autofree char *class_name = NULL;
  g_autofree char *index_path = g_build_filename (models, "sdxl/model_index.json", NULL);
  PdUNetConfig unet;
  PdVaeConfig vae;
  PdTextConfig text;
  PdTinyVaeConfig tiny;
  PdPipelineConfig pipeline;

  pd_unet_config_load (&unet, sd2, &error);
  g_assert_no_error (error);
  g_assert_true (unet.use_linear_projection);
  g_assert_cmpint (unet.heads[0], ==, 1);
  g_assert_cmpint (unet.heads[3], ==, 2);
  g_assert_cmpint (unet.cross_attention_dim, ==, 48);
  g_assert_cmpint (unet.norm_num_groups, ==, 16);

  pd_unet_config_load (&unet, sdxl, &error);
  g_assert_no_error (error);
  g_assert_cmpint (unet.n_blocks, ==, 3);
  g_assert_cmpint (unet.transformer_layers[2], ==, 4);
  g_assert_true (!unet.down_attention[0] && unet.down_attention[2]);
  g_assert_true (unet.up_attention[0] && !unet.up_attention[2]);
  g_assert_cmpint (unet.addition, ==, PD_ADDITION_TEXT_TIME);
  g_assert_cmpint (unet.addition_time_embed_dim, ==, 8);
  g_assert_cmpint (unet.projection_class_input_dim, ==, 88);

  pd_vae_config_load (&vae, vae_path, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (vae.scaling_factor, ==, 0.13025);
  g_assert_cmpint (vae.block_out_channels[3], ==, 32);
  g_assert_true (vae.use_quant_conv && vae.mid_attention && vae.force_upcast);

  pd_text_config_load (&text, text_path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (text.act, ==, PD_TEXT_ACT_GELU);
  g_assert_cmpint (text.projection_dim, ==, 40);
  g_assert_cmpint (text.n_heads, ==, 5);
  g_assert_cmpint (text.eos_token_id, ==, 2);

  pd_tiny_vae_config_load (&tiny, tiny_path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tiny.n_encoder_stages, ==, 4);
  g_assert_cmpint (tiny.encoder_blocks[0], ==, 1);
  g_assert_cmpint (tiny.decoder_blocks[3], ==, 1);

  pd_pipeline_config_load (&pipeline, index_path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (pipeline.class_name, ==, "StableDiffusionXLPipeline");
  g_assert_cmpstr (pipeline.text_encoder_2, ==, "CLIPTextModelWithProjection");
  class_name = pd_config_load_class (text_path, &error);
  g_assert_cmpstr (class_name, ==, "CLIPTextModelWithProjection");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/unet/defaults", test_unet_defaults);
  g_test_add_func ("/config/unet/heads", test_unet_heads);
  for (guint i = 0; i < G_N_ELEMENTS (BAD); i++)
    {
      g_autofree char *path = g_strconcat ("/config/bad/", BAD[i].name, NULL);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_bad);
    }
  g_test_add_func ("/config/json", test_json);
  g_test_add_func ("/config/goldens", test_goldens);
  return g_test_run ();
}
