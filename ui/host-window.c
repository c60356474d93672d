// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/host-window.h"

#include <gdk/gdkx.h>

static void
set_transient (GtkWidget *widget, gpointer user_data)
{
  GdkDisplay *display = gtk_widget_get_display (widget);
  Window x11_id = (Window) GPOINTER_TO_SIZE (user_data);
  g_autoptr (GdkWindow) parent = NULL;

  /* NULL when that window has gone meanwhile. */
  parent = gdk_x11_window_foreign_new_for_display (display, x11_id);
  if (parent != NULL)
    gdk_window_set_transient_for (gtk_widget_get_window (widget), parent);
}

void
pd_host_window_attach (GtkWindow *window, guint32 x11_id, guint32 time)
{
  gboolean is_x11 = GDK_IS_X11_DISPLAY (gtk_widget_get_display (GTK_WIDGET (window)));

  if (is_x11 && x11_id)
    {
      if (gtk_widget_get_realized (GTK_WIDGET (window)))
        set_transient (GTK_WIDGET (window), GSIZE_TO_POINTER (x11_id));
      else
        g_signal_connect (window, "realize", G_CALLBACK (set_transient), GSIZE_TO_POINTER (x11_id));
    }
  gtk_window_present_with_time (window, is_x11 && time ? time : GDK_CURRENT_TIME);
}
