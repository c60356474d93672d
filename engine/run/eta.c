// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/eta.h"

#include <math.h>

/* The rate is a mean over about so many seconds, or this share of the run so far. */
static const double MEMORY_SECONDS = 10, MEMORY_SHARE = 0.1;

/* Shorter measurements say nothing. */
static const double LEAST_SECONDS = 0.05;

double
pd_eta_update (PdEta *self, double fraction, gint64 time)
{
  double seconds = (double) (time - self->last_time) / G_USEC_PER_SEC;

  if (!self->begun)
    {
      *self = (PdEta){ .begun = TRUE, .begin = time, .last_time = time, .fraction = fraction };
      return -1;
    }
  if (fraction > self->fraction && seconds >= LEAST_SECONDS)
    {
      double memory =
          MAX (MEMORY_SECONDS, MEMORY_SHARE * (double) (time - self->begin) / G_USEC_PER_SEC);
      double share = 1 - exp (-seconds / memory);

      /* A mean with exponentially falling weights, of which the first ones are missing. */
      self->rate += share * ((fraction - self->fraction) / seconds - self->rate);
      self->weight += share * (1 - self->weight);
      self->fraction = fraction;
      self->last_time = time;
      seconds = 0;
    }
  if (!(self->rate > 0))
    return -1;
  return MAX (0, (1 - self->fraction) / (self->rate / self->weight) - seconds);
}
