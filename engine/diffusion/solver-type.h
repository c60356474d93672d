// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

typedef enum
{
  PD_SOLVER_DDIM,      /* Song et al. 2021 */
  PD_SOLVER_EULER,     /* Karras et al. 2022, without churn */
  PD_SOLVER_EULER_A,   /* Euler with ancestral noise */
  PD_SOLVER_HEUN,      /* Karras et al. 2022; two model calls per step but the last */
  PD_SOLVER_DPMPP_2M,  /* DPM-Solver++, multistep (Lu et al. 2022), order config.solver_order */
  PD_SOLVER_DPMPP_SDE, /* the same for the SDE */
  PD_SOLVER_UNIPC,     /* Zhao et al. 2023, data prediction */
  PD_SOLVER_LCM,       /* Luo et al. 2023 */
  PD_SOLVER_DDPM,      /* Ho et al. 2020 */
  PD_SOLVER_PNDM,      /* Liu et al. 2022, linear multistep only; one model call more than steps */
} PdSolverType;

/* "ddim" "euler" "euler_a" "heun" "dpm++2m" "dpm++sde" "unipc" "lcm" "ddpm" "pndm" */
const char *pd_solver_type_to_string (PdSolverType type);
gboolean pd_solver_type_from_string (const char *name, PdSolverType *type, GError **error);

/* TRUE for solvers that step between sigmas and so can use Karras sigmas, FALSE for those that step
 * between timesteps (DDIM, LCM, DDPM, PNDM). */
gboolean pd_solver_type_has_sigmas (PdSolverType type);

/* What a solver is made of; see method.h. */
typedef struct _PdMethod PdMethod;

guint pd_solver_type_count (void);
const PdMethod *pd_solver_type_method (PdSolverType type);
