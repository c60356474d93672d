// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/tensor.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/half.h"
#include "engine/base/host-memory.h"

guint
pd_align_channels (guint c)
{
  return (c + PD_CHANNEL_ALIGN - 1) / PD_CHANNEL_ALIGN * PD_CHANNEL_ALIGN;
}

gsize
pd_align_binding (gsize bytes)
{
  return (bytes + PD_BINDING_ALIGN - 1) / PD_BINDING_ALIGN * PD_BINDING_ALIGN;
}

gsize
pd_tensor_row_pitch (const PdTensor *self)
{
  return (gsize) (self->w + 2 * self->border) * self->ld;
}

gsize
pd_tensor_image_pitch (const PdTensor *self)
{
  return (self->h + 2 * self->border) * pd_tensor_row_pitch (self);
}

gsize
pd_tensor_interior (const PdTensor *self)
{
  return self->border * (pd_tensor_row_pitch (self) + self->ld);
}

gsize
pd_tensor_stored_pixels (const PdTensor *self)
{
  return (gsize) self->n * (self->h + 2 * self->border) * (self->w + 2 * self->border);
}

gsize
pd_tensor_bytes (const PdTensor *self)
{
  return pd_tensor_stored_pixels (self) * self->ld * pd_type_size (self->type);
}

gsize
pd_tensor_n_values (const PdTensor *self)
{
  return (gsize) self->n * self->h * self->w * self->c;
}

/* Elements of dense host values from pixel to pixel and from channel to channel. */
typedef struct
{
  gsize image, pixel, channel;
} HostStrides;

static HostStrides
nhwc (const PdTensor *tensor)
{
  return (HostStrides){ (gsize) tensor->h * tensor->w * tensor->c, tensor->c, 1 };
}

static HostStrides
nchw (const PdTensor *tensor)
{
  gsize pixels = (gsize) tensor->h * tensor->w;

  return (HostStrides){ pixels * tensor->c, 1, pixels };
}

/* Elements from the start of the tensor to pixel (0, y) of image @image. */
static gsize
row_start (const PdTensor *tensor, guint image, guint y)
{
  return image * pd_tensor_image_pitch (tensor) + pd_tensor_interior (tensor) +
         y * pd_tensor_row_pitch (tensor);
}

gboolean
pd_tensor_check_length (const PdTensor *self, gsize n_values, GError **error)
{
  if (n_values == pd_tensor_n_values (self))
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
               _ ("the parts of the model do not fit each other: there are %zu values where "
                  "%u × %u × %u × %u are needed"),
               n_values, self->n, self->h, self->w, self->c);
  return FALSE;
}

/* Image by image, so that a large picture needs no second copy of its whole self. */
static gboolean
write_values (const PdTensor *tensor,
              const float *values,
              gsize n_values,
              HostStrides strides,
              GError **error)
{
  gsize size = pd_type_size (tensor->type), pitch = pd_tensor_image_pitch (tensor);
  g_autofree guint8 *image = NULL;

  if (!pd_tensor_check_length (tensor, n_values, error) ||
      (image = pd_try_new (guint8, pitch * size, _ ("an image of the model's values"), error)) ==
          NULL)
    return FALSE;
  for (guint n = 0; n < tensor->n; n++)
    {
      memset (image, 0, pitch * size);
      for (guint y = 0; y < tensor->h; y++)
        for (guint x = 0; x < tensor->w; x++)
          {
            const float *source =
                values + n * strides.image + ((gsize) y * tensor->w + x) * strides.pixel;
            gsize at = row_start (tensor, 0, y) + (gsize) x * tensor->ld;

            for (guint c = 0; c < tensor->c; c++)
              if (tensor->type == PD_TYPE_F16)
                ((guint16 *) image)[at + c] = pd_half_from_float (source[c * strides.channel]);
              else
                ((float *) image)[at + c] = source[c * strides.channel];
          }
      if (!pd_buffer_write (tensor->storage->buffer,
                            tensor->storage->offset + tensor->offset + n * pitch * size, image,
                            pitch * size, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_values (
    const PdTensor *tensor, float *values, gsize n_values, HostStrides strides, GError **error)
{
  gsize size = pd_type_size (tensor->type), pitch = pd_tensor_image_pitch (tensor);
  g_autofree guint8 *image = NULL;

  if (!pd_tensor_check_length (tensor, n_values, error) ||
      (image = pd_try_new (guint8, pitch * size, _ ("an image of the model's values"), error)) ==
          NULL)
    return FALSE;
  for (guint n = 0; n < tensor->n; n++)
    {
      /* Of a view this reads past its last channel, into the storage's slack at the worst. */
      if (!pd_buffer_read (tensor->storage->buffer,
                           tensor->storage->offset + tensor->offset + n * pitch * size, image,
                           pitch * size, error))
        return FALSE;
      for (guint y = 0; y < tensor->h; y++)
        for (guint x = 0; x < tensor->w; x++)
          {
            float *target =
                values + n * strides.image + ((gsize) y * tensor->w + x) * strides.pixel;
            gsize at = row_start (tensor, 0, y) + (gsize) x * tensor->ld;

            for (guint c = 0; c < tensor->c; c++)
              target[c * strides.channel] = tensor->type == PD_TYPE_F16
                                                ? pd_half_to_float (((guint16 *) image)[at + c])
                                                : ((float *) image)[at + c];
          }
    }
  return TRUE;
}

gboolean
pd_tensor_write (const PdTensor *tensor, const float *values, gsize n_values, GError **error)
{
  return write_values (tensor, values, n_values, nhwc (tensor), error);
}

gboolean
pd_tensor_write_nchw (const PdTensor *tensor, const float *values, gsize n_values, GError **error)
{
  return write_values (tensor, values, n_values, nchw (tensor), error);
}

gboolean
pd_tensor_read (const PdTensor *tensor, float *values, gsize n_values, GError **error)
{
  return read_values (tensor, values, n_values, nhwc (tensor), error);
}

gboolean
pd_tensor_read_nchw (const PdTensor *tensor, float *values, gsize n_values, GError **error)
{
  return read_values (tensor, values, n_values, nchw (tensor), error);
}
