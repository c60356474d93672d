// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/checkpoint.h"
#include "engine/files/patch.h"
#include "engine/networks/probes.h"
#include "engine/nn/ops.h"

/* Weights of one layer, on the device; owned by the PdWeights they were read into. */
typedef struct
{
  char *path; /* diffusers' module path */
  const PdMatrix *weight;
  const PdVector *bias; /* may be NULL */
} PdLayer;

/* A 3 × 3 convolution of a picture that is doubled before: pd_conv2d_doubled. */
typedef struct
{
  char *path; /* of the convolution */
  const PdMatrix *phases[PD_N_PHASES];
  const PdVector *bias;
} PdDoubling;

typedef struct
{
  char *path;
  const PdVector *weight, *bias;
} PdNorm;

/* Reads layers of one model part. The first failure is kept in `error`; after it every read is a
 * no-op that leaves an empty layer, so a part checks once, at its end. Without `weights` it checks
 * the shapes and adds up `bytes`, what the layers will take on the device. */
typedef struct
{
  PdCheckpoint *checkpoint;
  const PdBackend *backend;
  PdWeights *weights;  /* NULL: measure only */
  GStringChunk *paths; /* owns every layer's path */
  GPtrArray *sources;  /* what weights are made of, until they are */
  gsize bytes;
  GError *error;
} PdLayerReader;

/* Reads a part in two passes of @read, which calls the pd_layer_read_… functions: one that
 * measures, one that uploads. Returns the weights, or NULL with PD_ERROR_BAD_MODEL or
 * PD_ERROR_OUT_OF_MEMORY. */
PdWeights *pd_layer_read_part (PdCheckpoint *checkpoint,
                               const PdBackend *backend,
                               GStringChunk *paths,
                               void (*read) (PdLayerReader *reader, gpointer part),
                               gpointer part,
                               GError **error);

/* Puts @patches (of PdPatch) on the layers of a part that has been read, in place of those that
 * were on them before; none takes all off, and the weights are to the bit what they were. Only the
 * layers concerned are read again, from @checkpoint, which the part was read from, and packed where
 * they are, so passes stay as they are. Patches for other layers are ignored. Nothing may be
 * running. Errors: PD_ERROR_BAD_MODEL (a patch of another shape; nothing is changed), those of
 * pd_weights_finish, after which the part is undefined. */
gboolean pd_layer_patch_part (PdWeights *weights,
                              PdCheckpoint *checkpoint,
                              const GPtrArray *patches,
                              GError **error);

/* Paths are printf formats. A linear layer may be stored as a 1 × 1 convolution and the other way
 * round. The bias is read if @bias. */
PdLayer pd_layer_read_linear (
    PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
    G_GNUC_PRINTF (5, 6);
/* 3 × 3. */
PdLayer
pd_layer_read_conv (PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
    G_GNUC_PRINTF (5, 6);
PdDoubling pd_layer_read_doubling (PdLayerReader *self, guint out, guint in, const char *path, ...)
    G_GNUC_PRINTF (4, 5);
PdNorm pd_layer_read_norm (PdLayerReader *self, guint channels, const char *path, ...)
    G_GNUC_PRINTF (3, 4);

/* pd_linear and pd_conv2d of a layer; its own output, without the epilogue, goes to the probe. */
PdTensor *pd_layer_apply_linear (PdGraph *graph,
                                 PdProbes *probes,
                                 PdTensor *x,
                                 const PdLayer *layer,
                                 const PdEpilogue *epilogue);
PdTensor *pd_layer_apply_conv (PdGraph *graph,
                               PdProbes *probes,
                               PdTensor *x,
                               const PdLayer *layer,
                               PdConv kind,
                               const PdEpilogue *epilogue);
/* pd_conv2d_doubled. */
PdTensor *
pd_layer_apply_doubling (PdGraph *graph, PdProbes *probes, PdTensor *x, const PdDoubling *doubling);
/* Group norm, optionally with SiLU and a zero border for a convolution. */
PdTensor *pd_layer_apply_group_norm (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, const PdNormArgs *args);
PdTensor *pd_layer_apply_layer_norm (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, float eps);
