// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/nn/ops.h"

/* Host copies of tensors: in both orders, and never of another length than the tensor's. */

enum
{
  N = 2,
  H = 3,
  W = 5,
  C = 7,
  COUNT = N * H * W * C,
};

static PdDevice *device;

typedef gboolean (*WriteFunc) (const PdTensor *tensor,
                               const float *values,
                               gsize n_values,
                               GError **error);
typedef gboolean (*ReadFunc) (const PdTensor *tensor,
                              float *values,
                              gsize n_values,
                              GError **error);

static const struct
{
  WriteFunc write;
  ReadFunc read;
} orders[] = {
  { pd_tensor_write, pd_tensor_read },
  { pd_tensor_write_nchw, pd_tensor_read_nchw },
};

/* A graph with one tensor that keeps its values, in *@tensor. */
static PdGraph *
lasting_tensor (const PdBackend *backend, guint border, PdTensor **tensor)
{
  PdGraph *graph = pd_graph_new (backend);
  GError *error = NULL;

  *tensor = pd_graph_output (graph, pd_graph_input (graph, N, H, W, C, border));
  pd_graph_output (graph, pd_activate (graph, *tensor, PD_ACTIVATION_SILU));
  pd_graph_compile (graph, FALSE, &error);
  g_assert_no_error (error);
  return graph;
}

/* Small whole numbers, which halves hold too. */
static void
fill (float *values, int first)
{
  for (int i = 0; i < COUNT; i++)
    values[i] = (float) (first + i);
}

/* [n][h][w][c] of what is [n][c][h][w]. */
static void
to_nhwc (const float *nchw, float *nhwc)
{
  for (guint n = 0; n < N; n++)
    for (guint c = 0; c < C; c++)
      for (guint i = 0; i < H * W; i++)
        nhwc[(n * H * W + i) * C + c] = nchw[(n * C + c) * H * W + i];
}

static void
test_orders (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  float values[COUNT], expected[COUNT], found[COUNT];
  PdBackend backend;
  PdTensor *tensor;

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_GENERAL,
                                  (PdPrecision) GPOINTER_TO_UINT (data), &error));
  graph = lasting_tensor (&backend, 1, &tensor);
  g_assert_cmpuint (pd_tensor_n_values (tensor), ==, COUNT);
  fill (values, 1);
  to_nhwc (values, expected);
  g_assert_true (pd_tensor_write_nchw (tensor, values, COUNT, &error));
  g_assert_true (pd_tensor_read (tensor, found, COUNT, &error));
  g_assert_cmpmem (found, sizeof found, expected, sizeof expected);
  g_assert_true (pd_tensor_read_nchw (tensor, found, COUNT, &error));
  g_assert_cmpmem (found, sizeof found, values, sizeof values);
}

/* The array is no longer than what is said, so that a memory checker sees what goes beyond it. */
static void
refuse (const PdTensor *tensor, guint order, gsize n, const float *stored)
{
  g_autofree float *values = g_new (float, n);
  g_autoptr (GError) write_error = NULL, read_error = NULL, error = NULL;
  g_autofree char *text = g_strdup_printf (" %zu ", n);
  float found[COUNT];

  for (gsize i = 0; i < n; i++)
    values[i] = -1;
  g_assert_false (orders[order].write (tensor, values, n, &write_error));
  g_assert_error (write_error, PD_ERROR, PD_ERROR_BAD_MODEL);
  g_assert_nonnull (strstr (write_error->message, text));
  g_assert_nonnull (strstr (write_error->message, "2 × 3 × 5 × 7"));
  g_assert_true (pd_tensor_read (tensor, found, COUNT, &error));
  g_assert_cmpmem (found, sizeof found, stored, COUNT * sizeof *stored);

  g_assert_false (orders[order].read (tensor, values, n, &read_error));
  g_assert_error (read_error, PD_ERROR, PD_ERROR_BAD_MODEL);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat (values[i], ==, -1);
}

static void
test_lengths (gconstpointer data)
{
  static const gsize lengths[] = { 0, 1, COUNT / N, COUNT - 1, COUNT + 1, 3 * COUNT };
  g_autoptr (GError) error = NULL;
  float values[COUNT];
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_GENERAL,
                                  (PdPrecision) GPOINTER_TO_UINT (data), &error));
  fill (values, 5);
  for (guint border = 0; border < 2; border++)
    {
      PdTensor *tensor;
      g_autoptr (PdGraph) graph = lasting_tensor (&backend, border, &tensor);

      g_assert_true (pd_tensor_write (tensor, values, COUNT, &error));
      for (guint order = 0; order < G_N_ELEMENTS (orders); order++)
        for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
          refuse (tensor, order, lengths[i], values);
    }
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
  g_test_add_data_func ("/tensor/orders/f32", GUINT_TO_POINTER (PD_PRECISION_F32), test_orders);
  g_test_add_data_func ("/tensor/orders/f16", GUINT_TO_POINTER (PD_PRECISION_F16), test_orders);
  g_test_add_data_func ("/tensor/lengths/f32", GUINT_TO_POINTER (PD_PRECISION_F32), test_lengths);
  g_test_add_data_func ("/tensor/lengths/f16", GUINT_TO_POINTER (PD_PRECISION_F16), test_lengths);
  status = g_test_run ();
  pd_device_free (device);
  return status;
}
