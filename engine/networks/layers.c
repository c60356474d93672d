// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/layers.h"

static char *
insert_path (PdLayerReader *self, const char *format, va_list args)
{
  g_autofree char *path = g_strdup_vprintf (format, args);

  return g_string_chunk_insert_const (self->paths, path);
}

/* The tensor @path.@suffix; NULL after a failure. */
static const PdTensorInfo *
find_values (
    PdLayerReader *self, const char *path, const char *suffix, guint n_dims, const gint64 *dims)
{
  g_autofree char *name = g_strconcat (path, suffix, NULL);

  return self->error != NULL
             ? NULL
             : pd_checkpoint_get (self->checkpoint, name, n_dims, dims, &self->error);
}

static const PdVector *
read_vector (PdLayerReader *self, const char *path, const char *suffix, guint count)
{
  const PdTensorInfo *info = find_values (self, path, suffix, 1, (gint64[]){ count });
  g_autofree float *values = NULL;

  self->bytes += pd_vector_bytes (self->backend, count);
  if (info == NULL || self->weights == NULL)
    return NULL;
  values = pd_try_new (float, count, _ ("the model's weights"), &self->error);
  return values != NULL && pd_tensor_info_to_f32 (info, values, &self->error)
             ? pd_weights_add_vector (self->weights, values, count, &self->error)
             : NULL;
}

static gboolean
read_halves (gconstpointer data, gsize first, gsize count, void *out, GError **error)
{
  if (!pd_tensor_info_read (data, first, count, out, error))
    return FALSE;
  for (gsize i = 0; G_BYTE_ORDER != G_LITTLE_ENDIAN && i < count; i++)
    ((guint16 *) out)[i] = GUINT16_FROM_LE (((guint16 *) out)[i]);
  return TRUE;
}

static gboolean
read_floats (gconstpointer data, gsize first, gsize count, void *out, GError **error)
{
  return pd_tensor_info_read_f32 (data, first, count, out, error);
}

static PdLayer
read_layer (PdLayerReader *self, guint out, guint in, guint taps, gboolean bias, char *path)
{
  gint64 dims[4] = { out, in, 3, 3 };
  const PdTensorInfo *info = find_values (self, path, ".weight", taps == 1 ? 2 : 4, dims);
  PdLayer layer = { .path = path };

  self->bytes += pd_matrix_bytes (self->backend, out, in, taps);
  if (info != NULL && self->weights != NULL)
    {
      gboolean narrow = info->dtype == PD_DTYPE_F16 && info->scale == 0;
      const PdWeightSource source = { narrow ? PD_TYPE_F16 : PD_TYPE_F32,
                                      narrow ? read_halves : read_floats, info };

      layer.weight = pd_weights_read_matrix (self->weights, &source, out, in, taps, &self->error);
    }
  if (bias)
    layer.bias = read_vector (self, path, ".bias", out);
  return layer;
}

PdLayer
pd_read_linear (PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
{
  va_list args;
  char *name;

  va_start (args, path);
  name = insert_path (self, path, args);
  va_end (args);
  return read_layer (self, out, in, 1, bias, name);
}

PdLayer
pd_read_conv (PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
{
  va_list args;
  char *name;

  va_start (args, path);
  name = insert_path (self, path, args);
  va_end (args);
  return read_layer (self, out, in, 9, bias, name);
}

PdNorm
pd_read_norm (PdLayerReader *self, guint channels, const char *path, ...)
{
  PdNorm norm = { 0 };
  va_list args;

  va_start (args, path);
  norm.path = insert_path (self, path, args);
  va_end (args);
  norm.weight = read_vector (self, norm.path, ".weight", channels);
  norm.bias = read_vector (self, norm.path, ".bias", channels);
  return norm;
}

PdWeights *
pd_read_part (PdCheckpoint *checkpoint,
              const PdBackend *backend,
              GStringChunk *paths,
              void (*read) (PdLayerReader *reader, gpointer part),
              gpointer part,
              GError **error)
{
  PdLayerReader reader = { .checkpoint = checkpoint, .backend = backend, .paths = paths };
  g_autoptr (PdWeights) weights = NULL;

  read (&reader, part);
  if (reader.error == NULL)
    {
      weights = pd_weights_new (backend, reader.bytes);
      reader.weights = weights;
      read (&reader, part);
      pd_weights_finish (weights, reader.error == NULL ? &reader.error : NULL);
    }
  if (reader.error != NULL)
    {
      g_propagate_error (error, reader.error);
      return NULL;
    }
  return g_steal_pointer (&weights);
}

gboolean
pd_probes_want (const PdProbes *self, const char *path)
{
  return self != NULL && g_hash_table_contains (self->wanted, path);
}

void
pd_probe (PdProbes *self, PdGraph *graph, const char *path, PdTensor *tensor)
{
  if (pd_probes_want (self, path))
    g_hash_table_replace (self->wanted, g_strdup (path), pd_graph_output (graph, tensor));
}

static gboolean
epilogue_hides (const PdEpilogue *epilogue)
{
  return epilogue != NULL && (epilogue->activation != PD_ACTIVATION_NONE ||
                              epilogue->image_bias != NULL || epilogue->residual != NULL);
}

PdTensor *
pd_apply_linear (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdLayer *layer, const PdEpilogue *epilogue)
{
  PdTensor *y = pd_linear (graph, x, layer->weight, layer->bias, epilogue);

  if (pd_probes_want (probes, layer->path))
    pd_probe (probes, graph, layer->path,
              epilogue_hides (epilogue) ? pd_linear (graph, x, layer->weight, layer->bias, NULL)
                                        : y);
  return y;
}

PdTensor *
pd_apply_conv (PdGraph *graph,
               PdProbes *probes,
               PdTensor *x,
               const PdLayer *layer,
               PdConv kind,
               const PdEpilogue *epilogue)
{
  PdTensor *y = pd_conv2d (graph, x, layer->weight, layer->bias, kind, epilogue);

  if (pd_probes_want (probes, layer->path))
    pd_probe (probes, graph, layer->path,
              epilogue_hides (epilogue)
                  ? pd_conv2d (graph, x, layer->weight, layer->bias, kind, NULL)
                  : y);
  return y;
}

PdTensor *
pd_apply_group_norm (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, const PdNormArgs *args)
{
  const PdNormArgs plain = { .groups = args->groups, .eps = args->eps };
  PdTensor *y = pd_group_norm (graph, x, norm->weight, norm->bias, args);

  if (pd_probes_want (probes, norm->path))
    pd_probe (probes, graph, norm->path,
              args->activation != PD_ACTIVATION_NONE
                  ? pd_group_norm (graph, x, norm->weight, norm->bias, &plain)
                  : y);
  return y;
}

PdTensor *
pd_apply_layer_norm (PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, float eps)
{
  PdTensor *y = pd_layer_norm (graph, x, norm->weight, norm->bias, eps);

  pd_probe (probes, graph, norm->path, y);
  return y;
}
