// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>

enum
{
  MARGIN = 2, /* e reaches two pixels to each side */
  AVOID = 3,
};

/* Below this a deviation of means of e is rounding. */
static const double smallest_deviation = 0.005;

/* Per position x the mean over the segments of rows of |mean of e along the segment|.
 * Returns: (transfer full) [width]. */
static double *
innovation_profile (
    const PdPlane *plane, const guint *segments, guint n_segments, guint length, gboolean wrap)
{
  guint width = plane->width;
  double *profile = g_new0 (double, width);
  g_autofree double *sums = g_new (double, width);
  /* A row between two pixels of its other end before it and one after it. */
  g_autofree float *row = g_new (float, width + 3);

  for (guint s = 0; s < n_segments; s++)
    {
      /* The last tile may reach beyond a picture that is no multiple of the unit. */
      guint n = wrap ? length : MIN (length, plane->height - segments[s]);

      for (guint x = 0; x < width; x++)
        sums[x] = 0.0;
      for (guint i = 0; i < n; i++)
        {
          const float *values = plane->values + (gsize) ((segments[s] + i) % plane->height) * width;

          for (guint x = 0; x < width; x++)
            row[x + 2] = values[x];
          row[0] = values[(2 * width - 2) % width];
          row[1] = values[width - 1];
          row[width + 2] = values[0];
          for (guint x = 0; x < width; x++)
            sums[x] += (row[x + 2] - row[x + 1]) -
                       0.5f * ((row[x + 1] - row[x]) + (row[x + 3] - row[x + 2]));
        }
      for (guint x = 0; x < width; x++)
        profile[x] += fabs (sums[x]) / n / n_segments;
    }
  return profile;
}

static PdBorderAxis
measure_axis (const PdPlane *plane, const PdLayoutAxis *across, const PdLayoutAxis *along)
{
  g_autofree double *profile =
      innovation_profile (plane, along->starts, along->count, along->tile, along->wrap);
  g_autofree gboolean *avoid = g_new0 (gboolean, across->size);
  g_autoptr (GArray) starts = pd_layout_axis_starts (across);
  g_autoptr (GArray) ends = pd_layout_axis_ends (across);
  g_autoptr (GArray) middles = pd_layout_axis_middles (across);
  PdBorderAxis axis;

  pd_phases_mark (avoid, across->size, across->wrap, starts, AVOID);
  pd_phases_mark (avoid, across->size, across->wrap, ends, AVOID);
  axis.starts = pd_phases_compare (profile, across->size, MARGIN, across->wrap, starts, avoid,
                                   smallest_deviation);
  axis.ends = pd_phases_compare (profile, across->size, MARGIN, across->wrap, ends, avoid,
                                 smallest_deviation);
  axis.middles = pd_phases_compare (profile, across->size, MARGIN, across->wrap, middles, avoid,
                                    smallest_deviation);
  return axis;
}

PdBorders
pd_borders_measure (const PdPlane *luma, const PdLayout *layout)
{
  g_autoptr (PdPlane) turned = pd_plane_transpose (luma);
  PdBorders borders;

  borders.x = measure_axis (luma, &layout->x, &layout->y);
  borders.y = measure_axis (turned, &layout->y, &layout->x);
  return borders;
}

static PdPhases
measure_middle (const PdPlane *plane, guint tile)
{
  guint length = MIN (tile, plane->height);
  guint n_segments = plane->height / length;
  g_autofree guint *segments = g_new (guint, n_segments);
  g_autofree double *profile = NULL;
  g_autofree gboolean *avoid = g_new0 (gboolean, plane->width);
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (guint));
  guint middle = plane->width / 2;

  g_array_append_val (lines, middle);
  for (guint s = 0; s < n_segments; s++)
    segments[s] = s * length;
  profile = innovation_profile (plane, segments, n_segments, length, FALSE);
  pd_phases_mark (avoid, plane->width, FALSE, lines, AVOID);
  return pd_phases_compare (profile, plane->width, MARGIN, FALSE, lines, avoid, smallest_deviation);
}

void
pd_borders_measure_middle (const PdPlane *rolled, guint tile, PdPhases *x, PdPhases *y)
{
  g_autoptr (PdPlane) turned = pd_plane_transpose (rolled);

  *x = measure_middle (rolled, tile);
  *y = measure_middle (turned, tile);
}
