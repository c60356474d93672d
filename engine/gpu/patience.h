// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* How long a device may stay silent until it counts as lost. Only time in which this process could
 * run counts, for while it is stopped, nothing here looks, and drivers that compute in its threads
 * do nothing. */
typedef struct
{
  double expected;    /* seconds that the work should take */
  gint64 last;        /* of the last look, µs */
  double waited;      /* seconds that count; once it was cancelled: since then */
  gboolean cancelled; /* the run was: there is less patience */
} PdPatience;

/* @expected: seconds that the work should take, at the rate that was learned
 * @now: µs of a clock that only goes forward, here and below */
void pd_patience_begin (PdPatience *self, double expected, gint64 now);

/* Looks again, which should happen every second or oftener: of a longer pause a second counts.
 * @cancelled: whether the run was, by now. Returns: whether it has taken too long. */
gboolean pd_patience_is_over (PdPatience *self, gboolean cancelled, gint64 now);
