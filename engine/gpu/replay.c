// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  IN_FLIGHT = 2, /* submissions */
};

/* What a submission should take, seconds: well below what watchdogs allow (2 s), and two of them
 * are how long a cancellation may take. */
static const double submission_seconds = 0.2;
/* What a command buffer should take at the device's first rate, the grain of submissions. */
static const double grain_seconds = 0.05;

/* A submission on its way. */
typedef struct
{
  VkFence fence;
  gboolean busy;
  double work;
  gint64 start; /* monotonic, microseconds */
} Flight;

struct _PdReplay
{
  PdDevice *device;
  PdOperation *operations; /* borrowed */
  guint n;
  VkPipelineStageFlags stages; /* that the operations use */
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
pd_replay_free (PdReplay *replay)
{
  VkDevice vk;

  if (replay == NULL)
    return;
  vk = replay->device->vk;
  if (!pd_device_is_silent (replay->device))
    {
      for (guint i = 0; i < IN_FLIGHT; i++)
        vkDestroyFence (vk, replay->flights[i].fence, NULL);
      vkDestroyQueryPool (vk, replay->queries, NULL);
      vkDestroyDescriptorPool (vk, replay->sets, NULL);
      vkDestroyCommandPool (vk, replay->pool, NULL);
    }
  g_clear_pointer (&replay->works, g_array_unref);
  g_clear_pointer (&replay->buffers, g_array_unref);
  g_free (replay->query_after);
  g_free (replay);
}

static gboolean
allocate_set (PdReplay *replay, PdOperation *o, GError **error)
{
  VkDescriptorSetAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                           .descriptorPool = replay->sets,
                                           .descriptorSetCount = 1,
                                           .pSetLayouts = &o->dispatch.kernel->set_layout };
  VkWriteDescriptorSet write = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                 .descriptorCount = o->dispatch.kernel->n_bindings,
                                 .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                 .pBufferInfo = o->dispatch.bindings };

  if (!pd_vk_check (vkAllocateDescriptorSets (replay->device->vk, &allocate, &o->dispatch.set),
                    "vkAllocateDescriptorSets", error))
    return FALSE;
  write.dstSet = o->dispatch.set;
  vkUpdateDescriptorSets (replay->device->vk, 1, &write, 0, NULL);
  return TRUE;
}

static gboolean
create_sets (PdReplay *replay, GError **error)
{
  VkDescriptorPoolSize size = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
  VkDescriptorPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                      .poolSizeCount = 1,
                                      .pPoolSizes = &size };
  gboolean ok;

  for (guint i = 0; i < replay->n; i++)
    if (replay->operations[i].kind == PD_OPERATION_DISPATCH &&
        replay->operations[i].dispatch.kernel->n_bindings > 0)
      {
        pool.maxSets++;
        size.descriptorCount += replay->operations[i].dispatch.kernel->n_bindings;
      }
  if (pool.maxSets == 0)
    return TRUE;
  ok = pd_vk_check (vkCreateDescriptorPool (replay->device->vk, &pool, NULL, &replay->sets),
                    "vkCreateDescriptorPool", error);
  for (guint i = 0; ok && i < replay->n; i++)
    if (replay->operations[i].kind == PD_OPERATION_DISPATCH &&
        replay->operations[i].dispatch.kernel->n_bindings > 0)
      ok = allocate_set (replay, &replay->operations[i], error);
  return ok;
}

static gboolean
create_objects (PdReplay *replay, gboolean timestamps, GError **error)
{
  VkDevice vk = replay->device->vk;
  VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                   .queueFamilyIndex = replay->device->family };
  VkQueryPoolCreateInfo queries = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                    .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                    /* at most one command buffer per operation */
                                    .queryCount = MAX (1, 2 * replay->n) };

  if (!pd_vk_check (vkCreateCommandPool (vk, &pool, NULL, &replay->pool), "vkCreateCommandPool",
                    error))
    return FALSE;
  return !timestamps || pd_vk_check (vkCreateQueryPool (vk, &queries, NULL, &replay->queries),
                                     "vkCreateQueryPool", error);
}

static void
record_dispatch (VkCommandBuffer buffer, const PdOperation *o)
{
  const PdKernel *kernel = o->dispatch.kernel;

  vkCmdBindPipeline (buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
  if (kernel->n_bindings > 0)
    vkCmdBindDescriptorSets (buffer, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1,
                             &o->dispatch.set, 0, NULL);
  if (o->dispatch.push_size > 0)
    vkCmdPushConstants (buffer, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                        o->dispatch.push_size, o->dispatch.push);
  vkCmdDispatch (buffer, o->dispatch.groups[0], o->dispatch.groups[1], o->dispatch.groups[2]);
}

static void
record_operation (PdReplay *replay, VkCommandBuffer buffer, const PdOperation *o)
{
  switch (o->kind)
    {
    case PD_OPERATION_DISPATCH:
      record_dispatch (buffer, o);
      break;
    case PD_OPERATION_BARRIER:
      pd_record_barrier (buffer, replay->stages, replay->stages);
      break;
    case PD_OPERATION_COPY:
      vkCmdCopyBuffer (buffer, o->copy.source, o->copy.target, 1, &o->copy.region);
      break;
    case PD_OPERATION_FILL:
      vkCmdFillBuffer (buffer, o->fill.target, o->fill.offset, o->fill.size, o->fill.value);
      break;
    }
}

static void
record_timestamp (PdReplay *replay, VkCommandBuffer buffer)
{
  if (replay->queries == VK_NULL_HANDLE)
    return;
  vkCmdResetQueryPool (buffer, replay->queries, replay->n_queries, 1);
  vkCmdWriteTimestamp (buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, replay->queries,
                       replay->n_queries++);
}

/* Begins another command buffer. */
static gboolean
begin_buffer (PdReplay *replay, GError **error)
{
  VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                           .commandPool = replay->pool,
                                           .commandBufferCount = 1 };
  VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
  VkCommandBuffer buffer;
  double none = 0;

  if (!pd_vk_check (vkAllocateCommandBuffers (replay->device->vk, &allocate, &buffer),
                    "vkAllocateCommandBuffers", error) ||
      !pd_vk_check (vkBeginCommandBuffer (buffer, &begin), "vkBeginCommandBuffer", error))
    return FALSE;
  g_array_append_val (replay->buffers, buffer);
  g_array_append_val (replay->works, none);
  /* Whatever ran before on this queue. */
  if (replay->buffers->len == 1)
    pd_record_barrier (buffer,
                       VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                       replay->stages);
  record_timestamp (replay, buffer);
  return TRUE;
}

/* A barrier at the end of one command buffer covers the next ones too: the queue keeps their order.
 */
static gboolean
record (PdReplay *replay, GError **error)
{
  const double grain = grain_seconds * replay->device->first_rate;
  VkCommandBuffer buffer = VK_NULL_HANDLE;
  double *work = NULL;

  for (guint i = 0; i < replay->n; i++)
    {
      const PdOperation *o = &replay->operations[i];

      if (buffer == VK_NULL_HANDLE || (*work > 0 && *work + o->work > grain))
        {
          if (buffer != VK_NULL_HANDLE &&
              !pd_vk_check (vkEndCommandBuffer (buffer), "vkEndCommandBuffer", error))
            return FALSE;
          if (!begin_buffer (replay, error))
            return FALSE;
          buffer = g_array_index (replay->buffers, VkCommandBuffer, replay->buffers->len - 1);
          work = &g_array_index (replay->works, double, replay->works->len - 1);
        }
      record_operation (replay, buffer, o);
      *work += o->work;
      if (o->kind != PD_OPERATION_BARRIER)
        record_timestamp (replay, buffer);
      replay->query_after[i] = replay->n_queries - 1;
    }
  if (buffer == VK_NULL_HANDLE)
    return TRUE;
  pd_record_barrier (buffer, replay->stages, VK_PIPELINE_STAGE_HOST_BIT);
  return pd_vk_check (vkEndCommandBuffer (buffer), "vkEndCommandBuffer", error);
}

PdReplay *
pd_replay_new (
    PdDevice *device, PdOperation *operations, guint n, gboolean timestamps, GError **error)
{
  g_autoptr (PdReplay) replay = g_new0 (PdReplay, 1);

  replay->device = device;
  replay->operations = operations;
  replay->n = n;
  replay->query_after = pd_try_new0 (guint, n, _ ("the list of the device's work"), error);
  if (replay->query_after == NULL && n > 0)
    return NULL;
  replay->buffers = g_array_new (FALSE, FALSE, sizeof (VkCommandBuffer));
  replay->works = g_array_new (FALSE, FALSE, sizeof (double));
  replay->stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
  for (guint i = 0; i < n; i++)
    if (operations[i].kind == PD_OPERATION_COPY || operations[i].kind == PD_OPERATION_FILL)
      replay->stages |= VK_PIPELINE_STAGE_TRANSFER_BIT;
  if (!create_objects (replay, timestamps, error) || !create_sets (replay, error) ||
      !record (replay, error))
    return NULL;
  return g_steal_pointer (&replay);
}

static gboolean
ensure_fence (PdReplay *replay, Flight *flight, GError **error)
{
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

  return flight->fence != VK_NULL_HANDLE ||
         pd_vk_check (vkCreateFence (replay->device->vk, &fence, NULL, &flight->fence),
                      "vkCreateFence", error);
}

/* Waits for a submission and learns from how long it took. */
static gboolean
land (PdReplay *replay, Flight *flight, GCancellable *cancellable, GError **error)
{
  gboolean ok;

  if (!flight->busy)
    return TRUE;
  flight->busy = FALSE;
  ok = pd_device_wait (replay->device, flight->fence, flight->work, cancellable, error);
  if (ok)
    {
      gint64 end = g_get_monotonic_time ();

      pd_device_learn_rate (replay->device, flight->work,
                            (double) (end - MAX (flight->start, replay->last_end)) * 1e-6);
      replay->last_end = end;
      ok = pd_vk_check (vkResetFences (replay->device->vk, 1, &flight->fence), "vkResetFences",
                        error);
    }
  /* A fence whose state is not known is not used again. */
  if (!ok && !pd_device_is_silent (replay->device))
    {
      vkDestroyFence (replay->device->vk, flight->fence, NULL);
      flight->fence = VK_NULL_HANDLE;
    }
  return ok;
}

gboolean
pd_replay_run (PdReplay *replay, GCancellable *cancellable, GError **error)
{
  VkCommandBuffer *buffers = (VkCommandBuffer *) (void *) replay->buffers->data;
  const double *works = (const double *) (void *) replay->works->data;
  gboolean ok = TRUE;
  guint next = 0;

  gboolean first_run = !replay->ran_before;

  replay->ran = FALSE;
  replay->n_submissions = 0;
  while (ok && next < replay->buffers->len)
    {
      Flight *flight = &replay->flights[replay->n_submissions % IN_FLIGHT];
      guint first = next;
      double most;

      ok = land (replay, flight, cancellable, error) &&
           !g_cancellable_set_error_if_cancelled (cancellable, error) &&
           pd_device_check_cancelled (replay->device, error) &&
           ensure_fence (replay, flight, error);
      if (!ok)
        break;
      /* Some drivers compile when a kernel is first dispatched: nothing is known of the time that
       * takes, so the first run goes in the smallest pieces. */
      most = first_run ? 0 : pd_device_work_rate (replay->device) * submission_seconds;
      flight->work = works[next++];
      while (next < replay->buffers->len && flight->work + works[next] <= most)
        flight->work += works[next++];
      flight->start = g_get_monotonic_time ();
      ok = pd_device_submit (replay->device, buffers + first, next - first, flight->fence, error);
      flight->busy = ok;
      replay->n_submissions++;
    }
  /* The older one first. */
  for (guint i = 0; i < IN_FLIGHT; i++)
    ok = land (replay, &replay->flights[(replay->n_submissions + i) % IN_FLIGHT], cancellable,
               ok ? error : NULL) &&
         ok;
  replay->ran = ok;
  replay->ran_before |= ok;
  return ok;
}

guint
pd_replay_n_submissions (const PdReplay *replay)
{
  return replay->n_submissions;
}

double *
pd_replay_get_seconds (PdReplay *replay)
{
  const PdDeviceInfo *info = replay->device->info;
  const guint64 mask = info->timestamp_bits >= 64
                           ? G_MAXUINT64
                           : (G_GUINT64_CONSTANT (1) << info->timestamp_bits) - 1;
  g_autofree guint64 *ticks = NULL;
  double *seconds;

  if (!replay->ran || replay->queries == VK_NULL_HANDLE)
    return NULL;
  ticks = g_new0 (guint64, replay->n_queries);
  if (replay->n_queries > 0 &&
      vkGetQueryPoolResults (replay->device->vk, replay->queries, 0, replay->n_queries,
                             replay->n_queries * sizeof *ticks, ticks, sizeof *ticks,
                             VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) != VK_SUCCESS)
    return NULL;
  seconds = g_new0 (double, replay->n);
  for (guint i = 0; i < replay->n; i++)
    {
      guint after = replay->query_after[i];

      if (replay->operations[i].kind != PD_OPERATION_BARRIER)
        seconds[i] = (double) ((ticks[after] - ticks[after - 1]) & mask) * 1e-9 *
                     (double) info->timestamp_period;
    }
  return seconds;
}
