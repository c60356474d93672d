// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/wire/messages.h"

#include <glib-object.h>

/* Translated names and figures for the dialog. */

/* Returns: the translated name of an enumeration's value, PD_TYPE_REQUEST_SYNC and "none" ->
 * "Nothing"; the nick itself where it has no other name */
const char *pd_words_choice (GType type, const char *nick);

/* Returns: (transfer full) one line, "12 tiles · about 40 s · 1.2 GB of device memory" */
char *pd_words_estimate (const PdEstimate *estimate);

/* Returns: (transfer full) one line, "Denoising · step 3 of 30 · about 40 s left" */
char *pd_words_progress (const PdProgress *progress);

/* Returns: (transfer full) one line, "Done in 40 s, seed 7"; with several devices also what each
 * has done */
char *pd_words_report (const PdReport *report);
