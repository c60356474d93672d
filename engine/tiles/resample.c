// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/tiles/resample.h"
#include "engine/base/host-memory.h"

enum
{
  TAPS = 4, /* of a cubic */
};

/* How @count pixels of the result come from the source along one axis. */
typedef struct
{
  guint count;
  int start;      /* of the source's pixels that are needed; may be negative */
  guint length;   /* of them */
  guint *first;   /* [count], from start on */
  float *weights; /* [count][TAPS] */
} Axis;

static void
axis_clear (Axis *self)
{
  g_free (self->first);
  g_free (self->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Axis, axis_clear)

static double
catmull_rom (double x)
{
  x = fabs (x);
  if (x < 1)
    return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2)
    return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

static gboolean
axis_init (Axis *self, guint from, guint to, guint start, guint count, GError **error)
{
  double ratio = (double) from / to;

  self->count = count;
  if ((self->first = pd_try_new (guint, count, _ ("enlarging"), error)) == NULL ||
      (self->weights = pd_try_new (float, (gsize) count *TAPS, _ ("enlarging"), error)) == NULL)
    return FALSE;
  for (guint i = 0; i < count; i++)
    {
      double centre = (start + i + 0.5) * ratio - 0.5;
      int first = (int) floor (centre) - 1;

      if (i == 0)
        self->start = first;
      self->first[i] = (guint) (first - self->start);
      self->length = self->first[i] + TAPS;
      for (guint tap = 0; tap < TAPS; tap++)
        self->weights[(gsize) i * TAPS + tap] = (float) catmull_rom (centre - (first + (int) tap));
    }
  return TRUE;
}

/* Pixels that are needed one after the other and lie one after the other in the source. */
typedef struct
{
  guint to, from, length;
} Span;

/* The spans of needed pixels along one axis of @size pixels. */
static GArray *
spans (const Axis *axis, guint size, gboolean wrap)
{
  GArray *array = g_array_new (FALSE, FALSE, sizeof (Span));

  for (guint to = 0; to < axis->length;)
    {
      gint64 at = (gint64) axis->start + to;
      Span span = { .to = to, .length = 1 };

      if (wrap)
        at = ((at % size) + size) % size;
      span.from = (guint) CLAMP (at, 0, (gint64) size - 1);
      if (at == (gint64) span.from)
        span.length = MIN (axis->length - to, size - span.from);
      g_array_append_val (array, span);
      to += span.length;
    }
  return array;
}

/* The part of the source that both axes need, [y->length][x->length][3]. */
static float *
read_source (const PdEnlargement *self, const Axis *y, const Axis *x, GError **error)
{
  g_autoptr (GArray) rows = spans (y, self->from.h, self->wrap & PD_TORUS_Y);
  g_autoptr (GArray) columns = spans (x, self->from.w, self->wrap & PD_TORUS_X);
  gsize size = (gsize) y->length * x->length * 3;
  g_autofree float *source = pd_try_new (float, size, _ ("enlarging"), error), *piece = NULL;

  if (source == NULL || (piece = pd_try_new (float, size, _ ("enlarging"), error)) == NULL)
    return NULL;
  for (guint i = 0; i < rows->len; i++)
    for (guint j = 0; j < columns->len; j++)
      {
        const Span *row = &g_array_index (rows, Span, i);
        const Span *column = &g_array_index (columns, Span, j);
        const PdRect part = { row->from, column->from, row->length, column->length };

        if (!self->read (&part, piece, self->user_data, error))
          return NULL;
        for (guint line = 0; line < row->length; line++)
          memcpy (source + ((gsize) (row->to + line) * x->length + column->to) * 3,
                  piece + (gsize) line * column->length * 3,
                  (gsize) column->length * 3 * sizeof *piece);
      }
  return g_steal_pointer (&source);
}

gboolean
pd_enlarge (const PdEnlargement *self, const PdRect *rect, float *rgb, GError **error)
{
  g_auto (Axis) rows = { 0 }, columns = { 0 };
  g_autofree float *source = NULL, *wide = NULL;
  gsize pitch = (gsize) rect->w * 3;

  if (!axis_init (&rows, self->from.h, self->to.h, rect->y, rect->h, error) ||
      !axis_init (&columns, self->from.w, self->to.w, rect->x, rect->w, error) ||
      (source = read_source (self, &rows, &columns, error)) == NULL ||
      (wide = pd_try_new (float, rows.length *pitch, _ ("enlarging"), error)) == NULL)
    return FALSE;
  for (guint i = 0; i < rows.length; i++)
    for (guint j = 0; j < rect->w; j++)
      {
        const float *from = source + ((gsize) i * columns.length + columns.first[j]) * 3;
        const float *weight = columns.weights + (gsize) j * TAPS;

        for (guint c = 0; c < 3; c++)
          wide[i * pitch + j * 3 + c] = weight[0] * from[c] + weight[1] * from[3 + c] +
                                        weight[2] * from[6 + c] + weight[3] * from[9 + c];
      }
  for (guint i = 0; i < rect->h; i++)
    {
      const float *from = wide + rows.first[i] * pitch;
      const float *weight = rows.weights + (gsize) i * TAPS;

      for (gsize e = 0; e < pitch; e++)
        rgb[i * pitch + e] = weight[0] * from[e] + weight[1] * from[pitch + e] +
                             weight[2] * from[2 * pitch + e] + weight[3] * from[3 * pitch + e];
    }
  return TRUE;
}

/* Index @at of an endless axis, @size pixels of which are there. */
static guint
fold (gint64 at, guint size, gboolean wrap)
{
  gint64 period = wrap ? size : 2 * (gint64) size;

  at = ((at % period) + period) % period;
  return (guint) (at < size ? at : period - 1 - at);
}

/* Filters one line of @size pixels; @kernel[0 … radius] is half of a symmetric one. */
static void
filter_line (const float *padded, guint size, const float *kernel, guint radius, float *out)
{
  for (guint i = 0; i < size; i++)
    {
      const float *centre = padded + radius + i;
      float sum = kernel[0] * centre[0];

      for (guint k = 1; k <= radius; k++)
        sum += kernel[k] * (centre[k] + *(centre - k));
      out[i] = sum;
    }
}

gboolean
pd_low_pass (float *plane, PdSize size, double sigma, PdTorus wrap, GError **error)
{
  const guint h = size.h, w = size.w;
  guint radius = (guint) ceil (3 * sigma), longest = MAX (h, w);
  g_autofree float *kernel = NULL, *padded = NULL, *line = NULL;
  const char *what = _ ("the canvas");
  double sum = 0;

  if (radius == 0)
    return TRUE;
  if ((kernel = pd_try_new (float, radius + 1, what, error)) == NULL ||
      (padded = pd_try_new (float, (gsize) longest + 2 * radius, what, error)) == NULL ||
      (line = pd_try_new (float, longest, what, error)) == NULL)
    return FALSE;
  for (guint k = 0; k <= radius; k++)
    sum += (k == 0 ? 1 : 2) * exp (-0.5 * k * k / (sigma * sigma));
  for (guint k = 0; k <= radius; k++)
    kernel[k] = (float) (exp (-0.5 * k * k / (sigma * sigma)) / sum);

  for (guint y = 0; y < h; y++)
    {
      float *row = plane + (gsize) y * w;

      for (guint i = 0; i < w + 2 * radius; i++)
        padded[i] = row[fold ((gint64) i - radius, w, wrap & PD_TORUS_X)];
      filter_line (padded, w, kernel, radius, row);
    }
  for (guint x = 0; x < w; x++)
    {
      for (guint i = 0; i < h + 2 * radius; i++)
        padded[i] = plane[(gsize) fold ((gint64) i - radius, h, wrap & PD_TORUS_Y) * w + x];
      filter_line (padded, h, kernel, radius, line);
      for (guint y = 0; y < h; y++)
        plane[(gsize) y * w + x] = line[y];
    }
  return TRUE;
}
