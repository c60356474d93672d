// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* Makes @window belong to a window of another program on the same X display and shows it.
 * @x11_id: of that program's window; 0: none is known
 * @time: of the event that led here, as X counts it, so that focus may move; 0: unknown
 * On displays other than X the window is only shown. */
void pd_host_window_attach (GtkWindow *window, guint32 x11_id, guint32 time);
