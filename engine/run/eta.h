// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* How long a run still takes, from how fast its last steps went. All zeros is a new one. */
typedef struct
{
  gboolean begun;
  gint64 begin, last_time; /* µs, monotonic */
  double fraction, rate;   /* done; per second, 0: not known yet */
  double weight;           /* of the rate: how much of it is measured, 0 … 1 */
} PdEta;

/* At @time (µs) @fraction (0 … 1, of time that the whole run takes) is done. Where a run begins in
 * the middle, because it goes on from a journal, the first call says where.
 * Returns: seconds that are left; negative: not known yet. */
double pd_eta_update (PdEta *self, double fraction, gint64 time);
