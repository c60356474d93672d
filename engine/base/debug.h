// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What the environment variable PD_DEBUG asks to be told, on standard error. */
typedef enum
{
  PD_DEBUG_PLAN = 1 << 0,   /* sizes of tiles and windows that were tried, and their memory */
  PD_DEBUG_GRAPH = 1 << 1,  /* each graph: placement, operations with shapes, barriers */
  PD_DEBUG_SUBMIT = 1 << 2, /* each submission to the device: work, time, rate */
  PD_DEBUG_CACHE = 1 << 3,  /* caches on disk, and each kernel that is made */
  PD_DEBUG_WIRE = 1 << 4,   /* each message of serve */
} PdDebugTopic;

gboolean pd_debug_wants (PdDebugTopic topic);
/* One line about @topic, if it is wanted; for programmers, in English. */
void pd_debug (PdDebugTopic topic, const char *format, ...) G_GNUC_PRINTF (2, 3);
