// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/host.h"

#include <gtk/gtk.h>

/* Chooses the picture whose style a request takes, and shows it: a list of what is open, a button
 * for files, which can also be dropped. Properties: chosen (boolean, read only): there is one */
#define PD_TYPE_STYLE_CHOOSER (pd_style_chooser_get_type ())
G_DECLARE_FINAL_TYPE (PdStyleChooser, pd_style_chooser, PD, STYLE_CHOOSER, GtkBox)

/* Ties it to "style" of @request, both ways. @label: is made that of the list */
void
pd_style_chooser_bind (PdStyleChooser *self, PdHost *host, PdRequest *request, GtkLabel *label);

/* Looks again at what is open. */
void pd_style_chooser_refresh (PdStyleChooser *self);
