// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/dispatch.h"
#include "shaders/abi/strides.h"

/* The part of a result that one dispatch makes. A result is cut by images, then rows, then pixels,
 * so that no binding exceeds max_storage_buffer_range, no grid max_workgroup_count, and no dispatch
 * takes too long to be interrupted behind it. */
typedef struct
{
  guint image, images;
  guint row, rows;
  guint x, width;
} PdSlice;

/* The result to be cut, and the bounds of a slice. */
typedef struct
{
  guint images, rows, width;
  gsize row_bytes;  /* the most that one row takes in any binding */
  guint extra_rows; /* that a binding has besides those of the slice */
  gsize max_width;  /* pixels of a row in one dispatch; 0: any number */
  gsize max_pixels; /* of a dispatch; 0: any number */
} PdSliceLimits;

/* Returns: (element-type PdSlice) new array, in order. */
GArray *pd_slice_cut (const PdBackend *backend, const PdSliceLimits *limits);

/* Images @image … @image + @images - 1 of a tensor, without border. */
PdSlice pd_slice_images (const PdTensor *tensor, guint image, guint images);

/* A slice of the pixels of @tensor, as one of what it stores, border included: pixel (0, 0) is at
 * row = x = border. */
PdSlice pd_slice_stored (PdSlice self, const PdTensor *tensor);

/* Makes the stored pixels of a slice of @tensor the next binding of @dispatch. */
PdStrides pd_slice_bind (PdSlice self,
                         const PdBackend *backend,
                         PdDispatch *dispatch,
                         const PdTensor *tensor,
                         PdAccessMode mode);
