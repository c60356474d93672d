// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/slice.h"

static void
add_slice (GArray *slices, guint image, guint images, guint row, guint rows, guint x, guint width)
{
  PdSlice slice = { image, images, row, rows, x, width };

  g_array_append_val (slices, slice);
}

GArray *
pd_slice_cut (const PdBackend *backend, const PdSliceLimits *limits)
{
  const PdDeviceInfo *info = pd_device_info (backend->device);
  GArray *slices = g_array_new (FALSE, FALSE, sizeof (PdSlice));
  gsize range = info->max_storage_buffer_range - info->min_storage_buffer_offset_alignment;
  gsize max_pixels = limits->max_pixels > 0 ? limits->max_pixels : G_MAXSIZE;
  gsize max_width = MIN (limits->max_width > 0 ? limits->max_width : G_MAXSIZE, max_pixels);
  gsize bound_rows = range / limits->row_bytes;
  gsize rows = MIN (info->max_workgroup_count[1], max_pixels / limits->width);

  rows = MIN (rows, bound_rows - MIN (bound_rows, limits->extra_rows));
  if (limits->width > max_width)
    rows = 0;

  if (rows >= limits->rows)
    {
      guint images = (guint) MIN (rows / limits->rows,
                                  MAX (bound_rows / (limits->rows + limits->extra_rows), 1));

      for (guint n = 0; n < limits->images; n += images)
        add_slice (slices, n, MIN (images, limits->images - n), 0, limits->rows, 0, limits->width);
    }
  else if (rows > 0)
    {
      for (guint n = 0; n < limits->images; n++)
        for (guint y = 0; y < limits->rows; y += (guint) rows)
          add_slice (slices, n, 1, y, (guint) MIN (rows, limits->rows - y), 0, limits->width);
    }
  else
    {
      gsize width = MAX (range / (1 + limits->extra_rows) / (limits->row_bytes / limits->width), 1);

      width = MIN (width, max_width);
      for (guint n = 0; n < limits->images; n++)
        for (guint y = 0; y < limits->rows; y++)
          for (guint x = 0; x < limits->width; x += (guint) width)
            add_slice (slices, n, 1, y, 1, x, (guint) MIN (width, limits->width - x));
    }
  return slices;
}

PdSlice
pd_slice_images (const PdTensor *tensor, guint image, guint images)
{
  return (PdSlice){ .image = image, .images = images, .rows = tensor->h, .width = tensor->w };
}

PdSlice
pd_slice_stored (PdSlice self, const PdTensor *tensor)
{
  self.row += tensor->border;
  self.x += tensor->border;
  return self;
}

PdStrides
pd_slice_bind (PdSlice self,
               const PdBackend *backend,
               PdDispatch *dispatch,
               const PdTensor *tensor,
               PdAccessMode mode)
{
  gsize element = pd_type_size (tensor->type);
  gsize image = pd_tensor_image_pitch (tensor), row = pd_tensor_row_pitch (tensor);
  gsize first = self.image * image + self.row * row + (gsize) self.x * tensor->ld;
  gsize count = (self.images - 1) * image + (self.rows - 1) * row +
                (gsize) (self.width - 1) * tensor->ld + pd_align_channels (tensor->c);
  PdBytes bytes = { tensor->storage, tensor->offset + first * element, count * element };
  gsize skip = pd_dispatch_bind (dispatch, backend, &bytes, mode);

  return (PdStrides){ .start = (guint32) (skip / (4 * element)),
                      .image = (guint32) (image / 4),
                      .row = (guint32) (row / 4),
                      .pixel = tensor->ld / 4 };
}
