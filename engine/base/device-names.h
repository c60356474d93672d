// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What names devices: the parameter `device`, as the engine and the dialog read it. */

/* A device of a list; strings are borrowed. */
typedef struct
{
  const char *name, *uuid; /* may be NULL */
  gboolean is_cpu;
} PdDeviceName;

/* @selector: a number of the list, a UUID, or part of a name in any case
 * @index: (out) the first device that it names
 * Returns: whether there is one */
gboolean
pd_device_names_find (const PdDeviceName *devices, guint n, const char *selector, guint *index);

/* @selectors: several with commas between them, or "all": every device, processors only where
 * there is nothing else
 * Returns: (transfer full) selectors of one device each, of which some may name none; one alone is
 * left as it is, also if it is empty or a name with commas */
GStrv pd_device_names_split (const PdDeviceName *devices, guint n, const char *selectors);
