// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* Shows a region of an image and what becomes of it. While the pointer is pressed on it, or while
 * "compare" is set, it shows the region as it was.
 * Properties: compare (boolean), state (string, read only): what is seen, "Original" or "Result" */
#define PD_TYPE_PREVIEW_AREA (pd_preview_area_get_type ())
G_DECLARE_FINAL_TYPE (PdPreviewArea, pd_preview_area, PD, PREVIEW_AREA, GtkDrawingArea)

/* The region's size in pixels gives the aspect; pictures are stretched to it. */
void pd_preview_area_set_size (PdPreviewArea *self, guint width, guint height);

/* @original: (nullable) (transfer none) */
void pd_preview_area_set_original (PdPreviewArea *self, GdkPixbuf *original);

/* @result: (nullable) (transfer none) finished or not */
void pd_preview_area_set_result (PdPreviewArea *self, GdkPixbuf *result);
gboolean pd_preview_area_has_result (PdPreviewArea *self);
