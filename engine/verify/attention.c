// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/networks/blocks.h"
#include "engine/files/model-files.h"
#include "engine/verify/parts.h"

/* The self-attention of this block, of UNet level LEVEL, over hidden states that the file gives. */
static const char block_path[] = "down_blocks.1.attentions.0.transformer_blocks.0";

enum
{
  LEVEL = 1,
};

static const float layer_norm_eps = 1e-5f;
static const float unseen = -1e30f; /* bias that leaves nothing of a key */

typedef struct
{
  guint channels, heads;
  PdNorm norm;
  PdAttentionLayer attention;
} Block;

static void
read_block (PdLayerReader *reader, gpointer part)
{
  Block *self = part;

  self->norm = pd_layer_read_norm (reader, self->channels, "%s.norm1", block_path);
  self->attention = pd_blocks_read_attention (reader, self->channels, self->channels, self->heads,
                                              FALSE, "%s.attn1", block_path);
}

/* An image of rows × columns tokens, cut into tiles of tile_rows × tile_columns. */
typedef struct
{
  PdVerifyFile *file;
  const Block *block;
  char *stem;
  guint rows, columns, tile_rows, tile_columns;
  float *hidden;
} Case;

static void
case_clear (Case *self)
{
  g_free (self->stem);
  g_free (self->hidden);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Case, case_clear)

static guint
n_tiles (const Case *self)
{
  return (self->rows / self->tile_rows) * (self->columns / self->tile_columns);
}

/* Between the order of the image and that of the tiles, one after another. */
static void
reorder (const Case *self, gboolean to_tiles, const float *from, float *to)
{
  guint c = self->block->channels, across = self->columns / self->tile_columns;

  for (guint y = 0; y < self->rows; y++)
    for (guint x = 0; x < self->columns; x++)
      {
        guint tile = y / self->tile_rows * across + x / self->tile_columns;
        gsize whole = (gsize) y * self->columns + x;
        gsize tiled = ((gsize) tile * self->tile_rows + y % self->tile_rows) * self->tile_columns +
                      x % self->tile_columns;

        memcpy (to + c * (to_tiles ? tiled : whole), from + c * (to_tiles ? whole : tiled),
                c * sizeof *to);
      }
}

/* What a tile sees beside itself. */
typedef enum
{
  SEES_NONE,
  SEES_FOUR,
  SEES_EIGHT,
  SEES_ALL,
} Sight;

static gboolean
sees (const Case *self, Sight sight, guint tile, guint other)
{
  guint across = self->columns / self->tile_columns;
  guint dy = (guint) ABS ((int) (tile / across) - (int) (other / across));
  guint dx = (guint) ABS ((int) (tile % across) - (int) (other % across));

  if (sight == SEES_ALL)
    return tile != other;
  return sight == SEES_FOUR ? dx + dy == 1 : MAX (dx, dy) == 1;
}

/* Own keys, then those of all tiles, of which a bias leaves the ones that the tile sees: as tiles
 * read a bank. */
static PdTensor *
attend_seen (const PdBuilder *builder, const Case *self, PdTensor *x, PdTensor **bias)
{
  const PdAttentionLayer *layer = &self->block->attention;
  PdGraph *graph = builder->graph;
  PdTensor *q = pd_layer_apply_linear (graph, NULL, x, &layer->to_q, NULL);
  PdTensor *k = pd_layer_apply_linear (graph, NULL, x, &layer->to_k, NULL);
  PdTensor *v = pd_layer_apply_linear (graph, NULL, x, &layer->to_v, NULL);

  *bias = pd_graph_input_f32 (graph, x->n, 1, 1, (x->n + 1) * x->h * x->w);
  k = pd_concat_tokens (graph, k, pd_tensor_join (graph, k, 0, k->n));
  v = pd_concat_tokens (graph, v, pd_tensor_join (graph, v, 0, v->n));
  return pd_layer_apply_linear (
      graph, NULL,
      pd_attention (
          graph,
          &(PdAttention){ .q = q, .k = k, .v = v, .heads = layer->heads, .key_bias = *bias }),
      &layer->to_out, NULL);
}

static gboolean
write_bias (const Case *self, Sight sight, const PdTensor *bias, GError **error)
{
  guint n = n_tiles (self), tokens = self->tile_rows * self->tile_columns;
  const gsize count = (gsize) bias->n * bias->c;
  g_autofree float *values = g_new0 (float, count);

  for (guint tile = 0; tile < n; tile++)
    for (guint other = 0; other < n; other++)
      if (!sees (self, sight, tile, other))
        for (guint key = 0; key < tokens; key++)
          values[(gsize) tile * bias->c + (other + 1) * tokens + key] = unseen;
  return pd_tensor_write (bias, values, count, error);
}

/* The layer over the whole image or, if @tiled, over its tiles; checked as STEM.@name. */
static gboolean
run (const Case *self, Sight sight, gboolean tiled, const char *name, GError **error)
{
  guint c = self->block->channels, images = tiled ? n_tiles (self) : 1;
  gsize count = (gsize) self->rows * self->columns * c;
  g_autofree float *in = g_new (float, count), *out = g_new (float, count);
  g_autoptr (PdGraph) graph = pd_graph_new (self->file->verify->backend);
  PdSites sites = { 0 };
  PdBuilder builder = { .graph = graph, .sites = &sites };
  PdTensor *x = tiled ? pd_graph_input (graph, images, self->tile_rows, self->tile_columns, c, 0)
                      : pd_graph_input (graph, 1, self->rows, self->columns, c, 0);
  PdTensor *norm = pd_graph_output (
      graph, pd_layer_apply_layer_norm (graph, NULL, x, &self->block->norm, layer_norm_eps));
  PdTensor *bias = NULL, *y;
  gboolean done;

  y = sight != SEES_NONE
          ? attend_seen (&builder, self, norm, &bias)
          : pd_blocks_build_attention (&builder, norm, norm, NULL, &self->block->attention);
  pd_graph_output (graph, y);
  if (tiled)
    reorder (self, TRUE, self->hidden, in);
  else
    memcpy (in, self->hidden, count * sizeof *in);
  done = pd_graph_compile (graph, FALSE, error) && pd_tensor_write (x, in, count, error) &&
         (bias == NULL || write_bias (self, sight, bias, error)) &&
         pd_graph_run (graph, NULL, error) && pd_tensor_read (y, out, count, error) &&
         pd_tensor_read (norm, in, count, error);
  if (!done)
    return FALSE;
  if (!tiled)
    {
      pd_verify_file_check_in (self->file, self->stem, "norm1", in, count);
      pd_verify_file_check_in (self->file, self->stem, name, out, count);
      return TRUE;
    }
  reorder (self, FALSE, out, in);
  pd_verify_file_check_in (self->file, self->stem, name, in, count);
  return TRUE;
}

static gboolean
read_case (Case *self, GError **error)
{
  const PdTensorInfo *info, *shape_info;
  g_autofree float *shape =
      pd_verify_file_values_in (self->file, self->stem, "shape", &shape_info, error);

  self->hidden =
      shape ? pd_verify_file_values_in (self->file, self->stem, "hidden", &info, error) : NULL;
  if (self->hidden == NULL)
    return FALSE;
  if (pd_tensor_info_count (shape_info) == 4 && shape[0] >= 1 && shape[1] >= 1 && shape[2] >= 1 &&
      shape[3] >= 1)
    {
      self->rows = (guint) shape[0];
      self->columns = (guint) shape[1];
      self->tile_rows = self->rows / (guint) shape[2];
      self->tile_columns = self->columns / (guint) shape[3];
    }
  if (self->tile_rows > 0 && self->tile_columns > 0 && self->rows % self->tile_rows == 0 &&
      self->columns % self->tile_columns == 0 && info->n_dims == 3 && info->dims[0] == 1 &&
      info->dims[1] == (gint64) self->rows * self->columns &&
      info->dims[2] == (gint64) self->block->channels)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: the tiles do not fit the tokens, or the tokens the UNet"), self->stem);
  return FALSE;
}

gboolean
pd_verify_tile_attention (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, "unet", NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdUNetConfig *config;
  g_autoptr (GArray) cases = pd_verify_file_numbers (file, "grid", ".hidden");
  g_autoptr (GStringChunk) paths = g_string_chunk_new (256);
  PdWeights *weights;
  gboolean done = TRUE;
  Block block;

  if (files == NULL || !pd_model_files_require (files, PD_PART_UNET, error))
    return FALSE;
  config = files->parts[PD_PART_UNET].config;
  block = (Block){ .channels = config->block_out_channels[LEVEL], .heads = config->heads[LEVEL] };
  weights = pd_layer_read_part (files->parts[PD_PART_UNET].checkpoint, file->verify->backend, paths,
                                read_block, &block, error);
  if (weights == NULL)
    return FALSE;
  for (guint i = 0; done && i < cases->len; i++)
    {
      g_auto (Case) self = {
        .file = file,
        .block = &block,
        .stem = g_strdup_printf ("grid%u", g_array_index (cases, guint, i)),
      };

      done = read_case (&self, error) && run (&self, SEES_NONE, FALSE, "full", error) &&
             run (&self, SEES_NONE, TRUE, "none", error) &&
             run (&self, SEES_FOUR, TRUE, "four", error) &&
             run (&self, SEES_EIGHT, TRUE, "eight", error) &&
             run (&self, SEES_ALL, TRUE, "all", error);
    }
  pd_weights_free (weights);
  return done;
}
