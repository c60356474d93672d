// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule.h"

/* Indices into the tables are absolute: begin + i for call i of the run. */
struct _PdSchedule
{
  PdSolverType type;
  const PdMethod *method;
  PdScheduleConfig config;
  guint steps; /* as asked for, before strength */

  guint n_total; /* model calls of the whole schedule */
  guint begin;   /* first one that is run */

  double *timesteps;    /* [n_total] */
  PdNoiseLevel *levels; /* [n_total + 1], of the model's input; the last is where the run ends */

  /* With PD_METHOD_SIGMAS: noise / signal; call k leads from sigmas[k] to sigmas[k + 1]. */
  double *sigmas; /* [n_sigmas], more than n_total */
  guint n_sigmas;

  /* Without it: alpha^2 (alphas_cumprod) at call k and where it leads, [n_total] each. */
  double *powers, *powers_after;
};

/* Fills the tables; @self has type, method, config, steps, and begin and n_total as without
 * repetitions, which are corrected. */
gboolean pd_schedule_build (PdSchedule *self, GError **error);
