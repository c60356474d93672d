// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/layer.h"

/* transformers' CLIPTextModel: its weights on the device, the embeddings in memory. */
typedef struct _PdTextEncoder PdTextEncoder;

/* @backend is borrowed. Errors: PD_ERROR_BAD_MODEL,
 * PD_ERROR_OUT_OF_MEMORY. */
PdTextEncoder *pd_text_encoder_new (const PdBackend *backend,
                                    const PdTextConfig *config,
                                    PdCheckpoint *checkpoint,
                                    GError **error);
void pd_text_encoder_free (PdTextEncoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTextEncoder, pd_text_encoder_free)

/* The text encoder for a number of sequences, recorded. */
typedef struct _PdTextEncoderPass PdTextEncoderPass;

/* @n sequences of @tokens ids, at most max_positions. The probes are "hidden.0" (token + position
 * embedding) and "hidden.N" (after layer N - 1, before the final norm). */
PdTextEncoderPass *pd_text_encoder_pass_new (
    PdTextEncoder *encoder, guint n, guint tokens, PdProbes *probes, GError **error);
void pd_text_encoder_pass_free (PdTextEncoderPass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTextEncoderPass, pd_text_encoder_pass_free)

PdGraph *pd_text_encoder_pass_graph (PdTextEncoderPass *self);

/* @ids: [n][tokens], each below vocab_size; @context: [n][tokens][hidden_size], after the final
 * norm; @n_ids, @n_context: the arrays' lengths. Errors: PD_ERROR_BAD_MODEL (an id, or lengths that
 * are not the pass's: nothing is written), and those of a graph's run. */
gboolean pd_text_encoder_pass_run (PdTextEncoderPass *self,
                                   const gint32 *ids,
                                   gsize n_ids,
                                   float *context,
                                   gsize n_context,
                                   GCancellable *cancellable,
                                   GError **error);

/* Where a sequence's pooled output is: the position of its end token. */
guint pd_text_encoder_pooled_position (const PdTextConfig *config, const gint32 *ids, guint tokens);
