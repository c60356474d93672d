// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/base/error.h"
#include "engine/base/half.h"
#include "tests/fixtures/op-table.h"

/* Every op of engine/nn/ops.h against its twin of tests/fixtures/reference.h: a table of shapes,
 * run with every kernel variant and storage type. The arena is filled with NaN first, so that
 * nothing but what an op may read gets into its result; surplus channels and promised borders must
 * be zero. */

/* One way of running the table. */
typedef struct
{
  PdKernels kernels;
  PdPrecision precision;
  PdBackend backend;
  char *obstacle; /* why this device cannot; NULL if it can */
} Variant;

typedef struct
{
  const Variant *variant;
  const OpRow *row;
} Case;

static PdDevice *device;

static void
fill_with_nan (const PdTensor *tensor)
{
  gsize size = pd_buffer_size (tensor->storage->buffer);
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GError) error = NULL;

  memset (bytes, 0xff, size);
  pd_buffer_write (tensor->storage->buffer, 0, bytes, size, &error);
  g_assert_no_error (error);
}

/* The border of an input, which pd_tensor_write() has set to zero. */
static void
dirty_border (const PdTensor *tensor)
{
  gsize pixel = tensor->ld * pd_type_size (tensor->type), stored = pd_tensor_stored_pixels (tensor);
  guint width = tensor->w + 2, height = tensor->h + 2;
  g_autofree guint8 *bytes = g_malloc (pixel);
  g_autoptr (GError) error = NULL;

  memset (bytes, 0xff, pixel);
  for (gsize i = 0; i < stored; i++)
    {
      gsize x = i % width, y = i / width % height;

      if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
        pd_buffer_write (tensor->storage->buffer,
                         tensor->storage->offset + tensor->offset + i * pixel, bytes, pixel,
                         &error);
      g_assert_no_error (error);
    }
}

/* Largest error of the stored tensor; surplus channels and a promised border count as results that
 * should be 0. NaN if there is one. */
static double
max_error (const PdTensor *tensor, const RefTensor *expected)
{
  gsize size = pd_tensor_bytes (tensor), row = pd_tensor_row_pitch (tensor);
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GError) error = NULL;
  double worst = 0;

  pd_buffer_read (tensor->storage->buffer, tensor->storage->offset + tensor->offset, bytes, size,
                  &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < pd_tensor_stored_pixels (tensor) * tensor->ld; i++)
    {
      guint c = i % tensor->ld, height = tensor->h + 2 * tensor->border;
      int x = (int) (i % row / tensor->ld) - (int) tensor->border;
      int y = (int) (i / row % height) - (int) tensor->border;
      gboolean inside = x >= 0 && y >= 0 && x < (int) tensor->w && y < (int) tensor->h;
      double found = tensor->type == PD_TYPE_F16 ? pd_half_to_float (((guint16 *) bytes)[i])
                                                 : ((float *) bytes)[i];
      double right =
          c < tensor->c && inside ? ref_at (expected, (guint) (i / row / height), y, x, c) : 0;

      if (!inside && !tensor->border_zero)
        continue;
      if (isnan (found))
        return NAN;
      worst = MAX (worst, fabs (found - right));
    }
  return worst;
}

static void
check (const OpRun *run, const PdTensor *result, const RefTensor *expected)
{
  gboolean half = result->type == PD_TYPE_F16;
  double largest = 0, error = max_error (result, expected), allowed;

  for (gsize i = 0; i < ref_tensor_count (expected); i++)
    largest = MAX (largest, fabs (expected->values[i]));
  allowed = (half ? 1e-3 : 2e-5) * largest;
  if (run->row->op->tolerance > 0)
    allowed = run->row->op->tolerance * largest;
  if (!(error <= allowed))
    {
      g_autofree char *name = op_row_name (run->row);

      g_test_message ("%s with %s kernels, %s results: maximum error %g, allowed %g (largest "
                      "value %g)",
                      name, pd_kernels_to_string (run->backend->kernels), half ? "f16" : "f32",
                      error, allowed, largest);
      g_test_fail ();
    }
  if (run->row->flags & BORDER)
    g_assert_true (result->border == 1 && result->border_zero);
}

/* What is written beside the result. */
static void
check_buffer (const OpRun *run)
{
  g_autofree float *found = g_new (float, run->n_found);
  g_autoptr (GError) error = NULL;

  if (run->buffer == NULL)
    return;
  pd_buffer_read (run->buffer, run->found_at, found, run->n_found * sizeof *found, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < run->n_found; i++)
    g_assert_cmpfloat_with_epsilon (found[i], run->found[i], 1e-4f);
}

static void
end_run (OpRun *run)
{
  for (guint i = 0; i < run->inputs->len; i++)
    ref_tensor_free (g_array_index (run->inputs, OpInput, i).values);
  g_array_unref (run->inputs);
  g_ptr_array_unref (run->kept);
  g_rand_free (run->random);
  pd_graph_free (run->graph);
  pd_weights_free (run->weights);
  pd_buffer_free (run->buffer);
}

static void
run_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (RefTensor) expected = NULL;
  guint messages = pd_device_validation_messages (device);
  OpRun run = { .row = c->row, .backend = &c->variant->backend };
  PdTensor *result;

  if (c->variant->obstacle != NULL)
    {
      g_test_skip (c->variant->obstacle);
      return;
    }
  run.graph = pd_graph_new (run.backend);
  run.weights = pd_weights_new (run.backend, 0);
  run.random = g_rand_new_with_seed (7);
  run.inputs = g_array_new (FALSE, FALSE, sizeof (OpInput));
  run.kept = g_ptr_array_new_with_free_func (g_free);

  result = c->row->op->add (&run, &expected);
  pd_graph_output (run.graph, result);
  g_assert_cmpuint (result->h, ==, expected->h);
  g_assert_cmpuint (result->w, ==, expected->w);
  g_assert_cmpuint (result->c, ==, expected->c);
  pd_graph_compile (run.graph, FALSE, &error);
  if (c->row->op->whole_images && c->variant->kernels == PD_KERNELS_UNIFORM &&
      g_error_matches (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY) &&
      g_getenv ("PD_MAX_STORAGE_RANGE") != NULL)
    {
      g_test_skip (error->message); /* it binds all queries of an image at once */
      end_run (&run);
      return;
    }
  g_assert_no_error (error);
  fill_with_nan (result);
  for (guint i = 0; i < run.inputs->len; i++)
    {
      const OpInput *input = &g_array_index (run.inputs, OpInput, i);

      pd_tensor_write (input->tensor, input->values->values, ref_tensor_count (input->values),
                       &error);
      g_assert_no_error (error);
      if (c->row->flags & IN_PLACE_BORDER)
        dirty_border (input->tensor);
    }
  pd_graph_run (run.graph, NULL, &error);
  g_assert_no_error (error);
  check (&run, result, expected);
  check_buffer (&run);
  g_assert_cmpuint (pd_device_validation_messages (device), ==, messages);

  end_run (&run);
}

/* A graph counts what it was asked for, whatever the kernels fill their tiles with. */
static void
test_operations (gconstpointer data)
{
  static const float zeros[7 * 5 * 9] = { 0 };
  const Variant *variant = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  g_autoptr (PdWeights) weights = NULL;
  const PdMatrix *taps, *matrix;
  PdTensor *x, *y, *k, *more;

  if (variant->obstacle != NULL)
    {
      g_test_skip (variant->obstacle);
      return;
    }
  graph = pd_graph_new (&variant->backend);
  weights = pd_weights_new (&variant->backend, 0);
  taps = pd_weights_add_matrix (weights, zeros, 7, 5, 9, &error);
  g_assert_no_error (error);
  matrix = pd_weights_add_matrix (weights, zeros, 3, 7, 1, &error);
  g_assert_no_error (error);
  x = pd_graph_input (graph, 2, 5, 8, 5, 1);
  k = pd_graph_input (graph, 2, 1, 6, 7, 0);
  more = pd_graph_input (graph, 1, 1, 4, 7, 0);
  g_assert_cmpfloat (pd_graph_operations (graph, NULL), ==, 0);
  y = pd_conv2d (graph, x, taps, NULL, PD_CONV_HALF, NULL); /* 2 × 3 × 4 × 7 */
  pd_linear (graph, y, matrix, NULL, NULL);
  pd_linear (graph, y, matrix, NULL, NULL);
  pd_attention (
      graph, &(PdAttention){ .q = y, .k = k, .v = k, .heads = 1, .more_k = more, .more_v = more });
  g_assert_cmpfloat (pd_graph_operations (graph, "convolution"), ==, 2 * 24 * 9 * 5 * 7);
  g_assert_cmpfloat (pd_graph_operations (graph, "linear"), ==, 2 * 2 * 24 * 7 * 3);
  g_assert_cmpfloat (pd_graph_operations (graph, "attention"), ==, 4 * 24 * (6 + 4) * 7);
  g_assert_cmpfloat (pd_graph_operations (graph, NULL), ==, 15120 + 2016 + 6720);
}

/* Halves are rounded to nearest; what lies beyond the largest one becomes infinity. */
static void
test_halves (void)
{
  static const float values[16] = { 65504, 65519,      65520,    -65520,    1e6f, -1e30f,
                                    2049,  2051,       INFINITY, -INFINITY, NAN,  0,
                                    -0.0f, 1.0009766f, 2e-7f,    -1 };
  g_autoptr (GError) error = NULL;
  guint16 halves[16];
  PdBackend backend;
  PdGraph *graph;
  PdTensor *x, *y, *back;
  float found[16];

  pd_backend_init (&backend, device, PD_KERNELS_GENERAL, PD_PRECISION_F16, &error);
  g_assert_no_error (error);
  graph = pd_graph_new (&backend);
  x = pd_graph_input_f32 (graph, 1, 1, 1, 16);
  y = pd_graph_output (graph, pd_convert (graph, x, PD_TYPE_F16, FALSE));
  back = pd_graph_output (graph, pd_convert (graph, y, PD_TYPE_F32, FALSE));
  pd_graph_compile (graph, FALSE, &error);
  g_assert_no_error (error);
  pd_tensor_write (x, values, G_N_ELEMENTS (values), &error);
  g_assert_no_error (error);
  pd_graph_run (graph, NULL, &error);
  g_assert_no_error (error);
  pd_buffer_read (y->storage->buffer, y->storage->offset + y->offset, halves, sizeof halves,
                  &error);
  g_assert_no_error (error);
  pd_tensor_read (back, found, G_N_ELEMENTS (found), &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_assert_cmphex (halves[i], ==, pd_half_from_float (values[i]));
      g_assert_true (found[i] == pd_half_to_float (halves[i]) ||
                     (isnan (found[i]) && isnan (values[i])));
    }
  pd_graph_free (graph);
}

int
main (int argc, char **argv)
{
  static Variant variants[] = {
    { PD_KERNELS_GENERAL, PD_PRECISION_F32 },     { PD_KERNELS_GENERAL, PD_PRECISION_F16 },
    { PD_KERNELS_UNIFORM, PD_PRECISION_F32 },     { PD_KERNELS_UNIFORM, PD_PRECISION_F16 },
    { PD_KERNELS_COOPERATIVE, PD_PRECISION_F16 },
  };
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      Variant *variant = &variants[i];
      g_autofree char *prefix = NULL, *operations = NULL;

      if (!pd_backend_init (&variant->backend, device, variant->kernels, variant->precision,
                            &error))
        {
          variant->obstacle = g_strdup (error->message);
          g_clear_error (&error);
        }
      prefix = g_strdup_printf ("/%s/%s", pd_kernels_to_string (variant->kernels),
                                variant->precision == PD_PRECISION_F16 ? "f16" : "f32");
      operations = g_strconcat (prefix, "/operations", NULL);
      g_test_add_data_func (operations, variant, test_operations);
      for (guint j = 0; j < op_n_rows; j++)
        {
          g_autofree char *name = op_row_name (&op_rows[j]);
          g_autofree char *path = g_strconcat (prefix, "/", name, NULL);
          Case c = { variant, &op_rows[j] };

          g_test_add_data_func_full (path, g_memdup2 (&c, sizeof c), run_case, g_free);
        }
    }
  g_test_add_func ("/halves", test_halves);
  status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    g_free (variants[i].obstacle);
  pd_device_free (device);
  return status;
}
