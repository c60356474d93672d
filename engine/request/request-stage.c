// SPDX-License-Identifier: GPL-3.0-or-later
/* What the stages of a run are called where people read. */
#include "engine/request/request.h"

#include <glib/gi18n-lib.h>

static const struct
{
  const char *stage;
  const char *name;
} names[] = {
  { "load", N_ ("Loading the model") },
  { "text", N_ ("Reading the prompt") },
  { "kernels", N_ ("Preparing the device") },
  { "encode", N_ ("Reading the picture") },
  { "invert", N_ ("Finding the picture’s noise") },
  { "denoise", N_ ("Denoising") },
  { "decode", N_ ("Painting") },
};

const char *
pd_request_stage (const char *stage)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (stage, names[i].stage))
      return _ (names[i].name);
  return stage;
}
