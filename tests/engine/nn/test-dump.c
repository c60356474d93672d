// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/ops.h"

/* What PD_DEBUG tells of a small graph on the first Vulkan device. */

/* y = silu (w x) + x, whose sum has to wait for the product. */
static void
run_graph (const char *topics)
{
  static const float identity[16 * 16] = { 1 }, x_values[16] = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDevice) device = NULL;
  g_autoptr (PdWeights) weights = NULL;
  g_autoptr (PdGraph) graph = NULL;
  const PdMatrix *weight;
  PdBackend backend;
  PdTensor *x, *y;

  g_setenv ("PD_DEBUG", topics, TRUE);
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_GENERAL, PD_PRECISION_F32, &error));
  weights = pd_weights_new (&backend, 0);
  weight = pd_weights_add_matrix (weights, identity, 16, 16, 1, &error);
  g_assert_no_error (error);
  graph = pd_graph_new (&backend);
  x = pd_graph_input (graph, 1, 1, 1, 16, 0);
  y = pd_linear (graph, x, weight, NULL, &(PdEpilogue){ .activation = PD_ACTIVATION_SILU });
  pd_graph_output (graph, pd_add (graph, y, 1, x, 1));
  g_assert_true (pd_graph_compile (graph, FALSE, &error));
  g_assert_true (pd_tensor_write (x, x_values, 16, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
}

static void
test_graph (void)
{
  if (g_test_subprocess ())
    {
      run_graph ("graph");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*[graph] #0 1x1x1x16 f32: block 0, bytes *, dispatches 0-1\n*"
                             "[graph] 0 linear: matmul {*; r #0 1x1x1x16 f32, bytes 0-63; "
                             "r weights*; w #1 1x1x1x16 f32*\n"
                             "[graph] barrier\n"
                             "[graph] 1 add: elementwise {*r #1*w #2*");
  g_test_trap_assert_stderr_unmatched ("*[submit]*");
}

static void
test_submit (void)
{
  if (g_test_subprocess ())
    {
      run_graph ("submit,cache");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*[cache] pipelines: * bytes from *");
  g_test_trap_assert_stderr ("*[cache] kernel matmul {* made in * s\n*");
  g_test_trap_assert_stderr ("*[submit] command buffers 0-0 of 1: * operations, done *");
  g_test_trap_assert_stderr_unmatched ("*[graph]*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  g_test_add_func ("/dump/graph", test_graph);
  g_test_add_func ("/dump/submit", test_submit);
  return g_test_run ();
}
