// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* What is done to an image while a run is under way, and what has then become of the result. */
void check_during (void);

/* The one who does it: an extension, which runs beside the checks as long as GIMP does. */
void during_install (void);
gboolean during_run (const char *name);
