// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

/* Makes kernels before they are needed, on all cores, with progress and cancellation. */

/* The buffer is not on the account, so that a run that makes kernels reports the same peak as one
 * that finds them. */
static gboolean
make_nothing (PdKernelCache *self, GError **error)
{
  PdDevice *device = self->device;
  guint64 peak = pd_account_peak (device);

  if (self->nothing != NULL)
    return TRUE;
  self->nothing = pd_buffer_new (device, sizeof (guint32), PD_BUFFER_DEVICE, error);
  if (self->nothing == NULL)
    return FALSE;
  pd_account_forget (device, self->nothing->counted, peak);
  self->nothing->counted = 0;
  return TRUE;
}

/* lavapipe compiles a kernel when it is dispatched for the first time, on one thread: a dispatch of
 * no workgroups makes it do so now, while other threads create the next pipelines, and a
 * cancellation is noticed after each kernel. */
static gboolean
warm_up (PdKernelCache *self, PdKernel *kernel, GError **error)
{
  PdOperation operation = { .label = kernel->name, .kernel = kernel, .push_size = PD_MAX_PUSH };
  g_autoptr (PdReplay) replay = NULL;

  if (!make_nothing (self, error))
    return FALSE;
  for (guint i = 0; i < kernel->n_bindings; i++)
    operation.bindings[i] =
        (VkDescriptorBufferInfo){ .buffer = self->nothing->vk, .range = VK_WHOLE_SIZE };
  replay = pd_replay_new (self->device, &operation, 1, FALSE, error);
  return replay != NULL && pd_replay_run (replay, NULL, error);
}

typedef struct
{
  PdDevice *device;
  GAsyncQueue *results; /* of Result */
} Preparation;

typedef struct
{
  PdKernel *kernel; /* NULL: error is set */
  GError *error;
} Result;

static void
prepare_one (gpointer data, gpointer user_data)
{
  const PdKernelSpec *spec = data;
  Preparation *preparation = user_data;
  Result *result = g_new0 (Result, 1);

  result->kernel = pd_kernel_get_spec (preparation->device, spec, &result->error);
  g_async_queue_push (preparation->results, result);
}

/* The specifications of @specs without a kernel, each once. */
static GPtrArray *
missing (PdKernelCache *self, const PdKernelSpec *specs, guint n)
{
  GPtrArray *found = g_ptr_array_new ();
  g_autoptr (GHashTable) keys =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  for (guint i = 0; i < n; i++)
    {
      GBytes *key = pd_kernel_key_new (pd_shader_find (specs[i].shader), specs[i].constants,
                                       specs[i].n_constants, specs[i].subgroup_size);
      gboolean there = g_hash_table_contains (self->kernels, key);

      if (g_hash_table_add (keys, key) && !there)
        g_ptr_array_add (found, (gpointer) &specs[i]);
    }
  return found;
}

/* Takes the results of @n kernels as they come. */
static gboolean
collect (Preparation *preparation, guint n, GError **error)
{
  PdDevice *device = preparation->device;
  gboolean ok = TRUE;

  for (guint done = 0; done < n; done++)
    {
      Result *result = NULL;

      if (ok && device->watch.kernels != NULL)
        device->watch.kernels (done, n, device->watch.user_data);
      result = g_async_queue_pop (preparation->results);
      if (ok && result->kernel == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&result->error));
          ok = FALSE;
        }
      else if (ok && device->info->is_lavapipe)
        ok = warm_up (device->kernels, result->kernel, error);
      g_clear_error (&result->error);
      g_free (result);
    }
  if (ok && n > 0 && device->watch.kernels != NULL)
    device->watch.kernels (n, n, device->watch.user_data);
  return ok;
}

gboolean
pd_prepare_kernels (PdDevice *device, const PdKernelSpec *specs, guint n, GError **error)
{
  PdKernelCache *self = device->kernels;
  Preparation preparation = { .device = device };
  g_autoptr (GPtrArray) wanted = missing (self, specs, n);
  const gint64 start = g_get_monotonic_time ();
  GThreadPool *pool;
  gboolean ok;

  if (wanted->len == 0)
    return TRUE;
  pool =
      g_thread_pool_new (prepare_one, &preparation, (gint) g_get_num_processors (), FALSE, error);
  if (pool == NULL)
    return FALSE;
  preparation.results = g_async_queue_new ();
  for (guint i = 0; i < wanted->len; i++)
    g_thread_pool_push (pool, wanted->pdata[i], NULL);
  ok = collect (&preparation, wanted->len, error);
  g_thread_pool_free (pool, FALSE, TRUE);
  g_async_queue_unref (preparation.results);
  g_mutex_lock (&self->lock);
  self->prepared += wanted->len;
  self->waited += (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  g_mutex_unlock (&self->lock);
  return ok;
}

void
pd_prepare_rehearse (PdDevice *device, const PdKernelSpec *specs, guint n)
{
  PdKernelCache *self = device->kernels;
  g_autoptr (GPtrArray) wanted = missing (self, specs, n);

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < wanted->len; i++)
    {
      const PdKernelSpec *spec = wanted->pdata[i];

      g_hash_table_add (self->rehearsed,
                        pd_kernel_key_new (pd_shader_find (spec->shader), spec->constants,
                                           spec->n_constants, spec->subgroup_size));
    }
  g_mutex_unlock (&self->lock);
}

guint
pd_prepare_take_rehearsed (PdDevice *device, double *seconds)
{
  PdKernelCache *self = device->kernels;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint n = g_hash_table_size (self->rehearsed);

  g_hash_table_remove_all (self->rehearsed);
  *seconds = n == 0 ? 0 : self->prepared == 0 ? -1 : n * self->waited / self->prepared;
  return n;
}
