// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/dtype.h"

#include <string.h>

static const struct
{
  const char *name;
  gsize size;
} DTYPES[] = {
  [PD_DTYPE_F64] = { "F64", 8 },         [PD_DTYPE_F32] = { "F32", 4 },
  [PD_DTYPE_F16] = { "F16", 2 },         [PD_DTYPE_BF16] = { "BF16", 2 },
  [PD_DTYPE_I64] = { "I64", 8 },         [PD_DTYPE_I32] = { "I32", 4 },
  [PD_DTYPE_I16] = { "I16", 2 },         [PD_DTYPE_I8] = { "I8", 1 },
  [PD_DTYPE_U8] = { "U8", 1 },           [PD_DTYPE_BOOL] = { "BOOL", 1 },
  [PD_DTYPE_F8_E4M3] = { "F8_E4M3", 1 }, [PD_DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
  [PD_DTYPE_OTHER] = { "?", 0 },
};

PdDtype
pd_dtype_from_name (const char *name)
{
  for (guint i = 0; i < PD_DTYPE_OTHER; i++)
    if (g_str_equal (DTYPES[i].name, name))
      return (PdDtype) i;
  return PD_DTYPE_OTHER;
}

gsize
pd_dtype_size (PdDtype dtype)
{
  return DTYPES[dtype].size;
}

gboolean
pd_dtype_is_float (PdDtype dtype)
{
  return dtype == PD_DTYPE_F16 || dtype == PD_DTYPE_BF16 || dtype == PD_DTYPE_F32 ||
         dtype == PD_DTYPE_F64 || dtype == PD_DTYPE_F8_E4M3 || dtype == PD_DTYPE_F8_E5M2;
}

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

/* OCP 8-bit floating point: E5M2 is the upper half of a binary16; E4M3 has a bias of 7, and 448 is
 * its largest number, above which only NaN is left. */
static float
byte_to_float (guint8 byte, PdDtype dtype)
{
  guint32 sign = (guint32) (byte & 0x80) << 24, exponent = byte >> 3 & 15, bits;
  float subnormal = (float) (byte & 7) * 0x1p-9f;
  if (dtype == PD_DTYPE_F8_E5M2)
    return half_to_float ((guint16) (byte << 8));
  memcpy (&bits, &subnormal, sizeof bits);
  if (exponent > 0)
    bits = (exponent + 120) << 23 | (guint32) (byte & 7) << 20;
  if ((byte & 0x7f) == 0x7f)
    bits = 0x7fc00000;
  return float_from_bits (bits | sign);
}

static void
bytes_to_floats (const guint8 *data, gsize count, PdDtype dtype, float *out)
{
  float table[256];
  for (guint i = 0; i < 256; i++)
    table[i] = byte_to_float ((guint8) i, dtype);
  for (gsize i = 0; i < count; i++)
    out[i] = table[data[i]];
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
pd_dtype_to_floats (PdDtype dtype, const guint8 *bytes, gsize count, float *out)
{
  switch (dtype)
    {
    case PD_DTYPE_F64:
      doubles_to_floats (bytes, count, out);
      break;
    case PD_DTYPE_F32:
      floats_to_floats (bytes, count, out);
      break;
    case PD_DTYPE_F16:
      halves_to_floats (bytes, count, out);
      break;
    case PD_DTYPE_BF16:
      bfloats_to_floats (bytes, count, out);
      break;
    case PD_DTYPE_I64:
    case PD_DTYPE_I32:
    case PD_DTYPE_I16:
    case PD_DTYPE_I8:
      integers_to_floats (bytes, count, pd_dtype_size (dtype), TRUE, out);
      break;
    case PD_DTYPE_U8:
    case PD_DTYPE_BOOL:
      integers_to_floats (bytes, count, 1, FALSE, out);
      break;
    case PD_DTYPE_F8_E4M3:
    case PD_DTYPE_F8_E5M2:
      bytes_to_floats (bytes, count, dtype, out);
      break;
    case PD_DTYPE_OTHER:
      memset (out, 0, count * sizeof *out);
      break;
    }
}
