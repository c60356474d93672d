// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* Cancels what the thread does, as far as it looks at its current cancellable
 * (g_cancellable_get_current), once a time is over. */
typedef struct _PdDeadline PdDeadline;

/* Becomes the thread's current cancellable until it is freed, by the same thread. @time: µs from
 * now. */
PdDeadline *pd_deadline_push (gint64 time);
void pd_deadline_pop (PdDeadline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDeadline, pd_deadline_pop)
