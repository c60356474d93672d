// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/half.h"
#include "engine/nn/weights.h"

enum
{
  BINDING_ALIGN = 256, /* no device asks for more between bindings */
  MIN_CHUNK = 4 << 20,
};

struct _PdWeights
{
  const PdBackend *backend;
  GPtrArray *buffers;   /* PdBuffer */
  GPtrArray *matrices;  /* PdMatrix */
  GPtrArray *vectors;   /* PdVector */
  gsize used, capacity; /* of the last buffer */
  gsize expected;       /* bytes still announced */
};

guint
pd_matrix_depth (const PdMatrix *self)
{
  return self->taps * pd_align_channels (self->in);
}

static gsize
round_up (gsize value, gsize multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

guint
pd_matrix_columns (const PdMatrix *self)
{
  return (guint) round_up (self->out, MAX (PD_CHANNEL_ALIGN, self->panel));
}

static guint
vector_count (const PdBackend *backend, guint count)
{
  return (guint) round_up (count, MAX (PD_CHANNEL_ALIGN, backend->panel));
}

gsize
pd_matrix_bytes (const PdBackend *backend, guint out, guint in, guint taps)
{
  PdMatrix matrix = { .out = out, .in = in, .taps = taps, .panel = backend->panel };

  return round_up ((gsize) pd_matrix_depth (&matrix) * pd_matrix_columns (&matrix) *
                       pd_type_size (backend->weights),
                   BINDING_ALIGN);
}

gsize
pd_vector_bytes (const PdBackend *backend, guint count)
{
  return round_up (vector_count (backend, count) * sizeof (float), BINDING_ALIGN);
}

PdWeights *
pd_weights_new (const PdBackend *backend, gsize expected)
{
  PdWeights *self = g_new0 (PdWeights, 1);

  self->backend = backend;
  self->expected = expected;
  self->buffers = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_buffer_free);
  self->matrices = g_ptr_array_new_with_free_func (g_free);
  self->vectors = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
pd_weights_free (PdWeights *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->buffers);
  g_ptr_array_unref (self->matrices);
  g_ptr_array_unref (self->vectors);
  g_free (self);
}

gsize
pd_weights_bytes (const PdWeights *self)
{
  gsize bytes = 0;

  for (guint i = 0; i < self->buffers->len; i++)
    bytes += pd_buffer_size (g_ptr_array_index (self->buffers, i));
  return bytes;
}

static gboolean
reserve (PdWeights *self, gsize size, PdStorage *storage, GError **error)
{
  const PdDeviceInfo *info = pd_device_info (self->backend->device);
  gsize padded = round_up (size, BINDING_ALIGN);

  if (self->used + padded > self->capacity)
    {
      gsize limit = MIN (info->max_memory_allocation_size, info->max_buffer_size);
      gsize chunk = MAX (MIN (MAX (self->expected, MIN_CHUNK), limit), padded);
      PdBuffer *buffer = pd_buffer_new (self->backend->device, chunk, PD_BUFFER_DEVICE, error);

      if (buffer == NULL)
        return FALSE;
      g_ptr_array_add (self->buffers, buffer);
      self->used = 0;
      self->capacity = chunk;
    }
  *storage = (PdStorage){
    .buffer = g_ptr_array_index (self->buffers, self->buffers->len - 1),
    .offset = self->used,
    .size = size,
  };
  self->used += padded;
  self->expected -= MIN (self->expected, padded);
  return TRUE;
}

/* One panel of columns: what a worker packs. */
typedef struct
{
  const PdMatrix *matrix;
  const float *values;
  guint8 *packed;
} PackJob;

static void
pack_panel (gpointer data, gpointer user_data)
{
  const PackJob *job = user_data;
  const PdMatrix *m = job->matrix;
  guint index = GPOINTER_TO_UINT (data) - 1, depth = pd_matrix_depth (m);
  guint in_padded = pd_align_channels (m->in);
  gsize elements = (gsize) depth * m->panel;

  for (guint lane = 0; lane < m->panel; lane++)
    {
      guint o = index * m->panel + lane;

      if (o >= m->out)
        break;
      for (guint i = 0; i < m->in; i++)
        for (guint tap = 0; tap < m->taps; tap++)
          {
            float value = job->values[((gsize) o * m->in + i) * m->taps + tap];
            gsize k = (gsize) tap * in_padded + i;

            if (m->type == PD_TYPE_F16)
              ((guint16 *) job->packed)[index * elements + (k / 2 * m->panel + lane) * 2 + k % 2] =
                  pd_half_from_float (value);
            else
              ((float *) job->packed)[index * elements + k * m->panel + lane] = value;
          }
    }
}

const PdMatrix *
pd_weights_add_matrix (
    PdWeights *self, const float *values, guint out, guint in, guint taps, GError **error)
{
  g_autofree PdMatrix *matrix = g_new0 (PdMatrix, 1);
  g_autofree guint8 *packed = NULL;
  GThreadPool *pool;
  PackJob job;
  gsize size;

  *matrix = (PdMatrix){ .type = self->backend->weights,
                        .out = out,
                        .in = in,
                        .taps = taps,
                        .panel = self->backend->panel };
  size =
      (gsize) pd_matrix_depth (matrix) * pd_matrix_columns (matrix) * pd_type_size (matrix->type);
  if (!reserve (self, size, &matrix->storage, error))
    return NULL;

  packed = g_malloc0 (size);
  job = (PackJob){ matrix, values, packed };
  pool = g_thread_pool_new (pack_panel, &job, (int) g_get_num_processors (), FALSE, NULL);
  for (guint i = 0; i < pd_matrix_columns (matrix) / matrix->panel; i++)
    g_thread_pool_push (pool, GUINT_TO_POINTER (i + 1), NULL);
  g_thread_pool_free (pool, FALSE, TRUE);

  if (!pd_buffer_write (matrix->storage.buffer, matrix->storage.offset, packed, size, error))
    return NULL;
  g_ptr_array_add (self->matrices, matrix);
  return g_steal_pointer (&matrix);
}

const PdVector *
pd_weights_add_vector (PdWeights *self, const float *values, guint count, GError **error)
{
  guint padded = vector_count (self->backend, count);
  g_autofree float *copy = g_new0 (float, padded);
  g_autofree PdVector *vector = g_new0 (PdVector, 1);

  memcpy (copy, values, count * sizeof (float));
  vector->count = count;
  if (!reserve (self, padded * sizeof (float), &vector->storage, error) ||
      !pd_buffer_write (vector->storage.buffer, vector->storage.offset, copy,
                        padded * sizeof (float), error))
    return NULL;
  g_ptr_array_add (self->vectors, vector);
  return g_steal_pointer (&vector);
}
