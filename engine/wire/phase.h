// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a run is doing. */
typedef enum
{
  PD_PHASE_LOAD,    /* the model's files */
  PD_PHASE_TEXT,    /* prompts through the text encoder */
  PD_PHASE_ENCODE,  /* the picture into latents */
  PD_PHASE_INVERT,  /* the noise that the picture would have come from */
  PD_PHASE_DENOISE, /* latents */
  PD_PHASE_DECODE,  /* latents into the picture */
  PD_PHASE_KERNELS, /* within any other phase: shaders are compiled for the device */
} PdPhase;

/* Returns: the word that stands for @self in messages, "denoise". */
const char *pd_phase_nick (PdPhase self);

/* Returns: what people are told, translated. */
const char *pd_phase_title (PdPhase self);

/* Finds the phase that @nick stands for. Returns: FALSE, with @self unchanged, if there is none. */
gboolean pd_phase_from_nick (const char *nick, PdPhase *self);
