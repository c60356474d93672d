// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/metrics/metrics.h"

/* All that was measured of one picture. */
typedef struct
{
  PdLayout *layout;
  PdBorders borders; /* M1 */
  gboolean seamless; /* middle_x and middle_y are known: M1 after a roll by half */
  PdPhases middle_x, middle_y;
  gboolean has_reference;  /* else offsets are those of the picture itself, and without a bound */
  PdOffsets offsets;       /* M2 */
  PdRepetition repetition; /* M3 */
  PdDetail detail;         /* M4 */
  PdCoherence coherence;   /* M5 */
  PdEvenness evenness;     /* M6 */
  double native;           /* mean spread of pictures of one tile; NaN: not known */
} PdReport;

/* @reference (M2) and @base (M5) may be NULL; @unit: pixels per latent pixel (M6). With @shift_half
 * also M1 across the outer border of the picture. @layout must outlive the report. */
PdReport pd_report_measure (const PdPixels *picture,
                            PdLayout *layout,
                            const PdPixels *reference,
                            const PdPixels *base,
                            guint unit,
                            gboolean shift_half);

/* Whether everything is within the bounds of metrics.h; what could not be measured is. */
gboolean pd_report_passes (const PdReport *self);

/* Returns: (transfer full) lines of "metric  name  value  bounds  verdict". */
char *pd_report_to_table (const PdReport *self);

/* Returns: (transfer full) one object: "M1" to "M6", each name → number or null; "outside": the
 * names beyond their bounds; "pass". */
char *pd_report_to_json (const PdReport *self);
