// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/format.h"

#include <string.h>

#include "engine/base/half.h"
#include "engine/nn/tensor.h"

static void
pack_floats (const PdPanel *m, gconstpointer data, gpointer packed)
{
  guint in_padded = pd_align_channels (m->in), row = m->in * m->taps;
  const float *values = data;

  for (guint i = 0; i < m->in; i++)
    for (guint tap = 0; tap < m->taps; tap++)
      {
        float *to = (float *) packed + ((gsize) tap * in_padded + i) * m->width;
        const float *from = values + (gsize) i * m->taps + tap;

        for (guint lane = 0; lane < m->lanes; lane++, from += row)
          to[lane] = *from;
      }
}

static void
pack_halves (const PdPanel *m, gconstpointer data, gpointer packed)
{
  guint pairs = pd_align_channels (m->in) / 2, row = m->in * m->taps;
  const guint16 *values = data;

  for (guint i = 0; i < m->in; i += 2)
    for (guint tap = 0; tap < m->taps; tap++)
      {
        guint32 *to = (guint32 *) packed + ((gsize) tap * pairs + i / 2) * m->width;
        const guint16 *from = values + (gsize) i * m->taps + tap;

        if (i + 1 < m->in)
          for (guint lane = 0; lane < m->lanes; lane++, from += row)
            to[lane] = from[0] | (guint32) from[m->taps] << 16;
        else
          for (guint lane = 0; lane < m->lanes; lane++, from += row)
            to[lane] = from[0];
      }
}

/* What a format is: a further one is a row here, and shaders that read it. */
static const struct
{
  gsize bytes; /* of a value */
  void (*pack) (const PdPanel *panel, gconstpointer values, gpointer packed);
} FORMATS[] = {
  [PD_FORMAT_F32] = { 4, pack_floats },
  [PD_FORMAT_F16] = { 2, pack_halves },
};

gsize
pd_format_bytes (PdFormat self, gsize n)
{
  return n * FORMATS[self].bytes;
}

void
pd_format_pack (PdFormat self, const PdPanel *panel, const void *values, void *packed)
{
  FORMATS[self].pack (panel, values, packed);
}

/* From the end on where the values grow. */
void
pd_format_convert (guint8 *values, gsize n, PdFormat from, PdFormat to)
{
  guint16 half;
  float value;

  if (from == PD_FORMAT_F32 && to == PD_FORMAT_F16)
    for (gsize i = 0; i < n; i++)
      {
        memcpy (&value, values + 4 * i, 4);
        half = pd_half_from_float (value);
        memcpy (values + 2 * i, &half, 2);
      }
  else if (from == PD_FORMAT_F16 && to == PD_FORMAT_F32)
    for (gsize i = n; i-- > 0;)
      {
        memcpy (&half, values + 2 * i, 2);
        value = pd_half_to_float (half);
        memcpy (values + 4 * i, &value, 4);
      }
}
