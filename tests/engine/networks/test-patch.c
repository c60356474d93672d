// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/diffusion/noise.h"
#include "engine/files/model-files.h"
#include "engine/networks/unet.h"
#include "tests/fixtures/model-fixture.h"

/* What is put on a loaded model and taken off again, against a model file that has it in its
 * weights. */

enum
{
  SIDE = 8, /* latent pixels */
  TOKENS = 3,
  CONTEXT = 32, /* values of a token */
  MAX_RANK = 4,
  MAX_WIDTH = 32 * 9,
};

static PdDevice *device;
static PdModelFiles *files;
static PdCondition *prompt;

/* A patch with random factors, which it is made from. */
typedef struct
{
  const char *path;
  guint out, in, taps, rank;
  double scale;
  float up[32 * MAX_RANK], down[MAX_RANK * MAX_WIDTH];
} Factors;

/* A linear layer with two, a 1 × 1 and a 3 × 3 convolution. */
static Factors factors[] = {
  { "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 32, 32, 1, 4, 0.5 },
  { "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", 32, 32, 1, 1, -2 },
  { "down_blocks.0.attentions.0.proj_in", 32, 32, 1, 3, 1 },
  { "down_blocks.0.resnets.1.conv1", 32, 32, 9, 2, 0.25 },
};

static PdTensorInfo
matrix_info (const float *values, gint64 rows, gint64 columns, guint taps)
{
  gsize count = (gsize) (rows * columns) * taps;

  return (PdTensorInfo){ .name = "factor",
                         .dtype = PD_DTYPE_F32,
                         .dtype_name = "F32",
                         .n_dims = taps == 1 ? 2 : 4,
                         .dims = { rows, columns, 3, 3 },
                         .data = (const guint8 *) values,
                         .size = count * sizeof (float) };
}

static GPtrArray *
make_patches (void)
{
  GPtrArray *patches = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_patch_free);

  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      g_autoptr (GError) error = NULL;
      const Factors *f = &factors[i];
      PdTensorInfo up = matrix_info (f->up, f->out, f->rank, 1);
      PdTensorInfo down = matrix_info (f->down, f->rank, f->in, f->taps);

      g_ptr_array_add (patches, pd_patch_new (f->path, &up, &down, f->scale, &error));
      g_assert_no_error (error);
    }
  return patches;
}

/* Adds the products of the factors to the weight called @name. */
static void
merge (const char *name, float *values)
{
  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      const Factors *f = &factors[i];
      guint width = f->in * f->taps;

      if (!g_str_has_prefix (name, f->path) || !g_str_equal (name + strlen (f->path), ".weight"))
        continue;
      for (guint o = 0; o < f->out; o++)
        for (guint k = 0; k < width; k++)
          for (guint r = 0; r < f->rank; r++)
            values[o * width + k] +=
                (float) (f->up[o * f->rank + r] * f->scale) * f->down[r * width + k];
    }
}

/* The UNet in f32 with the factors multiplied out in its weights. */
static char *
write_merged (const char *folder)
{
  PdCheckpoint *checkpoint = files->parts[PD_PART_UNET].checkpoint;
  g_autoptr (GPtrArray) names = pd_checkpoint_list (checkpoint);
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) data = g_byte_array_new ();

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      const PdTensorInfo *info = pd_checkpoint_find (checkpoint, name);
      gsize count = pd_tensor_info_count (info);
      g_autofree float *values = g_new (float, count);

      g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
      merge (name, values);
      g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i > 0 ? "," : "",
                              name);
      for (guint k = 0; k < info->n_dims; k++)
        g_string_append_printf (header, "%s%" G_GINT64_FORMAT, k > 0 ? "," : "", info->dims[k]);
      g_string_append_printf (header, "],\"data_offsets\":[%u,%zu]}", data->len,
                              data->len + count * sizeof (float));
      g_byte_array_append (data, (const guint8 *) values, (guint) (count * sizeof (float)));
    }
  g_string_append_c (header, '}');
  return pd_fixture_write_safetensors (folder, "merged.safetensors", header->str, data->len,
                                       data->data, data->len);
}

static float *
predict (PdDenoiserPass *pass, gsize *n)
{
  g_autoptr (GError) error = NULL;
  const PdCondition *prompts[] = { prompt };
  g_autofree float *latents = NULL;
  float *prediction;

  *n = pass->denoiser->info.channels * SIDE * SIDE;
  latents = g_new (float, *n);
  prediction = g_new (float, *n);
  pd_noise_normal (2, 0, 0, *n, latents);
  pd_denoiser_pass_run (pass,
                        &(PdDenoiserRun){ .latents = latents,
                                          .n_latents = *n,
                                          .timestep = 500,
                                          .conditions = prompts,
                                          .prediction = prediction,
                                          .n_prediction = *n },
                        NULL, &error);
  g_assert_no_error (error);
  return prediction;
}

static PdDenoiserPass *
new_pass (PdDenoiser *denoiser)
{
  g_autoptr (GError) error = NULL;
  PdDenoiserPass *pass = pd_denoiser_pass_new (
      denoiser, &(PdDenoiserPassOptions){ 1, SIDE, SIDE, .like = prompt }, &error);

  g_assert_no_error (error);
  return pass;
}

static void
test_on_and_off (gconstpointer data)
{
  const PdPartFiles *part = &files->parts[PD_PART_UNET];
  char *folder = pd_fixture_folder ();
  g_autofree char *path = write_merged (folder);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches = make_patches (), none = g_ptr_array_new ();
  g_autoptr (PdCheckpoint) merged_file = pd_checkpoint_open_file (path, PD_PART_UNET, &error);
  g_autoptr (PdDenoiser) unet = NULL, merged = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL, merged_pass = NULL;
  g_autofree float *before = NULL, *on = NULL, *expected = NULL, *off = NULL;
  PdBackend backend;
  gsize n;

  g_assert_no_error (error);
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_GENERAL,
                                  (PdPrecision) GPOINTER_TO_UINT (data), &error));
  unet = pd_unet_new (&backend, part->config, part->checkpoint, &error);
  g_assert_no_error (error);
  merged = pd_unet_new (&backend, part->config, merged_file, &error);
  g_assert_no_error (error);
  pass = new_pass (unet);
  merged_pass = new_pass (merged);

  before = predict (pass, &n);
  expected = predict (merged_pass, &n);
  g_assert_cmpint (memcmp (before, expected, n * sizeof (float)), !=, 0);
  g_assert_true (pd_layer_patch_part (unet->weights, part->checkpoint, patches, &error));
  on = predict (pass, &n);
  g_assert_cmpmem (on, n * sizeof (float), expected, n * sizeof (float));
  g_assert_true (pd_layer_patch_part (unet->weights, part->checkpoint, none, &error));
  off = predict (pass, &n);
  g_assert_cmpmem (off, n * sizeof (float), before, n * sizeof (float));
  pd_fixture_remove (folder);
}

/* One that does not suit its layer changes nothing, whatever stands before it. */
static void
test_refused (void)
{
  const PdPartFiles *part = &files->parts[PD_PART_UNET];
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) patches = make_patches ();
  g_autoptr (PdDenoiser) unet = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL;
  g_autofree float *before = NULL, *after = NULL;
  PdTensorInfo up = matrix_info (factors[0].up, 32, 4, 1);
  PdTensorInfo down = matrix_info (factors[0].down, 4, 31, 1), less = down;
  PdBackend backend;
  gsize n;

  less.dims[0] = 3;
  g_assert_null (pd_patch_new ("conv_out", &up, &less, 1, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "conv_out 32x4 3x31 F32");
  g_ptr_array_add (patches,
                   pd_patch_new ("up_blocks.3.attentions.0.proj_in", &up, &down, 1, &error));
  g_assert_no_error (error);

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_GENERAL, PD_PRECISION_F32, &error));
  unet = pd_unet_new (&backend, part->config, part->checkpoint, &error);
  g_assert_no_error (error);
  pass = new_pass (unet);
  before = predict (pass, &n);
  g_assert_false (pd_layer_patch_part (unet->weights, part->checkpoint, patches, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "up_blocks.3.attentions.0.proj_in 32 31");
  after = predict (pass, &n);
  g_assert_cmpmem (after, n * sizeof (float), before, n * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_autofree char *model = NULL;
  g_autoptr (GError) error = NULL;
  float context[TOKENS * CONTEXT];
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  model = pd_fixture_shared ("goldens/models/sd1");
  if (model == NULL)
    {
      g_print ("1..0 # SKIP the reference tensors are not there\n");
      return 0;
    }
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  files = pd_model_files_open (model, NULL, &error);
  g_assert_no_error (error);
  prompt = pd_condition_new ();
  pd_noise_normal (1, 0, 0, TOKENS * CONTEXT, context);
  g_assert_true (pd_condition_add (prompt, PD_CONDITION_CONTEXT, TOKENS, CONTEXT, context, &error));
  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      pd_noise_normal (2 * i, 0, 0, G_N_ELEMENTS (factors[i].up), factors[i].up);
      pd_noise_normal (2 * i + 1, 0, 0, G_N_ELEMENTS (factors[i].down), factors[i].down);
    }
  g_test_add_data_func ("/patch/f32", GUINT_TO_POINTER (PD_PRECISION_F32), test_on_and_off);
  g_test_add_data_func ("/patch/f16", GUINT_TO_POINTER (PD_PRECISION_F16), test_on_and_off);
  g_test_add_func ("/patch/refused", test_refused);
  status = g_test_run ();
  pd_condition_free (prompt);
  pd_model_files_free (files);
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
