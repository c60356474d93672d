// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/networks/bank-reader.h"

/* Attention over keys of one's own and further ones, and the bank that the further ones come from.
 */

static PdDevice *device;

typedef struct
{
  guint heads, depth; /* channels of a head */
  guint images, h, w;
  guint more_images, more_h, more_w;
} Shape;

static const Shape shapes[] = {
  { 4, 32, 4, 6, 7, 2, 3, 5 },
  { 2, 40, 2, 16, 16, 2, 8, 8 },
  { 3, 20, 2, 5, 9, 1, 1, 1 },  /* parts of a head that are not whole */
  { 1, 168, 2, 4, 4, 1, 2, 3 }, /* a head too deep for the kernel */
};

static PdTensor *
random_input (PdGraph *graph, guint n, guint h, guint w, guint c, GArray *inputs)
{
  PdTensor *tensor = pd_graph_input (graph, n, h, w, c, 0);

  g_array_append_val (inputs, tensor);
  return tensor;
}

static void
check_more (PdKernels kernels, const Shape *shape)
{
  guint c = shape->heads * shape->depth, keys = shape->h * shape->w + shape->more_h * shape->more_w;
  gsize count = (gsize) shape->images * shape->h * shape->w * c;
  g_autofree float *split = g_new (float, count), *joined = g_new (float, count);
  g_autofree float *bias_values = g_new (float, (gsize) shape->images *keys);
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (PdTensor *));
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  PdTensor *q, *k, *v, *more_k, *more_v, *bias, *one, *other;
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, kernels, PD_PRECISION_F32, &error));
  graph = pd_graph_new (&backend);
  q = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  k = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  v = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  more_k = random_input (graph, shape->more_images, shape->more_h, shape->more_w, c, inputs);
  more_v = random_input (graph, shape->more_images, shape->more_h, shape->more_w, c, inputs);
  bias = pd_graph_input_f32 (graph, shape->images, 1, 1, keys);
  one = pd_graph_output (graph, pd_attention (graph, &(PdAttention){ .q = q,
                                                                     .k = k,
                                                                     .v = v,
                                                                     .heads = shape->heads,
                                                                     .key_bias = bias,
                                                                     .more_k = more_k,
                                                                     .more_v = more_v }));
  other = pd_graph_output (
      graph, pd_attention (graph, &(PdAttention){ .q = q,
                                                  .k = pd_concat_tokens (graph, k, more_k),
                                                  .v = pd_concat_tokens (graph, v, more_v),
                                                  .heads = shape->heads,
                                                  .key_bias = bias }));
  pd_graph_compile (graph, FALSE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < inputs->len; i++)
    {
      PdTensor *tensor = g_array_index (inputs, PdTensor *, i);
      gsize n = (gsize) tensor->n * tensor->h * tensor->w * tensor->c;
      g_autofree float *values = g_new (float, n);

      for (gsize e = 0; e < n; e++)
        values[e] = (float) g_rand_double_range (random, -1, 1);
      g_assert_true (pd_tensor_write (tensor, values, n, &error));
    }
  for (guint e = 0; e < shape->images * keys; e++)
    bias_values[e] = (float) g_rand_double_range (random, -2, 2);
  g_assert_true (pd_tensor_write (bias, bias_values, (gsize) shape->images * keys, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
  g_assert_true (pd_tensor_read (one, split, count, &error));
  g_assert_true (pd_tensor_read (other, joined, count, &error));
  for (gsize e = 0; e < count; e++)
    g_assert_cmpfloat_with_epsilon (split[e], joined[e], 1e-6);
}

static void
test_more (gconstpointer kernels)
{
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_more (GPOINTER_TO_UINT (kernels), &shapes[i]);
}

/* Layers at two depths, of 64 and 128 channels, and a norm between them, which a bank leaves out.
 */
static void
test_bank (void)
{
  static const guint depths[] = { 0, 1, 1, 0 };
  static const PdBankOptions all = { .branches = 2, .tokens = 100 },
                             some = { .branches = 2, .tokens = 100, .first_depth = 1 };
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_autoptr (GError) error = NULL;
  g_autoptr (PdBank) bank = NULL, coarse = NULL;
  PdBackend backend;

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      PdSite site = { .kind = PD_SITE_ATTENTION,
                      .index = i,
                      .depth = depths[i],
                      .h = 24 >> depths[i],
                      .w = 32 >> depths[i],
                      .channels = 64 << depths[i] };

      g_array_append_val (survey, site);
      site.kind = PD_SITE_NORM;
      g_array_append_val (survey, site);
    }
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, &error));
  bank = pd_bank_new (&backend, survey, &all, &error);
  g_assert_no_error (error);
  coarse = pd_bank_new (&backend, survey, &some, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      const PdBankLayer *layer = pd_bank_layer (bank, i);
      guint sources = (24 * 32) >> (2 * depths[i]);

      g_assert_true (layer->used);
      g_assert_cmpuint (layer->c, ==, 64 << depths[i]);
      g_assert_cmpuint (layer->sources, ==, sources);
      g_assert_cmpuint (layer->h * layer->w, <=, MIN (100, sources / 4));
      g_assert_cmpuint (layer->h * layer->w, >=, MIN (100, sources / 4) * 3 / 4);
      g_assert_cmpint (pd_bank_layer (coarse, i)->used, ==, depths[i] >= 1);
    }
  g_assert_cmpuint (pd_bank_bytes (coarse), <, pd_bank_bytes (bank));
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/bank-reader/more/general", GUINT_TO_POINTER (PD_KERNELS_GENERAL),
                        test_more);
  if (pd_device_info (device)->is_cpu)
    g_test_add_data_func ("/bank-reader/more/uniform", GUINT_TO_POINTER (PD_KERNELS_UNIFORM),
                          test_more);
  g_test_add_func ("/bank-reader/bank", test_bank);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
