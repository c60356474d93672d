// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a denoiser is told of one prompt: named tensors on the host. Which names it reads is the
 * family's; all conditions of a run have the same names and shapes. */

enum
{
  PD_CONDITION_MAX_TENSORS = 8,
};

typedef struct
{
  const char *name; /* lives for ever: "context" */
  guint tokens, width;
  float *values; /* [tokens][width]; owned */
} PdConditionTensor;

typedef struct
{
  guint n;
  PdConditionTensor tensors[PD_CONDITION_MAX_TENSORS];
} PdCondition;

/* The text that cross-attention reads. */
extern const char PD_CONDITION_CONTEXT[];

PdCondition *pd_condition_new (void);
void pd_condition_free (PdCondition *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCondition, pd_condition_free)

/* Copies @values, or with NULL adds zeros. Errors: PD_ERROR_OUT_OF_HOST_MEMORY. */
gboolean pd_condition_add (PdCondition *self,
                           const char *name,
                           guint tokens,
                           guint width,
                           const float *values,
                           GError **error);

/* NULL if there is none of that name. */
const PdConditionTensor *pd_condition_find (const PdCondition *self, const char *name);
