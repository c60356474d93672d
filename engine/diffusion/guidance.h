// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Classifier-free guidance (Ho and Salimans 2022): out = uncond + scale * (cond - uncond). out may
 * be one of the inputs. */
void
pd_guidance_combine (gsize n, const float *uncond, const float *cond, double scale, float *out);

/* Guidance rescale (Lin et al. 2023, section 3.4): pulls the standard deviation of the guided
 * prediction back to that of the conditional one. guided is n values of one picture and is
 * overwritten; rescale in [0, 1], 0 leaves it as it is. */
void pd_guidance_rescale (gsize n, const float *cond, double rescale, float *guided);
