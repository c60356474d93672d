// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The noise schedule a model was trained with and the choice of timesteps for a run. Names and
 * meanings are those of the scheduler_config.json files of diffusers 0.27. */

enum
{
  PD_MAX_TRAIN_TIMESTEPS = 1000000
};

typedef enum
{
  PD_BETAS_LINEAR,
  PD_BETAS_SCALED_LINEAR,     /* linear in sqrt (beta): latent diffusion */
  PD_BETAS_SQUARED_COS_CAP_V2 /* Nichol and Dhariwal 2021 */
} PdBetaSchedule;

typedef enum
{
  PD_PREDICTION_EPSILON, /* the noise */
  PD_PREDICTION_V,       /* alpha * noise - sigma * clean (Salimans and Ho 2022) */
  PD_PREDICTION_SAMPLE   /* the clean latent */
} PdPredictionType;

/* Lin et al. 2023, table 2. */
typedef enum
{
  PD_SPACING_LEADING,
  PD_SPACING_TRAILING,
  PD_SPACING_LINSPACE
} PdTimestepSpacing;

typedef enum
{
  PD_VARIANCE_FIXED_SMALL, /* posterior variance, Ho et al. 2020, formula 7 */
  PD_VARIANCE_FIXED_LARGE  /* beta */
} PdVarianceType;

typedef enum
{
  PD_ORDER2_MIDPOINT,
  PD_ORDER2_HEUN
} PdDpmSolverType;

typedef enum
{
  PD_UNIPC_BH1,
  PD_UNIPC_BH2
} PdUnipcSolverType;

typedef struct
{
  /* training */
  guint num_train_timesteps;
  double beta_start;
  double beta_end;
  PdBetaSchedule beta_schedule;
  GArray *trained_betas; /* of double, num_train_timesteps of them; NULL: beta_schedule */
  gboolean rescale_betas_zero_snr;
  PdPredictionType prediction_type;

  /* timesteps and sigmas of a run */
  PdTimestepSpacing timestep_spacing;
  guint steps_offset;
  gboolean use_karras_sigmas;        /* Karras et al. 2022, rho 7; sigma solvers only */
  gboolean use_lu_lambdas;           /* uniform log-SNR; DPM-Solver++ only */
  gboolean log_linear_interpolation; /* Euler: sigmas uniform in log instead of from timesteps */
  gboolean continuous_timesteps;     /* Euler with v: the model is given log (sigma) / 4 */
  double sigma_min;                  /* Karras range; NAN: from the schedule */
  double sigma_max;
  double lambda_min_clipped; /* DPM-Solver++: leaves out timesteps with a lower log-SNR */
  gboolean final_sigma_zero; /* DPM-Solver++: FALSE ends at the schedule's smallest sigma */

  /* treatment of the predicted clean latent */
  gboolean clip_sample; /* DDIM, DDPM, LCM, Heun */
  double clip_sample_range;
  gboolean thresholding; /* dynamic thresholding, Saharia et al. 2022 */
  double dynamic_thresholding_ratio;
  double sample_max_value;

  /* single solvers */
  double eta;                   /* DDIM: 0 deterministic .. 1 as noisy as DDPM */
  gboolean set_alpha_to_one;    /* DDIM, LCM, PNDM: the level after the last step is noise-free */
  PdVarianceType variance_type; /* DDPM */
  guint solver_order;           /* DPM-Solver++ 1..3 (SDE 1..2), UniPC 1..3 */
  PdDpmSolverType dpm_solver_type;
  PdUnipcSolverType unipc_solver_type;
  gboolean lower_order_final;     /* DPM-Solver++, UniPC */
  gboolean euler_at_final;        /* DPM-Solver++ */
  GArray *disable_corrector;      /* of guint: UniPC steps without corrector; NULL: none */
  gboolean skip_prk_steps;        /* PNDM: only TRUE is supported */
  guint original_inference_steps; /* LCM: steps of the distillation */
  double timestep_scaling;        /* LCM */
} PdScheduleConfig;

/* The settings of Stable Diffusion 1.x. */
void pd_schedule_config_init (PdScheduleConfig *config);
void pd_schedule_config_finish (PdScheduleConfig *config);
/* destination is written, not read; finish it like any other. */
void pd_schedule_config_copy (const PdScheduleConfig *source, PdScheduleConfig *destination);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdScheduleConfig, pd_schedule_config_finish)
