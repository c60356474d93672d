// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a number per position amounts to at certain lines, against the same lines moved together by
 * every other amount (the other phases of the grid). All NaN without lines or with fewer than eight
 * other phases. */
typedef struct
{
  double here;      /* mean over the lines */
  double elsewhere; /* mean over the other phases of the same mean */
  double z;         /* (here - elsewhere) / standard deviation over the other phases */
} PdPhases;

/* @profile: [size]; the first and last @margin positions of an axis that does not wrap are not
 * used.
 * @lines: guint, positions. Moves go up to half the smallest distance of two lines, with one line
 * over the whole axis. @avoid: [size], positions no moved line may hit; @floor: the smallest
 * standard deviation that counts, so that a picture without any variation gives z = 0. */
PdPhases pd_phases_compare (const double *profile,
                            guint size,
                            guint margin,
                            gboolean wrap,
                            const GArray *lines,
                            const gboolean *avoid,
                            double floor);

/* Marks the positions nearer than @reach to one of @lines. */
void pd_phases_mark (gboolean *avoid, guint size, gboolean wrap, const GArray *lines, guint reach);
