// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/scheduler-class.h"

#include <string.h>

#include "engine/diffusion/method.h"

/* The other published classes, by what they share with a solver: the order, whether fresh noise is
 * added, what model they are for. A part of a name stands for all classes that have it, so that
 * later ones find their place too; the first that fits counts. */
static const struct
{
  const char *part;
  PdSolverType type;
} relatives[] = {
  { "TCD", PD_SOLVER_LCM },               /* distilled in few steps, with noise between them */
  { "LCM", PD_SOLVER_LCM },               /* likewise */
  { "Ancestral", PD_SOLVER_EULER_A },     /* KDPM2Ancestral: noise added to a step on sigmas */
  { "SDE", PD_SOLVER_DPMPP_SDE },         /* DPMSolverSDE: the same equation with other noise */
  { "SASolver", PD_SOLVER_DPMPP_SDE },    /* stochastic, multistep */
  { "DEIS", PD_SOLVER_DPMPP_2M },         /* exponential integrator, multistep */
  { "LMS", PD_SOLVER_DPMPP_2M },          /* multistep on sigmas */
  { "KDPM2", PD_SOLVER_HEUN },            /* order two, two evaluations a step */
  { "DPMSolver", PD_SOLVER_DPMPP_2M },    /* Singlestep, Inverse: the same order without history */
  { "CogVideoXDPM", PD_SOLVER_DPMPP_2M }, /* the same with another shape of latents */
  { "DDIM", PD_SOLVER_DDIM },             /* Parallel, Inverse, CogVideoX */
  { "DDPM", PD_SOLVER_DDPM },             /* Parallel, Wuerstchen */
  { "RePaint", PD_SOLVER_DDPM },          /* DDPM that goes back and forth */
  { "UnCLIP", PD_SOLVER_DDPM },           /* DDPM of a prior */
  { "UniPC", PD_SOLVER_UNIPC },
  { "Heun", PD_SOLVER_HEUN },
  { "Euler", PD_SOLVER_EULER },
  { "DPM", PD_SOLVER_DPMPP_2M },
  { "Multistep", PD_SOLVER_DPMPP_2M },
  { "", PD_SOLVER_PNDM }, /* IPNDM, and what is not known: as without a file */
};

/* Of weights that predict something else, or are told the noise in another way, than those of
 * latent diffusion. */
static const char *const strangers[] = {
  "FlowMatch",             /* velocity on straight paths */
  "RectifiedFlow",         /* likewise */
  "SCM",                   /* likewise, in angles */
  "EDM",                   /* preconditioned by sigma, without betas */
  "CosineDPMSolver",       /* EDM of sound */
  "KarrasVe",              /* exploding variance, without betas */
  "ScoreSde",              /* likewise, continuous */
  "CMStochasticIterative", /* consistency models of pixels */
  "ConsistencyDecoder",    /* a decoder */
  "VQDiffusion",           /* tokens */
  "Amused",                /* tokens */
  "BlockRefinement",       /* tokens */
};

/* The same schedulers for JAX. */
static const char *
without_framework (const char *name)
{
  static const char framework[] = "Flax";

  return g_str_has_prefix (name, framework) ? name + strlen (framework) : name;
}

gboolean
pd_scheduler_class_find (const char *name, PdSolverType *type)
{
  if (name == NULL)
    return FALSE;
  name = without_framework (name);
  for (guint i = 0; i < PD_SOLVER_AUTO; i++)
    if (g_strcmp0 (pd_solver_type_method (i)->scheduler.name, name) == 0)
      {
        *type = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
pd_scheduler_class_nearest (const char *name, PdSolverType *type)
{
  guint i = 0;

  if (name == NULL)
    name = "";
  for (guint k = 0; k < G_N_ELEMENTS (strangers); k++)
    if (g_str_has_prefix (without_framework (name), strangers[k]))
      return FALSE;
  while (strstr (name, relatives[i].part) == NULL)
    i++;
  *type = relatives[i].type;
  return TRUE;
}

void
pd_scheduler_class_init_betas (const char *name, PdScheduleConfig *config)
{
  static const char *const distilled[] = { "LCMScheduler", "TCDScheduler", NULL };
  static const char *const latent[] = { "HeunDiscreteScheduler", "KDPM2DiscreteScheduler",
                                        "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler",
                                        NULL };
  static const char *const pixels[] = {
    "DEISMultistepScheduler",
    "LMSDiscreteScheduler",
    "DPMSolverSinglestepScheduler",
    "DPMSolverMultistepInverseScheduler",
    "DDIMInverseScheduler",
    "DDIMParallelScheduler",
    "DDPMParallelScheduler",
    "RePaintScheduler",
    "SASolverScheduler",
    NULL,
  };

  PdSolverType type;

  if (name == NULL)
    return;
  name = without_framework (name);
  if (g_strv_contains (distilled, name) || g_strv_contains (latent, name))
    {
      config->beta_start = 0.00085;
      config->beta_end = 0.012;
      config->beta_schedule =
          g_strv_contains (distilled, name) ? PD_BETAS_SCALED_LINEAR : PD_BETAS_LINEAR;
    }
  else if (pd_scheduler_class_find (name, &type) || g_strv_contains (pixels, name))
    {
      config->beta_start = 0.0001;
      config->beta_end = 0.02;
      config->beta_schedule = PD_BETAS_LINEAR;
    }
}
