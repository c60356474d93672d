// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"

/* The word that requests have for it: "ddim" "euler" "euler_a" "heun" "dpm++2m" "dpm++sde" "unipc"
 * "lcm" "ddpm" "pndm" */
const char *pd_solver_type_to_string (PdSolverType type);

/* TRUE for solvers that step between sigmas and so can use Karras sigmas, FALSE for those that step
 * between timesteps (DDIM, LCM, DDPM, PNDM). */
gboolean pd_solver_type_has_sigmas (PdSolverType type);

/* What a solver is made of; see method.h. None of PD_SOLVER_AUTO. */
typedef struct _PdMethod PdMethod;

const PdMethod *pd_solver_type_method (PdSolverType type);
