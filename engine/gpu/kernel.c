// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/debug.h"
#include "engine/base/error.h"

enum
{
  MAX_CONSTANTS = 32,
};

/* ---- The file: a line with the SHA-256 of the rest, then what vkGetPipelineCacheData() gave. A
 * driver must refuse another driver's data but need not survive damaged data, hence the sum. */

enum
{
  CHECKSUM_LINE = 65,
};

char *
pd_kernel_cache_path (const PdDeviceInfo *info)
{
  g_autofree char *name = g_strdup_printf ("pipelines-%x-%x-%x-%s.bin", info->vendor_id,
                                           info->device_id, info->driver_version, info->uuid);

  return g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", name, NULL);
}

static gboolean
header_fits (const char *data, gsize size, VkPhysicalDevice physical)
{
  VkPipelineCacheHeaderVersionOne header;
  VkPhysicalDeviceProperties properties;

  if (size < sizeof header)
    return FALSE;
  memcpy (&header, data, sizeof header);
  vkGetPhysicalDeviceProperties (physical, &properties);
  return header.headerSize >= sizeof header && header.headerSize <= size &&
         header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         header.vendorID == properties.vendorID && header.deviceID == properties.deviceID &&
         memcmp (header.pipelineCacheUUID, properties.pipelineCacheUUID, VK_UUID_SIZE) == 0;
}

/* The cache's data behind room for the line with the returned checksum; NULL on failure. */
static char *
get_data (PdKernelCache *self, GByteArray *file)
{
  gsize size = 0;

  if (vkGetPipelineCacheData (self->device->vk, self->pipelines, &size, NULL) != VK_SUCCESS)
    return NULL;
  g_byte_array_set_size (file, (guint) (CHECKSUM_LINE + size));
  if (vkGetPipelineCacheData (self->device->vk, self->pipelines, &size,
                              file->data + CHECKSUM_LINE) != VK_SUCCESS)
    return NULL;
  g_byte_array_set_size (file, (guint) (CHECKSUM_LINE + size));
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, file->data + CHECKSUM_LINE, size);
}

/* A file that is missing, damaged or another driver's counts as none. */
static gboolean
load (PdKernelCache *self, GError **error)
{
  VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
  g_autofree char *contents = NULL;
  gsize size = 0;

  if (g_file_get_contents (self->path, &contents, &size, NULL) && size > CHECKSUM_LINE)
    {
      const char *data = contents + CHECKSUM_LINE;
      gsize data_size = size - CHECKSUM_LINE;
      g_autofree char *sum =
          g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, data_size);

      if (strncmp (sum, contents, CHECKSUM_LINE - 1) == 0 &&
          header_fits (data, data_size, self->device->physical))
        {
          info.initialDataSize = data_size;
          info.pInitialData = data;
        }
    }
  pd_debug (PD_DEBUG_CACHE, "pipelines: %zu bytes from %s", info.initialDataSize, self->path);
  if (!pd_vk_check (vkCreatePipelineCache (self->device->vk, &info, NULL, &self->pipelines),
                    "vkCreatePipelineCache", error))
    return FALSE;
  /* Not the sum in the file: a driver need not give back what it was given (SwiftShader wraps it in
   * another header each time). */
  if (info.initialDataSize > 0)
    {
      g_autoptr (GByteArray) now = g_byte_array_new ();

      self->checksum = get_data (self, now);
    }
  return TRUE;
}

/* A cache that cannot be saved costs time at the next start, nothing else. */
static void
save (PdKernelCache *self)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *sum = NULL;
  g_autofree char *folder = g_path_get_dirname (self->path);

  if (self->pipelines == VK_NULL_HANDLE || g_hash_table_size (self->kernels) == 0)
    return;
  sum = get_data (self, file);
  if (sum == NULL || g_strcmp0 (sum, self->checksum) == 0)
    return;
  memcpy (file->data, sum, CHECKSUM_LINE - 1);
  file->data[CHECKSUM_LINE - 1] = '\n';
  if (g_mkdir_with_parents (folder, 0700) != 0 ||
      !g_file_set_contents (self->path, (const char *) file->data, (gssize) file->len, &error))
    g_info ("pipeline cache not saved: %s", error != NULL ? error->message : folder);
  else
    pd_debug (PD_DEBUG_CACHE, "pipelines: %u bytes to %s", file->len, self->path);
}

/* ---- Layouts: n storage buffers in set 0 and PD_MAX_PUSH bytes of push constants. */

static gboolean
create_layouts (PdKernelCache *self, guint n, GError **error)
{
  VkDescriptorSetLayoutBinding bindings[PD_MAX_BINDINGS];
  VkPushConstantRange push = { .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = PD_MAX_PUSH };
  VkDescriptorSetLayoutCreateInfo set = { .sType =
                                              VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                          .bindingCount = n,
                                          .pBindings = bindings };
  VkPipelineLayoutCreateInfo layout = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                        .setLayoutCount = 1,
                                        .pSetLayouts = &self->set_layouts[n],
                                        .pushConstantRangeCount = 1,
                                        .pPushConstantRanges = &push };

  for (guint i = 0; i < n; i++)
    bindings[i] =
        (VkDescriptorSetLayoutBinding){ .binding = i,
                                        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                        .descriptorCount = 1,
                                        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT };
  return pd_vk_check (
             vkCreateDescriptorSetLayout (self->device->vk, &set, NULL, &self->set_layouts[n]),
             "vkCreateDescriptorSetLayout", error) &&
         pd_vk_check (vkCreatePipelineLayout (self->device->vk, &layout, NULL, &self->layouts[n]),
                      "vkCreatePipelineLayout", error);
}

static void
kernel_free (PdKernelCache *self, PdKernel *kernel)
{
  if (kernel == NULL)
    return;
  vkDestroyPipeline (self->device->vk, kernel->pipeline, NULL);
  g_free (kernel->name);
  g_free (kernel);
}

PdKernelCache *
pd_kernel_cache_new (PdDevice *device, GError **error)
{
  PdKernelCache *self = g_new0 (PdKernelCache, 1);
  gboolean ok = TRUE;

  self->device = device;
  g_mutex_init (&self->lock);
  self->kernels =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  self->rehearsed =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  self->path = pd_kernel_cache_path (device->info);
  for (guint n = 0; ok && n <= PD_MAX_BINDINGS; n++)
    ok = create_layouts (self, n, error);
  if (ok && load (self, error))
    return self;
  pd_kernel_cache_free (self);
  return NULL;
}

void
pd_kernel_cache_free (PdKernelCache *self)
{
  GHashTableIter iter;
  gpointer kernel;

  if (self == NULL)
    return;
  save (self);
  g_hash_table_iter_init (&iter, self->kernels);
  while (g_hash_table_iter_next (&iter, NULL, &kernel))
    kernel_free (self, kernel);
  g_hash_table_unref (self->kernels);
  g_hash_table_unref (self->rehearsed);
  pd_buffer_free (self->nothing);
  vkDestroyPipelineCache (self->device->vk, self->pipelines, NULL);
  for (guint n = 0; n <= PD_MAX_BINDINGS; n++)
    {
      vkDestroyPipelineLayout (self->device->vk, self->layouts[n], NULL);
      vkDestroyDescriptorSetLayout (self->device->vk, self->set_layouts[n], NULL);
    }
  g_free (self->path);
  g_free (self->checksum);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- Pipelines */

GBytes *
pd_kernel_key_new (const PdShader *shader, const guint32 *constants, guint n, guint subgroup_size)
{
  GByteArray *key = g_byte_array_new ();

  g_byte_array_append (key, (const guint8 *) &shader, sizeof shader);
  g_byte_array_append (key, (const guint8 *) &subgroup_size, sizeof subgroup_size);
  if (n > 0)
    g_byte_array_append (key, (const guint8 *) constants, n * (guint) sizeof *constants);
  return g_byte_array_free_to_bytes (key);
}

static gboolean
check_spec (PdDevice *device,
            const PdShader *shader,
            guint n_constants,
            guint subgroup_size,
            const PdShaderNeeds *needs,
            GError **error)
{
  const PdDeviceInfo *info = device->info;

  if (needs->lacking != NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("device “%s” lacks %s, which shader %s needs; choose another kernel variant "
                      "or device"),
                   info->name, needs->lacking, shader->name);
      return FALSE;
    }
  if (needs->n_bindings > PD_MAX_BINDINGS || n_constants > MAX_CONSTANTS)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("shader %s has %u bindings and %u constants, at most %d and %d are allowed"),
                   shader->name, needs->n_bindings, n_constants, PD_MAX_BINDINGS, MAX_CONSTANTS);
      return FALSE;
    }
  if (subgroup_size != 0 &&
      (!info->subgroup_size_control || subgroup_size < info->min_subgroup_size ||
       subgroup_size > info->max_subgroup_size || (subgroup_size & (subgroup_size - 1)) != 0))
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          _ ("device “%s” has no subgroups of %u invocations for shader %s, it has %u to %u"),
          info->name, subgroup_size, shader->name, info->min_subgroup_size,
          info->max_subgroup_size);
      return FALSE;
    }
  return TRUE;
}

static VkResult
create_pipeline (PdKernelCache *self,
                 PdKernel *kernel,
                 const PdShader *shader,
                 const guint32 *constants,
                 guint n_constants,
                 guint subgroup_size)
{
  VkDevice vk = self->device->vk;
  VkSpecializationMapEntry entries[MAX_CONSTANTS];
  VkSpecializationInfo specialization = { .mapEntryCount = n_constants,
                                          .pMapEntries = entries,
                                          .dataSize = n_constants * sizeof *constants,
                                          .pData = constants };
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT required = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
    .requiredSubgroupSize = subgroup_size
  };
  VkShaderModuleCreateInfo module = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                      .codeSize = shader->size,
                                      .pCode = shader->code };
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
               .stage = VK_SHADER_STAGE_COMPUTE_BIT,
               .pName = "main",
               .pSpecializationInfo = n_constants > 0 ? &specialization : NULL },
    .layout = kernel->layout
  };
  VkResult result;

  for (guint i = 0; i < n_constants; i++)
    entries[i] = (VkSpecializationMapEntry){ .constantID = i,
                                             .offset = i * (guint32) sizeof *constants,
                                             .size = sizeof *constants };
  if (subgroup_size != 0)
    {
      info.stage.pNext = &required;
      info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT;
    }
  result = vkCreateShaderModule (vk, &module, NULL, &info.stage.module);
  if (result == VK_SUCCESS)
    result = vkCreateComputePipelines (vk, self->pipelines, 1, &info, NULL, &kernel->pipeline);
  vkDestroyShaderModule (vk, info.stage.module, NULL);
  return result;
}

/* With its constants: "pool {64, 0}". */
static char *
full_name (const PdShader *shader, const guint32 *constants, guint n)
{
  GString *name = g_string_new (shader->name);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (name, "%s%u", i == 0 ? " {" : ", ", constants[i]);
  if (n > 0)
    g_string_append_c (name, '}');
  return g_string_free (name, FALSE);
}

PdKernel *
pd_kernel_get_shader (PdDevice *device,
                      const PdShader *shader,
                      const guint32 *constants,
                      guint n,
                      guint subgroup_size,
                      GError **error)
{
  PdKernelCache *self = device->kernels;
  g_autoptr (GBytes) key = pd_kernel_key_new (shader, constants, n, subgroup_size);
  g_autofree char *lacking = NULL, *name = NULL;
  PdShaderNeeds needs;
  PdKernel *kernel;
  PdKernel *existing;
  VkResult result;
  gint64 start;
  double seconds;

  g_mutex_lock (&self->lock);
  existing = g_hash_table_lookup (self->kernels, key);
  g_mutex_unlock (&self->lock);
  if (existing != NULL)
    return existing;

  if (!pd_queue_check_cancelled (device, error))
    return NULL;
  pd_shader_read_needs (shader, device->info, &needs);
  lacking = needs.lacking;
  if (!check_spec (device, shader, n, subgroup_size, &needs, error))
    return NULL;
  kernel = g_new0 (PdKernel, 1);
  kernel->name = g_strdup (shader->name);
  kernel->n_bindings = needs.n_bindings;
  kernel->set_layout = self->set_layouts[needs.n_bindings];
  kernel->layout = self->layouts[needs.n_bindings];
  start = g_get_monotonic_time ();
  result = create_pipeline (self, kernel, shader, constants, n, subgroup_size);
  if (!pd_vk_check (result, shader->name, error))
    {
      kernel_free (self, kernel);
      return NULL;
    }

  seconds = (double) (g_get_monotonic_time () - start) * 1e-6;
  name = full_name (shader, constants, n);
  pd_instance_name (device->instance, device->vk, VK_OBJECT_TYPE_PIPELINE,
                    (guint64) kernel->pipeline, "%s", name);
  pd_debug (PD_DEBUG_CACHE, "kernel %s made in %.3f s", name, seconds);

  g_mutex_lock (&self->lock);
  self->seconds += seconds;
  /* Another thread may have been faster. */
  existing = g_hash_table_lookup (self->kernels, key);
  if (existing == NULL)
    g_hash_table_insert (self->kernels, g_bytes_ref (key), kernel);
  g_mutex_unlock (&self->lock);
  if (existing == NULL)
    return kernel;
  kernel_free (self, kernel);
  return existing;
}

PdKernel *
pd_kernel_get_spec (PdDevice *device, const PdKernelSpec *spec, GError **error)
{
  const PdShader *shader = pd_shader_find (spec->shader);

  if (shader == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("this build has no shader variant “%s”; choose another kernel variant"),
                   spec->shader);
      return NULL;
    }
  return pd_kernel_get_shader (device, shader, spec->constants, spec->n_constants,
                               spec->subgroup_size, error);
}

PdKernel *
pd_kernel_get (
    PdDevice *device, const char *shader, const guint32 *constants, guint n, GError **error)
{
  PdKernelSpec spec = { .shader = shader, .constants = constants, .n_constants = n };

  return pd_kernel_get_spec (device, &spec, error);
}

gboolean
pd_kernel_has_shader (PdDevice *device, const char *shader)
{
  const PdShader *found = pd_shader_find (shader);
  g_autofree char *lacking = NULL;
  PdShaderNeeds needs;

  if (found == NULL)
    return FALSE;
  pd_shader_read_needs (found, device->info, &needs);
  lacking = needs.lacking;
  return lacking == NULL;
}

guint
pd_kernel_count (PdDevice *device)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&device->kernels->lock);

  return g_hash_table_size (device->kernels->kernels);
}

double
pd_kernel_seconds (PdDevice *device)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&device->kernels->lock);

  return device->kernels->seconds;
}
