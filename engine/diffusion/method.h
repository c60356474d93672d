// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/json.h"
#include "engine/diffusion/schedule-private.h"
#include "engine/diffusion/solver-private.h"

/* A new solver is a file method-<name>.c with such a row, a member of PdSolverType and a line of
 * the table in solver-type.c. Files of methods call nothing of schedule.c and solver.c; they read
 * and change what schedule-private.h and solver-private.h declare. */

typedef enum
{
  PD_METHOD_SIGMAS = 1 << 0,       /* steps between sigmas, else between training timesteps */
  PD_METHOD_EXPLODING = 1 << 1,    /* the latent is clean + sigma / alpha * noise */
  PD_METHOD_NEEDS_SIGNAL = 1 << 2, /* divides by alpha; so do all with sigmas */

  /* Where a step from a training timestep leads: to the next one of the run, else to the one that
   * is num_train_timesteps / steps lower, as diffusers does. */
  PD_METHOD_NEXT_TIMESTEP = 1 << 3,
  PD_METHOD_ENDS_CLEAN = 1 << 4, /* whatever set_alpha_to_one says */

  /* The members of PdScheduleConfig that it heeds. */
  PD_METHOD_CLIP = 1 << 5,       /* clip_sample */
  PD_METHOD_THRESHOLD = 1 << 6,  /* thresholding */
  PD_METHOD_ETA = 1 << 7,        /* eta */
  PD_METHOD_LOG_SNR = 1 << 8,    /* use_lu_lambdas, lambda_min_clipped, final_sigma_zero */
  PD_METHOD_LOG_LINEAR = 1 << 9, /* log_linear_interpolation, continuous_timesteps */
} PdMethodFlags;

/* What a step is made from; arrays of n_elements. */
typedef struct
{
  guint k;              /* index in the schedule's tables */
  const float *x0;      /* the predicted clean latent as the model gave it */
  const float *treated; /* the same, clipped or thresholded if the method heeds that */
  const float *noise;   /* NULL if noise_factor is 0 */
} PdUpdate;

/* Elements first … first + n - 1 of the latent after call k got @factor times @by. */
typedef struct
{
  guint k;
  gsize first, n;
  const float *by;
  double factor;
} PdMove;

struct _PdMethod
{
  const char *name;
  PdMethodFlags flags;
  guint max_order; /* solver_order is from 1 to this; 0: it is not heeded */
  gint n_history;  /* arrays kept of earlier steps; with max_order, beyond solver_order */

  /* The class of diffusers that it is (name NULL: diffusers has none, so that no model asks for
   * it), and where the defaults of that class differ from others. */
  struct
  {
    const char *name;
    PdTimestepSpacing spacing;
    gboolean clip_sample;
    gboolean set_alpha_to_one;
  } scheduler;

  /* Each may be NULL but update. */

  /* Reads members of scheduler_config.json that only this class has. */
  void (*read_config) (PdJsonReader *reader, PdScheduleConfig *config);
  /* @steps timesteps, largest first; NULL: pd_training_timesteps. Only without PD_METHOD_SIGMAS. */
  double *(*timesteps) (const PdScheduleConfig *config, guint steps, GError **error);
  /* Repeats timesteps and sigmas, so that there is one for each call of the model. */
  gboolean (*repeat) (PdSchedule *schedule, GError **error);
  /* Factor of the noise in step k; it draws none where this is 0. */
  double (*noise_factor) (const PdSchedule *schedule, guint k);
  /* @latent becomes that of the level after call k. */
  void (*update) (PdSolver *solver, const PdUpdate *update, float *latent);
  /* Moves what the history would make the latent of again. NULL: nothing. */
  void (*move) (PdSolver *solver, const PdMove *move);
};

extern const PdMethod pd_method_ddim, pd_method_euler, pd_method_euler_a, pd_method_heun,
    pd_method_dpmpp_2m, pd_method_dpmpp_sde, pd_method_unipc, pd_method_lcm, pd_method_ddpm,
    pd_method_pndm;

static inline double
pd_method_squared (double x)
{
  return x * x;
}
