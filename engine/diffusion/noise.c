// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/noise.h"

#include <math.h>

void
pd_noise_philox (const guint32 counter[4], const guint32 key[2], guint32 result[4])
{
  guint32 c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  guint32 k0 = key[0], k1 = key[1];

  for (guint round = 0; round < 10; round++)
    {
      const guint64 p0 = (guint64) 0xD2511F53u * c0;
      const guint64 p1 = (guint64) 0xCD9E8D57u * c2;

      c0 = (guint32) (p1 >> 32) ^ c1 ^ k0;
      c1 = (guint32) p1;
      c2 = (guint32) (p0 >> 32) ^ c3 ^ k1;
      c3 = (guint32) p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }

  result[0] = c0;
  result[1] = c1;
  result[2] = c2;
  result[3] = c3;
}

/* Box-Muller with the constants of cuRAND, 2^-32 and 2^-32 * 2 pi in f32; the half step keeps the
 * logarithm's argument between 0 and 1. */
static float
normal_from_words (guint32 a, guint32 b)
{
  const double unit = 2.3283064e-10f;
  const double turn = 2.3283064e-10f * 6.2831855f;
  const double u = a * unit + unit / 2.0;
  const double v = b * turn + turn / 2.0;

  return (float) (sqrt (-2.0 * log (u)) * sin (v));
}

void
pd_noise_normal (guint64 seed, guint32 draw, gsize first, gsize count, float *out)
{
  const guint32 key[2] = { (guint32) seed, (guint32) (seed >> 32) };

  for (gsize i = 0; i < count; i++)
    {
      const guint64 element = (guint64) first + i;
      const guint32 counter[4] = { draw, 0, (guint32) element, (guint32) (element >> 32) };
      guint32 words[4];

      pd_noise_philox (counter, key, words);
      out[i] = normal_from_words (words[0], words[1]);
    }
}

void
pd_noise_source_draw (const PdNoiseSource *self, guint32 draw, gsize first, gsize count, float *out)
{
  if (self->given != NULL)
    self->given (draw, first, count, out, self->user_data);
  else
    pd_noise_normal (self->seed, draw, first, count, out);
}

void
pd_noise_region (const PdNoiseSource *source,
                 guint32 draw,
                 gsize channels,
                 PdSize size,
                 const PdRect *part,
                 float *out)
{
  g_return_if_fail (part->y <= size.h && part->h <= size.h - part->y);
  g_return_if_fail (part->x <= size.w && part->w <= size.w - part->x);

  for (gsize c = 0; c < channels; c++)
    for (gsize row = 0; row < part->h; row++)
      {
        pd_noise_source_draw (source, draw, (c * size.h + part->y + row) * size.w + part->x,
                              part->w, out);
        out += part->w;
      }
}
