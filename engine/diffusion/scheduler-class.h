// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/solver.h"

/* What a class of diffusers' schedulers stands for, and where its defaults differ from those of
 * others. */
typedef struct
{
  const char *name;
  PdSolverType type;
  PdTimestepSpacing spacing;
  gboolean clip_sample;
  gboolean set_alpha_to_one;
} PdSchedulerClass;

/* The class that is solver @type. */
const PdSchedulerClass *pd_scheduler_class_of (PdSolverType type);

/* The class of that name if it is one of the solvers, else NULL. The first of the two solvers that
 * DPMSolverMultistepScheduler is. */
const PdSchedulerClass *pd_scheduler_class_find (const char *name);

/* Classes that are none of the solvers; @name may be NULL. Weights do not depend on the class, but
 * for a few that stand for another kind of training: those are FALSE, all others get the solver
 * that comes nearest. */
gboolean pd_scheduler_class_nearest (const char *name, PdSolverType *type);

/* The range of betas a class has if a file does not say; others are left as they are. */
void pd_scheduler_class_init_betas (const char *name, PdScheduleConfig *config);
