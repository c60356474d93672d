// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/dump.h"

#include "engine/base/debug.h"

struct _PdDump
{
  GHashTable *names; /* PdStorage -> its name */
  guint n_dispatches;
};

/* "#12 1x64x64x320 f32": the number of @storage and the first tensor in it, of which all
 * others are parts. */
static char *
storage_name (guint index, const PdStorage *storage, GPtrArray *tensors)
{
  for (guint i = 0; i < tensors->len; i++)
    {
      const PdTensor *tensor = g_ptr_array_index (tensors, i);

      if (tensor->storage == storage)
        return g_strdup_printf ("#%u %ux%ux%ux%u %s%s", index, tensor->n, tensor->h, tensor->w,
                                tensor->c, tensor->type == PD_TYPE_F16 ? "f16" : "f32",
                                tensor->border > 0 ? " with border" : "");
    }
  return g_strdup_printf ("#%u scratch", index);
}

PdDump *
pd_dump_new (GPtrArray *storages, GPtrArray *tensors, GPtrArray *arena)
{
  PdDump *self;

  if (!pd_debug_wants (PD_DEBUG_GRAPH))
    return NULL;
  self = g_new0 (PdDump, 1);
  self->names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  for (guint b = 0; b < arena->len; b++)
    pd_debug (PD_DEBUG_GRAPH, "block %u of %zu bytes", b,
              pd_buffer_size (g_ptr_array_index (arena, b)));
  for (guint i = 0; i < storages->len; i++)
    {
      PdStorage *storage = g_ptr_array_index (storages, i);
      char *name = storage_name (i, storage, tensors);
      guint block = 0;

      g_hash_table_insert (self->names, storage, name);
      if (storage->buffer == NULL)
        pd_debug (PD_DEBUG_GRAPH, "%s: not used", name);
      else if (g_ptr_array_find (arena, storage->buffer, &block))
        pd_debug (PD_DEBUG_GRAPH, "%s: block %u, bytes %zu-%zu, dispatches %d-%d", name, block,
                  storage->offset, storage->offset + storage->size - 1, storage->first,
                  storage->last);
      else
        pd_debug (PD_DEBUG_GRAPH, "%s: %zu bytes that outlive the graph", name, storage->size);
    }
  return self;
}

void
pd_dump_free (PdDump *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->names);
  g_free (self);
}

void
pd_dump_dispatch (PdDump *self, const PdDispatch *dispatch, gboolean barrier)
{
  g_autoptr (GString) line = NULL;

  if (self == NULL)
    return;
  if (barrier)
    pd_debug (PD_DEBUG_GRAPH, "barrier");
  line = g_string_new (NULL);
  g_string_append_printf (line, "%u %s: %s {", self->n_dispatches++, dispatch->label,
                          dispatch->shader);
  for (guint i = 0; i < dispatch->n_constants; i++)
    g_string_append_printf (line, "%s%u", i > 0 ? ", " : "", dispatch->constants[i]);
  g_string_append_printf (line, "} for %u x %u x %u, %.3g operations", dispatch->groups[0],
                          dispatch->groups[1], dispatch->groups[2], dispatch->work);
  for (guint i = 0; i < dispatch->n_access; i++)
    {
      const PdAccess *access = &dispatch->access[i];
      const char *name = g_hash_table_lookup (self->names, access->storage);

      g_string_append_printf (
          line, "; %s%s %s, bytes %zu-%zu", access->mode & PD_ACCESS_READ ? "r" : "",
          access->mode & PD_ACCESS_WRITE ? "w" : "", name != NULL ? name : "weights",
          access->offset, access->offset + access->range - 1);
    }
  pd_debug (PD_DEBUG_GRAPH, "%s", line->str);
}
