// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/weights.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"

enum
{
  MIN_CHUNK = 4 << 20,
  PIECE = 1 << 20, /* values that a thread packs at once, about */
};

struct _PdWeights
{
  const PdBackend *backend;
  GPtrArray *buffers;   /* PdBuffer */
  GPtrArray *matrices;  /* PdMatrix */
  GPtrArray *vectors;   /* PdVector */
  gsize used, capacity; /* of the last buffer */
  gsize expected;       /* bytes still announced */

  /* Of the threads that pack. */
  GThreadPool *pool;         /* of Piece; NULL: nothing to be done */
  GCancellable *cancellable; /* may be NULL */
  GMutex lock;               /* guards what follows */
  GError *error;             /* the first one; nothing is packed after it */
  GPtrArray *rooms;          /* of Room: those not in use */
};

/* Panels @first … @first + @count - 1 of a matrix. */
typedef struct
{
  const PdMatrix *matrix;
  PdWeightSource source;
  guint first, count;
} Piece;

/* Memory that a piece is worked on in. */
typedef struct
{
  guint8 *values, *packed;
  gsize values_size, packed_size;
} Room;

static void
room_free (gpointer data)
{
  Room *room = data;

  g_free (room->values);
  g_free (room->packed);
  g_free (room);
}

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

static gsize
stored_bytes (const PdMatrix *self)
{
  return pd_matrix_columns (self) * pd_format_bytes (self->format, pd_matrix_depth (self));
}

static guint
vector_count (const PdBackend *backend, guint count)
{
  return (guint) round_up (count, MAX (PD_CHANNEL_ALIGN, backend->panel));
}

gsize
pd_matrix_bytes (const PdBackend *backend, guint out, guint in, guint taps)
{
  PdMatrix matrix = {
    .out = out, .in = in, .taps = taps, .panel = backend->panel, .format = backend->weights
  };

  return pd_align_binding (stored_bytes (&matrix));
}

gsize
pd_vector_bytes (const PdBackend *backend, guint count)
{
  return pd_align_binding (vector_count (backend, count) * sizeof (float));
}

void
pd_weights_phase (guint phase, const float *weights, gsize n, float *phase_weights)
{
  /* Which of the two rows or columns a tap falls into. */
  static const guint part[2][3] = { { 0, 1, 1 }, { 0, 0, 1 } };

  memset (phase_weights, 0, n * 4 * sizeof *phase_weights);
  for (gsize i = 0; i < n; i++)
    for (guint tap = 0; tap < 9; tap++)
      phase_weights[4 * i + 2 * part[phase / 2][tap / 3] + part[phase % 2][tap % 3]] +=
          weights[9 * i + tap];
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
  self->rooms = g_ptr_array_new_with_free_func (room_free);
  g_mutex_init (&self->lock);
  return self;
}

void
pd_weights_free (PdWeights *self)
{
  if (self == NULL)
    return;
  pd_weights_finish (self, NULL);
  g_ptr_array_unref (self->rooms);
  g_clear_object (&self->cancellable);
  g_mutex_clear (&self->lock);
  g_ptr_array_unref (self->buffers);
  g_ptr_array_unref (self->matrices);
  g_ptr_array_unref (self->vectors);
  g_free (self);
}

static gboolean
reserve (PdWeights *self, gsize size, PdStorage *storage, GError **error)
{
  const PdDeviceInfo *info = pd_device_info (self->backend->device);
  gsize padded = pd_align_binding (size);

  if (self->used + padded > self->capacity)
    {
      gsize limit = MIN (info->max_memory_allocation_size, info->max_buffer_size);
      gsize chunk = MAX (MIN (MAX (self->expected, MIN_CHUNK), limit), padded);
      PdBuffer *buffer = pd_buffer_new (self->backend->device, chunk, PD_BUFFER_DEVICE, error);

      if (buffer == NULL)
        return FALSE;
      pd_buffer_set_name (buffer, "weights");
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

static gboolean
grow (guint8 **memory, gsize *size, gsize wanted, GError **error)
{
  if (*size >= wanted)
    return TRUE;
  g_free (*memory);
  *memory = pd_try_new (guint8, wanted, _ ("the model's weights"), error);
  *size = *memory != NULL ? wanted : 0;
  return *memory != NULL;
}

static Room *
take_room (PdWeights *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->rooms->len > 0)
    return g_ptr_array_steal_index_fast (self->rooms, self->rooms->len - 1);
  return g_new0 (Room, 1);
}

/* Into @packed, or if that is NULL straight into the mapped buffer. */
static gboolean
pack (const Piece *piece, Room *room, GError **error)
{
  const PdMatrix *m = piece->matrix;
  gsize column = (gsize) m->in * m->taps;
  gsize panel_bytes = m->panel * pd_format_bytes (m->format, pd_matrix_depth (m));
  gsize offset = m->storage.offset + piece->first * panel_bytes, bytes = piece->count * panel_bytes;
  guint first = piece->first * m->panel;
  guint columns = MIN (piece->count * m->panel, m->out - MIN (m->out, first));
  guint8 *mapped = pd_buffer_mapped (m->storage.buffer), *packed;

  if (!grow (&room->values, &room->values_size, columns * column * sizeof (float), error) ||
      (mapped == NULL && !grow (&room->packed, &room->packed_size, bytes, error)) ||
      !piece->source.read (piece->source.data, first * column, columns * column, room->values,
                           error))
    return FALSE;
  pd_format_convert (room->values, columns * column, piece->source.format, m->format);
  packed = mapped != NULL ? mapped + offset : room->packed;
  if (m->in != pd_align_channels (m->in) || columns != piece->count * m->panel)
    memset (packed, 0, bytes);
  for (guint done = 0; done < columns; done += m->panel)
    {
      const PdPanel panel = { m->in, m->taps, m->panel, MIN (m->panel, columns - done) };

      pd_format_pack (m->format, &panel, room->values + pd_format_bytes (m->format, done * column),
                      packed);
      packed += panel_bytes;
    }
  return mapped != NULL || pd_buffer_write (m->storage.buffer, offset, room->packed, bytes, error);
}

static void
work (gpointer data, gpointer user_data)
{
  g_autofree Piece *piece = data;
  PdWeights *self = user_data;
  Room *room = take_room (self);
  g_autoptr (GError) error = NULL;
  gboolean failed;

  g_mutex_lock (&self->lock);
  failed = self->error != NULL;
  g_mutex_unlock (&self->lock);
  if (!failed && !g_cancellable_set_error_if_cancelled (self->cancellable, &error))
    pack (piece, room, &error);
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->rooms, room);
  if (error != NULL && self->error == NULL)
    self->error = g_steal_pointer (&error);
  g_mutex_unlock (&self->lock);
}

const GPtrArray *
pd_weights_matrices (const PdWeights *self)
{
  return self->matrices;
}

void
pd_weights_repack (PdWeights *self, const PdMatrix *matrix, const PdWeightSource *source)
{
  guint n_panels = pd_matrix_columns (matrix) / matrix->panel;
  guint per_piece = (guint) MAX (1, PIECE / ((gsize) pd_matrix_depth (matrix) * matrix->panel));

  if (self->pool == NULL)
    {
      g_set_object (&self->cancellable, g_cancellable_get_current ());
      self->pool = g_thread_pool_new (work, self, (int) g_get_num_processors (), FALSE, NULL);
    }
  for (guint first = 0; first < n_panels; first += per_piece)
    {
      Piece *piece = g_new (Piece, 1);

      *piece = (Piece){ matrix, *source, first, MIN (per_piece, n_panels - first) };
      g_thread_pool_push (self->pool, piece, NULL);
    }
}

const PdMatrix *
pd_weights_read_matrix (PdWeights *self,
                        const PdWeightSource *source,
                        const char *name,
                        guint out,
                        guint in,
                        guint taps,
                        GError **error)
{
  g_autofree PdMatrix *matrix = g_new0 (PdMatrix, 1);

  *matrix = (PdMatrix){ .name = name,
                        .format = self->backend->weights,
                        .out = out,
                        .in = in,
                        .taps = taps,
                        .panel = self->backend->panel };
  if (!reserve (self, stored_bytes (matrix), &matrix->storage, error))
    return NULL;
  /* In a rehearsal buffers have no memory. */
  if (!pd_account_is_rehearsing (self->backend->device))
    pd_weights_repack (self, matrix, source);
  g_ptr_array_add (self->matrices, matrix);
  return g_steal_pointer (&matrix);
}

gboolean
pd_weights_finish (PdWeights *self, GError **error)
{
  if (self->pool != NULL)
    g_thread_pool_free (g_steal_pointer (&self->pool), FALSE, TRUE);
  g_ptr_array_set_size (self->rooms, 0);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

static gboolean
read_memory (gconstpointer data, gsize first, gsize count, void *out, GError **error)
{
  memcpy (out, (const float *) data + first, count * sizeof (float));
  return TRUE;
}

const PdMatrix *
pd_weights_add_matrix (
    PdWeights *self, const float *values, guint out, guint in, guint taps, GError **error)
{
  const PdWeightSource source = { PD_FORMAT_F32, read_memory, values };
  const PdMatrix *matrix = pd_weights_read_matrix (self, &source, NULL, out, in, taps, error);

  return matrix != NULL && pd_weights_finish (self, error) ? matrix : NULL;
}

const PdVector *
pd_weights_add_vector (PdWeights *self, const float *values, guint count, GError **error)
{
  guint padded = vector_count (self->backend, count);
  g_autofree float *copy = pd_try_new0 (float, padded, _ ("the model's weights"), error);
  g_autofree PdVector *vector = NULL;

  if (copy == NULL)
    return NULL;
  vector = g_new0 (PdVector, 1);
  memcpy (copy, values, count * sizeof (float));
  vector->count = count;
  if (!reserve (self, padded * sizeof (float), &vector->storage, error) ||
      !pd_buffer_write (vector->storage.buffer, vector->storage.offset, copy,
                        padded * sizeof (float), error))
    return NULL;
  g_ptr_array_add (self->vectors, vector);
  return g_steal_pointer (&vector);
}
