// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string.h>

#include "engine/diffusion/solver.h"

enum
{
  PD_SOLVER_MAX_HISTORY = 4
};

struct _PdSolver
{
  const PdSchedule *schedule; /* borrowed */
  gsize n_elements;
  guint next; /* call of the run to be made next */

  /* What a step needs of earlier ones, [n_elements] each; the files of the methods say what. */
  float *history[PD_SOLVER_MAX_HISTORY];
  guint n_history;

  float *x0;      /* scratch of pd_solver_step */
  float *treated; /* scratch: x0 clipped or thresholded; NULL if that never happens */
};

/* history[first], the newest of @n, becomes @values; the oldest is forgotten. */
static inline void
pd_solver_remember (PdSolver *self, guint first, guint n, const float *values)
{
  float **arrays = self->history + first;

  if (n == 0)
    return;

  float *oldest = arrays[n - 1];

  memmove (arrays + 1, arrays, (n - 1) * sizeof *arrays);
  arrays[0] = oldest;
  memcpy (oldest, values, self->n_elements * sizeof *values);
}
