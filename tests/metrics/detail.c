// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>

enum
{
  BAND = 16,
};

/* The mean of @energies over @reach positions to each side. */
static double *
band_means (const double *energies, guint size, gboolean wrap, guint reach)
{
  double *means = g_new (double, size);

  for (guint x = 0; x < size; x++)
    {
      double sum = 0.0;
      guint n = 0;

      for (gint64 at = (gint64) x - reach; at < (gint64) x + reach; at++)
        {
          if (!wrap && (at < 0 || at >= size))
            continue;
          sum += energies[(at + size) % size];
          n++;
        }
      means[x] = sum / n;
    }
  return means;
}

static PdDetailAxis
measure_axis (const double *energies, const PdLayoutAxis *axis)
{
  guint eighth = (guint) MAX (1.0, pd_layout_axis_stride (axis) / 8);
  guint reach = MIN (BAND, eighth);
  g_autofree double *bands = band_means (energies, axis->size, axis->wrap, reach);
  g_autofree double *cores = band_means (energies, axis->size, axis->wrap, eighth);
  g_autoptr (GArray) overlaps = pd_layout_axis_overlaps (axis);
  g_autoptr (GArray) middles = pd_layout_axis_middles (axis);
  g_autofree gboolean *avoid = g_new0 (gboolean, axis->size);
  double band = 0.0;
  double core = 0.0;
  PdDetailAxis detail = { NAN, NAN };

  if (overlaps->len == 0 || middles->len == 0)
    return detail;
  for (guint i = 0; i < overlaps->len; i++)
    band += bands[g_array_index (overlaps, guint, i)] / overlaps->len;
  for (guint i = 0; i < middles->len; i++)
    core += cores[g_array_index (middles, guint, i)] / middles->len;
  /* Without any detail there is none to lose. */
  detail.ratio = (band + 1e-6) / (core + 1e-6);
  pd_phases_mark (avoid, axis->size, axis->wrap, overlaps, 2 * reach);
  detail.z =
      pd_phases_compare (bands, axis->size, reach, axis->wrap, overlaps, avoid, 0.01 * core + 1e-6)
          .z;
  return detail;
}

PdDetail
pd_detail_measure (const PdPlane *detail, const PdLayout *layout)
{
  g_autofree double *columns = g_new0 (double, detail->width);
  g_autofree double *rows = g_new0 (double, detail->height);

  for (guint y = 0; y < detail->height; y++)
    for (guint x = 0; x < detail->width; x++)
      {
        float value = detail->values[(gsize) y * detail->width + x];
        double energy = (double) value * value;

        columns[x] += energy / detail->height;
        rows[y] += energy / detail->width;
      }
  return (PdDetail){ measure_axis (columns, &layout->x), measure_axis (rows, &layout->y) };
}
