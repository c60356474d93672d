// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* A message of the engine as the service sends it: fit to be shown (pd_message_clean()), and with
 * parameters named as requests name them, since whoever reads it has no command line: "memory=" for
 * --memory, "sync=attention" for --sync attention, "resume=yes" for --resume. Returns: (transfer
 * full). */
char *pd_rephrase (const char *text);
