// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/model/model-files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model-fixture.h"

static const char *const PIECES[] = {
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
  NULL,
};

/* What was accepted must be true: every tensor lies in the file, none overlap. */
static void
check_tensors (const PdSafetensors *file)
{
  guint64 end = 0;
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const PdTensorInfo *info = pd_safetensors_get_tensor (file, i);
      guint64 count = 1;
      for (guint d = 0; info->dtype != PD_DTYPE_OTHER && d < info->n_dims; d++)
        g_assert_true (g_uint64_checked_mul (&count, count, info->dims[d]));
      if (info->dtype == PD_DTYPE_OTHER)
        count = 0;
      else
        g_assert_cmpuint (count * pd_dtype_size (info->dtype), ==, info->size);
      g_assert_true (pd_safetensors_find (file, info->name) == info);
      g_assert_true (info->size == 0 || info->offset >= end);
      if (info->size == 0)
        continue;
      end = info->offset + info->size;
      g_autofree float *values = g_new (float, count);
      g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
    }
}

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
        pd_fuzz_check (info != NULL, error);
        g_assert_true (info == NULL || info->n_dims == n_dims);
      }
}

static void
run (const char *path, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  pd_fuzz_check (file != NULL, error);
  if (file == NULL)
    return;
  check_tensors (file);

  g_autoptr (GError) failure = NULL;
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &failure);
  pd_fuzz_check (files != NULL, failure);
  if (files == NULL)
    return;
  check_checkpoint (files->unet);
  check_checkpoint (files->vae);
  check_checkpoint (files->text_encoder);
}

static GBytes *
load (char *path)
{
  g_autoptr (GError) error = NULL;
  char *bytes;
  gsize length;
  g_file_get_contents (path, &bytes, &length, &error);
  g_assert_no_error (error);
  g_free (path);
  return g_bytes_new_take (bytes, length);
}

/* A file of several types, one with the tensors of the smallest single-file model, and one with its
 * names alone. */
static void
make_seeds (const char *folder, GBytes **seeds)
{
  static const char header[] =
      "{\"__metadata__\":{\"format\":\"pt\"},"
      "\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
      "\"b.bias\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
      "\"c\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[16,17]},"
      "\"d\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[17,17]}}";
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
  };
  PdFixtureHeader ldm, empty;
  pd_fixture_header_init (&ldm);
  pd_fixture_header_init (&empty);
  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    {
      pd_fixture_header_add (&ldm, tensors[i].name, tensors[i].shape);
      pd_fixture_header_add (&empty, tensors[i].name, "0,0");
    }
  seeds[0] = load (pd_fixture_write_safetensors (folder, "types", header, 17, NULL, 0));
  seeds[1] = load (pd_fixture_header_write (&ldm, folder, "ldm"));
  seeds[2] = load (pd_fixture_header_write (&empty, folder, "empty"));
}

int
main (void)
{
  GBytes *seeds[3];
  char *folder = pd_fixture_folder ();
  make_seeds (folder, seeds);
  pd_fixture_remove (folder);
  PdFuzz fuzz = {
    .name = "safetensors",
    .seeds = (const GBytes *const *) seeds,
    .n_seeds = G_N_ELEMENTS (seeds),
    .pieces = PIECES,
    .has_length = TRUE,
    .run = run,
    .file_name = "input.safetensors",
  };
  g_print ("TAP version 13\n");
  pd_fuzz_run (&fuzz, 2);
  g_print ("1..1\nok 1 fuzz-safetensors\n");
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    g_bytes_unref (seeds[i]);
  return 0;
}
