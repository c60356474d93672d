// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/patience.h"

/* Of the time between two looks no more counts, seconds. */
static const double most_between_looks = 1;

/* In seconds and in times of what the work should take: busy machines and drivers that compile at
 * the first dispatch stay far below. The second number of each holds once the run was cancelled. */
static const double patience[2] = { 120, 5 };
static const double patience_times[2] = { 100, 10 };

void
pd_patience_begin (PdPatience *self, double expected, gint64 now)
{
  *self = (PdPatience){ .expected = expected, .last = now };
}

gboolean
pd_patience_is_over (PdPatience *self, gboolean cancelled, gint64 now)
{
  const double passed = (double) (now - self->last) / G_USEC_PER_SEC;

  self->last = now;
  self->waited += MIN (passed, most_between_looks);
  if (cancelled && !self->cancelled)
    self->waited = 0;
  self->cancelled |= cancelled;
  return self->waited >
         patience[self->cancelled] + patience_times[self->cancelled] * self->expected;
}
