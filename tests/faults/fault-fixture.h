// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* The program with a call that fails, by a library to preload (fault.h). The program and the
 * library are named by the environment variables PD_PROGRAM and PD_FAULT_LIBRARY. */

typedef struct
{
  const char *call;   /* NULL: none fails */
  guint number;       /* from 1 */
  const char *result; /* NULL: the library's own */
  gboolean lasting;
  guint device;     /* of Vulkan, whose calls count, from 1; 0: all do */
  gboolean resumes; /* goes on from the journal of the run before */
} PdFault;

/* How a run ended. */
typedef struct
{
  gboolean exited; /* else by a signal */
  int status;      /* of exit, or the signal's number */
  char *text;      /* of standard error */
  guint n_lines;   /* of it, but for the plan of the run */
  gboolean made;   /* there is a picture … */
  gboolean same;   /* … as without a failure */
  char *left;      /* names of what should not be there; "": none */
  char *record;    /* lines about the calls that failed */
} PdFaultEnd;

void pd_fault_end_clear (PdFaultEnd *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdFaultEnd, pd_fault_end_clear)

/* Makes the folders that runs work in, with a cache of kernels that are prepared, and runs the
 * program without a failure. @line: its arguments, parted by spaces, without the output, which is
 * added. "@/" at the start of one stands for the folder of the output, "@input" for a picture that
 * the program made before. */
void pd_fault_begin (const char *line);
void pd_fault_finish (void);

/* How often the function @call was called in that run. */
guint pd_fault_count (const char *call);

GSubprocess *pd_fault_start (const PdFault *fault);

/* Waits for the end. */
void pd_fault_wait (GSubprocess *process, PdFaultEnd *end);

/* What is wrong with such an end: a signal, files left behind, a status other than 0 with the same
 * picture and 1 without one, lines on standard error that are not the program's or are more than
 * one, or none that tells of status 1. NULL: nothing. */
const char *pd_fault_judge (const PdFaultEnd *end);

/* Fails the test with what the end was if there is a problem. */
void pd_fault_require (const PdFaultEnd *end, const char *problem);

/* All of it, from the start on. */
void pd_fault_check (const PdFault *fault, PdFaultEnd *end);
