// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* The account of device memory held by PdBuffers, bytes. */
guint64 pd_account_used (PdDevice *self);
guint64 pd_account_peak (PdDevice *self);
guint64 pd_account_limit (PdDevice *self);
/* From now on; 0: PdDeviceInfo.budget. What is in use stays. */
void pd_account_set_limit (PdDevice *self, guint64 bytes);
/* Sets the peak to what is used now. */
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

/* What the device currently does per second, in the unit of pd_commands_dispatch()'s work; learned
 * from submissions, before that a low guess for its type. */
double pd_account_work_rate (PdDevice *self);
