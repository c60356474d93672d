// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/eta.h"
#include "engine/run/run.h"

/* What is told of a run while it lasts and known of it in the end: phases, progress with the time
 * that is left, notes, and the report's times. */
typedef struct
{
  const PdListener *listener; /* may be NULL */
  PdReport *report;
  gint64 engine_start;   /* µs, monotonic: when the engine was made */
  guint level, n_levels; /* that is worked at, from 1 */
  double from, to;       /* the share of the run's time that the level takes, 0 to 1 for all */
  double inversion;      /* of that, the share of following the canvas back to noise; 0: not told */
  double fraction;       /* of the run, as it was told last */
  PdEta eta;
  PdPhase phase;
  gint64 phase_start;
} PdRecorder;

/* @text: for people; may be NULL, which tells nothing. */
void pd_recorder_note (const PdRecorder *self, const char *text);

/* The tiles that were chosen, and kernels that have to be made. */
void pd_recorder_tell_plan (const PdRecorder *self, const char *text);

void pd_recorder_begin (PdRecorder *self, PdPhase phase);

/* @progress: step, n_steps, tile and n_tiles are set. @done: of the phase, 0 … 1. */
void pd_recorder_tell (PdRecorder *self, PdProgress progress, double done);

/* Kernels that are made within the phase. */
void pd_recorder_tell_kernels (PdRecorder *self, guint done, guint n);

/* Seconds since the phase began. */
double pd_recorder_phase_seconds (const PdRecorder *self);
