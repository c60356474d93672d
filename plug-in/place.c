// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/place.h"
#include "engine/base/error.h"
#include "engine/request/mode.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>

enum
{
  MAX_ASPECT = 4,   /* of a context smaller than the model's size: thinner ones get surroundings */
  MAX_SIDE = 65536, /* of the request's width and height */
};

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_REQUEST, message);
  return FALSE;
}

static gboolean
check_image (gint32 image, GError **error)
{
  if (!gimp_image_is_valid (image))
    return fail (error, _ ("The image is not open any more: open it again and repeat"));
  if (gimp_image_base_type (image) == GIMP_INDEXED)
    return fail (error, _ ("The image has indexed colours, which cannot take the result: choose "
                           "Image → Mode → RGB first"));
  if (gimp_image_get_floating_sel (image) != -1)
    return fail (error, _ ("The image has a floating selection: anchor it first (Layer → Anchor "
                           "Layer)"));
  return TRUE;
}

gboolean
pd_place_is_shown (gint32 item)
{
  for (; item > 0; item = gimp_item_get_parent (item))
    if (!gimp_item_get_visible (item) || gimp_layer_get_opacity (item) <= 0.0)
      return FALSE;
  return TRUE;
}

/* Items that were never added to an image, or were taken out of it, belong to it all the same. */
static gboolean
is_in_tree (gint32 image, gint32 layer)
{
  int n = 0;
  g_autofree gint *layers = gimp_image_get_layers (image, &n);
  gint32 parent;

  while ((parent = gimp_item_get_parent (layer)) > 0)
    layer = parent;
  for (int i = 0; i < n; i++)
    if (layers[i] == layer)
      return TRUE;
  return FALSE;
}

static gboolean
check_channel (gint32 drawable, GError **error)
{
  g_autofree char *name = gimp_item_get_name (drawable);

  if (g_strcmp0 (name, "Qmask") == 0)
    return fail (error, _ ("Quick Mask is on: switch it off first (Select → Toggle Quick Mask)"));
  return fail (error, _ ("A channel is selected: select a layer, above which the result can go"));
}

/* The layer that @drawable stands for. Returns -1 if there is none. */
static gint32
find_layer (gint32 image, gint32 drawable, GError **error)
{
  gint32 layer = drawable;

  if (drawable == -1)
    {
      fail (error, _ ("No layer is selected: select one, above which the result can go"));
      return -1;
    }
  if (!gimp_item_is_valid (drawable) || !gimp_item_is_drawable (drawable) ||
      gimp_item_get_image (drawable) != image)
    {
      fail (error, _ ("The layer is not in the image any more: select another one and repeat"));
      return -1;
    }
  if (gimp_item_is_layer_mask (drawable))
    layer = gimp_layer_from_mask (drawable);
  if (!gimp_item_is_layer (layer))
    {
      check_channel (drawable, error);
      return -1;
    }
  if (!is_in_tree (image, layer))
    {
      fail (error, _ ("The layer is not in the image: add it first, or choose another one"));
      return -1;
    }
  return layer;
}

/* Grows the range start … start + *length to @wanted around its middle; it is moved to stay in
 * low … high if it fits there, else it becomes that range, unless @beyond. */
static void
grow (int *start, int *length, int wanted, int low, int high, gboolean beyond)
{
  if (wanted <= *length)
    return;
  *start -= (wanted - *length) / 2;
  *length = wanted;
  if (wanted <= high - low)
    *start = CLAMP (*start, low, high - wanted);
  else if (!beyond)
    {
      const int from = MIN (*start + wanted, high);

      *start = MAX (*start, low);
      *length = MAX (from - *start, 1);
    }
}

/* Length of a context for @length pixels that are repainted: half as much again on either side, or
 * enough for the model's size, but no more than that size beside a large target. */
static int
padded (int length, PdRequest *request, guint native)
{
  if (request->padding >= 0)
    return length + 2 * (int) request->padding;
  return MAX (length + 2 * MIN (length / 2, (int) native), (int) native);
}

/* Surroundings that an inpainted target has to go on from. */
static void
add_padding (PdPlace *self, const GeglRectangle *known, PdRequest *request, guint native)
{
  GeglRectangle *context = &self->context;

  grow (&context->x, &context->width, padded (context->width, request, native), known->x,
        known->x + known->width, FALSE);
  grow (&context->y, &context->height, padded (context->height, request, native), known->y,
        known->y + known->height, FALSE);
}

/* A context smaller than the model's size is enlarged for the engine; before that a thin one is
 * made less thin, so that its long side does not become huge. */
static void
fit_to_model (PdPlace *self, const GeglRectangle *known, guint native)
{
  GeglRectangle *context = &self->context;
  const int shorter = MIN (context->width, context->height);
  const int longer = MAX (context->width, context->height);
  const int wanted = MIN ((longer + MAX_ASPECT - 1) / MAX_ASPECT, (int) native);
  double factor;

  if (shorter < (int) native)
    {
      grow (&context->x, &context->width, wanted, known->x, known->x + known->width, TRUE);
      grow (&context->y, &context->height, wanted, known->y, known->y + known->height, TRUE);
    }
  factor = MAX (1.0, (double) native / MIN (context->width, context->height));
  self->width = (guint) (context->width * factor + 0.5);
  self->height = (guint) (context->height * factor + 0.5);
}

static GeglRectangle
image_extent (gint32 image)
{
  return *GEGL_RECTANGLE (0, 0, gimp_image_width (image), gimp_image_height (image));
}

static GeglRectangle
layer_extent (gint32 layer)
{
  int x = 0, y = 0;

  gimp_drawable_offsets (layer, &x, &y);
  return *GEGL_RECTANGLE (x, y, gimp_drawable_width (layer), gimp_drawable_height (layer));
}

/* A group without a layer in it has one pixel, which is none. */
static gboolean
is_empty (gint32 layer)
{
  int n = 0;
  g_autofree gint *children = NULL;
  gboolean empty = TRUE;

  if (!gimp_item_is_group (layer))
    return FALSE;
  children = gimp_item_get_children (layer, &n);
  for (int i = 0; i < n; i++)
    empty &= is_empty (children[i]);
  return empty;
}

/* Extent of the pixels there are to start from. */
static gboolean
find_known (const PdPlace *self, PdRequest *request, GeglRectangle *known, GError **error)
{
  *known = request->source == PD_REQUEST_SOURCE_VISIBLE ? image_extent (self->image)
                                                        : layer_extent (self->layer);
  if (request->source == PD_REQUEST_SOURCE_LAYER &&
      pd_modes[request->mode].needs & PD_TAKES_INPUT && is_empty (self->layer))
    return fail (error, _ ("The group is empty: select a layer, or start from what is visible "
                           "(source=visible)"));
  return TRUE;
}

/* The target is the selection, or else the layer, or the image if no part of the layer lies in it.
 */
static void
find_selected (PdPlace *self, gboolean alone)
{
  const GeglRectangle image = image_extent (self->image);
  GeglRectangle *target = &self->target;
  gboolean selected = FALSE;
  int x1, y1, x2, y2;

  *target = layer_extent (self->layer);
  if (gimp_selection_bounds (self->image, &selected, &x1, &y1, &x2, &y2) && selected)
    *target = *GEGL_RECTANGLE (x1, y1, x2 - x1, y2 - y1);
  else if (!alone && (is_empty (self->layer) || !gegl_rectangle_intersect (NULL, target, &image)))
    *target = image;
  self->selected = selected;
}

/* Nothing can be made from what is not there. */
static gboolean
keep_to_known (PdPlace *self, const GeglRectangle *known, GError **error)
{
  const GeglRectangle selected = self->target;

  if (!gegl_rectangle_intersect (&self->target, &selected, known))
    return fail (error, _ ("The selection lies outside the layer: move it onto the layer, enlarge "
                           "the layer (Layer → Layer to Image Size), or start from what is visible "
                           "(source=visible)"));
  self->left_out = self->selected && !gegl_rectangle_equal (&self->target, &selected);
  return TRUE;
}

static gboolean
check_size (const PdPlace *self, guint scale, GError **error)
{
  if ((gint64) self->width * scale > MAX_SIDE || (gint64) self->height * scale > MAX_SIDE)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The result would have %u × %u pixels, and %d a side are possible: select "
                      "less"),
                   self->width * scale, self->height * scale, MAX_SIDE);
      return FALSE;
    }
  return TRUE;
}

gboolean
pd_place_find (
    PdPlace *self, gint32 image, gint32 drawable, PdRequest *request, guint native, GError **error)
{
  const guint needs = pd_modes[request->mode].needs;
  const gboolean fresh = !(needs & PD_TAKES_INPUT);
  GeglRectangle known;

  if (!check_image (image, error))
    return FALSE;
  *self = (PdPlace){ .image = image, .layer = find_layer (image, drawable, error) };
  if (self->layer == -1 || !find_known (self, request, &known, error))
    return FALSE;
  if (pd_mode_enlarges (request->mode))
    {
      self->target = self->context = known;
      self->width = (guint) known.width;
      self->height = (guint) known.height;
      return check_size (self, request->scale, error);
    }
  find_selected (self, !fresh && request->source == PD_REQUEST_SOURCE_LAYER);
  if (fresh)
    gegl_rectangle_bounding_box (&known, &known, &self->target);
  else if (!keep_to_known (self, &known, error))
    return FALSE;
  self->context = self->target;
  if (needs & PD_TAKES_MASK)
    add_padding (self, &known, request, native);
  fit_to_model (self, &known, native);
  return check_size (self, 1, error);
}
