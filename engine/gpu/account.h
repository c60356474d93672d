// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* The account of device memory held by PdBuffers, bytes. */
guint64 pd_account_used (PdDevice *self);
guint64 pd_account_peak (PdDevice *self);
guint64 pd_account_limit (PdDevice *self);
/* @bytes 0: PdDeviceInfo.budget. Buffers that exist are kept, even beyond the limit. */
void pd_account_set_limit (PdDevice *self, guint64 bytes);
/* Sets the peak to the bytes in use. */
void pd_account_reset_peak (PdDevice *self);

/* A rehearsal tells what something would take: until its end buffers are put on the account, beyond
 * the limit too, but get no memory; what is written to them is dropped, and graphs are placed but
 * not recorded, so that they cannot be run. What is made meanwhile is freed before the end. Other
 * threads must not use the device.
 *
 * pd_account_end_rehearsal returns the peak of the account, with what was in use before; that of
 * pd_account_peak is again what it was. */
void pd_account_begin_rehearsal (PdDevice *self);
guint64 pd_account_end_rehearsal (PdDevice *self);
gboolean pd_account_is_rehearsing (PdDevice *self);

/* Work per second, in the unit of PdLaunch.work: learned from submissions, before the first one a
 * low guess for the type of device. */
double pd_account_work_rate (PdDevice *self);
