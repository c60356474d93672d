// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>
#include <string.h>

/* IEEE 754 binary16 without the compiler's 16-bit float type, which older processors reach through
 * a library call. */

static inline float
pd_half_to_float (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 magnitude = half & 0x7fff;
  guint32 bits;
  float value;

  if (magnitude >= 0x7c00) /* infinity, NaN */
    bits = sign | 0x7f800000 | (magnitude & 0x3ff) << 13;
  else if (magnitude >= 0x0400)
    bits = sign | ((magnitude << 13) + (112u << 23));
  else
    {
      value = (float) magnitude * 0x1p-24f;
      memcpy (&bits, &value, 4);
      bits |= sign;
    }
  memcpy (&value, &bits, 4);
  return value;
}

/* Rounds to nearest, ties to even; beyond 65519 gives infinity. */
static inline guint16
pd_half_from_float (float value)
{
  guint32 bits, sign;

  memcpy (&bits, &value, 4);
  sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000)
    return (guint16) (sign | 0x7e00);
  if (bits >= 0x477ff000)
    return (guint16) (sign | 0x7c00);
  if (bits < 0x38800000) /* subnormal: adding 0.5 leaves the rounded magnitude in the low bits */
    {
      float magnitude;

      memcpy (&magnitude, &bits, 4);
      magnitude += 0.5f;
      memcpy (&bits, &magnitude, 4);
      return (guint16) (sign | (bits - 0x3f000000));
    }
  return (guint16) (sign | ((bits - (112u << 23) + 0xfff + (bits >> 13 & 1)) >> 13));
}
