// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/base/error.h"
#include "engine/base/half.h"
#include "tests/fixtures/op-table.h"
#include "tests/fixtures/reference.h"

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

typedef struct
{
  PdTensor *tensor;
  RefTensor *values;
} Input;

typedef struct
{
  const OpRow *row;
  const PdBackend *backend;
  PdGraph *graph;
  PdWeights *weights;
  GRand *random;
  GArray *inputs;  /* Input, to be written */
  GPtrArray *kept; /* values that live as long as the case */
} Run;

static PdDevice *device;

static float
rounded (float value, PdType type)
{
  return type == PD_TYPE_F16 ? pd_half_to_float (pd_half_from_float (value)) : value;
}

static float *
random_values (Run *run, gsize count, double scale, PdType type)
{
  float *values = g_new (float, count);

  for (gsize i = 0; i < count; i++)
    values[i] = rounded ((float) (g_rand_double_range (run->random, -1, 1) * scale), type);
  g_ptr_array_add (run->kept, values);
  return values;
}

/* A new input as the row's flags want it; its values go to @values. */
static PdTensor *
new_input (Run *run, guint n, guint h, guint w, guint c, guint border, const RefTensor **values)
{
  guint flags = run->row->flags;
  guint first = flags & VIEW ? 16 : 0, total = flags & VIEW ? c + 48 : c;
  gboolean f32 = run->row->op != CONVERT && flags & OTHER_TYPE;
  PdTensor *tensor = f32 ? pd_graph_input_f32 (run->graph, n, h, w, total)
                         : pd_graph_input (run->graph, n, h, w, total, border);
  Input input = { tensor, ref_tensor_new (n, h, w, total) };
  RefTensor *part;

  if (flags & IN_PLACE_BORDER)
    tensor->border_zero = FALSE;
  for (gsize i = 0; i < ref_tensor_count (input.values); i++)
    {
      double value = g_rand_double_range (run->random, -1, 1);

      value = flags & OFFSET ? 33 + 0.2 * value : flags & TINY ? 1e-3 * value : 2 * value;
      input.values->values[i] = rounded ((float) value, tensor->type);
    }
  g_array_append_val (run->inputs, input);
  part = ref_channels (input.values, first, c);
  g_ptr_array_add (run->kept, g_steal_pointer (&part->values));
  part->values = g_ptr_array_index (run->kept, run->kept->len - 1);
  g_ptr_array_add (run->kept, part);
  *values = part;
  return flags & VIEW ? pd_tensor_channels (run->graph, tensor, first, c) : tensor;
}

static PdTensor *
row_input (Run *run, guint c, const RefTensor **values)
{
  const OpRow *row = run->row;

  return new_input (run, row->n, row->h, row->w, c,
                    (row->flags & (IN_BORDER | IN_PLACE_BORDER)) != 0, values);
}

static const PdVector *
new_vector (Run *run, guint count, const float **values)
{
  g_autoptr (GError) error = NULL;
  const PdVector *vector;

  *values = random_values (run, count, 1, PD_TYPE_F32);
  vector = pd_weights_add_vector (run->weights, *values, count, &error);
  g_assert_no_error (error);
  return vector;
}

static PdTensor *
run_matmul (Run *run, RefTensor **expected)
{
  const OpRow *row = run->row;
  guint taps = row->op == LINEAR ? 1 : 9, stride = row->op <= CONV ? 1 : 2;
  guint pad = row->op == CONV || row->op == CONV_HALF ? 1 : 0;
  guint shrink = row->op == CONV_HALF_RIGHT;
  g_autoptr (GError) error = NULL;
  const RefTensor *x_values;
  PdTensor *x = row_input (run, row->c, &x_values);
  RefMatmul matmul = { .out = row->other, .taps = taps, .stride = stride, .pad = pad };
  PdEpilogue epilogue = { .activation = row->activation, .border = (row->flags & BORDER) != 0 };
  const PdMatrix *weight;
  const PdVector *bias = NULL;

  if (row->op == LINEAR)
    {
      matmul.h = row->h;
      matmul.w = row->w;
    }
  else
    {
      matmul.h = (row->h - 1 - shrink) / stride + 1;
      matmul.w = (row->w - 1 - shrink) / stride + 1;
    }
  matmul.weight =
      random_values (run, (gsize) row->other * row->c * taps, 1 / sqrt (row->c * taps),
                     run->backend->weights == PD_FORMAT_F16 ? PD_TYPE_F16 : PD_TYPE_F32);
  weight = pd_weights_add_matrix (run->weights, matmul.weight, row->other, row->c, taps, &error);
  g_assert_no_error (error);
  if (!(row->flags & WITHOUT))
    bias = new_vector (run, row->other, &matmul.bias);
  matmul.epilogue.activation = row->activation;
  if (row->flags & IMAGE_BIAS)
    epilogue.image_bias = new_input (run, row->n, 1, 1, row->other, 0, &matmul.epilogue.image_bias);
  if (row->flags & RESIDUAL)
    epilogue.residual = new_input (run, row->n, matmul.h, matmul.w, row->other,
                                   (row->flags & RESIDUAL_BORDER) != 0, &matmul.epilogue.residual);
  *expected = ref_matmul (x_values, &matmul);
  if (row->op == LINEAR)
    return pd_linear (run->graph, x, weight, bias, &epilogue);
  return pd_conv2d (run->graph, x, weight, bias,
                    row->op == CONV        ? PD_CONV_SAME
                    : row->op == CONV_HALF ? PD_CONV_HALF
                                           : PD_CONV_HALF_RIGHT,
                    &epilogue);
}

static PdTensor *
run_attention (Run *run, RefTensor **expected)
{
  const OpRow *row = run->row;
  guint border = (row->flags & IN_BORDER) != 0;
  const RefTensor *q_values, *k_values, *v_values, *bias_values = NULL;
  PdTensor *q = row_input (run, row->c, &q_values);
  PdTensor *k = new_input (run, row->n, row->other_h, row->other_w, row->c, border, &k_values);
  PdTensor *v = new_input (run, row->n, row->other_h, row->other_w, row->c, border, &v_values);
  PdTensor *bias = NULL;

  if (row->flags & KEY_BIAS)
    {
      Input input = { pd_graph_input_f32 (run->graph, row->n, 1, 1, row->other_h * row->other_w),
                      ref_tensor_new (row->n, 1, 1, row->other_h * row->other_w) };

      /* Every fifth key is hidden, except the first, so that no query sees none. */
      for (gsize i = 0; i < ref_tensor_count (input.values); i++)
        input.values->values[i] = i % input.values->c % 5 == 4
                                      ? -INFINITY
                                      : (float) g_rand_double_range (run->random, -3, 3);
      g_array_append_val (run->inputs, input);
      bias = input.tensor;
      bias_values = input.values;
    }
  *expected = ref_attention (q_values, k_values, v_values, row->other, bias_values,
                             (row->flags & CAUSAL) != 0);
  return pd_attention (run->graph, &(PdAttention){ .q = q,
                                                   .k = k,
                                                   .v = v,
                                                   .heads = row->other,
                                                   .key_bias = bias,
                                                   .causal = (row->flags & CAUSAL) != 0 });
}

static PdTensor *
run_norm (Run *run, RefTensor **expected)
{
  const OpRow *row = run->row;
  const RefTensor *x_values;
  const float *weight_values, *bias_values;
  PdTensor *x = row_input (run, row->c, &x_values);
  const PdVector *weight = new_vector (run, row->c, &weight_values);
  const PdVector *bias = new_vector (run, row->c, &bias_values);

  if (row->op == LAYER_NORM)
    {
      *expected = ref_layer_norm (x_values, weight_values, bias_values, 1e-5f);
      return pd_layer_norm (run->graph, x, weight, bias, 1e-5f);
    }
  *expected =
      ref_group_norm (x_values, weight_values, bias_values, row->other, 1e-6f, row->activation);
  return pd_group_norm (run->graph, x, weight, bias,
                        &(PdNormArgs){ .groups = row->other,
                                       .eps = 1e-6f,
                                       .activation = row->activation,
                                       .border = (row->flags & BORDER) != 0 });
}

static PdTensor *
run_small (Run *run, RefTensor **expected)
{
  const OpRow *row = run->row;
  gboolean border = (row->flags & BORDER) != 0;
  const RefTensor *a_values, *b_values = NULL;
  PdTensor *a = row_input (run, row->c, &a_values), *b;
  PdType type = a->type;

  switch (row->op)
    {
    case ACTIVATE:
      *expected = ref_activate (a_values, row->activation);
      return pd_activate (run->graph, a, row->activation);
    case GEGLU:
      *expected = ref_geglu (a_values);
      return pd_geglu (run->graph, a);
    case ADD:
      b = row->flags & WITHOUT ? NULL : row_input (run, row->c, &b_values);
      *expected = ref_add (a_values, 0.75, b_values, -1.5);
      return pd_add (run->graph, a, 0.75f, b, -1.5f);
    case CONCAT:
      b = row_input (run, row->other, &b_values);
      *expected = ref_concat (a_values, b_values);
      return pd_concat (run->graph, a, b);
    case UPSAMPLE:
      *expected = ref_upsample (a_values, row->other_h, row->other_w);
      return pd_upsample (run->graph, a, row->other_h, row->other_w, border);
    case CONVERT:
      if (row->flags & OTHER_TYPE)
        type = a->type == PD_TYPE_F16 ? PD_TYPE_F32 : PD_TYPE_F16;
      *expected = ref_channels (a_values, 0, row->c);
      return pd_convert (run->graph, a, type, border);
    case COPY:
      *expected = ref_channels (a_values, 0, row->c);
      b = pd_graph_tensor (run->graph, row->n, row->h, row->w, row->c, border);
      pd_copy (run->graph, a, b);
      b->border_zero = border;
      return b;
    case POOL:
      *expected = ref_pool (a_values, row->other_h, row->other_w);
      return pd_pool (run->graph, a, row->other_h, row->other_w);
    case CONCAT_TOKENS:
      b = new_input (run, row->other, row->other_h, row->other_w, row->c, 0, &b_values);
      *expected = ref_concat_tokens (a_values, b_values);
      return pd_concat_tokens (run->graph, a, b);
    default:
      *expected = ref_channels (a_values, 0, row->c);
      return pd_zero_border (run->graph, a);
    }
}

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
check (const Run *run, const PdTensor *result, const RefTensor *expected)
{
  gboolean half = result->type == PD_TYPE_F16;
  double largest = 0, error = max_error (result, expected), allowed;

  for (gsize i = 0; i < ref_tensor_count (expected); i++)
    largest = MAX (largest, fabs (expected->values[i]));
  allowed = (half ? 1e-3 : 2e-5) * largest;
  if (run->row->op == CONVERT)
    allowed = 0x1p-11 * largest; /* rounded to nearest */
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

static void
end_run (Run *run)
{
  for (guint i = 0; i < run->inputs->len; i++)
    ref_tensor_free (g_array_index (run->inputs, Input, i).values);
  g_array_unref (run->inputs);
  g_ptr_array_unref (run->kept);
  g_rand_free (run->random);
  pd_graph_free (run->graph);
  pd_weights_free (run->weights);
}

static void
run_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (RefTensor) expected = NULL;
  guint messages = pd_device_validation_messages (device);
  Run run = { .row = c->row, .backend = &c->variant->backend };
  PdTensor *result;

  if (c->variant->obstacle != NULL)
    {
      g_test_skip (c->variant->obstacle);
      return;
    }
  run.graph = pd_graph_new (run.backend);
  run.weights = pd_weights_new (run.backend, 0);
  run.random = g_rand_new_with_seed (7);
  run.inputs = g_array_new (FALSE, FALSE, sizeof (Input));
  run.kept = g_ptr_array_new_with_free_func (g_free);

  if (c->row->op <= CONV_HALF_RIGHT)
    result = run_matmul (&run, &expected);
  else if (c->row->op == ATTENTION)
    result = run_attention (&run, &expected);
  else if (c->row->op <= LAYER_NORM)
    result = run_norm (&run, &expected);
  else
    result = run_small (&run, &expected);

  pd_graph_output (run.graph, result);
  g_assert_cmpuint (result->h, ==, expected->h);
  g_assert_cmpuint (result->w, ==, expected->w);
  g_assert_cmpuint (result->c, ==, expected->c);
  pd_graph_compile (run.graph, FALSE, &error);
  if (c->row->op == ATTENTION && c->variant->kernels == PD_KERNELS_UNIFORM &&
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
      const Input *input = &g_array_index (run.inputs, Input, i);

      pd_tensor_write (input->tensor, input->values->values, ref_tensor_count (input->values),
                       &error);
      g_assert_no_error (error);
      if (c->row->flags & IN_PLACE_BORDER)
        dirty_border (input->tensor);
    }
  pd_graph_run (run.graph, NULL, &error);
  g_assert_no_error (error);
  check (&run, result, expected);
  g_assert_cmpuint (pd_device_validation_messages (device), ==, messages);

  end_run (&run);
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

      if (!pd_backend_init (&variant->backend, device, variant->kernels, variant->precision,
                            &error))
        {
          variant->obstacle = g_strdup (error->message);
          g_clear_error (&error);
        }
      for (guint j = 0; j < op_n_rows; j++)
        {
          g_autofree char *name = op_row_name (&op_rows[j]);
          g_autofree char *path =
              g_strdup_printf ("/%s/%s/%s", pd_kernels_to_string (variant->kernels),
                               variant->precision == PD_PRECISION_F16 ? "f16" : "f32", name);
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
