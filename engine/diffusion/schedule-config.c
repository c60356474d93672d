// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/schedule-config.h"

#include <math.h>

void
pd_schedule_config_init (PdScheduleConfig *config)
{
  *config = (PdScheduleConfig){
    .num_train_timesteps = 1000,
    .beta_start = 0.00085,
    .beta_end = 0.012,
    .beta_schedule = PD_BETAS_SCALED_LINEAR,
    .prediction_type = PD_PREDICTION_EPSILON,
    .timestep_spacing = PD_SPACING_LEADING,
    .steps_offset = 1,
    .sigma_min = NAN,
    .sigma_max = NAN,
    .lambda_min_clipped = -INFINITY,
    .final_sigma_zero = TRUE,
    .clip_sample_range = 1.0,
    .dynamic_thresholding_ratio = 0.995,
    .sample_max_value = 1.0,
    .variance_type = PD_VARIANCE_FIXED_SMALL,
    .solver_order = 2,
    .dpm_solver_type = PD_ORDER2_MIDPOINT,
    .unipc_solver_type = PD_UNIPC_BH2,
    .lower_order_final = TRUE,
    .skip_prk_steps = TRUE,
    .original_inference_steps = 50,
    .timestep_scaling = 10.0,
  };
}

void
pd_schedule_config_finish (PdScheduleConfig *config)
{
  if (config == NULL)
    return;
  g_clear_pointer (&config->trained_betas, g_array_unref);
  g_clear_pointer (&config->disable_corrector, g_array_unref);
}

void
pd_schedule_config_copy (const PdScheduleConfig *source, PdScheduleConfig *destination)
{
  *destination = *source;
  if (destination->trained_betas != NULL)
    g_array_ref (destination->trained_betas);
  if (destination->disable_corrector != NULL)
    g_array_ref (destination->disable_corrector);
}
