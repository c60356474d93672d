// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"
#include "engine/networks/condition.h"
#include "engine/networks/text-encoder.h"

/* Prompts to conditions: CLIP's tokenizer and one text encoder. Members are for reading. */
typedef struct
{
  PdTokenizer *tokenizer;
  PdTextEncoder *encoder;
  guint width; /* of the context */
} PdConditioner;

/* Checks first that the parts of @files fit together. @backend is borrowed, nothing of @files is
 * used afterwards. Errors: PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdConditioner *
pd_conditioner_new (const PdBackend *backend, const PdModelFiles *files, GError **error);
void pd_conditioner_free (PdConditioner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdConditioner, pd_conditioner_free)

/* The conditions of @prompts (n of them, UTF-8). Their tokens are the same for all: a multiple of
 * 77, at least @n_tokens, shorter prompts filled up with empty chunks. Returns: (transfer full) of
 * PdCondition. Errors: PD_ERROR_BAD_REQUEST (a prompt that is too long), those of a graph's run. */
GPtrArray *pd_conditioner_encode (PdConditioner *self,
                                  const char *const *prompts,
                                  guint n,
                                  guint n_tokens,
                                  GCancellable *cancellable,
                                  GError **error);

/* A condition of zeros, with the shapes of a prompt that is not a long one. */
PdCondition *pd_conditioner_blank (const PdConditioner *self, GError **error);

/* Records what encoding @n such prompts runs and drops it: for a rehearsal of the device. */
gboolean pd_conditioner_rehearse (PdConditioner *self, guint n, GError **error);
