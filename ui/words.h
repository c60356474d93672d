// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib-object.h>

/* What the dialog says: translated names and figures. */

/* Returns: the translated name of an enumeration's value, PD_TYPE_REQUEST_SYNC and "none" ->
 * "Nothing"; the nick itself where it has no other name */
const char *pd_words_choice (GType type, const char *nick);

/* A number among a dictionary's members, of whatever type it came as. */
double pd_words_number (GVariant *dictionary, const char *name, double fallback);

/* Returns: (transfer full) "40 s", "5 min", "2 h 10 min" */
char *pd_words_duration (double seconds);

/* estimate: what the engine answered, see ui/host.h
 * Returns: (transfer full) one line, "12 tiles · about 40 s · 1.2 GB of device memory" */
char *pd_words_estimate (GVariant *estimate);

/* progress: see ui/host.h
 * Returns: (transfer full) one line, "Denoising: step 3 of 30 · about 40 s left" */
char *pd_words_progress (GVariant *progress);
