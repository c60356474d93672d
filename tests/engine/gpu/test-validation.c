// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/gpu/private.h"
#include "axpy.spv.h"

/* That GPU-assisted validation tells of an access out of bounds: what the tests of the kernels that
 * run with it count on. */

enum
{
  N = 200, /* floats */
  GROUP = 8,
};

/* Counts the messages that call the kernel by its name. */
static void
look_for_name (const char *domain, GLogLevelFlags level, const char *message, gpointer n_named)
{
  *(guint *) n_named += strstr (message, "axpy {8, 0}") != NULL;
}

/* y += x on @touched floats, of which y has @there. Returns: how many messages came. */
static guint
run (guint touched, guint there)
{
  const guint32 constants[] = { GROUP, 0 };
  const PdShader shader = { "axpy", axpy, sizeof axpy };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDevice) device = pd_device_new (NULL, &error);
  g_autoptr (PdCommands) commands = NULL;
  g_autoptr (PdBuffer) x = NULL, y = NULL;
  struct
  {
    float a;
    guint32 n;
  } push = { 1, touched };
  PdKernel *kernel;

  g_assert_no_error (error);
  kernel = pd_kernel_get_shader (device, &shader, constants, 2, 0, &error);
  g_assert_no_error (error);
  commands = pd_commands_new (device, FALSE);
  x = pd_buffer_new (device, N * sizeof (float), PD_BUFFER_DEVICE, &error);
  g_assert_no_error (error);
  y = pd_buffer_new (device, there * sizeof (float), PD_BUFFER_DEVICE, &error);
  g_assert_no_error (error);
  {
    const PdBinding bindings[] = { { x, 0, 0 }, { y, 0, 0 } };

    pd_commands_dispatch (commands, &(PdLaunch){ .kernel = kernel,
                                                 .bindings = bindings,
                                                 .n_bindings = 2,
                                                 .push = &push,
                                                 .push_size = sizeof push,
                                                 .groups = { (touched + GROUP - 1) / GROUP, 1, 1 },
                                                 .work = 1 });
  }
  pd_commands_end (commands, &error);
  g_assert_no_error (error);
  pd_commands_run (commands, NULL, &error);
  g_assert_no_error (error);
  return pd_device_validation_messages (device);
}

static void
test_inside (void)
{
  g_assert_cmpuint (run (N - 3, N), ==, 0);
}

static void
test_beyond (void)
{
  const GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  guint n_named = 0;
  guint handler = g_log_set_handler (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, look_for_name, &n_named);

  g_assert_cmpuint (run (N, N - 24), >, 0);
  g_assert_cmpuint (n_named, >, 0);
  g_log_remove_handler (G_LOG_DOMAIN, handler);
  g_log_set_always_fatal (fatal);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  g_test_add_func ("/validation/inside", test_inside);
  g_test_add_func ("/validation/beyond", test_beyond);
  return g_test_run ();
}
