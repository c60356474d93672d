// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The sinusoidal embedding of a timestep (diffusers' get_timestep_embedding, maximum period 10000):
 * sines then cosines of @timestep · 10000^(-i / (half - freq_shift)), the halves exchanged if
 * @flip_sin_to_cos; an odd last channel is zero. On the host: a few hundred values a step, and
 * shader sines of arguments up to 1000 are not precise enough on every device.
 * @out: @channels values. */
void pd_timestep_embedding (
    double timestep, guint channels, gboolean flip_sin_to_cos, double freq_shift, float *out);
