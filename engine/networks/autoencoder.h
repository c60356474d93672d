// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/blocks.h"

/* An autoencoder, whatever its architecture: pictures to latents and back. */

typedef struct
{
  guint scale;               /* pixels per latent pixel, along each side */
  guint channels;            /* of a latent */
  double scaling, shift;     /* latent = (raw - shift) · scaling, raw is what the network gives */
  guint halo_decode;         /* latent pixels around a window beyond which nothing shows */
  guint halo_encode;         /* the same of an encoder's window */
  gboolean needs_statistics; /* it has norms or attention: what a window gives depends on all of it,
                                so that windows need statistics of the canvas they are cut from */
} PdAutoencoderInfo;

typedef struct _PdAutoencoder PdAutoencoder;

/* What an architecture is. @values: of pictures, about -1 … 1, and of raw latents. */
typedef struct
{
  /* Appends the encoder or decoder for @x to the builder's graph. An encoder's result has the
   * channels of the latent, or twice as many: mean and logarithm of the variance. */
  PdTensor *(*build) (PdAutoencoder *self, const PdBuilder *builder, gboolean decode, PdTensor *x);
  /* What the network is given instead of @values and gives instead of them; NULL: themselves. */
  void (*map_input) (gboolean decode, float *values, gsize n);
  void (*map_output) (gboolean decode, float *values, gsize n);
  void (*free) (PdAutoencoder *self);
} PdAutoencoderClass;

/* Embedded at the beginning of an architecture's own. Members are for reading. */
struct _PdAutoencoder
{
  const PdAutoencoderClass *class;
  const PdBackend *backend;
  PdAutoencoderInfo info;
  guint groups; /* of its norms */
  float eps;
  gboolean has_encoder; /* else only decoders can be made */
};

void pd_autoencoder_free (PdAutoencoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdAutoencoder, pd_autoencoder_free)

/* The latent, in the pipeline's scale, of which an encoder gave raw @mean and @log_variance; @noise
 * is unit normal. */
float
pd_autoencoder_latent (const PdAutoencoder *self, float mean, float log_variance, float noise);

/* The encoder or decoder for one shape, recorded. */
typedef struct _PdAutoencoderPass PdAutoencoderPass;

typedef struct
{
  gboolean decode;
  guint n, h, w;        /* latents; pictures of h · scale × w · scale */
  PdProbes *probes;     /* may be NULL */
  PdHook *const *hooks; /* borrowed, ended by NULL; may be NULL */
  gboolean timestamps;
} PdAutoencoderPassOptions;

/* Errors: PD_ERROR_OUT_OF_MEMORY. */
PdAutoencoderPass *pd_autoencoder_pass_new (PdAutoencoder *self,
                                            const PdAutoencoderPassOptions *options,
                                            GError **error);
void pd_autoencoder_pass_free (PdAutoencoderPass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdAutoencoderPass, pd_autoencoder_pass_free)

PdGraph *pd_autoencoder_pass_graph (PdAutoencoderPass *self);

/* The sites of a pass for one latent of @h × @w. Returns: (transfer full) of PdSite. */
GArray *pd_autoencoder_survey (PdAutoencoder *self, gboolean decode, guint h, guint w);

/* @latents: [n][channels][h][w] in the pipeline's scale; @picture: [n][h · scale][w · scale][3],
 * about -1 … 1, not clamped; @n_latents, @n_picture: the arrays' lengths. Errors:
 * PD_ERROR_BAD_MODEL (lengths that are not the pass's: nothing is written), and those of a graph's
 * run. */
gboolean pd_autoencoder_decode (PdAutoencoderPass *self,
                                const float *latents,
                                gsize n_latents,
                                float *picture,
                                gsize n_picture,
                                GCancellable *cancellable,
                                GError **error);

/* What encoding gives, each [n][channels][h][w], raw: see pd_autoencoder_latent. The logarithm is
 * clamped to -30 … 20; of an autoencoder without distribution it is minus infinity. */
typedef struct
{
  float *mean, *log_variance;
  gsize n; /* length of either */
} PdMoments;

/* @picture: as decoding gives it. Errors: as decoding. */
gboolean pd_autoencoder_encode (PdAutoencoderPass *self,
                                const float *picture,
                                gsize n_picture,
                                const PdMoments *moments,
                                GCancellable *cancellable,
                                GError **error);
