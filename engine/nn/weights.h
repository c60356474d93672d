// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/tensor.h"

/* A matrix (linear layer, or convolution with taps = kernel height · width), packed for the
 * backend's kernels.
 *
 * Element (o, tap, i) is column o of the product; K runs over (tap, i) with i padded to
 * pd_align_channels (in). Layout f32: [columns / panel][K][panel]; f16: [columns / panel][K / 2]
 * [panel][2], two consecutive k in one 32-bit word, low half first. Columns are padded to a
 * multiple of max (PD_CHANNEL_ALIGN, panel); padding is zero. */
typedef struct
{
  const char *name; /* diffusers' module path; NULL: none */
  PdStorage storage;
  PdFormat format;
  guint out, in, taps;
  guint panel;
  gboolean patched; /* its values are others than the model's own */
} PdMatrix;

/* f32, padded with zeros to a multiple of max (PD_CHANNEL_ALIGN, panel). */
typedef struct
{
  PdStorage storage;
  guint count;
} PdVector;

/* K of the packed matrix: taps · pd_align_channels (in). */
guint pd_matrix_depth (const PdMatrix *self);
/* Columns of the packed matrix: out rounded up to a multiple of max (PD_CHANNEL_ALIGN, panel). */
guint pd_matrix_columns (const PdMatrix *self);

/* Device bytes of a packed matrix or vector, with what its place is rounded up to. */
gsize pd_matrix_bytes (const PdBackend *backend, guint out, guint in, guint taps);
gsize pd_vector_bytes (const PdBackend *backend, guint count);

enum
{
  PD_N_PHASES = 4,
};

/* What a 3 × 3 convolution is for the pixels (2 y + phase / 2, 2 x + phase % 2) of a picture of
 * which 2 × 2 neighbouring pixels are the same: @weights, [n][3][3], become @phase_weights,
 * [n][2][2], of the pixels of the picture of half the size from (y - 1 + phase / 2, x - 1 + phase %
 * 2) on. */
void pd_weights_phase (guint phase, const float *weights, gsize n, float *phase_weights);

/* All weights of a model part, in few large buffers. Matrices and vectors live as long as it. */
typedef struct _PdWeights PdWeights;

/* @expected: about how many bytes will be added, so that they get one allocation; more is possible.
 * @backend is borrowed. */
PdWeights *pd_weights_new (const PdBackend *backend, gsize expected);
void pd_weights_free (PdWeights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdWeights, pd_weights_free)

/* Where the values of a weight come from: @read gives @count of them from the one at @first on, as
 * @format, from any thread. They are whole columns of the matrix. */
typedef struct
{
  PdFormat format;
  gboolean (*read) (gconstpointer data, gsize first, gsize count, void *out, GError **error);
  gconstpointer data; /* not owned: must live until pd_weights_finish */
} PdWeightSource;

/* Packs and uploads @source, [out][in][taps] (PyTorch's order of a linear or convolution weight).
 * That is done by several threads, piece by piece, until pd_weights_finish; pd_matrix_depth and the
 * like hold at once. @name is borrowed. Errors: PD_ERROR_OUT_OF_MEMORY. */
const PdMatrix *pd_weights_read_matrix (PdWeights *self,
                                        const PdWeightSource *source,
                                        const char *name,
                                        guint out,
                                        guint in,
                                        guint taps,
                                        GError **error);

/* All matrices, in the order in which they were added; of PdMatrix. */
const GPtrArray *pd_weights_matrices (const PdWeights *self);

/* Packs @source over what is in @matrix, one of @self's, which nothing on the device may be
 * reading. As above it is not done before pd_weights_finish; if that fails, the matrix is
 * undefined. Passes that were recorded with it stay as they are. */
void pd_weights_repack (PdWeights *self, const PdMatrix *matrix, const PdWeightSource *source);

/* Waits for what the threads do. Returns: whether all of it succeeded. Errors: those of the
 * sources, PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST, G_IO_ERROR_CANCELLED of the thread's
 * current cancellable when the first of them was added. */
gboolean pd_weights_finish (PdWeights *self, GError **error);

/* The same of @values in memory, finished on return. */
const PdMatrix *pd_weights_add_matrix (
    PdWeights *self, const float *values, guint out, guint in, guint taps, GError **error);
const PdVector *
pd_weights_add_vector (PdWeights *self, const float *values, guint count, GError **error);
