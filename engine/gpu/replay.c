// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/debug.h"
#include "engine/base/host-memory.h"

enum
{
  IN_FLIGHT = 2, /* submissions */
};

/* Seconds that a submission should take: well below the 2 s that watchdogs allow; a cancellation
 * waits for at most two of them. */
static const double submission_seconds = 0.2;
/* Seconds that a command buffer should take at the device's first rate: submissions are made of
 * whole command buffers. */
static const double grain_seconds = 0.05;

/* All that operations use. */
static const VkPipelineStageFlags compute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;

/* A submission on its way. */
typedef struct
{
  VkFence fence;
  gboolean busy;
  guint first, n; /* command buffers */
  double work;
  gint64 start; /* monotonic, microseconds */
} Flight;

struct _PdReplay
{
  PdDevice *device;
  PdOperation *operations; /* borrowed */
  guint n;
  VkDescriptorPool sets;

  /* A command buffer holds a few operations; how many buffers make a submission is decided when
   * running, by what the device does per second. */
  VkCommandPool pool;
  GArray *buffers; /* VkCommandBuffer */
  GArray *works;   /* double, parallel to buffers */

  /* A timestamp at the start of each command buffer and after each operation. */
  VkQueryPool queries; /* or null */
  guint n_queries;
  guint *query_after;  /* per operation */
  gboolean ran;        /* the last run was finished */
  gboolean ran_before; /* some run was */

  Flight flights[IN_FLIGHT];
  gint64 last_end; /* when the latest submission was seen to be done */
  guint n_submissions;
};

void
pd_replay_free (PdReplay *self)
{
  VkDevice vk;

  if (self == NULL)
    return;
  vk = self->device->vk;
  if (!pd_queue_is_silent (self->device))
    {
      for (guint i = 0; i < IN_FLIGHT; i++)
        vkDestroyFence (vk, self->flights[i].fence, NULL);
      vkDestroyQueryPool (vk, self->queries, NULL);
      vkDestroyDescriptorPool (vk, self->sets, NULL);
      vkDestroyCommandPool (vk, self->pool, NULL);
    }
  g_clear_pointer (&self->works, g_array_unref);
  g_clear_pointer (&self->buffers, g_array_unref);
  g_free (self->query_after);
  g_free (self);
}

static gboolean
allocate_set (PdReplay *self, PdOperation *o, GError **error)
{
  VkDescriptorSetAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                           .descriptorPool = self->sets,
                                           .descriptorSetCount = 1,
                                           .pSetLayouts = &o->kernel->set_layout };
  VkWriteDescriptorSet write = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                 .descriptorCount = o->kernel->n_bindings,
                                 .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                 .pBufferInfo = o->bindings };

  if (!pd_vk_check (vkAllocateDescriptorSets (self->device->vk, &allocate, &o->set),
                    "vkAllocateDescriptorSets", error))
    return FALSE;
  write.dstSet = o->set;
  vkUpdateDescriptorSets (self->device->vk, 1, &write, 0, NULL);
  return TRUE;
}

static gboolean
has_set (const PdOperation *o)
{
  return o->kernel != NULL && o->kernel->n_bindings > 0;
}

static gboolean
create_sets (PdReplay *self, GError **error)
{
  VkDescriptorPoolSize size = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
  VkDescriptorPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                      .poolSizeCount = 1,
                                      .pPoolSizes = &size };
  gboolean ok;

  for (guint i = 0; i < self->n; i++)
    if (has_set (&self->operations[i]))
      {
        pool.maxSets++;
        size.descriptorCount += self->operations[i].kernel->n_bindings;
      }
  if (pool.maxSets == 0)
    return TRUE;
  ok = pd_vk_check (vkCreateDescriptorPool (self->device->vk, &pool, NULL, &self->sets),
                    "vkCreateDescriptorPool", error);
  for (guint i = 0; ok && i < self->n; i++)
    if (has_set (&self->operations[i]))
      ok = allocate_set (self, &self->operations[i], error);
  return ok;
}

static gboolean
create_objects (PdReplay *self, gboolean timestamps, GError **error)
{
  VkDevice vk = self->device->vk;
  VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                   .queueFamilyIndex = self->device->family };
  VkQueryPoolCreateInfo queries = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                    .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                    /* at most one command buffer per operation */
                                    .queryCount = MAX (1, 2 * self->n) };

  if (!pd_vk_check (vkCreateCommandPool (vk, &pool, NULL, &self->pool), "vkCreateCommandPool",
                    error))
    return FALSE;
  return !timestamps || pd_vk_check (vkCreateQueryPool (vk, &queries, NULL, &self->queries),
                                     "vkCreateQueryPool", error);
}

static void
record_dispatch (VkCommandBuffer buffer, const PdOperation *o)
{
  const PdKernel *kernel = o->kernel;

  vkCmdBindPipeline (buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
  if (kernel->n_bindings > 0)
    vkCmdBindDescriptorSets (buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1, &o->set,
                             0, NULL);
  if (o->push_size > 0)
    vkCmdPushConstants (buffer, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, o->push_size,
                        o->push);
  vkCmdDispatch (buffer, o->groups[0], o->groups[1], o->groups[2]);
}

static void
record_timestamp (PdReplay *self, VkCommandBuffer buffer)
{
  if (self->queries == VK_NULL_HANDLE)
    return;
  vkCmdResetQueryPool (buffer, self->queries, self->n_queries, 1);
  vkCmdWriteTimestamp (buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, self->queries,
                       self->n_queries++);
}

/* Begins another command buffer, with operation @first. */
static gboolean
begin_buffer (PdReplay *self, guint first, GError **error)
{
  VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                           .commandPool = self->pool,
                                           .commandBufferCount = 1 };
  VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
  VkCommandBuffer buffer;
  double none = 0;

  if (!pd_vk_check (vkAllocateCommandBuffers (self->device->vk, &allocate, &buffer),
                    "vkAllocateCommandBuffers", error) ||
      !pd_vk_check (vkBeginCommandBuffer (buffer, &begin), "vkBeginCommandBuffer", error))
    return FALSE;
  pd_instance_name (self->device->instance, self->device->vk, VK_OBJECT_TYPE_COMMAND_BUFFER,
                    (guint64) (guintptr) buffer, "from operation %u of %u: %s", first, self->n,
                    self->operations[first].label);
  g_array_append_val (self->buffers, buffer);
  g_array_append_val (self->works, none);
  /* Whatever ran before on this queue. */
  if (self->buffers->len == 1)
    pd_queue_record_barrier (
        buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, compute);
  record_timestamp (self, buffer);
  return TRUE;
}

/* A barrier at the end of one command buffer covers the next ones too: the queue keeps their order.
 */
static gboolean
record (PdReplay *self, GError **error)
{
  const double grain = grain_seconds * self->device->first_rate;
  VkCommandBuffer buffer = VK_NULL_HANDLE;
  double *work = NULL;

  for (guint i = 0; i < self->n; i++)
    {
      const PdOperation *o = &self->operations[i];

      if (buffer == VK_NULL_HANDLE || (*work > 0 && *work + o->work > grain))
        {
          if (buffer != VK_NULL_HANDLE &&
              !pd_vk_check (vkEndCommandBuffer (buffer), "vkEndCommandBuffer", error))
            return FALSE;
          if (!begin_buffer (self, i, error))
            return FALSE;
          buffer = g_array_index (self->buffers, VkCommandBuffer, self->buffers->len - 1);
          work = &g_array_index (self->works, double, self->works->len - 1);
        }
      if (o->kernel != NULL)
        record_dispatch (buffer, o);
      else
        pd_queue_record_barrier (buffer, compute, compute);
      *work += o->work;
      if (o->kernel != NULL)
        record_timestamp (self, buffer);
      self->query_after[i] = self->n_queries - 1;
    }
  if (buffer == VK_NULL_HANDLE)
    return TRUE;
  pd_queue_record_barrier (buffer, compute, VK_PIPELINE_STAGE_HOST_BIT);
  return pd_vk_check (vkEndCommandBuffer (buffer), "vkEndCommandBuffer", error);
}

PdReplay *
pd_replay_new (
    PdDevice *device, PdOperation *operations, guint n, gboolean timestamps, GError **error)
{
  g_autoptr (PdReplay) self = g_new0 (PdReplay, 1);

  self->device = device;
  self->operations = operations;
  self->n = n;
  self->query_after = pd_try_new0 (guint, n, _ ("the list of the device's work"), error);
  if (self->query_after == NULL && n > 0)
    return NULL;
  self->buffers = g_array_new (FALSE, FALSE, sizeof (VkCommandBuffer));
  self->works = g_array_new (FALSE, FALSE, sizeof (double));
  if (!create_objects (self, timestamps, error) || !create_sets (self, error) ||
      !record (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

static gboolean
ensure_fence (PdReplay *self, Flight *flight, GError **error)
{
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

  return flight->fence != VK_NULL_HANDLE ||
         pd_vk_check (vkCreateFence (self->device->vk, &fence, NULL, &flight->fence),
                      "vkCreateFence", error);
}

/* Waits for a submission and learns from how long it took. */
static gboolean
land (PdReplay *self, Flight *flight, GCancellable *cancellable, GError **error)
{
  gboolean ok;

  if (!flight->busy)
    return TRUE;
  flight->busy = FALSE;
  ok = pd_queue_wait (self->device, flight->fence, flight->work, cancellable, error);
  if (ok)
    {
      gint64 end = g_get_monotonic_time ();

      pd_account_learn_rate (self->device, flight->work,
                             (double) (end - MAX (flight->start, self->last_end)) * 1e-6);
      pd_debug (PD_DEBUG_SUBMIT,
                "command buffers %u-%u of %u: %.3g operations, done %.3f s after they were "
                "submitted; %.3g a second now",
                flight->first, flight->first + flight->n - 1, self->buffers->len, flight->work,
                (double) (end - flight->start) / G_USEC_PER_SEC,
                pd_account_work_rate (self->device));
      self->last_end = end;
      ok =
          pd_vk_check (vkResetFences (self->device->vk, 1, &flight->fence), "vkResetFences", error);
    }
  /* A fence whose state is not known is not used again. */
  if (!ok && !pd_queue_is_silent (self->device))
    {
      vkDestroyFence (self->device->vk, flight->fence, NULL);
      flight->fence = VK_NULL_HANDLE;
    }
  return ok;
}

gboolean
pd_replay_run (PdReplay *self, GCancellable *cancellable, GError **error)
{
  VkCommandBuffer *buffers = (VkCommandBuffer *) (void *) self->buffers->data;
  const double *works = (const double *) (void *) self->works->data;
  gboolean ok = TRUE;
  guint next = 0;
  gboolean first_run = !self->ran_before;

  self->ran = FALSE;
  self->n_submissions = 0;
  while (ok && next < self->buffers->len)
    {
      Flight *flight = &self->flights[self->n_submissions % IN_FLIGHT];
      guint first = next;
      double most;

      ok = land (self, flight, cancellable, error) &&
           !g_cancellable_set_error_if_cancelled (cancellable, error) &&
           pd_queue_check_cancelled (self->device, error) && ensure_fence (self, flight, error);
      if (!ok)
        break;
      /* Some drivers compile when a kernel is first dispatched: nothing is known of the time that
       * takes, so the first run goes in the smallest pieces. */
      most = first_run ? 0 : pd_account_work_rate (self->device) * submission_seconds;
      flight->work = works[next++];
      while (next < self->buffers->len && flight->work + works[next] <= most)
        flight->work += works[next++];
      flight->first = first;
      flight->n = next - first;
      flight->start = g_get_monotonic_time ();
      ok = pd_queue_submit (self->device, buffers + first, next - first, flight->fence, error);
      flight->busy = ok;
      self->n_submissions++;
    }
  /* The older one first. */
  for (guint i = 0; i < IN_FLIGHT; i++)
    ok = land (self, &self->flights[(self->n_submissions + i) % IN_FLIGHT], cancellable,
               ok ? error : NULL) &&
         ok;
  self->ran = ok;
  self->ran_before |= ok;
  return ok;
}

guint
pd_replay_n_submissions (const PdReplay *self)
{
  return self->n_submissions;
}

double *
pd_replay_get_seconds (PdReplay *self)
{
  const PdDeviceInfo *info = self->device->info;
  const guint64 mask = info->timestamp_bits >= 64
                           ? G_MAXUINT64
                           : (G_GUINT64_CONSTANT (1) << info->timestamp_bits) - 1;
  g_autofree guint64 *ticks = NULL;
  double *seconds;

  if (!self->ran || self->queries == VK_NULL_HANDLE)
    return NULL;
  ticks = g_new0 (guint64, self->n_queries);
  if (self->n_queries > 0 &&
      vkGetQueryPoolResults (self->device->vk, self->queries, 0, self->n_queries,
                             self->n_queries * sizeof *ticks, ticks, sizeof *ticks,
                             VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) != VK_SUCCESS)
    return NULL;
  seconds = g_new0 (double, self->n);
  for (guint i = 0; i < self->n; i++)
    {
      guint after = self->query_after[i];

      if (self->operations[i].kernel != NULL)
        seconds[i] = (double) ((ticks[after] - ticks[after - 1]) & mask) * 1e-9 *
                     (double) info->timestamp_period;
    }
  return seconds;
}
