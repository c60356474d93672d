// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/host.h"

#include <gtk/gtk.h>

/* The window people work in: parameters at the left, the region and what becomes of it at the
 * right. It stays open after a result, until it is closed (GtkWidget::destroy); closing cancels a
 * run. */
#define PD_TYPE_DIALOG (pd_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PdDialog, pd_dialog, PD, DIALOG, GtkWindow)

/* @host: (transfer none) referenced while the dialog lives
 * @request: (transfer none) its properties are bound to the widgets, both ways
 * Returns: (transfer floating as every toplevel) shown with gtk_window_present() */
GtkWidget *pd_dialog_new (PdHost *host, PdRequest *request);
