// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/phase.h"

#include <glib/gi18n-lib.h>

static const struct
{
  const char *nick, *title;
} phases[] = {
  [PD_PHASE_LOAD] = { "load", N_ ("Loading the model") },
  [PD_PHASE_TEXT] = { "text", N_ ("Reading the prompt") },
  [PD_PHASE_ENCODE] = { "encode", N_ ("Reading the picture") },
  [PD_PHASE_INVERT] = { "invert", N_ ("Finding the picture’s noise") },
  [PD_PHASE_DENOISE] = { "denoise", N_ ("Denoising") },
  [PD_PHASE_DECODE] = { "decode", N_ ("Painting") },
  [PD_PHASE_KERNELS] = { "kernels", N_ ("Preparing the device") },
};

const char *
pd_phase_nick (PdPhase self)
{
  return phases[self].nick;
}

const char *
pd_phase_title (PdPhase self)
{
  return _ (phases[self].title);
}

gboolean
pd_phase_from_nick (const char *nick, PdPhase *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    if (g_str_equal (nick, phases[i].nick))
      {
        *self = (PdPhase) i;
        return TRUE;
      }
  return FALSE;
}
