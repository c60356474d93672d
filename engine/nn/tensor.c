// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/tensor.h"

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
