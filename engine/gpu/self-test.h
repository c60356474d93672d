// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Opens a device, computes a few numbers on it and checks them.
 * @selector: as in PdDeviceOptions. @name: (transfer full) gets the device's name, @seconds what
 * all of it took. Errors: PD_ERROR_NO_DEVICE, PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST (wrong
 * numbers too). */
gboolean pd_self_test (const char *selector, char **name, double *seconds, GError **error);
