// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/rect.h"
#include "engine/networks/sites.h"

/* Where in a picture a denoiser finds the words of its prompt: what its cross-attention layers
 * attend to at each place (Hertz et al. 2022, Prompt-to-Prompt; Tang et al. 2022, DAAM). A hook for
 * passes of one image. The layers at the latent's full size are left out: they draw, and cost most.
 *
 * Of the attention a head pays to the words at a place, each word has a share; what goes to the
 * other tokens (start, end, padding) is left out, for it differs from place to place for reasons
 * that are no word's. A word's map is the mean of its shares over heads, layers and runs. */
typedef struct _PdWordMaps PdWordMaps;

/* What the tokens of a condition belong to. */
typedef struct
{
  guint n_words, n_tokens;
  const gint *word; /* of each token, below n_words; -1: none */
} PdWordTokens;

/* For passes with the sites of @survey and conditions of @tokens, which is copied. Returns: NULL
 * with PD_ERROR_OUT_OF_HOST_MEMORY. */
PdWordMaps *pd_word_maps_new (const GArray *survey, const PdWordTokens *tokens, GError **error);
void pd_word_maps_free (PdWordMaps *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdWordMaps, pd_word_maps_free)

/* For one pass. */
PdHook *pd_word_maps_hook (PdWordMaps *self);

/* Of every map: that of the largest layer which is looked at; 0 × 0 if there is none. */
PdSize pd_word_maps_size (const PdWordMaps *self);

/* After a run of the pass: adds what its layers attended to. Errors: those of pd_tensor_read,
 * PD_ERROR_OUT_OF_HOST_MEMORY. */
gboolean pd_word_maps_add (PdWordMaps *self, GError **error);

/* The word's share at each place, [h][w], 0 … 1; at every place those of all words add up to 1.
 * After at least one run. */
const float *pd_word_maps_get (PdWordMaps *self, guint word);

/* How much more heads agree on where the word is than heads would that know nothing of it: the
 * variance of the sum of their maps, each with mean 0 and variance 1, divided by that of as many
 * independent ones. For a network of random weights 1 on average and, if its pictures vary in one
 * direction only, distributed as chi squared with one degree of freedom; the number of heads if
 * they all agree. The mean over runs. */
double pd_word_maps_agreement (const PdWordMaps *self, guint word);
