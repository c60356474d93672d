// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"
#include "engine/networks/denoiser.h"
#include "engine/verify/parts.h"

/* Pictures that take on the look of another, with the latents of a file: what its kinds share. */

/* A UNet and the latents of the file. */
typedef struct
{
  PdVerifyFile *file;
  PdModelFiles *files;
  PdDenoiser *unet;
  guint h, w; /* of a latent; 0 until one was read */
  gsize n;    /* its elements */
  PdCondition *empty;
} PdVerifyStyle;

gboolean
pd_verify_style_open (PdVerifyStyle *self, PdVerifyFile *file, const char *model, GError **error);
void pd_verify_style_clear (PdVerifyStyle *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdVerifyStyle, pd_verify_style_clear)

/* Condition @index of the contexts called @name. */
PdCondition *pd_verify_style_condition (const PdVerifyStyle *self,
                                        const char *name,
                                        guint index,
                                        GError **error);

/* @count latents called @name, all of one size. */
float *pd_verify_style_latents (PdVerifyStyle *self, const char *name, guint count, GError **error);

/* A pass over @n of them. */
PdDenoiserPass *pd_verify_style_pass (
    const PdVerifyStyle *self, guint n, PdHook *const *hooks, PdProbes *probes, GError **error);

/* @conditions: of each image; NULL: all the empty prompt. */
gboolean pd_verify_style_run (const PdVerifyStyle *self,
                              PdDenoiserPass *pass,
                              double timestep,
                              const PdCondition *const *conditions,
                              const float *latents,
                              float *prediction,
                              GError **error);
