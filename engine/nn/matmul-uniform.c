// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/matmul-uniform.h"

#include "shaders/abi/matmul-uniform.h"

enum
{
  MAX_DEPTH = 96, /* more leaves the instruction cache */
};

G_STATIC_ASSERT (sizeof (PdMatmulUniformPush) == PD_DISPATCH_MAX_PUSH);

/* How K is cut: chunks of depth consecutive floats of a, of which a dispatch takes up to group. */
typedef struct
{
  guint depth, chunks, group;
} Depth;

/* Tiles in a rectangle. Offsets and steps are in floats: of a from the first tap, of y from pixel
 * (0, 0) of image 0. */
typedef struct
{
  guint log_tx;
  gsize a, y;
  gsize a_pixel, a_row, y_pixel, y_row; /* steps between pixels and rows of a tile */
  guint columns, rows;                  /* tiles */
  guint image;                          /* whose image_bias holds */
} Tiles;

typedef struct
{
  PdGraph *graph;
  const PdMatmul *matmul;
  const PdStorage *panels;
  PdTensor *y;
  Depth depth;
  const char *shader;
  guint panel; /* columns */
  /* In place of y as what sums are collected in, where tiles overlap themselves. */
  PdTensor *collect[2];
} Emitter;

/* Floats of K that follow each other in a. */
static guint
run_length (const PdMatmul *matmul)
{
  guint in = pd_align_channels (matmul->b->in);

  return matmul->a->ld == in ? pd_matmul_tap_columns (matmul) * in : in;
}

static Depth
choose_depth (const PdMatmul *matmul)
{
  guint run = run_length (matmul);
  Depth depth = { .depth = MAX_DEPTH };

  while (run % depth.depth != 0)
    depth.depth -= PD_CHANNEL_ALIGN;
  depth.chunks = pd_matrix_depth (matmul->b) / depth.depth;
  depth.group = MIN (depth.chunks, UNIFORM_DIGITS);
  /* Equal groups share a pipeline. */
  while (depth.group > UNIFORM_DIGITS / 2 && depth.chunks % depth.group != 0)
    depth.group--;
  if (depth.chunks % depth.group != 0)
    depth.group = (guint) pd_divide_up (depth.chunks, pd_divide_up (depth.chunks, UNIFORM_DIGITS));
  return depth;
}

/* Floats from the first tap to chunk @index. */
static gsize
chunk_offset (const Emitter *self, guint index)
{
  const PdMatmul *matmul = self->matmul;
  const PdTensor *a = matmul->a;
  gsize in = pd_align_channels (matmul->b->in), k = (gsize) index * self->depth.depth;
  guint columns = pd_matmul_tap_columns (matmul);
  gsize tap = k / in;

  return tap / columns * pd_tensor_row_pitch (a) + tap % columns * a->ld + k % in;
}

/* Floats from the storage's start. */
static gsize
start_of (const PdTensor *tensor)
{
  return tensor->offset / sizeof (float);
}

/* Reads @count floats of @storage from @first on, their address at @address_at of the push
 * constants. */
static void
read_at (PdDispatch *dispatch, const PdStorage *storage, gsize first, gsize count, guint address_at)
{
  PdBytes bytes = { storage, first * sizeof (float), count * sizeof (float) };

  pd_dispatch_read_at (dispatch, &bytes, address_at);
}

/* Adds factors and shifts for @columns columns from @column on. */
static guint
read_affine (const Emitter *self, PdDispatch *dispatch, guint column, guint columns)
{
  const PdStorage *affine = self->matmul->epilogue.affine;

  read_at (dispatch, affine, column, columns, G_STRUCT_OFFSET (PdMatmulUniformPush, vector));
  read_at (dispatch, affine, pd_align_channels (self->y->c) + column, columns,
           G_STRUCT_OFFSET (PdMatmulUniformPush, vector_2));
  return VECTORS_AFFINE;
}

/* Adds the vectors of @tiles for @columns columns from @column on. */
static guint
read_vectors (
    const Emitter *self, PdDispatch *dispatch, const Tiles *tiles, guint column, guint columns)
{
  const PdMatmul *matmul = self->matmul;
  PdTensor *image_bias = matmul->epilogue.image_bias;
  static const guint at[] = { G_STRUCT_OFFSET (PdMatmulUniformPush, vector),
                              G_STRUCT_OFFSET (PdMatmulUniformPush, vector_2) };
  guint count = 0;

  if (matmul->bias != NULL)
    read_at (dispatch, &matmul->bias->storage, column, columns, at[count++]);
  if (image_bias != NULL)
    read_at (dispatch, image_bias->storage,
             start_of (image_bias) + tiles->image * pd_tensor_image_pitch (image_bias) +
                 pd_tensor_interior (image_bias) + column,
             columns, at[count++]);
  return count;
}

/* Floats from the first tile's first pixel to the last one's of @columns by @rows tiles whose
 * pixels are so far apart. */
static gsize
last_pixel (guint log_tx, guint columns, guint rows, gsize pixel, gsize row)
{
  guint tx = 1u << log_tx, ty = MATMUL_TILE / tx;

  return ((gsize) columns * tx - 1) * pixel + ((gsize) rows * ty - 1) * row;
}

/* Floats from the start of chunk @first to the end of what a pixel of chunks @first …
 * @first + @count - 1 has. */
static gsize
chunks_end (const Emitter *self, guint first, guint count)
{
  gsize end = 0;

  for (guint i = first; i < first + count; i++)
    end = MAX (end, chunk_offset (self, i) - chunk_offset (self, first));
  return end + self->depth.depth;
}

/* The part that one dispatch makes: from tile (@x, @row) and panel @panel on, of @tiles[0] by
 * @tiles[1] tiles and @tiles[2] panels, chunks first … first + count - 1. */
typedef struct
{
  guint x, row, panel;
  guint tiles[3];
  guint first, count;
} Part;

static void
emit_dispatch (const Emitter *self, const Tiles *tiles, const Part *part)
{
  const PdMatmul *matmul = self->matmul;
  const PdEpilogue *epilogue = &matmul->epilogue;
  const PdMatrix *b = matmul->b;
  PdTensor *y = self->y, *added = NULL;
  guint tx = 1u << tiles->log_tx, ty = MATMUL_TILE / tx;
  guint column = part->panel * self->panel, columns = part->tiles[2] * self->panel;
  gboolean rows_first = tiles->log_tx < 4 && tiles->columns < tiles->rows;
  gboolean last = part->first + part->count == self->depth.chunks;
  gsize offset =
      (gsize) part->row * ty * tiles->y_row + (gsize) part->x * tx * tiles->y_pixel + column;
  gsize b_panel = self->panel * pd_format_bytes (b->format, pd_matrix_depth (b));
  gsize b_chunk = self->panel * pd_format_bytes (b->format, self->depth.depth);
  gsize b_start = part->panel * b_panel + part->first * b_chunk;
  guint added_when = ADDED_NOWHERE;
  guint vectors = 0;
  gsize y_first, y_count, skip;
  PdDispatch dispatch = { .label = matmul->label,
                          .shader = self->shader,
                          .n_constants = 8,
                          .work = 2.0 * MATMUL_TILE * self->panel * part->tiles[0] *
                                  part->tiles[1] * part->tiles[2] * part->count *
                                  self->depth.depth };
  PdMatmulUniformPush push = { .a_pixel = (guint32) (tiles->a_pixel * sizeof (float)),
                               .a_row = (guint32) (tiles->a_row * sizeof (float)),
                               .b_panel = (guint32) b_panel,
                               .y_pixel = (guint32) (tiles->y_pixel / MATMUL_UNIT),
                               .y_row = (guint32) (tiles->y_row / MATMUL_UNIT) };

  for (guint i = 0; i < UNIFORM_DIGITS; i++)
    push.table[i] = i | (i < part->count ? (guint32) (chunk_offset (self, part->first + i) -
                                                      chunk_offset (self, part->first))
                                         : 0);
  if (self->collect[0] != NULL && !last)
    y = self->collect[part->first / self->depth.group % 2];

  read_at (
      &dispatch, matmul->a->storage,
      start_of (matmul->a) + tiles->a + (gsize) part->row * ty * tiles->a_row +
          (gsize) part->x * tx * tiles->a_pixel + chunk_offset (self, part->first),
      last_pixel (tiles->log_tx, part->tiles[0], part->tiles[1], tiles->a_pixel, tiles->a_row) +
          chunks_end (self, part->first, part->count),
      G_STRUCT_OFFSET (PdMatmulUniformPush, a));
  read_at (&dispatch, self->panels, b_start / sizeof (float),
           ((part->tiles[2] - 1) * b_panel + part->count * b_chunk) / sizeof (float),
           G_STRUCT_OFFSET (PdMatmulUniformPush, b));
  if (part->first == 0)
    {
      vectors = read_vectors (self, &dispatch, tiles, column, columns);
      if (epilogue->residual != NULL)
        {
          added = epilogue->residual;
          added_when = epilogue->activation == PD_ACTIVATION_NONE ? ADDED_BEFORE : ADDED_AFTER;
        }
    }
  else
    {
      added =
          self->collect[0] == NULL ? y : self->collect[(part->first / self->depth.group + 1) % 2];
      added_when = ADDED_BEFORE;
    }
  if (last && epilogue->affine != NULL)
    vectors = read_affine (self, &dispatch, column, columns);
  y_first = start_of (y) + tiles->y + offset;
  y_count =
      last_pixel (tiles->log_tx, part->tiles[0], part->tiles[1], tiles->y_pixel, tiles->y_row) +
      columns;
  if (added != NULL)
    read_at (&dispatch, added->storage, start_of (added) + tiles->y + offset, y_count,
             G_STRUCT_OFFSET (PdMatmulUniformPush, added));
  skip = pd_dispatch_bind (
      &dispatch, pd_graph_backend (self->graph),
      &(PdBytes){ y->storage, y_first * sizeof (float), y_count * sizeof (float) },
      PD_ACCESS_WRITE);
  push.y_start = (guint32) (skip / (MATMUL_UNIT * sizeof (float)));

  dispatch.constants[0] = part->count;
  dispatch.constants[1] = self->depth.depth;
  dispatch.constants[2] = tiles->log_tx;
  dispatch.constants[3] = vectors;
  dispatch.constants[4] = added_when;
  dispatch.constants[5] = last ? epilogue->activation : PD_ACTIVATION_NONE;
  dispatch.constants[6] = MATMUL_TILE % part->count == 0 ? self->panel / MATMUL_UNIT : 1;
  dispatch.constants[7] = rows_first;
  dispatch.groups[0] = rows_first ? part->tiles[1] : part->tiles[0];
  dispatch.groups[1] = part->tiles[2];
  dispatch.groups[2] = rows_first ? part->tiles[0] : part->tiles[1];
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

/* All chunks of a part before the next part: its sums stay in the cache. */
static void
emit_tiles (const Emitter *self, const Tiles *tiles)
{
  const PdDeviceInfo *info = pd_device_info (pd_graph_backend (self->graph)->device);
  gsize range = info->max_storage_buffer_range - info->min_storage_buffer_offset_alignment;
  gsize row_bytes = (MATMUL_TILE >> tiles->log_tx) * tiles->y_row * sizeof (float);
  guint panels = pd_matrix_columns (self->matmul->b) / self->panel;
  guint max_rows = (guint) CLAMP (range / MAX (row_bytes, 1), 2, UNIFORM_DIGITS + 1) - 1;

  for (guint panel = 0; panel < panels; panel += UNIFORM_DIGITS)
    for (guint row = 0; row < tiles->rows; row += max_rows)
      for (guint x = 0; x < tiles->columns; x += UNIFORM_DIGITS)
        {
          Part part = { .x = x,
                        .row = row,
                        .panel = panel,
                        .tiles = { MIN (tiles->columns - x, UNIFORM_DIGITS),
                                   MIN (tiles->rows - row, max_rows),
                                   MIN (panels - panel, UNIFORM_DIGITS) } };

          for (; part.first < self->depth.chunks; part.first += self->depth.group)
            {
              part.count = MIN (self->depth.group, self->depth.chunks - part.first);
              emit_dispatch (self, tiles, &part);
            }
        }
}

/* From a pixel of the result to the next one that is made. */
static guint
step_of (const PdMatmul *matmul)
{
  return matmul->into != NULL ? 2 : 1;
}

/* The first tap of output pixel (@x, @row) of @tiles->image, and the pixel itself. */
static void
move_to (const Emitter *self, Tiles *tiles, guint x, guint row)
{
  const PdMatmul *matmul = self->matmul;
  const PdTensor *a = matmul->a, *y = self->y;
  guint step = step_of (matmul);

  tiles->a = tiles->image * pd_tensor_image_pitch (a) +
             (row * matmul->stride + pd_matmul_inset_y (matmul)) * pd_tensor_row_pitch (a) +
             (gsize) (x * matmul->stride + pd_matmul_inset_x (matmul)) * a->ld;
  tiles->y = tiles->image * pd_tensor_image_pitch (y) + pd_tensor_interior (y) +
             (row * step + matmul->phase / 2) * pd_tensor_row_pitch (y) +
             (gsize) (x * step + matmul->phase % 2) * y->ld;
}

/* Pixels in memory order, as if in rows of MATMUL_TILE · UNIFORM_DIGITS. The last tile may run over
 * the end, into the images that follow and are made later, or into the slack. */
static void
emit_flat (const Emitter *self, guint image, guint images)
{
  const PdTensor *a = self->matmul->a, *y = self->y;
  gsize pixels = (gsize) images * y->h * y->w, count = pd_divide_up (pixels, MATMUL_TILE);
  Tiles tiles = { .log_tx = 4,
                  .a_pixel = a->ld,
                  .a_row = (gsize) MATMUL_TILE * UNIFORM_DIGITS * a->ld,
                  .y_pixel = y->ld,
                  .y_row = (gsize) MATMUL_TILE * UNIFORM_DIGITS * y->ld,
                  .columns = UNIFORM_DIGITS,
                  .rows = (guint) (count / UNIFORM_DIGITS),
                  .image = image };

  move_to (self, &tiles, 0, 0);
  emit_tiles (self, &tiles);
  tiles.a += tiles.rows * tiles.a_row;
  tiles.y += tiles.rows * tiles.y_row;
  tiles.columns = count % UNIFORM_DIGITS;
  tiles.rows = 1;
  emit_tiles (self, &tiles);
}

/* Tiles from pixel (@x, @row) on. */
static void
emit_rectangle (
    const Emitter *self, const Tiles *image, guint x, guint row, guint columns, guint rows)
{
  Tiles tiles = *image;

  tiles.columns = columns;
  tiles.rows = rows;
  move_to (self, &tiles, x, row);
  emit_tiles (self, &tiles);
}

/* An image in rectangular tiles; what is left on the right and below is covered by tiles that
 * overlap the others: they compute the same again. */
static void
emit_image (const Emitter *self, Tiles tiles)
{
  guint w = self->matmul->w, h = self->matmul->h, tx = 1u << tiles.log_tx, ty = MATMUL_TILE / tx;

  emit_rectangle (self, &tiles, 0, 0, w / tx, h / ty);
  if (w % tx != 0)
    emit_rectangle (self, &tiles, w - tx, 0, 1, h / ty);
  if (h % ty != 0)
    emit_rectangle (self, &tiles, 0, h - ty, w / tx, 1);
  if (w % tx != 0 && h % ty != 0)
    emit_rectangle (self, &tiles, w - tx, h - ty, 1, 1);
}

/* An image smaller than any tile: the tile's rows are all the same row. */
static void
emit_small_image (Emitter *self, Tiles tiles)
{
  PdTensor *y = self->y;
  guint w = self->matmul->w;

  for (guint i = 0; i < G_N_ELEMENTS (self->collect); i++)
    self->collect[i] = pd_graph_tensor (self->graph, y->n, y->h, y->w, y->c, y->border);
  tiles.log_tx = g_bit_storage (w) - 1;
  tiles.a_row = tiles.y_row = 0;
  for (guint row = 0; row < self->matmul->h; row++)
    {
      guint tx = 1u << tiles.log_tx;

      emit_rectangle (self, &tiles, 0, row, w / tx, 1);
      if (w % tx != 0)
        emit_rectangle (self, &tiles, w - tx, row, 1, 1);
    }
}

/* The tile that covers w × h pixels with least waste; -1 if none fits. */
static int
choose_shape (guint w, guint h)
{
  gsize best = G_MAXSIZE;
  int shape = -1;

  for (int i = 4; i >= 0; i--)
    {
      guint tx = 1u << i, ty = MATMUL_TILE / tx;
      gsize count = pd_divide_up (w, tx) * pd_divide_up (h, ty);

      if (w >= tx && h >= ty && count < best)
        {
          best = count;
          shape = i;
        }
    }
  return shape;
}

static const char *
shader_name (const PdBackend *backend, const PdMatrix *b)
{
  if (b->format == PD_FORMAT_F16)
    return backend->panel == 16 ? "matmul-uniform-16-f16" : "matmul-uniform-8-f16";
  return backend->panel == 16 ? "matmul-uniform-16" : "matmul-uniform-8";
}

PdTensor *
pd_matmul_uniform (PdGraph *graph, const PdMatmul *matmul)
{
  return pd_matmul_uniform_into (graph, matmul, (PdStorage *) &matmul->b->storage, matmul->into);
}

PdTensor *
pd_matmul_uniform_into (PdGraph *graph, const PdMatmul *given, PdStorage *panels, PdTensor *y)
{
  const PdBackend *backend = pd_graph_backend (graph);
  PdMatmul matmul = *given;
  PdEpilogue *epilogue = &matmul.epilogue;
  PdTensor *a = matmul.a, *residual = epilogue->residual, *late = NULL;
  Emitter self = { .graph = graph,
                   .matmul = &matmul,
                   .panels = panels,
                   .depth = choose_depth (&matmul),
                   .shader = shader_name (backend, matmul.b),
                   .panel = backend->panel };
  int shape;

  if (y == NULL)
    y = pd_graph_tensor (graph, a->n, matmul.h, matmul.w, matmul.b->out, epilogue->border);
  self.y = y;
  /* Only one dispatch can both activate and add. */
  if (residual != NULL && epilogue->activation != PD_ACTIVATION_NONE &&
      self.depth.group < self.depth.chunks)
    {
      late = residual;
      residual = NULL;
    }
  /* The kernel addresses the residual as it does y. */
  if (residual != NULL && (residual->border != y->border || residual->ld != y->ld))
    residual = pd_convert (graph, residual, y->type, y->border > 0);
  epilogue->residual = residual;

  if (matmul.b->taps == 1 && matmul.stride == 1 && a->border == 0 && y->border == 0)
    {
      guint images = epilogue->image_bias == NULL ? a->n : 1;

      for (guint image = 0; image < a->n; image += images)
        emit_flat (&self, image, images);
    }
  else
    {
      const guint step = step_of (&matmul);

      shape = choose_shape (matmul.w, matmul.h);
      for (guint image = 0; image < a->n; image++)
        {
          Tiles tiles = { .log_tx = (guint) MAX (shape, 0),
                          .a_pixel = (gsize) matmul.stride * a->ld,
                          .a_row = matmul.stride * pd_tensor_row_pitch (a),
                          .y_pixel = (gsize) step * y->ld,
                          .y_row = step * pd_tensor_row_pitch (y),
                          .image = image };

          if (shape >= 0)
            emit_image (&self, tiles);
          else
            emit_small_image (&self, tiles);
        }
    }

  if (late != NULL)
    {
      y = pd_add (graph, y, 1, late, 1);
      if (epilogue->border && y->border == 0)
        y = pd_convert (graph, y, y->type, TRUE);
    }
  return epilogue->border ? pd_zero_border (graph, y) : y;
}
