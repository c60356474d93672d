// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gstdio.h>
#include <string.h>

#include "engine/files/hub-cache.h"
#include "engine/files/model-check.h"
#include "engine/files/model-files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fixtures/model-fixture.h"

/* A model's folder, whose weights are good and small. The input is the files of names, divided by
 * bytes of value 1; those that are empty are not there. */
static const char *const names[] = {
  "models--a--b/refs/main", /* first, since it has the model found in another folder */
  "models--a--b/snapshots/1/model_index.json",
  "models--a--b/snapshots/1/unet/config.json",
  "models--a--b/snapshots/1/unet/diffusion_pytorch_model.safetensors.index.json",
  "models--a--b/snapshots/1/vae/config.json",
  "models--a--b/snapshots/1/text_encoder/config.json",
  "models--a--b/snapshots/1/scheduler/scheduler_config.json",
  "models--a--b/snapshots/1/config.json",
};

static const struct
{
  const char *file, *tensor, *shape;
} weights[] = {
  { "unet/a.safetensors", "conv_in.weight", "2,2,1,1" },
  { "unet/b.safetensors", "conv_out.bias", "2" },
  { "vae/c.safetensors", "decoder.conv_in.bias", "2" },
  { "text_encoder/d.safetensors", "text_model.final_layer_norm.weight", "32" },
  { "e.safetensors", "text_model.final_layer_norm.weight", "32" },
};

static const char *const words[] = {
  "\x01",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e308",
  "\"\"",
  "\\u0000",
  "\\ud800",
  "..",
  "/",
  "../",
  "\n",
  "\"weight_map\":",
  "\"a.safetensors\"",
  "\"b.safetensors\"",
  "\"../vae/c.safetensors\"",
  "\"conv_in.weight\":",
  "\"_class_name\":",
  "\"architectures\":",
  "[null,null]",
  "\"UNet2DConditionModel\"",
  "\"AutoencoderTiny\"",
  "\"AutoencoderKL\"",
  "\"CLIPTextModel\"",
  "\"FlowMatchEulerDiscreteScheduler\"",
  "9223372036854775807",
  "\"cross_attention_dim\":",
  "\"hidden_size\":",
  "\"latent_channels\":",
  NULL,
};

static void
add_seeds (GPtrArray *seeds)
{
  static const char index[] =
      "{\"_class_name\":\"StableDiffusionPipeline\",\"unet\":[\"diffusers\","
      "\"UNet2DConditionModel\"],"
      "\"vae\":[\"diffusers\",\"AutoencoderKL\"],\"text_encoder\":[\"transformers\","
      "\"CLIPTextModel\"],"
      "\"scheduler\":[\"diffusers\",\"DDIMScheduler\"],\"safety_checker\":[null,null]}";
  static const char unet[] =
      "{\"_class_name\":\"UNet2DConditionModel\",\"attention_head_dim\":8,\"block_out_channels\":["
      "32,64],"
      "\"cross_attention_dim\":32,\"down_block_types\":[\"CrossAttnDownBlock2D\",\"DownBlock2D\"],"
      "\"in_channels\":4,\"layers_per_block\":1,\"out_channels\":4,\"sample_size\":16,"
      "\"up_block_types\":[\"UpBlock2D\",\"CrossAttnUpBlock2D\"]}";
  static const char shards[] =
      "{\"metadata\":{\"total_size\":8},\"weight_map\":{"
      "\"conv_in.weight\":\"a.safetensors\",\"conv_out.bias\":\"b.safetensors\"}}";
  static const char vae[] =
      "{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":[32,32],\"down_block_types\":["
      "\"DownEncoderBlock2D\",\"DownEncoderBlock2D\"],\"latent_channels\":4,\"scaling_factor\":0."
      "18215}";
  static const char text[] =
      "{\"architectures\":[\"CLIPTextModel\"],\"hidden_act\":\"quick_gelu\",\"hidden_size\":32,"
      "\"intermediate_size\":64,\"num_attention_heads\":4,\"num_hidden_layers\":1,\"vocab_size\":"
      "49408,"
      "\"max_position_embeddings\":77}";
  static const char scheduler[] =
      "{\"_class_name\":\"DDIMScheduler\",\"beta_schedule\":\"scaled_linear\",\"steps_offset\":1}";
  const char *const inputs[][G_N_ELEMENTS (names)] = {
    { "", index, unet, shards, vae, text, scheduler, "" },
    { "1\n", index, unet, shards, vae, text, scheduler, "" },
    { "", "", "", "", "", "", "", unet },
    { "", "", "", "", "", "", "", text },
  };

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    {
      g_autoptr (GString) input = g_string_new (inputs[i][0]);

      for (guint k = 1; k < G_N_ELEMENTS (names); k++)
        g_string_append_printf (input, "\1%s", inputs[i][k]);
      pd_fuzz_add_seed (seeds, "", 0, input->str, (gssize) input->len);
    }
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

static void
write_weights (const char *snapshot)
{
  PdFixtureHeader header;
  g_autofree char *path = g_build_filename (snapshot, weights[0].file, NULL);

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      pd_fixture_header_init (&header);
      pd_fixture_header_add (&header, weights[i].tensor, weights[i].shape);
      g_free (pd_fixture_header_write (&header, snapshot, weights[i].file));
    }
}

/* Those that differ from the input before. */
static void
write_files (const char *root, const uint8_t *data, gsize size)
{
  static GBytes *written[G_N_ELEMENTS (names)];
  const uint8_t *end = data + size;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const uint8_t *next = data < end ? memchr (data, 1, (gsize) (end - data)) : NULL;
      const gsize length = (gsize) ((next != NULL ? next : end) - data);
      g_autoptr (GBytes) content = g_bytes_new (data, length);
      g_autofree char *path = g_build_filename (root, names[i], NULL);

      data = next != NULL ? next + 1 : end;
      if (written[i] != NULL && g_bytes_equal (content, written[i]))
        continue;
      if (length > 0)
        pd_fuzz_write (names[i], g_bytes_get_data (content, NULL), length);
      else
        g_unlink (path);
      g_clear_pointer (&written[i], g_bytes_unref);
      written[i] = g_steal_pointer (&content);
    }
}

static void
check_checkpoint (PdCheckpoint *checkpoint)
{
  static const gint64 any[4] = { -1, -1, -1, -1 };
  g_autoptr (GPtrArray) tensors = checkpoint != NULL ? pd_checkpoint_list (checkpoint) : NULL;

  for (guint i = 0; tensors != NULL && i < tensors->len; i++)
    {
      g_autoptr (GError) error = NULL;
      const PdTensorInfo *info = pd_checkpoint_get (checkpoint, tensors->pdata[i], 1, any, &error);

      pd_fuzz_check_line (info != NULL, error);
    }
}

static void
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &error);
  gboolean fits;

  pd_fuzz_check_line (files != NULL, error);
  if (files == NULL)
    return;
  for (guint part = 0; part < PD_N_PARTS; part++)
    check_checkpoint (files->parts[part].checkpoint);
  pd_model_files_note_zeros (files);
  for (guint i = 0; i < files->notes->len; i++)
    g_assert_true (g_utf8_validate (files->notes->pdata[i], -1, NULL));
  fits = pd_model_check (files, NULL, &error);
  pd_fuzz_check_line (fits, error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *repository = g_build_filename (pd_fuzz_folder (), "models--a--b", NULL);
  g_autofree char *snapshots = g_build_filename (repository, "snapshots", NULL);
  g_autofree char *snapshot = g_build_filename (snapshots, "1", NULL), *found = NULL;

  write_weights (snapshot);
  write_files (pd_fuzz_folder (), data, size);
  found = pd_hub_cache_snapshot (repository);
  if (found != NULL)
    {
      g_autofree char *parent = g_path_get_dirname (found);

      g_assert_cmpstr (parent, ==, snapshots);
    }
  open_model (repository);
  open_model (snapshot);
  return 0;
}
