// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

#include <gtk/gtk.h>

/* The popover of the Presets button: a list to choose from, one's own with a button that deletes
 * them, and an entry to save what is set now.
 * Signals: "failed" (GError *): what to tell about a preset that could not be used; "note"
 * (const char *): about one of which something was left out */
#define PD_TYPE_PRESETS_MENU (pd_presets_menu_get_type ())
G_DECLARE_FINAL_TYPE (PdPresetsMenu, pd_presets_menu, PD, PRESETS_MENU, GtkPopover)

GtkWidget *pd_presets_menu_new (PdRequest *request);
