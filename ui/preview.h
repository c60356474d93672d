// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* Shows a region of an image and what becomes of it. While the pointer is pressed on it, or while
 * "compare" is set, it shows the region as it was.
 * Properties: compare (boolean), state (string, read only): what is seen, "Original" or "Result" */
#define PD_TYPE_PREVIEW (pd_preview_get_type ())
G_DECLARE_FINAL_TYPE (PdPreview, pd_preview, PD, PREVIEW, GtkDrawingArea)

/* The region's size in pixels gives the aspect; pictures are stretched to it. */
void pd_preview_set_size (PdPreview *preview, guint width, guint height);

/* original: (nullable) (transfer none) */
void pd_preview_set_original (PdPreview *preview, GdkPixbuf *original);

/* result: (nullable) (transfer none) finished or not */
void pd_preview_set_result (PdPreview *preview, GdkPixbuf *result);
gboolean pd_preview_has_result (PdPreview *preview);
