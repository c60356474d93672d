// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/safetensors.h"

#include <string.h>

static float
float_from_bits (guint32 bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/* Uses no subnormal f32, so that the processor's flush-to-zero modes do not matter. */
static float
half_to_float (guint16 half)
{
  guint32 magnitude = (guint32) (half & 0x7fff) << 13;
  guint32 sign = (guint32) (half & 0x8000) << 16;
  float subnormal = (float) (half & 0x3ff) * 0x1p-24f;
  guint32 bits;
  memcpy (&bits, &subnormal, sizeof bits);
  if (magnitude >= 0x0400u << 13) /* normal: the exponent's bias grows from 15 to 127 */
    bits = magnitude + (112u << 23);
  if (magnitude >= 0x7c00u << 13) /* infinity or NaN */
    bits = magnitude | 0x7f800000u;
  return float_from_bits (bits | sign);
}

static void
halves_to_floats (const guint8 *data, gsize count, float *out)
{
  for (gsize i = 0; i < count; i++)
    {
      guint16 half;
      memcpy (&half, data + 2 * i, 2);
      out[i] = half_to_float (GUINT16_FROM_LE (half));
    }
}

static void
bfloats_to_floats (const guint8 *data, gsize count, float *out)
{
  for (gsize i = 0; i < count; i++)
    {
      guint16 half;
      memcpy (&half, data + 2 * i, 2);
      out[i] = float_from_bits ((guint32) GUINT16_FROM_LE (half) << 16);
    }
}

static void
floats_to_floats (const guint8 *data, gsize count, float *out)
{
  for (gsize i = 0; i < count; i++)
    {
      guint32 bits;
      memcpy (&bits, data + 4 * i, 4);
      out[i] = float_from_bits (GUINT32_FROM_LE (bits));
    }
}

static void
doubles_to_floats (const guint8 *data, gsize count, float *out)
{
  for (gsize i = 0; i < count; i++)
    {
      guint64 bits;
      double value;
      memcpy (&bits, data + 8 * i, 8);
      bits = GUINT64_FROM_LE (bits);
      memcpy (&value, &bits, 8);
      out[i] = (float) value;
    }
}

/* Little-endian two's complement of 1, 2, 4 or 8 bytes. */
static void
integers_to_floats (const guint8 *data, gsize count, gsize size, gboolean is_signed, float *out)
{
  for (gsize i = 0; i < count; i++)
    {
      guint64 bits = 0;
      for (gsize b = 0; b < size; b++)
        bits |= (guint64) data[size * i + b] << (8 * b);
      if (is_signed && size < 8 && (bits >> (8 * size - 1)) != 0)
        bits |= G_MAXUINT64 << (8 * size);
      out[i] = is_signed ? (float) (gint64) bits : (float) bits;
    }
}

void
pd_tensor_info_to_f32 (const PdTensorInfo *self, float *out)
{
  gsize count = pd_tensor_info_count (self);
  switch (self->dtype)
    {
    case PD_DTYPE_F64:
      doubles_to_floats (self->data, count, out);
      break;
    case PD_DTYPE_F32:
      floats_to_floats (self->data, count, out);
      break;
    case PD_DTYPE_F16:
      halves_to_floats (self->data, count, out);
      break;
    case PD_DTYPE_BF16:
      bfloats_to_floats (self->data, count, out);
      break;
    case PD_DTYPE_I64:
    case PD_DTYPE_I32:
    case PD_DTYPE_I16:
    case PD_DTYPE_I8:
      integers_to_floats (self->data, count, pd_dtype_size (self->dtype), TRUE, out);
      break;
    case PD_DTYPE_U8:
    case PD_DTYPE_BOOL:
      integers_to_floats (self->data, count, 1, FALSE, out);
      break;
    }
}
