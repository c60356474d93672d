// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/layer.h"
#include "engine/nn/matmul.h"

static char *
insert_path (PdLayerReader *self, const char *format, va_list args)
{
  g_autofree char *path = g_strdup_vprintf (format, args);

  return g_string_chunk_insert_const (self->paths, path);
}

static const PdVector *
read_vector (PdLayerReader *self, const char *path, const char *suffix, guint count)
{
  g_autofree char *name = g_strconcat (path, suffix, NULL);
  const PdTensorInfo *info =
      self->error == NULL
          ? pd_checkpoint_get (self->checkpoint, name, 1, (gint64[]){ count }, &self->error)
          : NULL;
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

static PdWeightSource
source_of (const PdTensorInfo *info)
{
  gboolean narrow = info->dtype == PD_DTYPE_F16 && info->scale == 0;

  return (PdWeightSource){ narrow ? PD_FORMAT_F16 : PD_FORMAT_F32,
                           narrow ? read_halves : read_floats, info };
}

/* The tensor of a matrix of so many taps. */
static const PdTensorInfo *
find_weight (
    PdCheckpoint *checkpoint, const char *path, guint out, guint in, guint taps, GError **error)
{
  g_autofree char *name = g_strconcat (path, ".weight", NULL);

  return pd_checkpoint_get (checkpoint, name, taps == 1 ? 2 : 4, (gint64[]){ out, in, 3, 3 },
                            error);
}

static PdLayer
read_layer (PdLayerReader *self, guint out, guint in, guint taps, gboolean bias, char *path)
{
  const PdTensorInfo *info = self->error == NULL
                                 ? find_weight (self->checkpoint, path, out, in, taps, &self->error)
                                 : NULL;
  PdLayer layer = { .path = path };

  self->bytes += pd_matrix_bytes (self->backend, out, in, taps);
  if (info != NULL && self->weights != NULL)
    {
      const PdWeightSource source = source_of (info);

      layer.weight =
          pd_weights_read_matrix (self->weights, &source, path, out, in, taps, &self->error);
    }
  if (bias)
    layer.bias = read_vector (self, path, ".bias", out);
  return layer;
}

PdLayer
pd_layer_read_linear (
    PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
{
  va_list args;
  char *name;

  va_start (args, path);
  name = insert_path (self, path, args);
  va_end (args);
  return read_layer (self, out, in, 1, bias, name);
}

PdLayer
pd_layer_read_conv (PdLayerReader *self, guint out, guint in, gboolean bias, const char *path, ...)
{
  va_list args;
  char *name;

  va_start (args, path);
  name = insert_path (self, path, args);
  va_end (args);
  return read_layer (self, out, in, 9, bias, name);
}

/* One phase of a convolution. */
typedef struct
{
  const PdTensorInfo *info;
  guint phase;
} PhaseSource;

static gboolean
read_phase (gconstpointer data, gsize first, gsize count, void *out, GError **error)
{
  const PhaseSource *self = data;
  const gsize kernels = count / PD_PHASE_TAPS;
  g_autofree float *values =
      pd_try_new (float, kernels *PD_CONV_TAPS, _ ("the model's weights"), error);

  if (values == NULL || !pd_tensor_info_read_f32 (self->info, first / PD_PHASE_TAPS * PD_CONV_TAPS,
                                                  kernels * PD_CONV_TAPS, values, error))
    return FALSE;
  pd_weights_phase (self->phase, values, kernels, out);
  return TRUE;
}

PdDoubling
pd_layer_read_doubling (PdLayerReader *self, guint out, guint in, const char *path, ...)
{
  PdDoubling doubling = { 0 };
  const PdTensorInfo *info = NULL;
  va_list args;

  va_start (args, path);
  doubling.path = insert_path (self, path, args);
  va_end (args);
  if (self->error == NULL)
    info = find_weight (self->checkpoint, doubling.path, out, in, PD_CONV_TAPS, &self->error);
  for (guint phase = 0; phase < PD_N_PHASES; phase++)
    {
      PhaseSource *source;

      self->bytes += pd_matrix_bytes (self->backend, out, in, PD_PHASE_TAPS);
      if (info == NULL || self->weights == NULL || self->error != NULL)
        continue;
      source = g_new (PhaseSource, 1);
      *source = (PhaseSource){ info, phase };
      g_ptr_array_add (self->sources, source);
      doubling.phases[phase] = pd_weights_read_matrix (
          self->weights, &(PdWeightSource){ PD_FORMAT_F32, read_phase, source }, NULL, out, in,
          PD_PHASE_TAPS, &self->error);
    }
  doubling.bias = read_vector (self, doubling.path, ".bias", out);
  return doubling;
}

PdNorm
pd_layer_read_norm (PdLayerReader *self, guint channels, const char *path, ...)
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
pd_layer_read_part (PdCheckpoint *checkpoint,
                    const PdBackend *backend,
                    GStringChunk *paths,
                    void (*read) (PdLayerReader *reader, gpointer part),
                    gpointer part,
                    GError **error)
{
  g_autoptr (GPtrArray) sources = g_ptr_array_new_with_free_func (g_free);
  PdLayerReader reader = {
    .checkpoint = checkpoint, .backend = backend, .paths = paths, .sources = sources
  };
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

/* A matrix that is to be packed again: the model's values, and what is added to them. */
typedef struct
{
  PdMatrix *matrix;
  const PdTensorInfo *info;
  GPtrArray *patches; /* of PdPatch */
} Patched;

static void
patched_free (gpointer data)
{
  Patched *self = data;

  g_ptr_array_unref (self->patches);
  g_free (self);
}

static gboolean
read_patched (gconstpointer data, gsize first, gsize count, void *out, GError **error)
{
  const Patched *self = data;
  gsize width = (gsize) self->matrix->in * self->matrix->taps;

  if (!pd_tensor_info_read_f32 (self->info, first, count, out, error))
    return FALSE;
  for (guint i = 0; i < self->patches->len; i++)
    pd_patch_add (self->patches->pdata[i], first / width, count / width, out);
  return TRUE;
}

/* Adds @matrix to @all if something is or was added to it. */
static gboolean
collect_patched (GPtrArray *all,
                 PdMatrix *matrix,
                 PdCheckpoint *checkpoint,
                 const GPtrArray *patches,
                 GError **error)
{
  Patched *self = g_new0 (Patched, 1);

  g_ptr_array_add (all, self);
  self->matrix = matrix;
  self->patches = g_ptr_array_new ();
  for (guint i = 0; i < patches->len; i++)
    if (g_strcmp0 (pd_patch_path (patches->pdata[i]), matrix->name) == 0)
      {
        if (!pd_patch_check (patches->pdata[i], matrix->out, (gsize) matrix->in * matrix->taps,
                             error))
          return FALSE;
        g_ptr_array_add (self->patches, patches->pdata[i]);
      }
  if (self->patches->len == 0 && !matrix->patched)
    {
      g_ptr_array_set_size (all, (int) all->len - 1);
      return TRUE;
    }
  self->info = find_weight (checkpoint, matrix->name, matrix->out, matrix->in, matrix->taps, error);
  return self->info != NULL;
}

gboolean
pd_layer_patch_part (PdWeights *weights,
                     PdCheckpoint *checkpoint,
                     const GPtrArray *patches,
                     GError **error)
{
  const GPtrArray *matrices = pd_weights_matrices (weights);
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (patched_free);

  for (guint i = 0; i < matrices->len; i++)
    if (!collect_patched (all, matrices->pdata[i], checkpoint, patches, error))
      return FALSE;
  for (guint i = 0; i < all->len; i++)
    {
      const Patched *patched = all->pdata[i];
      const PdWeightSource source = { PD_FORMAT_F32, read_patched, patched };
      const PdWeightSource own = source_of (patched->info);

      patched->matrix->patched = patched->patches->len > 0;
      pd_weights_repack (weights, patched->matrix, patched->matrix->patched ? &source : &own);
    }
  return pd_weights_finish (weights, error);
}

static gboolean
epilogue_hides (const PdEpilogue *epilogue)
{
  return epilogue != NULL && (epilogue->activation != PD_ACTIVATION_NONE ||
                              epilogue->image_bias != NULL || epilogue->residual != NULL);
}

PdTensor *
pd_layer_apply_linear (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdLayer *layer, const PdEpilogue *epilogue)
{
  PdTensor *y = pd_linear (graph, x, layer->weight, layer->bias, epilogue);

  if (pd_probes_want (probes, layer->path))
    pd_probes_keep (
        probes, graph, layer->path,
        epilogue_hides (epilogue) ? pd_linear (graph, x, layer->weight, layer->bias, NULL) : y);
  return y;
}

PdTensor *
pd_layer_apply_conv (PdGraph *graph,
                     PdProbes *probes,
                     PdTensor *x,
                     const PdLayer *layer,
                     PdConv kind,
                     const PdEpilogue *epilogue)
{
  PdTensor *y = pd_conv2d (graph, x, layer->weight, layer->bias, kind, epilogue);

  if (pd_probes_want (probes, layer->path))
    pd_probes_keep (probes, graph, layer->path,
                    epilogue_hides (epilogue)
                        ? pd_conv2d (graph, x, layer->weight, layer->bias, kind, NULL)
                        : y);
  return y;
}

PdTensor *
pd_layer_apply_doubling (PdGraph *graph, PdProbes *probes, PdTensor *x, const PdDoubling *doubling)
{
  PdTensor *y = pd_conv2d_doubled (graph, x, doubling->phases, doubling->bias);

  pd_probes_keep (probes, graph, doubling->path, y);
  return y;
}

PdTensor *
pd_layer_apply_group_norm (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, const PdNormArgs *args)
{
  const PdNormArgs plain = { .groups = args->groups, .eps = args->eps };
  PdTensor *y = pd_group_norm (graph, x, norm->weight, norm->bias, args);

  if (pd_probes_want (probes, norm->path))
    pd_probes_keep (probes, graph, norm->path,
                    args->activation != PD_ACTIVATION_NONE
                        ? pd_group_norm (graph, x, norm->weight, norm->bias, &plain)
                        : y);
  return y;
}

PdTensor *
pd_layer_apply_layer_norm (
    PdGraph *graph, PdProbes *probes, PdTensor *x, const PdNorm *norm, float eps)
{
  PdTensor *y = pd_layer_norm (graph, x, norm->weight, norm->bias, eps);

  pd_probes_keep (probes, graph, norm->path, y);
  return y;
}
