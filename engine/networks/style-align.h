// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* A reference whose look others take on (Hertz et al. 2024, StyleAligned): in every self-attention
 * site their queries and keys get the statistics of the reference's, channel by channel, and the
 * reference's keys and values stand behind their own. */
typedef struct _PdStyleAlign PdStyleAlign;

/* @bank: of the reference's keys and values; borrowed. @survey: of its pass. @share: of this in
 * what a site gives, 0 … 1; the rest is as without. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdStyleAlign *pd_style_align_new (const PdBackend *backend,
                                  PdBank *bank,
                                  const GArray *survey,
                                  guint branches,
                                  double share,
                                  GError **error);
void pd_style_align_free (PdStyleAlign *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdStyleAlign, pd_style_align_free)

/* Of the pass of the reference, one image a branch: keeps statistics. What fills the bank is a hook
 * of its own. */
PdHook *pd_style_align_writer (PdStyleAlign *self);

/* Of passes over others. */
PdHook *pd_style_align_reader (PdStyleAlign *self);
