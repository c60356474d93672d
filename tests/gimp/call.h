// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* A small model and few steps: what is checked is not how the picture looks. */
extern const char quick[];

/* Calls plug-in-parallel-diffusion as a script does, with seed 7.
 * Returns: the new layer, or -1 with `message` (transfer full) set. */
gint32 call (gint32 image,
             gint32 drawable,
             const char *prompt,
             const char *mode,
             double strength,
             const char *options,
             char **message);

/* Repeats the last call on another drawable. Returns: the new layer, or -1 with `message` set. */
gint32 call_again (gint32 image, gint32 drawable, char **message);

/* Whether @text is in what a layer keeps of the call that made it. */
gboolean is_kept (gint32 layer, const char *text);

/* Calls while engine or plug-in are killed. PID_FILE in the environment names the file into which
 * engine.sh writes the numbers of the engine and the plug-in. */
void check_killed (void);

/* The self-test, and what is said when there is no engine or display. Changes the settings. */
void check_info (void);
