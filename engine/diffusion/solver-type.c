// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-type.h"

#include "engine/diffusion/method.h"

static const PdMethod *const methods[] = {
  [PD_SOLVER_DDIM] = &pd_method_ddim,         [PD_SOLVER_EULER] = &pd_method_euler,
  [PD_SOLVER_EULER_A] = &pd_method_euler_a,   [PD_SOLVER_HEUN] = &pd_method_heun,
  [PD_SOLVER_DPMPP_2M] = &pd_method_dpmpp_2m, [PD_SOLVER_DPMPP_SDE] = &pd_method_dpmpp_sde,
  [PD_SOLVER_UNIPC] = &pd_method_unipc,       [PD_SOLVER_LCM] = &pd_method_lcm,
  [PD_SOLVER_DDPM] = &pd_method_ddpm,         [PD_SOLVER_PNDM] = &pd_method_pndm,
};

G_STATIC_ASSERT (G_N_ELEMENTS (methods) == PD_SOLVER_AUTO);

const PdMethod *
pd_solver_type_method (PdSolverType type)
{
  g_assert (type < PD_SOLVER_AUTO);
  return methods[type];
}

const char *
pd_solver_type_to_string (PdSolverType type)
{
  return pd_solver_type_method (type)->name;
}

gboolean
pd_solver_type_has_sigmas (PdSolverType type)
{
  return (pd_solver_type_method (type)->flags & PD_METHOD_SIGMAS) != 0;
}
