// SPDX-License-Identifier: GPL-3.0-or-later
/* Writes what is on the display into a PNG file, and moves the pointer to a corner, so that no
 * tooltip comes up later. Usage: screenshot FILE */
#include <gtk/gtk.h>

int
main (int argc, char *argv[])
{
  g_autoptr (GdkPixbuf) pixbuf = NULL;
  g_autoptr (GError) error = NULL;
  GdkWindow *root;
  GdkDisplay *display;

  gtk_init (&argc, &argv);
  if (argc != 2)
    return 2;
  display = gdk_display_get_default ();
  gdk_device_warp (gdk_seat_get_pointer (gdk_display_get_default_seat (display)),
                   gdk_display_get_default_screen (display), 0, 0);
  gdk_display_sync (display);
  root = gdk_get_default_root_window ();
  pixbuf = gdk_pixbuf_get_from_window (root, 0, 0, gdk_window_get_width (root),
                                       gdk_window_get_height (root));
  if (pixbuf && gdk_pixbuf_save (pixbuf, argv[1], "png", &error, "compression", "9", NULL))
    return 0;
  g_printerr ("%s: %s\n", argv[1], error ? error->message : "the display cannot be read");
  return 1;
}
