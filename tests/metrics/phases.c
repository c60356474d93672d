// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/phases.h"

#include <math.h>

static const PdPhases unknown = { NAN, NAN, NAN };

/* The line @moved positions on, or -1 where the profile is not defined. */
static gint64
moved_line (guint line, gint64 moved, guint size, guint margin, gboolean wrap)
{
  gint64 position = line + moved;

  if (wrap)
    return (position % size + size) % size;
  return position >= margin && position < (gint64) size - margin ? position : -1;
}

/* The mean over the lines moved by @moved. Returns: whether half of them are still in the picture
 * and none hits @avoid (if given). */
static gboolean
mean_at (const double *profile,
         guint size,
         guint margin,
         gboolean wrap,
         const GArray *lines,
         const gboolean *avoid,
         gint64 moved,
         double *mean)
{
  double sum = 0.0;
  guint n = 0;

  for (guint i = 0; i < lines->len; i++)
    {
      gint64 at = moved_line (g_array_index (lines, guint, i), moved, size, margin, wrap);

      if (at < 0)
        continue;
      if (avoid && avoid[at])
        return FALSE;
      sum += profile[at];
      n++;
    }
  if (n == 0 || 2 * n < lines->len)
    return FALSE;
  *mean = sum / n;
  return TRUE;
}

static guint
smallest_distance (const GArray *lines, guint size, gboolean wrap)
{
  guint smallest = size;

  for (guint i = 0; i < lines->len; i++)
    for (guint j = 0; j < i; j++)
      {
        guint a = g_array_index (lines, guint, i);
        guint b = g_array_index (lines, guint, j);
        guint distance = MAX (a, b) - MIN (a, b);

        smallest = MIN (smallest, wrap ? MIN (distance, size - distance) : distance);
      }
  return smallest;
}

PdPhases
pd_phases_compare (const double *profile,
                   guint size,
                   guint margin,
                   gboolean wrap,
                   const GArray *lines,
                   const gboolean *avoid,
                   double floor)
{
  gint64 reach =
      lines->len == 1 && !wrap ? (gint64) size : smallest_distance (lines, size, wrap) / 2;
  PdPhases phases;
  double sum = 0.0;
  double squares = 0.0;
  double deviation;
  guint n = 0;

  if (lines->len == 0 || !mean_at (profile, size, margin, wrap, lines, NULL, 0, &phases.here))
    return unknown;
  for (gint64 moved = -reach; moved <= reach; moved++)
    {
      double mean;

      if (moved == 0 || !mean_at (profile, size, margin, wrap, lines, avoid, moved, &mean))
        continue;
      sum += mean;
      squares += mean * mean;
      n++;
    }
  if (n < 8)
    return unknown;
  phases.elsewhere = sum / n;
  deviation = sqrt (MAX (0.0, squares / n - phases.elsewhere * phases.elsewhere));
  phases.z = (phases.here - phases.elsewhere) / MAX (deviation, floor);
  return phases;
}

void
pd_phases_mark (gboolean *avoid, guint size, gboolean wrap, const GArray *lines, guint reach)
{
  for (guint i = 0; i < lines->len; i++)
    for (gint64 moved = 1 - (gint64) reach; moved < (gint64) reach; moved++)
      {
        gint64 at = moved_line (g_array_index (lines, guint, i), moved, size, 0, wrap);

        if (at >= 0)
          avoid[at] = TRUE;
      }
}
