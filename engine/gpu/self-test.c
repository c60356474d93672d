// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/self-test.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/gpu/commands.h"
#include "shaders/abi/peak.h"

enum
{
  INVOCATIONS = 32,
  ITERATIONS = 10,
};

/* x ← x / 2 + 1, eighty times: all twelve sums of an invocation of peak.comp end at 2. */
static gboolean
compute (PdDevice *device, float *sums, GError **error)
{
  static const guint32 constants[] = { INVOCATIONS, ITERATIONS };
  static const PdPeakPush push = { .a = 0.5F, .b = 1.0F };
  static const double work = 2.0 * 96 * INVOCATIONS * ITERATIONS;
  PdKernel *kernel = pd_kernel_get (device, "peak", constants, G_N_ELEMENTS (constants), error);
  g_autoptr (PdBuffer) buffer = NULL;
  g_autoptr (PdCommands) commands = NULL;

  if (kernel == NULL)
    return FALSE;
  buffer = pd_buffer_new (device, INVOCATIONS * sizeof *sums, PD_BUFFER_DEVICE, error);
  if (buffer == NULL)
    return FALSE;
  commands = pd_commands_new (device, FALSE);
  pd_commands_dispatch (commands, &(PdLaunch){ .kernel = kernel,
                                               .bindings = &(PdBinding){ .buffer = buffer },
                                               .n_bindings = 1,
                                               .push = &push,
                                               .push_size = sizeof push,
                                               .groups = { 1, 1, 1 },
                                               .work = work });
  return pd_commands_end (commands, error) && pd_commands_run (commands, NULL, error) &&
         pd_buffer_read (buffer, 0, sums, INVOCATIONS * sizeof *sums, error);
}

gboolean
pd_self_test (const char *selector, char **name, double *seconds, GError **error)
{
  static const float expected = 24.0F, tolerance = 1e-3F;
  const PdDeviceOptions options = { .selector = selector };
  const gint64 start = g_get_monotonic_time ();
  g_autoptr (PdDevice) device = pd_device_new (&options, error);
  float sums[INVOCATIONS];

  if (device == NULL || !compute (device, sums, error))
    return FALSE;
  for (guint i = 0; i < INVOCATIONS; i++)
    if (!(fabsf (sums[i] - expected) <= tolerance))
      {
        g_set_error (error, PD_ERROR, PD_ERROR_DEVICE_LOST,
                     _ ("%s computes wrong numbers (%g instead of %g); update its driver"),
                     pd_device_info (device)->name, (double) sums[i], (double) expected);
        return FALSE;
      }
  *name = g_strdup (pd_device_info (device)->name);
  *seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  return TRUE;
}
