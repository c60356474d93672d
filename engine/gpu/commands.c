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
  PdCommands *self = g_new0 (PdCommands, 1);

  self->device = device;
  self->timestamps = timestamps && device->info->timestamps;
  self->labels = g_string_chunk_new (1024);
  return self;
}

void
pd_commands_free (PdCommands *self)
{
  if (self == NULL)
    return;
  pd_replay_free (self->replay);
  g_free (self->operations);
  g_string_chunk_free (self->labels);
  g_clear_error (&self->misuse);
  g_free (self);
}

static void G_GNUC_PRINTF (2, 3) misuse (PdCommands *self, const char *format, ...)
{
  va_list arguments;

  if (self->misuse != NULL)
    return;
  va_start (arguments, format);
  self->misuse = g_error_new_valist (PD_ERROR, PD_ERROR_BAD_REQUEST, format, arguments);
  va_end (arguments);
}

void
pd_commands_label (PdCommands *self, const char *label)
{
  self->label = label == NULL ? NULL : g_string_chunk_insert_const (self->labels, label);
}

static void
append (PdCommands *self, PdOperation *operation, const char *default_label)
{
  operation->label =
      self->label != NULL ? self->label : g_string_chunk_insert_const (self->labels, default_label);
  if (self->ended)
    misuse (self, "%s was added after the end of a sequence", operation->label);
  if (!pd_try_grow (self->operations, self->n_operations, &self->room,
                    _ ("the list of the device's work"),
                    self->misuse == NULL ? &self->misuse : NULL))
    return;
  self->operations[self->n_operations++] = *operation;
}

/* FALSE and the misuse noted if binding i cannot be bound so. */
static gboolean
set_binding (PdCommands *self, PdOperation *operation, guint i, const PdBinding *binding)
{
  const PdDeviceInfo *info = self->device->info;
  const char *name = operation->kernel->name;
  gsize size = binding->buffer != NULL ? binding->buffer->size : 0;
  gsize range = binding->range;

  if (range == 0 && binding->offset < size)
    range = size - binding->offset;
  if (binding->offset >= size || range > size - binding->offset)
    misuse (self,
            "binding %u of kernel %s: %zu bytes at offset %zu are outside a buffer of %zu bytes", i,
            name, range, binding->offset, size);
  else if (range > info->max_storage_buffer_range)
    misuse (self,
            "binding %u of kernel %s: a range of %zu bytes is above the device's %" PRIu64
            "; bind parts of it",
            i, name, range, info->max_storage_buffer_range);
  else if (binding->offset % info->min_storage_buffer_offset_alignment != 0)
    misuse (self, "binding %u of kernel %s: offset %zu is not a multiple of %u", i, name,
            binding->offset, info->min_storage_buffer_offset_alignment);
  else
    {
      operation->bindings[i] = (VkDescriptorBufferInfo){ .buffer = binding->buffer->vk,
                                                         .offset = binding->offset,
                                                         .range = range };
      return TRUE;
    }
  return FALSE;
}

void
pd_commands_dispatch (PdCommands *self, const PdLaunch *launch)
{
  const guint *most = self->device->info->max_workgroup_count, *groups = launch->groups;
  const PdKernel *kernel = launch->kernel;
  PdOperation operation = { .work = launch->work,
                            .kernel = launch->kernel,
                            .push_size = (guint32) launch->push_size,
                            .groups = { groups[0], groups[1], groups[2] } };

  if (launch->n_bindings != kernel->n_bindings)
    misuse (self, "kernel %s has %u bindings, %u were given", kernel->name, kernel->n_bindings,
            launch->n_bindings);
  else if (launch->push_size > PD_MAX_PUSH || launch->push_size % 4 != 0)
    misuse (self, "kernel %s: %zu bytes of push constants; a multiple of 4 up to %d is allowed",
            kernel->name, launch->push_size, PD_MAX_PUSH);
  else if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0 || groups[0] > most[0] ||
           groups[1] > most[1] || groups[2] > most[2])
    misuse (self, "kernel %s: %u x %u x %u workgroups; 1 to %u x %u x %u are allowed", kernel->name,
            groups[0], groups[1], groups[2], most[0], most[1], most[2]);
  else
    {
      for (guint i = 0; i < launch->n_bindings; i++)
        if (!set_binding (self, &operation, i, &launch->bindings[i]))
          return;
      if (launch->push_size > 0)
        memcpy (operation.push, launch->push, launch->push_size);
      append (self, &operation, kernel->name);
    }
}

void
pd_commands_barrier (PdCommands *self)
{
  PdOperation operation = { 0 };

  append (self, &operation, "barrier");
}

gboolean
pd_commands_end (PdCommands *self, GError **error)
{
  self->ended = TRUE;
  if (self->misuse != NULL)
    {
      g_propagate_error (error, g_error_copy (self->misuse));
      return FALSE;
    }
  if (self->replay == NULL)
    self->replay = pd_replay_new (self->device, self->operations, (guint) self->n_operations,
                                  self->timestamps, error);
  return self->replay != NULL;
}

gboolean
pd_commands_run (PdCommands *self, GCancellable *cancellable, GError **error)
{
  if (self->misuse == NULL && self->replay == NULL)
    misuse (self, "a sequence was run before its end");
  if (self->misuse != NULL)
    {
      g_propagate_error (error, g_error_copy (self->misuse));
      return FALSE;
    }
  return pd_replay_run (self->replay, cancellable, error);
}

guint
pd_commands_n_submissions (const PdCommands *self)
{
  return self->replay != NULL ? pd_replay_n_submissions (self->replay) : 0;
}

GArray *
pd_commands_get_times (PdCommands *self)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (PdCommandTime));
  g_autofree double *seconds = self->replay != NULL ? pd_replay_get_seconds (self->replay) : NULL;

  if (seconds == NULL)
    return NULL;
  for (gsize i = 0; i < self->n_operations; i++)
    {
      const PdOperation *o = &self->operations[i];
      PdCommandTime time = { .label = o->label, .seconds = seconds[i] };

      if (o->kernel != NULL)
        g_array_append_val (times, time);
    }
  return g_steal_pointer (&times);
}
