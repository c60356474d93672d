// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-type.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/diffusion/method.h"

static const PdMethod *const methods[] = {
  [PD_SOLVER_DDIM] = &pd_method_ddim,         [PD_SOLVER_EULER] = &pd_method_euler,
  [PD_SOLVER_EULER_A] = &pd_method_euler_a,   [PD_SOLVER_HEUN] = &pd_method_heun,
  [PD_SOLVER_DPMPP_2M] = &pd_method_dpmpp_2m, [PD_SOLVER_DPMPP_SDE] = &pd_method_dpmpp_sde,
  [PD_SOLVER_UNIPC] = &pd_method_unipc,       [PD_SOLVER_LCM] = &pd_method_lcm,
  [PD_SOLVER_DDPM] = &pd_method_ddpm,         [PD_SOLVER_PNDM] = &pd_method_pndm,
};

guint
pd_solver_type_count (void)
{
  return G_N_ELEMENTS (methods);
}

const PdMethod *
pd_solver_type_method (PdSolverType type)
{
  g_assert ((guint) type < G_N_ELEMENTS (methods));
  return methods[type];
}

const char *
pd_solver_type_to_string (PdSolverType type)
{
  return pd_solver_type_method (type)->name;
}

gboolean
pd_solver_type_from_string (const char *name, PdSolverType *type, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      if (g_strcmp0 (name, methods[i]->name) == 0)
        {
          *type = (PdSolverType) i;
          return TRUE;
        }
      g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", methods[i]->name);
    }

  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("there is no solver \"%s\"; choose one of %s"), name != NULL ? name : "",
               known->str);
  return FALSE;
}

gboolean
pd_solver_type_has_sigmas (PdSolverType type)
{
  return (pd_solver_type_method (type)->flags & PD_METHOD_SIGMAS) != 0;
}
