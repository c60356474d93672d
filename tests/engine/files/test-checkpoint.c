// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/checkpoint.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/files/ldm.h"
#include "engine/files/model-files.h"
#include "tests/fixtures/model-fixture.h"

static PdModelFiles *
open_files (const char *path, const char *config_folder)
{
  g_autoptr (GError) error = NULL;
  PdModelFiles *files = pd_model_files_open (path, config_folder, &error);
  g_assert_no_error (error);
  return files;
}

/* Both have the same names, each with the same elements. */
static void
assert_same (PdCheckpoint *a, PdCheckpoint *b)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = pd_checkpoint_list (a);
  guint n_compared = 0;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      gint64 any[4] = { -1, -1, -1, -1 };
      if (g_str_has_suffix (name, "position_ids"))
        continue;
      g_assert_true (pd_checkpoint_has (b, name));
      for (guint n_dims = 1; n_dims <= 4; n_dims++)
        {
          const PdTensorInfo *x = pd_checkpoint_get (a, name, n_dims, any, NULL);
          if (x == NULL)
            continue;
          const PdTensorInfo *y = pd_checkpoint_get (b, name, n_dims, x->dims, &error);
          g_assert_no_error (error);
          g_assert_cmpint (x->dtype, ==, y->dtype);
          g_autofree guint8 *of_x = g_malloc (x->size), *of_y = g_malloc (y->size);
          g_assert_cmpuint (x->size, ==, y->size);
          g_assert_true (pd_tensor_info_read (x, 0, pd_tensor_info_count (x), of_x, NULL));
          g_assert_true (pd_tensor_info_read (y, 0, pd_tensor_info_count (y), of_y, NULL));
          g_assert_cmpmem (of_x, x->size, of_y, y->size);
          n_compared++;
        }
    }
  g_assert_cmpuint (n_compared, >=, names->len - 1);
}

static void
test_get (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1");
  if (path == NULL)
    return;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = open_files (path, NULL);
  g_assert_cmpint (files->layout, ==, PD_LAYOUT_DIFFUSERS);
  g_assert_cmpstr (files->pipeline.scheduler, ==, "PNDMScheduler");
  g_assert_nonnull (files->scheduler);
  PdCheckpoint *unet = files->parts[PD_PART_UNET].checkpoint;
  const PdUNetConfig *config = files->parts[PD_PART_UNET].config;
  g_assert_cmpint (config->heads[0], ==, 8);

  const gint64 exact[] = { 32, 4, 3, 3 }, loose[] = { -1, 4, -1, 3 }, wrong[] = { 32, 9, 3, 3 };
  const PdTensorInfo *info = pd_checkpoint_get (unet, "conv_in.weight", 4, exact, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (info->size, ==, 32 * 4 * 9 * 2);
  g_assert_true (pd_checkpoint_get (unet, "conv_in.weight", 4, loose, &error) == info);
  g_assert_null (pd_checkpoint_get (unet, "conv_in.weight", 4, wrong, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "conv_in.weight 32x4x3x3 32x9x3x3");
  g_assert_null (pd_checkpoint_get (unet, "conv_in.weight", 2, exact, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "conv_in.weight 32x4x3x3 32x4");
  g_assert_null (pd_checkpoint_get (unet, "conv_in.weights", 2, loose, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "conv_in.weights missing ?x4");
  g_assert_false (pd_checkpoint_has (unet, "conv_in.weights"));

  /* a 1×1 convolution as a matrix, and a matrix as a 1×1 convolution; both are kept */
  const char *proj_in = "down_blocks.0.attentions.0.proj_in.weight";
  const char *to_q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
  const gint64 square[] = { 32, 32, 1, 1 };
  const PdTensorInfo *conv = pd_checkpoint_get (unet, proj_in, 4, square, &error);
  const PdTensorInfo *matrix = pd_checkpoint_get (unet, proj_in, 2, square, &error);
  g_assert_no_error (error);
  g_assert_true (conv->n_dims == 4 && matrix->n_dims == 2 && conv->data == matrix->data);
  g_assert_true (pd_checkpoint_get (unet, proj_in, 2, square, &error) == matrix);
  const PdTensorInfo *as_conv = pd_checkpoint_get (unet, to_q, 4, square, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (as_conv->n_dims, ==, 4);
}

static void
test_dtype (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  const gint64 dims[] = { 2 };
  g_autofree char *path = pd_fixture_write_safetensors (
      folder, "x.safetensors",
      "{\"a.bias\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL, 0);
  g_autoptr (PdCheckpoint) checkpoint = pd_checkpoint_open_file (path, PD_PART_VAE, &error);
  g_assert_no_error (error);
  g_assert_null (pd_checkpoint_get (checkpoint, "a.bias", 1, dims, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "a.bias I32 F16");
  pd_fixture_remove (folder);
}

/* Weights of 8 bits with the scale that stands beside them, under the names that files have. */
static void
test_scales (void)
{
  static const struct
  {
    const char *name, *shape, *fragments; /* NULL: it is used */
    guint size;
  } cases[] = {
    { "scale_weight", "", NULL, 4 },
    { "weight_scale", "1", NULL, 4 },
    { "weight_scale_inv", "1,1", NULL, 4 },
    { "weight_scale", "2", "a.0.weight_scale 2 F32 scale", 8 },
    { "weight._scale", "1", "a.0.weight._scale F32 scale", 4 },
    { "scale_input", "1", "", 4 },
  };
  const gint64 dims[] = { 2 };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      static const guint8 bytes[8] = { 0, 0, 0xc0, 0x3f, 0, 0, 0xc0, 0x3f }; /* 1.5 twice */
      guint8 data[10];
      memcpy (data, bytes, 8);
      data[cases[i].size] = 0x40;     /* 2 */
      data[cases[i].size + 1] = 0xb8; /* -1 */
      g_autofree char *header = g_strdup_printf (
          "{\"a.0.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[%u,%u]},"
          "\"a.0.%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[0,%u]}}",
          cases[i].size, cases[i].size + 2, cases[i].name, cases[i].shape, cases[i].size);
      g_autofree char *path = pd_fixture_write_safetensors (
          folder, "x.safetensors", header, cases[i].size + 2, data, cases[i].size + 2);
      g_autoptr (PdCheckpoint) checkpoint = pd_checkpoint_open_file (path, PD_PART_UNET, &error);
      g_assert_no_error (error);
      const PdTensorInfo *info = pd_checkpoint_get (checkpoint, "a.0.weight", 1, dims, &error);
      if (cases[i].fragments != NULL && *cases[i].fragments != '\0')
        pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
      else
        {
          const float scale = cases[i].fragments == NULL ? 1.5f : 1;
          float values[2];
          g_assert_no_error (error);
          g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
          g_assert_cmpfloat (values[0], ==, 2 * scale);
          g_assert_cmpfloat (values[1], ==, -scale);
          g_assert_true (pd_checkpoint_get (checkpoint, "a.0.weight", 1, dims, &error) == info);
        }
      pd_fixture_remove (folder);
    }
}

static void
test_old_attention_names (void)
{
  g_autofree char *folder = pd_fixture_shared ("goldens/models/sd1/vae");
  if (folder == NULL)
    return;
  g_autoptr (GError) error = NULL;
  g_autofree char *old_path =
      g_build_filename (folder, "diffusion_pytorch_model.old-names.fp16.safetensors", NULL);
  g_autoptr (PdCheckpoint) modern = pd_checkpoint_open_folder (folder, PD_PART_VAE, &error);
  g_assert_no_error (error);
  g_autoptr (PdCheckpoint) old = pd_checkpoint_open_file (old_path, PD_PART_VAE, &error);
  g_assert_no_error (error);
  assert_same (modern, old);
  assert_same (old, modern);
}

static void
test_single_file (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/single-file/sd1.safetensors");
  if (path == NULL)
    return;
  g_autoptr (GError) error = NULL;
  g_autofree char *pipeline = pd_fixture_shared ("goldens/models/sd1");
  g_autoptr (PdModelFiles) folder = open_files (pipeline, NULL);
  g_autoptr (PdModelFiles) file = open_files (path, pipeline);
  g_assert_cmpint (file->layout, ==, PD_LAYOUT_SINGLE_FILE);
  static const gsize sizes[] = { sizeof (PdUNetConfig), sizeof (PdVaeConfig),
                                 sizeof (PdTextConfig) };
  for (guint part = 0; part < PD_N_PARTS; part++)
    {
      const PdPartFiles *a = &folder->parts[part], *b = &file->parts[part];
      g_assert_cmpint (a->class, ==, b->class);
      g_assert_cmpmem (a->config, sizes[part], b->config, sizes[part]);
      assert_same (a->checkpoint, b->checkpoint);
      assert_same (b->checkpoint, a->checkpoint);
    }
  g_autoptr (PdTokenizer) tokenizer = pd_model_files_load_tokenizer (file, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pd_tokenizer_get_size (tokenizer), ==, 814);
}

/* The golden file through a link, so that a folder can stand beside it. */
static char *
link_single_file (const char *folder, const char *golden)
{
  char *path = g_build_filename (folder, "model.safetensors", NULL);
  g_assert_cmpint (symlink (golden, path), ==, 0);
  return path;
}

static void
test_folder_beside (void)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/single-file/sd1.safetensors");
  if (golden == NULL)
    return;
  g_autoptr (GError) error = NULL;
  g_autofree char *pipeline = pd_fixture_shared ("goldens/models/sd1");
  char *folder = pd_fixture_folder ();
  g_autofree char *path = link_single_file (folder, golden);
  g_autofree char *beside = g_build_filename (folder, "model", NULL);

  /* nothing beside: its VAE has 16 channels, SD 1.x 32 groups */
  g_assert_null (pd_model_files_open (path, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                     "model.safetensors norm_num_groups 32 16 vae/config.json");

  g_assert_cmpint (symlink (pipeline, beside), ==, 0);
  g_autoptr (PdModelFiles) files = open_files (path, NULL);
  const PdUNetConfig *unet = files->parts[PD_PART_UNET].config;
  const PdVaeConfig *vae = files->parts[PD_PART_VAE].config;
  const PdTextConfig *text = files->parts[PD_PART_TEXT_ENCODER].config;
  g_assert_cmpint (unet->heads[0], ==, 8);
  g_assert_cmpint (vae->norm_num_groups, ==, 16);
  g_assert_cmpint (text->n_heads, ==, 4);
  g_assert_nonnull (files->scheduler);
  g_assert_nonnull (files->tokenizer_folder);
  pd_fixture_remove (folder);
}

/* A config.json that contradicts the tensors is refused, whichever size it is. */
static void
test_contradiction (void)
{
  static const struct
  {
    const char *file, *from, *to, *fragments;
  } cases[] = {
    { "unet/config.json", "\"in_channels\": 4", "\"in_channels\": 9", "in_channels 9 4" },
    { "unet/config.json", "\"cross_attention_dim\": 32", "\"cross_attention_dim\": 64",
      "cross_attention_dim 64 32" },
    { "unet/config.json", "\"layers_per_block\": 2", "\"layers_per_block\": 1",
      "layers_per_block[0] 1 2" },
    { "unet/config.json", "\"transformer_layers_per_block\": 1",
      "\"transformer_layers_per_block\": 2", "transformer_layers_per_block[0] 2 1" },
    { "unet/config.json", "\"use_linear_projection\": false", "\"use_linear_projection\": true",
      "use_linear_projection 1 0" },
    { "unet/config.json", "\"DownBlock2D\"", "\"CrossAttnDownBlock2D\"", "down_block_types[3]" },
    { "unet/config.json", "    64\n", "    32\n", "block_out_channels[3] 32 64" },
    { "vae/config.json", "\"latent_channels\": 4", "\"latent_channels\": 8",
      "latent_channels 8 4" },
    { "vae/config.json", "\"layers_per_block\": 2", "\"layers_per_block\": 3",
      "layers_per_block 3 2" },
    { "text_encoder/config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4",
      "num_hidden_layers 4 3" },
    { "text_encoder/config.json", "\"vocab_size\": 814", "\"vocab_size\": 815",
      "vocab_size 815 814" },
  };
  g_autofree char *golden = pd_fixture_shared ("goldens/models/single-file/sd1.safetensors");
  if (golden == NULL)
    return;
  g_autofree char *pipeline = pd_fixture_shared ("goldens/models/sd1");
  static const char *const configs[] = { "unet/config.json", "vae/config.json",
                                         "text_encoder/config.json" };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      for (guint j = 0; j < G_N_ELEMENTS (configs); j++)
        {
          g_autofree char *from = g_build_filename (pipeline, configs[j], NULL);
          g_autofree char *content = NULL;
          g_assert_true (g_file_get_contents (from, &content, NULL, NULL));
          g_autoptr (GString) text = g_string_new (content);
          if (g_str_equal (configs[j], cases[i].file))
            g_assert_cmpuint (g_string_replace (text, cases[i].from, cases[i].to, 1), ==, 1);
          g_free (pd_fixture_write (folder, configs[j], text->str, -1));
        }
      g_autoptr (PdModelFiles) files = pd_model_files_open (golden, folder, &error);
      g_assert_null (files);
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
      pd_fixture_remove (folder);
    }
}

static void
test_inference (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add_ldm (&header);
  g_autofree char *path = pd_fixture_header_write (&header, folder, "small.safetensors");
  g_autoptr (PdModelFiles) files = open_files (path, NULL);

  const PdUNetConfig *unet = files->parts[PD_PART_UNET].config;
  g_assert_cmpint (unet->in_channels, ==, 9);
  g_assert_cmpint (unet->out_channels, ==, 4);
  g_assert_cmpint (unet->n_blocks, ==, 2);
  g_assert_cmpint (unet->block_out_channels[0], ==, 64);
  g_assert_cmpint (unet->block_out_channels[1], ==, 96);
  g_assert_cmpint (unet->layers_per_block[0], ==, 1);
  g_assert_cmpint (unet->layers_per_block[1], ==, 1);
  g_assert_true (unet->down_attention[0] && !unet->down_attention[1]);
  g_assert_true (!unet->up_attention[0] && unet->up_attention[1] && unet->mid_attention);
  g_assert_cmpint (unet->cross_attention_dim, ==, 128);
  g_assert_cmpint (unet->heads[1], ==, 8);
  g_assert_cmpint (unet->time_embed_dim, ==, 256);
  g_assert_false (unet->use_linear_projection);

  const PdVaeConfig *vae = files->parts[PD_PART_VAE].config;
  g_assert_cmpint (vae->n_blocks, ==, 2);
  g_assert_cmpint (vae->block_out_channels[0], ==, 32);
  g_assert_cmpint (vae->block_out_channels[1], ==, 64);
  g_assert_cmpint (vae->layers_per_block, ==, 1);
  g_assert_cmpint (vae->latent_channels, ==, 4);
  g_assert_cmpfloat (vae->scaling_factor, ==, 0.18215);
  g_assert_true (vae->mid_attention && vae->use_post_quant_conv && !vae->use_quant_conv);

  const PdTextConfig *text = files->parts[PD_PART_TEXT_ENCODER].config;
  g_assert_cmpint (text->vocab_size, ==, 49408);
  g_assert_cmpint (text->hidden_size, ==, 128);
  g_assert_cmpint (text->intermediate_size, ==, 512);
  g_assert_cmpint (text->n_layers, ==, 1);
  g_assert_cmpint (text->n_heads, ==, 2);
  g_assert_cmpint (text->max_positions, ==, 77);

  PdCheckpoint *unet_tensors = files->parts[PD_PART_UNET].checkpoint,
               *vae_tensors = files->parts[PD_PART_VAE].checkpoint;
  g_assert_true (pd_checkpoint_has (unet_tensors, "down_blocks.0.downsamplers.0.conv.weight"));
  g_assert_true (pd_checkpoint_has (unet_tensors, "up_blocks.0.upsamplers.0.conv.weight"));
  g_assert_true (pd_checkpoint_has (unet_tensors, "up_blocks.1.attentions.0.proj_in.weight"));
  g_assert_true (pd_checkpoint_has (vae_tensors, "decoder.up_blocks.0.resnets.1.conv1.weight"));
  g_assert_null (files->scheduler);
  g_autoptr (PdTokenizer) tokenizer = pd_model_files_load_tokenizer (files, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pd_tokenizer_get_size (tokenizer), ==, 49408); /* the built-in one */
  pd_fixture_remove (folder);
}

static void
test_bad_single_files (void)
{
  static const struct
  {
    const char *name, *shape, *fragments;
  } cases[] = {
    { "conv_in.weight", "32,4,3,3", "SD conv_in.weight" },
    { "model.diffusion_model.input_blocks.0.0.weight", "32,4,3,3",
      "model.diffusion_model.out.2.weight missing" },
    { "first_stage_model.decoder.conv_in.weight", "64,5000,3,3",
      "first_stage_model.decoder.conv_in.weight 64x5000x3x3 1024" },
    { "first_stage_model.decoder.conv_in.weight", "64",
      "first_stage_model.decoder.conv_in.weight 64 dimension" },
    { "cond_stage_model.model.ln_final.weight", "32", "SD 2.x" },
    { "conditioner.embedders.0.x", "1", "SDXL" },
  };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      PdFixtureHeader header;
      pd_fixture_header_init (&header);
      pd_fixture_header_add (&header, cases[i].name, cases[i].shape);
      g_autofree char *path = pd_fixture_header_write (&header, folder, "bad.safetensors");
      g_assert_null (pd_model_files_open (path, NULL, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
    }
  pd_fixture_remove (folder);
}

static void
write_one_tensor (const char *folder, const char *name, const char *tensor)
{
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, tensor, "2");
  g_free (pd_fixture_header_write (&header, folder, name));
}

static void
test_shards (void)
{
  static const char index[] = "diffusion_pytorch_model.safetensors.index.json";
  static const struct
  {
    const char *json, *fragments; /* NULL: valid */
  } cases[] = {
    { "{\"metadata\":{},\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", NULL },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"}}", "\"c\" 2.safetensors" },
    { "{\"weight_map\":{\"a\":\"3.safetensors\"}}", "3.safetensors" },
    { "{\"weight_map\":{\"a\":\"../1.safetensors\"}}", "\"a\" beside" },
    { "{\"weight_map\":{\"a\":\"..\"}}", "\"a\" beside" },
    { "{\"weight_map\":{\"a\":1}}", "\"a\" beside" },
    { "{\"weight_map\":[]}", "weight_map" },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\","
      "\"d\":\"again.safetensors\"}}",
      "\"a\" twice" },
  };
  char *folder = pd_fixture_folder ();
  write_one_tensor (folder, "1.safetensors", "a");
  write_one_tensor (folder, "2.safetensors", "b");
  write_one_tensor (folder, "again.safetensors", "a");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_free (pd_fixture_write (folder, index, cases[i].json, -1));
      g_autoptr (PdCheckpoint) checkpoint =
          pd_checkpoint_open_folder (folder, PD_PART_UNET, &error);
      if (cases[i].fragments != NULL)
        {
          g_assert_null (checkpoint);
          pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
          continue;
        }
      g_assert_no_error (error);
      g_assert_true (pd_checkpoint_has (checkpoint, "a") && pd_checkpoint_has (checkpoint, "b"));
    }
  pd_fixture_remove (folder);
}

static void
test_folders (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_assert_null (pd_checkpoint_open_folder (folder, PD_PART_VAE, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "diffusion_pytorch_model.safetensors");
  g_assert_null (pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "model.safetensors");
  g_free (pd_fixture_write (folder, "pytorch_model.bin", "x", -1));
  g_assert_null (pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "pytorch_model.bin convert");

  write_one_tensor (folder, "model.fp16.safetensors", "half");
  g_autoptr (PdCheckpoint) half = pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error);
  g_assert_no_error (error);
  g_assert_true (pd_checkpoint_has (half, "half"));
  write_one_tensor (folder, "model.safetensors", "full");
  g_autoptr (PdCheckpoint) full = pd_checkpoint_open_folder (folder, PD_PART_TEXT_ENCODER, &error);
  g_assert_true (pd_checkpoint_has (full, "full"));
  pd_fixture_remove (folder);
}

/* Parts alone, and pipelines without some of them. */
static void
test_parts (void)
{
  g_autofree char *models = pd_fixture_shared ("goldens/models");
  if (models == NULL)
    return;
  g_autoptr (GError) error = NULL;
  g_autofree char *tiny_path = g_build_filename (models, "taesd", NULL);
  g_autofree char *inpaint_path = g_build_filename (models, "sd1-inpaint", NULL);
  g_autofree char *vae_path = g_build_filename (models, "sd1", "vae", NULL);
  g_autofree char *control_path = g_build_filename (models, "controlnet-sd1", NULL);

  g_autoptr (PdModelFiles) tiny = open_files (tiny_path, NULL);
  g_assert_true (tiny->parts[PD_PART_VAE].class == PD_CLASS_AUTOENCODER_TINY &&
                 tiny->parts[PD_PART_UNET].class == PD_CLASS_NONE);
  g_assert_true (pd_model_files_require (tiny, PD_PART_VAE, &error));
  g_assert_false (pd_model_files_require (tiny, PD_PART_UNET, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "taesd unet");

  g_autoptr (PdModelFiles) inpaint = open_files (inpaint_path, NULL);
  g_assert_true (inpaint->parts[PD_PART_UNET].checkpoint != NULL &&
                 inpaint->parts[PD_PART_VAE].checkpoint == NULL);
  const PdUNetConfig *nine = inpaint->parts[PD_PART_UNET].config;
  g_assert_cmpint (nine->in_channels, ==, 9);

  g_autoptr (PdModelFiles) vae = open_files (vae_path, NULL);
  g_assert_cmpint (vae->parts[PD_PART_VAE].class, ==, PD_CLASS_AUTOENCODER_KL);

  g_assert_null (pd_model_files_open (control_path, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "ControlNetModel UNet2DConditionModel");
  g_assert_null (pd_model_files_open (models, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "model_index.json");
  g_assert_null (pd_model_files_open ("/nonexistent/model", NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "/nonexistent/model");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/checkpoint/get", test_get);
  g_test_add_func ("/checkpoint/dtype", test_dtype);
  g_test_add_func ("/checkpoint/scales", test_scales);
  g_test_add_func ("/checkpoint/old-attention-names", test_old_attention_names);
  g_test_add_func ("/checkpoint/single-file", test_single_file);
  g_test_add_func ("/checkpoint/folder-beside", test_folder_beside);
  g_test_add_func ("/checkpoint/contradiction", test_contradiction);
  g_test_add_func ("/checkpoint/inference", test_inference);
  g_test_add_func ("/checkpoint/bad-single-files", test_bad_single_files);
  g_test_add_func ("/checkpoint/shards", test_shards);
  g_test_add_func ("/checkpoint/folders", test_folders);
  g_test_add_func ("/checkpoint/parts", test_parts);
  return g_test_run ();
}
