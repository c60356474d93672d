// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

#include <gtk/gtk.h>

#define PD_TYPE_DEVICE_CHOOSER (pd_device_chooser_get_type ())
G_DECLARE_FINAL_TYPE (PdDeviceChooser, pd_device_chooser, PD, DEVICE_CHOOSER, GtkMenuButton)

/* A button that says which devices are to work, and opens a list of them with check marks.
 * Signal "note" (text): a device that was chosen before cannot be used, and is left out. */

/* Ties it to the parameter `device`, both ways. */
void pd_device_chooser_bind (PdDeviceChooser *self, PdRequest *request);

/* Lists the devices of an engine that can be used. What was chosen until then is kept as it was
 * written; devices among it that are not there are left out, if there are others.
 * @answer: what the engine said when it was started, see ui/host.h */
void pd_device_chooser_fill (PdDeviceChooser *self, GVariant *answer);
