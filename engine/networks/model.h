// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"
#include "engine/networks/text-encoder.h"
#include "engine/networks/tiny-vae.h"
#include "engine/networks/unet.h"
#include "engine/networks/vae.h"

/* A whole text-to-image model, on the device. Members are for reading. */
typedef struct
{
  PdModelFiles *files;
  GPtrArray *stamps; /* PdFileStamp, of every file that was read */
  PdTokenizer *tokenizer;
  PdTextEncoder *text_encoder;
  PdUNet *unet;
  PdVae *vae; /* or … */
  PdTinyVae *tiny_vae;
} PdModel;

/* Loads every part of the model at @path, but @parts (may be NULL) from where they say; @backend is
 * borrowed. Nothing of the files is used afterwards. Errors: PD_ERROR_BAD_MODEL, also when a file
 * changes meanwhile, PD_ERROR_OUT_OF_MEMORY.
 */
PdModel *pd_model_load (const PdBackend *backend,
                        const char *path,
                        const PdModelParts *parts,
                        GError **error);
void pd_model_free (PdModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdModel, pd_model_free)

/* The path of a file that is another one than was read or was changed since; NULL: none. */
const char *pd_model_changed_file (const PdModel *self);

/* Of the autoencoder, whichever kind it is. */
guint pd_model_scale (const PdModel *self);
guint pd_model_latent_channels (const PdModel *self);

/* The context of @prompts (n of them, UTF-8): *context gets [n][tokens][width], tokens the same for
 * all: a multiple of 77, shorter prompts filled up with empty chunks. Free with g_free. */
gboolean pd_model_encode_text (PdModel *self,
                               const char *const *prompts,
                               guint n,
                               float **context,
                               guint *tokens,
                               GCancellable *cancellable,
                               GError **error);

/* @latents: one [channels][h][w] in the UNet's scale; @picture: [h · scale][w · scale][3] in
 * -1 … 1, not clamped; @n_latents, @n_picture: the arrays' lengths (PD_ERROR_BAD_MODEL if they are
 * not the model's). */
gboolean pd_model_decode (PdModel *self,
                          guint h,
                          guint w,
                          const float *latents,
                          gsize n_latents,
                          float *picture,
                          gsize n_picture,
                          GCancellable *cancellable,
                          GError **error);

/* The reverse, sampled from the autoencoder's distribution with @noise ([channels][h][w], unit
 * normal); an AutoencoderTiny has none and ignores it. @n_latents: of @noise and @latents. */
gboolean pd_model_encode (PdModel *self,
                          guint h,
                          guint w,
                          const float *picture,
                          gsize n_picture,
                          const float *noise,
                          float *latents,
                          gsize n_latents,
                          GCancellable *cancellable,
                          GError **error);
