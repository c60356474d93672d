// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

struct _PdCommands
{
  PdDevice *device;
  gboolean timestamps;
  GStringChunk *labels;
  const char *label;
  PdOperation *operations;
  gsize n_operations, room;
  GError *misuse; /* the first, or that there is no memory for an operation */
  gboolean ended;
  PdReplay *replay;
};

PdCommands *
pd_commands_new (PdDevice *device, gboolean timestamps)
{
  PdCommands *commands = g_new0 (PdCommands, 1);

  commands->device = device;
  commands->timestamps = timestamps && device->info->timestamps;
  commands->labels = g_string_chunk_new (1024);
  return commands;
}

void
pd_commands_free (PdCommands *commands)
{
  if (commands == NULL)
    return;
  pd_replay_free (commands->replay);
  g_free (commands->operations);
  g_string_chunk_free (commands->labels);
  g_clear_error (&commands->misuse);
  g_free (commands);
}

static void G_GNUC_PRINTF (2, 3) misuse (PdCommands *commands, const char *format, ...)
{
  va_list arguments;

  if (commands->misuse != NULL)
    return;
  va_start (arguments, format);
  commands->misuse = g_error_new_valist (PD_ERROR, PD_ERROR_BAD_REQUEST, format, arguments);
  va_end (arguments);
}

void
pd_commands_label (PdCommands *commands, const char *label)
{
  commands->label = label == NULL ? NULL : g_string_chunk_insert_const (commands->labels, label);
}

static void
append (PdCommands *commands, PdOperation *operation, const char *default_label)
{
  operation->label = commands->label != NULL
                         ? commands->label
                         : g_string_chunk_insert_const (commands->labels, default_label);
  if (commands->ended)
    misuse (commands, _ ("%s was added after the end of a sequence"), operation->label);
  if (!pd_try_grow (commands->operations, commands->n_operations, &commands->room,
                    _ ("the list of the device's work"),
                    commands->misuse == NULL ? &commands->misuse : NULL))
    return;
  commands->operations[commands->n_operations++] = *operation;
}

/* FALSE and the misuse noted if binding i cannot be bound so. */
static gboolean
set_binding (PdCommands *commands, PdOperation *operation, guint i, const PdBinding *binding)
{
  const PdDeviceInfo *info = commands->device->info;
  const char *name = operation->dispatch.kernel->name;
  gsize size = binding->buffer != NULL ? binding->buffer->size : 0;
  gsize range = binding->range;

  if (range == 0 && binding->offset < size)
    range = size - binding->offset;
  if (binding->offset >= size || range > size - binding->offset)
    misuse (
        commands,
        _ ("binding %u of kernel %s: %zu bytes at offset %zu are outside a buffer of %zu bytes"), i,
        name, range, binding->offset, size);
  else if (range > info->max_storage_buffer_range)
    misuse (commands,
            _ ("binding %u of kernel %s: a range of %zu bytes is above the device's %" PRIu64
               "; bind parts of it"),
            i, name, range, info->max_storage_buffer_range);
  else if (binding->offset % info->min_storage_buffer_offset_alignment != 0)
    misuse (commands, _ ("binding %u of kernel %s: offset %zu is not a multiple of %u"), i, name,
            binding->offset, info->min_storage_buffer_offset_alignment);
  else
    {
      operation->dispatch.bindings[i] = (VkDescriptorBufferInfo){ .buffer = binding->buffer->vk,
                                                                  .offset = binding->offset,
                                                                  .range = range };
      return TRUE;
    }
  return FALSE;
}

void
pd_commands_dispatch (PdCommands *commands,
                      PdKernel *kernel,
                      const PdBinding bindings[],
                      guint n_bindings,
                      const void *push,
                      gsize push_size,
                      guint x,
                      guint y,
                      guint z,
                      double work)
{
  const guint *most = commands->device->info->max_workgroup_count;
  PdOperation operation = { .kind = PD_OPERATION_DISPATCH,
                            .work = work,
                            .dispatch = { .kernel = kernel, .groups = { x, y, z } } };

  if (n_bindings != kernel->n_bindings)
    {
      misuse (commands, _ ("kernel %s has %u bindings, %u were given"), kernel->name,
              kernel->n_bindings, n_bindings);
      return;
    }
  if (push_size > PD_MAX_PUSH || push_size % 4 != 0)
    {
      misuse (commands,
              _ ("kernel %s: %zu bytes of push constants; a multiple of 4 up to %d "
                 "is allowed"),
              kernel->name, push_size, PD_MAX_PUSH);
      return;
    }
  if (x == 0 || y == 0 || z == 0 || x > most[0] || y > most[1] || z > most[2])
    {
      misuse (commands, _ ("kernel %s: %u x %u x %u workgroups; 1 to %u x %u x %u are allowed"),
              kernel->name, x, y, z, most[0], most[1], most[2]);
      return;
    }
  for (guint i = 0; i < n_bindings; i++)
    if (!set_binding (commands, &operation, i, &bindings[i]))
      return;
  operation.dispatch.push_size = (guint32) push_size;
  if (push_size > 0)
    memcpy (operation.dispatch.push, push, push_size);
  append (commands, &operation, kernel->name);
}

void
pd_commands_barrier (PdCommands *commands)
{
  PdOperation operation = { .kind = PD_OPERATION_BARRIER };

  append (commands, &operation, "barrier");
}

static gboolean
region_fits (PdCommands *commands, PdBuffer *buffer, const char *what, gsize offset, gsize size)
{
  if (size > 0 && offset <= buffer->size && size <= buffer->size - offset)
    return TRUE;
  misuse (commands, _ ("%s: %zu bytes at offset %zu are empty or outside a buffer of %zu bytes"),
          what, size, offset, buffer->size);
  return FALSE;
}

void
pd_commands_copy (PdCommands *commands,
                  PdBuffer *source,
                  gsize source_offset,
                  PdBuffer *target,
                  gsize target_offset,
                  gsize size)
{
  PdOperation operation = {
    .kind = PD_OPERATION_COPY,
    .work = (double) size * PD_COPY_WORK,
    .copy = { .source = source->vk,
              .target = target->vk,
              .region = { .srcOffset = source_offset, .dstOffset = target_offset, .size = size } }
  };

  if (!region_fits (commands, source, "copy", source_offset, size) ||
      !region_fits (commands, target, "copy", target_offset, size))
    return;
  if (source == target && source_offset < target_offset + size &&
      target_offset < source_offset + size)
    {
      misuse (commands, _ ("copy: %zu bytes at %zu and %zu of one buffer overlap"), size,
              source_offset, target_offset);
      return;
    }
  append (commands, &operation, "copy");
}

void
pd_commands_fill (PdCommands *commands, PdBuffer *target, gsize offset, gsize size, guint32 value)
{
  PdOperation operation = {
    .kind = PD_OPERATION_FILL,
    .work = (double) size * PD_COPY_WORK,
    .fill = { .target = target->vk, .offset = offset, .size = size, .value = value }
  };

  if (!region_fits (commands, target, "fill", offset, size))
    return;
  if (offset % 4 != 0 || size % 4 != 0)
    {
      misuse (commands, _ ("fill: offset %zu and size %zu must be multiples of 4"), offset, size);
      return;
    }
  append (commands, &operation, "fill");
}

gboolean
pd_commands_end (PdCommands *commands, GError **error)
{
  commands->ended = TRUE;
  if (commands->misuse != NULL)
    {
      g_propagate_error (error, g_error_copy (commands->misuse));
      return FALSE;
    }
  if (commands->replay == NULL)
    commands->replay = pd_replay_new (commands->device, commands->operations,
                                      (guint) commands->n_operations, commands->timestamps, error);
  return commands->replay != NULL;
}

gboolean
pd_commands_run (PdCommands *commands, GCancellable *cancellable, GError **error)
{
  if (commands->misuse == NULL && commands->replay == NULL)
    misuse (commands, _ ("a sequence was run before its end"));
  if (commands->misuse != NULL)
    {
      g_propagate_error (error, g_error_copy (commands->misuse));
      return FALSE;
    }
  return pd_replay_run (commands->replay, cancellable, error);
}

guint
pd_commands_n_operations (const PdCommands *commands)
{
  guint n = 0;

  for (gsize i = 0; i < commands->n_operations; i++)
    n += commands->operations[i].kind != PD_OPERATION_BARRIER;
  return n;
}

guint
pd_commands_n_submissions (const PdCommands *commands)
{
  return commands->replay != NULL ? pd_replay_n_submissions (commands->replay) : 0;
}

GArray *
pd_commands_get_times (PdCommands *commands)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (PdCommandTime));
  g_autofree double *seconds =
      commands->replay != NULL ? pd_replay_get_seconds (commands->replay) : NULL;

  if (seconds == NULL)
    return NULL;
  for (gsize i = 0; i < commands->n_operations; i++)
    {
      const PdOperation *o = &commands->operations[i];
      PdCommandTime time = { .label = o->label, .seconds = seconds[i], .work = o->work };

      if (o->kind != PD_OPERATION_BARRIER)
        g_array_append_val (times, time);
    }
  return g_steal_pointer (&times);
}
