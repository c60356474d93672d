// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/graph.h"

/* The part of a result that one dispatch makes. A result is cut by images, then rows, then pixels,
 * so that no binding exceeds max_storage_buffer_range, no grid max_workgroup_count, and no dispatch
 * takes too long to be interrupted behind it. */
typedef struct
{
  guint image, images;
  guint row, rows;
  guint x, width;
} PdRegion;

/* What is to be cut. */
typedef struct
{
  guint images, rows, width;
  gsize row_bytes;  /* the most that one row takes in any binding */
  guint extra_rows; /* that a binding has besides those of the region */
  gsize max_width;  /* pixels of a row in one dispatch; 0: any number */
  gsize max_pixels; /* of a dispatch; 0: any number */
} PdRegionLimits;

/* Returns: (element-type PdRegion) new array, in order. */
GArray *pd_regions (const PdBackend *backend, const PdRegionLimits *limits);

/* struct Place of shaders/common/tensor.glsl. */
typedef struct
{
  guint32 start, image, row, pixel;
} PdPlace;

/* Appends the stored pixels of @region of @tensor (border included: its pixel (0, 0) is row = x =
 * border) to the accesses of @dispatch, at the next binding. */
PdPlace pd_region_bind (
    PdGraph *graph, PdDispatch *dispatch, PdTensor *tensor, PdRegion region, PdAccessMode mode);

/* Appends all of @storage at the next binding. It must fit and start where a binding may. */
void
pd_storage_bind (PdGraph *graph, PdDispatch *dispatch, const PdStorage *storage, PdAccessMode mode);

void pd_push (PdDispatch *dispatch, gconstpointer values, gsize size);

/* A dispatch per region of a small op's result, as shaders/common/walk.glsl has it. Push constants:
 * Place of each input, Place of the result, Walk, then @arguments. Bindings: inputs, result,
 * @extra. If the result has a border, it is walked too. */
typedef struct
{
  const char *label, *shader;
  guint32 constants[4]; /* specialisation constants from id 1 on */
  guint n_constants;
  PdTensor *inputs[2]; /* of the result's size */
  guint n_inputs;
  PdTensor *result;
  gboolean scaled;    /* inputs of another size, of which a row of the result takes the rows that it
                         covers; row 0 of their Place is row 0 of the image */
  gboolean per_image; /* the shader tells images apart */
  const PdStorage *extra[2];
  guint n_extra;
  gconstpointer arguments;
  gsize arguments_size;
} PdWalk;

void pd_walk (PdGraph *graph, const PdWalk *walk);

/* Invocations of a workgroup of a small op. */
guint pd_small_workgroup (const PdBackend *backend);

/* PdDispatch.work of an op that moves @bytes and computes little. */
double pd_memory_work (gsize bytes);
