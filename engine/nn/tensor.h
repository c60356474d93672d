// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/buffer.h"
#include "engine/nn/backend.h"

enum
{
  /* Channels are stored in multiples of this; the surplus is always zero, so that kernels may read
   * and multiply whole vectors. */
  PD_CHANNEL_ALIGN = 16,
  /* Every storage ends in this many pixels of slack: a kernel may write (never count on) rows past
   * the last one. */
  PD_PIXEL_SLACK = 16,
  /* Storages start at multiples of so many bytes: no device asks for more between bindings. */
  PD_BINDING_ALIGN = 256,
};

/* Bytes on the device. Activations are placed in the graph's arena when the graph is compiled, by
 * the interval of dispatches that touch them; weights have their place from the start. */
typedef struct
{
  PdBuffer *buffer;   /* not owned; NULL until placed */
  gsize offset, size; /* bytes; offset is a multiple of every alignment a binding needs */
  gsize slack;        /* bytes at the end that kernels may overwrite */
  int first, last;    /* first and last dispatch that touches it; first > last: none */
  gboolean keep;      /* a graph output: lives to the end of the graph */
} PdStorage;

/* n images of h × w pixels of c channels, NHWC. A token sequence is h = 1, w = tokens.
 *
 * Each image is stored with `border` pixels on all four sides: rows are (w + 2·border)·ld elements
 * apart, images (h + 2·border)·(w + 2·border)·ld. border_zero tells whether the border holds zeros
 * (what a 3 × 3 convolution reads) or leftovers of a kernel that ran over it.
 *
 * Owned by the graph that made it. A view (pd_tensor_channels) shares storage. */
typedef struct
{
  PdType type;
  guint n, h, w, c;
  guint ld;     /* elements from one pixel to the next, a multiple of PD_CHANNEL_ALIGN */
  guint border; /* 0 or 1 */
  gboolean border_zero;
  PdStorage *storage;
  gsize offset; /* bytes from the storage's start to the first stored pixel (border included) */
} PdTensor;

/* @c channels, @bytes, rounded up to what they are stored in multiples of. */
guint pd_align_channels (guint c);
gsize pd_align_binding (gsize bytes);

/* Elements from row to row, image to image, and from the first stored pixel to pixel (0, 0). */
gsize pd_tensor_row_pitch (const PdTensor *self);
gsize pd_tensor_image_pitch (const PdTensor *self);
gsize pd_tensor_interior (const PdTensor *self);

/* Stored pixels of all images, border included. */
gsize pd_tensor_stored_pixels (const PdTensor *self);

/* Bytes from offset to the end of the last stored pixel. */
gsize pd_tensor_bytes (const PdTensor *self);

/* Pixels of all images times channels: how many values the host's copy has. */
gsize pd_tensor_n_values (const PdTensor *self);

/* Whether a host's array of @n_values is a copy of the tensor. Errors: PD_ERROR_BAD_MODEL: sizes
 * that come from different parts of a model differ. */
gboolean pd_tensor_check_length (const PdTensor *self, gsize n_values, GError **error);

/* Host copies of a tensor of a compiled graph, f32 on the host side whatever the tensor's type.
 * @values: [n][h][w][c], dense; [n][c][h][w] for the _nchw forms; @n_values: the array's length.
 * Nothing is read or written where that is not the tensor's (pd_tensor_check_length). Writing sets
 * surplus channels and border to zero; a view must not be written. */
gboolean
pd_tensor_write (const PdTensor *tensor, const float *values, gsize n_values, GError **error);
gboolean
pd_tensor_write_nchw (const PdTensor *tensor, const float *values, gsize n_values, GError **error);
gboolean pd_tensor_read (const PdTensor *tensor, float *values, gsize n_values, GError **error);
gboolean
pd_tensor_read_nchw (const PdTensor *tensor, float *values, gsize n_values, GError **error);
