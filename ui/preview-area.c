// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/preview-area.h"

#include <glib/gi18n-lib.h>

enum
{
  PROP_COMPARE = 1,
  PROP_STATE,
  N_PROPS,
};

struct _PdPreviewArea
{
  GtkDrawingArea parent_instance;

  GdkPixbuf *original;
  GdkPixbuf *result;
  guint width;
  guint height;
  gboolean compare;
  gboolean pressed;
  GtkGesture *press;
};

static GParamSpec *params[N_PROPS];

/* Side of the checkerboard's squares behind transparent pixels, in GTK's pixels. */
static const int check_side = 8;

G_DEFINE_TYPE (PdPreviewArea, pd_preview_area, GTK_TYPE_DRAWING_AREA)

static GdkPixbuf *
shown (PdPreviewArea *self)
{
  const gboolean original = self->result == NULL || self->compare || self->pressed;

  return original ? self->original : self->result;
}

static void
changed (PdPreviewArea *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), params[PROP_STATE]);
}

static const char *
state (PdPreviewArea *self)
{
  GdkPixbuf *picture = shown (self);

  if (picture == NULL)
    return "";
  return picture == self->result ? _ ("Result") : _ ("Original");
}

static void
fill_checks (cairo_t *cr, const GdkRectangle *area)
{
  cairo_set_source_rgb (cr, 0.6, 0.6, 0.6);
  gdk_cairo_rectangle (cr, area);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 0.4, 0.4, 0.4);
  for (int y = 0; y < area->height; y += check_side)
    for (int x = (y / check_side % 2) * check_side; x < area->width; x += 2 * check_side)
      cairo_rectangle (cr, area->x + x, area->y + y, MIN (check_side, area->width - x),
                       MIN (check_side, area->height - y));
  cairo_fill (cr);
}

/* The largest rectangle of the region's aspect, centred, on whole pixels. */
static GdkRectangle
picture_area (PdPreviewArea *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  const double width = gtk_widget_get_allocated_width (widget);
  const double height = gtk_widget_get_allocated_height (widget);
  const double scale = MIN (width / self->width, height / self->height);
  GdkRectangle area;

  area.width = MAX ((int) (self->width * scale + 0.5), 1);
  area.height = MAX ((int) (self->height * scale + 0.5), 1);
  area.x = ((int) width - area.width) / 2;
  area.y = ((int) height - area.height) / 2;
  return area;
}

static void
draw_background (PdPreviewArea *self, cairo_t *cr)
{
  GdkRGBA colour = { 0.5, 0.5, 0.5, 1.0 };

  gtk_style_context_lookup_color (gtk_widget_get_style_context (GTK_WIDGET (self)),
                                  "theme_bg_color", &colour);
  /* A little darker than the dialog, in light themes and dark ones. */
  cairo_set_source_rgb (cr, 0.85 * colour.red, 0.85 * colour.green, 0.85 * colour.blue);
  cairo_paint (cr);
}

static gboolean
pd_preview_area_draw (GtkWidget *widget, cairo_t *cr)
{
  PdPreviewArea *self = PD_PREVIEW_AREA (widget);
  GdkPixbuf *picture = shown (self);
  GdkRectangle area;
  double scale_x, scale_y;

  draw_background (self, cr);
  if (picture == NULL)
    return GDK_EVENT_PROPAGATE;
  area = picture_area (self);
  if (gdk_pixbuf_get_has_alpha (picture))
    fill_checks (cr, &area);
  scale_x = (double) area.width / gdk_pixbuf_get_width (picture);
  scale_y = (double) area.height / gdk_pixbuf_get_height (picture);
  gdk_cairo_rectangle (cr, &area);
  cairo_clip (cr);
  cairo_translate (cr, area.x, area.y);
  cairo_scale (cr, scale_x, scale_y);
  gdk_cairo_set_source_pixbuf (cr, picture, 0, 0);
  /* Pixels past the edge repeat it, so that the picture does not fade towards its rim. */
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_GOOD);
  cairo_paint (cr);
  return GDK_EVENT_PROPAGATE;
}

static void
press (PdPreviewArea *self)
{
  self->pressed = TRUE;
  changed (self);
}

static void
release (PdPreviewArea *self)
{
  self->pressed = FALSE;
  changed (self);
}

static void
pd_preview_area_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PdPreviewArea *self = PD_PREVIEW_AREA (object);

  self->compare = g_value_get_boolean (value);
  changed (self);
}

static void
pd_preview_area_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PdPreviewArea *self = PD_PREVIEW_AREA (object);

  if (id == PROP_STATE)
    g_value_set_string (value, state (self));
  else
    g_value_set_boolean (value, self->compare);
}

static void
pd_preview_area_dispose (GObject *object)
{
  PdPreviewArea *self = PD_PREVIEW_AREA (object);

  g_clear_object (&self->original);
  g_clear_object (&self->result);
  g_clear_object (&self->press);
  G_OBJECT_CLASS (pd_preview_area_parent_class)->dispose (object);
}

static void
pd_preview_area_class_init (PdPreviewAreaClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = pd_preview_area_set_property;
  object_class->get_property = pd_preview_area_get_property;
  object_class->dispose = pd_preview_area_dispose;
  GTK_WIDGET_CLASS (class)->draw = pd_preview_area_draw;
  params[PROP_COMPARE] =
      g_param_spec_boolean ("compare", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_STATIC_NAME);
  params[PROP_STATE] =
      g_param_spec_string ("state", NULL, NULL, "", G_PARAM_READABLE | G_PARAM_STATIC_NAME);
  g_object_class_install_properties (object_class, N_PROPS, params);
}

static void
pd_preview_area_init (PdPreviewArea *self)
{
  self->width = 1;
  self->height = 1;
  gtk_widget_add_events (GTK_WIDGET (self), GDK_BUTTON_PRESS_MASK | GDK_BUTTON_RELEASE_MASK);
  self->press = gtk_gesture_multi_press_new (GTK_WIDGET (self));
  g_signal_connect_swapped (self->press, "begin", G_CALLBACK (press), self);
  g_signal_connect_swapped (self->press, "end", G_CALLBACK (release), self);
  g_signal_connect_swapped (self->press, "cancel", G_CALLBACK (release), self);
}

void
pd_preview_area_set_size (PdPreviewArea *self, guint width, guint height)
{
  self->width = MAX (width, 1);
  self->height = MAX (height, 1);
  changed (self);
}

void
pd_preview_area_set_original (PdPreviewArea *self, GdkPixbuf *original)
{
  g_set_object (&self->original, original);
  changed (self);
}

void
pd_preview_area_set_result (PdPreviewArea *self, GdkPixbuf *result)
{
  g_set_object (&self->result, result);
  changed (self);
}

gboolean
pd_preview_area_has_result (PdPreviewArea *self)
{
  return self->result != NULL;
}
