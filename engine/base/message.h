// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What is said to people may quote files, options and names of strangers. These make it fit for a
 * terminal, a dialog and JSON, where it leaves the program. */

/* @text as one line of valid UTF-8 of at most 600 characters. Control characters become their
 * pictures (␛ for escape), what turns the direction of writing, breaks lines or cannot be seen, and
 * bytes that are no UTF-8, become U+FFFD. Of a longer text the middle is left out ("…"), since
 * messages begin with the file and end with the remedy. Returns: (transfer full). */
char *pd_message_clean (const char *text);

/* The same as a new error with @error's domain and code. Returns: (transfer full). */
GError *pd_message_clean_error (const GError *error);

/* @json, a text in JSON, with the characters in its strings that pd_message_clean() replaces
 * written as \uXXXX: the strings stay what they are. Returns: (transfer full). */
char *pd_message_escape_json (const char *json);

/* Returns: (transfer full) @seconds as people say it, translated: "40 s", "3 min 5 s", "25 min",
 * "2 h 10 min"; at least "1 s". */
char *pd_message_duration (double seconds);
