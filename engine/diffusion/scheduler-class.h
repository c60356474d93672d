// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule-config.h"
#include "engine/diffusion/solver-type.h"

/* The solver that a class of diffusers' schedulers is, by its name; FALSE if it is none or @name is
 * NULL. The first of the two solvers that DPMSolverMultistepScheduler is. */
gboolean pd_scheduler_class_find (const char *name, PdSolverType *type);

/* Classes that are none of the solvers; @name may be NULL. Weights do not depend on the class, but
 * for a few that stand for another kind of training: those are FALSE, all others get the solver
 * that comes nearest. */
gboolean pd_scheduler_class_nearest (const char *name, PdSolverType *type);

/* The range of betas a class has if a file does not say; others are left as they are. */
void pd_scheduler_class_init_betas (const char *name, PdScheduleConfig *config);
