// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/bench/measure.h"
#include "engine/nn/ops.h"

enum
{
  MIN_RUNS = 7
};

static gboolean
run_graph (gpointer data, GError **error)
{
  return pd_graph_run (data, NULL, error);
}

static const PdMatrix *
random_matrix (PdWeights *weights, guint out, guint in, guint taps, GError **error)
{
  gsize count = (gsize) out * in * taps;
  g_autofree float *values = g_new (float, count);

  pd_bench_fill (values, count);
  return pd_weights_add_matrix (weights, values, out, in, taps, error);
}

/* An input that keeps its values from run to run. */
static PdTensor *
lasting_input (PdGraph *graph, guint h, guint w, guint c, guint border)
{
  return pd_graph_output (graph, pd_graph_input (graph, 1, h, w, c, border));
}

static gboolean
write_random (PdTensor *tensor, GError **error)
{
  gsize count = pd_tensor_n_values (tensor);
  g_autofree float *values = g_new (float, count);

  pd_bench_fill (values, count);
  return pd_tensor_write (tensor, values, count, error);
}

static gboolean
bench_linear (PdBench *bench, guint m, guint n, guint k, GError **error)
{
  g_autofree char *name = g_strdup_printf ("linear M%u N%u K%u", m, n, k);
  g_autoptr (PdGraph) graph = pd_graph_new (bench->backend);
  g_autoptr (PdWeights) weights = pd_weights_new (bench->backend, 0);
  const PdMatrix *matrix;
  PdTensor *x;

  if (!pd_bench_wants (bench, name))
    return TRUE;
  matrix = random_matrix (weights, n, k, 1, error);
  if (matrix == NULL)
    return FALSE;
  x = lasting_input (graph, 1, m, k, 0);
  pd_graph_output (graph, pd_linear (graph, x, matrix, NULL, NULL));
  return pd_graph_compile (graph, FALSE, error) && write_random (x, error) &&
         pd_bench_measure (bench, name, graph, MIN_RUNS, run_graph, graph, error);
}

static gboolean
bench_conv (PdBench *bench, guint side, guint in, guint out, GError **error)
{
  g_autofree char *name = g_strdup_printf ("conv 3x3 %ux%u %u to %u", side, side, in, out);
  g_autoptr (PdGraph) graph = pd_graph_new (bench->backend);
  g_autoptr (PdWeights) weights = pd_weights_new (bench->backend, 0);
  const PdMatrix *matrix;
  PdTensor *x;

  if (!pd_bench_wants (bench, name))
    return TRUE;
  matrix = random_matrix (weights, out, in, 9, error);
  if (matrix == NULL)
    return FALSE;
  x = lasting_input (graph, side, side, in, 1);
  pd_graph_output (graph, pd_conv2d (graph, x, matrix, NULL, PD_CONV_SAME, NULL));
  return pd_graph_compile (graph, FALSE, error) && write_random (x, error) &&
         pd_bench_measure (bench, name, graph, MIN_RUNS, run_graph, graph, error);
}

static gboolean
bench_attention (PdBench *bench, guint queries, guint keys, guint heads, guint d, GError **error)
{
  g_autofree char *name =
      g_strdup_printf ("attention %u queries %u keys %u heads of %u", queries, keys, heads, d);
  g_autoptr (PdGraph) graph = pd_graph_new (bench->backend);
  PdTensor *q, *k, *v;

  if (!pd_bench_wants (bench, name))
    return TRUE;
  q = lasting_input (graph, 1, queries, heads * d, 0);
  k = lasting_input (graph, 1, keys, heads * d, 0);
  v = lasting_input (graph, 1, keys, heads * d, 0);
  pd_graph_output (graph,
                   pd_attention (graph, &(PdAttention){ .q = q, .k = k, .v = v, .heads = heads }));
  return pd_graph_compile (graph, FALSE, error) && write_random (q, error) &&
         write_random (k, error) && write_random (v, error) &&
         pd_bench_measure (bench, name, graph, MIN_RUNS, run_graph, graph, error);
}

gboolean
pd_bench_kernels (PdBench *self, GError **error)
{
  static const struct
  {
    guint m, n, k;
  } linears[] = {
    { 4096, 320, 320 },  { 4096, 2560, 320 }, { 1024, 640, 2560 },
    { 256, 1280, 1280 }, { 77, 768, 768 },
  };
  static const struct
  {
    guint side, in, out;
  } convs[] = {
    { 64, 320, 320 }, { 32, 640, 640 }, { 16, 1280, 1280 }, { 8, 1280, 1280 }, { 512, 128, 128 },
  };
  static const struct
  {
    guint queries, keys, heads, d;
  } attentions[] = {
    { 4096, 4096, 8, 40 },
    { 1024, 1024, 8, 80 },
    { 256, 256, 8, 160 },
    { 4096, 77, 8, 40 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (linears); i++)
    if (!bench_linear (self, linears[i].m, linears[i].n, linears[i].k, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (convs); i++)
    if (!bench_conv (self, convs[i].side, convs[i].in, convs[i].out, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (attentions); i++)
    if (!bench_attention (self, attentions[i].queries, attentions[i].keys, attentions[i].heads,
                          attentions[i].d, error))
      return FALSE;
  return TRUE;
}
