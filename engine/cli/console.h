// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/run.h"
#include "engine/cli/options.h"

/* Output of a verb while it works and at its end: for people (a progress bar if standard error is
 * a terminal, the result as a line on standard output), or as JSON lines on standard output, each
 * an object whose "event" is "progress", "note", "report" or "error". */
typedef struct _PdConsole PdConsole;

/* With json, standard output becomes the console's own, and what others (drivers) print there goes
 * to standard error. */
PdConsole *pd_console_new (gboolean json);
void pd_console_free (PdConsole *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdConsole, pd_console_free)

/* May be called from any thread, one at a time. */
void pd_console_progress (PdConsole *self, const PdProgress *progress);

/* Something worth knowing that is no failure. */
void pd_console_note (PdConsole *self, const char *text);

/* The end of a run. */
void pd_console_report (PdConsole *self, const PdRequest *request, const PdReport *report);

/* Returns: 1, the exit status of a failure. */
int pd_console_error (PdConsole *self, const GError *error);

/* The arguments were wrong. Returns: 2, the exit status for it. */
int pd_console_usage_error (PdConsole *self, PdOptions *options, const char *message);

/* One line of a progress bar.
 * @columns: of the terminal. Returns: (transfer full) UTF-8 without line end, narrower than that.
 */
char *pd_console_bar (const PdProgress *progress, guint columns);
