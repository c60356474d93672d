// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* For targets that need GEGL: starts it once, on one thread and without a device, so that a run is
 * the same each time. */
void pd_fuzz_gegl_start (void);
