// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Results of checks, line by line in a file: TAP. (GLib's test program would end GIMP's plug-in,
 * and GIMP swallows what plug-ins print.) */
void tap_open (const char *path);
void tap_close (void);

/* Begins a check; its name says what must be. */
void tap_begin (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Says what is wrong, any number of times; the check then has failed. */
void tap_fail (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Returns: whether `good`; else the check has failed, because of `what`. */
gboolean tap_expect (gboolean good, const char *what);
void tap_end (void);
