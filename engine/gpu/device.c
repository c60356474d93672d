// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/device-names.h"
#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/gpu/cooperative-matrix.h"

/* A driver reads LP_NATIVE_VECTOR_WIDTH once, when it is loaded. lavapipe uses 256 bits unless told
 * otherwise; 512 where the processor has them make its kernels 1.3 times as fast. */
static void
ask_for_wide_vectors (void)
{
#if defined(__x86_64__)
  if (pd_environment_get (PD_ENVIRONMENT_VECTOR_WIDTH) == NULL &&
      __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") &&
      __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl"))
    g_setenv (pd_environment_name (PD_ENVIRONMENT_VECTOR_WIDTH), "512", FALSE);
#endif
}

/* Mesa's shader cache on disk (22.3) is not keyed by LP_NATIVE_VECTOR_WIDTH: the code of another
 * width would be loaded and compute garbage. So each width gets a folder, unless the user has
 * chosen one. Drivers of other vendors ignore the variable. */
static void
keep_shader_caches_apart (void)
{
  const char *width = pd_environment_get (PD_ENVIRONMENT_VECTOR_WIDTH);
  g_autofree char *name = NULL, *folder = NULL;

  if (width == NULL)
    return;
  name = g_strconcat ("mesa-", width, NULL);
  folder = g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", name, NULL);
  /* Mesa makes only the last folder of a path; without it nothing is kept, which is no error. */
  g_mkdir_with_parents (folder, 0700);
  g_setenv (pd_environment_name (PD_ENVIRONMENT_MESA_CACHE), folder, FALSE);
}

void
pd_device_prepare_environment (void)
{
  ask_for_wide_vectors ();
  keep_shader_caches_apart ();
}

typedef struct
{
  VkPhysicalDevice physical;
  guint32 family;
} Physical;

/* All usable devices with what is needed to open them. Returns: infos, with physicals parallel to
 * it; NULL if there are none. */
static GPtrArray *
enumerate (PdInstance *instance, GArray *physicals, GError **error)
{
  g_autoptr (GPtrArray) infos =
      g_ptr_array_new_with_free_func ((GDestroyNotify) pd_device_info_free);
  g_autofree VkPhysicalDevice *all = NULL;
  guint32 n = 0;
  VkResult result = vkEnumeratePhysicalDevices (instance->vk, &n, NULL);

  if (result == VK_SUCCESS)
    {
      all = g_new0 (VkPhysicalDevice, n);
      result = vkEnumeratePhysicalDevices (instance->vk, &n, all);
    }
  /* The loader answers so if it found drivers but none of them works. */
  if (result == VK_ERROR_INITIALIZATION_FAILED || (result == VK_SUCCESS && n == 0))
    result = VK_ERROR_INCOMPATIBLE_DRIVER;
  if (!pd_vk_check (result, "vkEnumeratePhysicalDevices", error))
    return NULL;
  for (guint32 i = 0; i < n; i++)
    {
      Physical physical = { .physical = all[i] };
      PdDeviceInfo *info = pd_device_info_query (instance->vk, all[i], &physical.family);

      if (info == NULL)
        continue;
      g_ptr_array_add (infos, info);
      g_array_append_val (physicals, physical);
    }
  if (infos->len == 0)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          _ ("none of the %u Vulkan devices has Vulkan 1.2 and a compute queue; update the "
             "driver or install mesa-vulkan-drivers"),
          n);
      return NULL;
    }
  return g_steal_pointer (&infos);
}

GPtrArray *
pd_device_list (GError **error)
{
  g_autoptr (PdInstance) instance = pd_instance_new (FALSE, error);
  g_autoptr (GArray) physicals = g_array_new (FALSE, FALSE, sizeof (Physical));

  return instance == NULL ? NULL : enumerate (instance, physicals, error);
}

/* Returns: (transfer full) (element-type PdDeviceName) of the elements of @infos, borrowed */
static GArray *
names_of (GPtrArray *infos)
{
  GArray *names = g_array_new (FALSE, FALSE, sizeof (PdDeviceName));

  for (guint i = 0; i < infos->len; i++)
    {
      const PdDeviceInfo *info = g_ptr_array_index (infos, i);
      const PdDeviceName name = { info->name, info->uuid, info->is_cpu };

      g_array_append_val (names, name);
    }
  return names;
}

static gboolean
select_device (GPtrArray *infos, const char *selector, guint *index, GError **error)
{
  g_autoptr (GString) list = g_string_new (NULL);
  g_autoptr (GArray) names = names_of (infos);
  guint best = 0;

  if (selector == NULL || *selector == '\0')
    {
      for (guint i = 1; i < infos->len; i++)
        {
          const PdDeviceInfo *info = g_ptr_array_index (infos, i);
          const PdDeviceInfo *old = g_ptr_array_index (infos, best);

          /* PD_DEVICE_OTHER may be anything: rather that than a processor. */
          if ((info->type == PD_DEVICE_OTHER ? PD_DEVICE_VIRTUAL : info->type) >
              (old->type == PD_DEVICE_OTHER ? PD_DEVICE_VIRTUAL : old->type))
            best = i;
        }
      *index = best;
      return TRUE;
    }
  if (pd_device_names_find (&g_array_index (names, PdDeviceName, 0), names->len, selector, index))
    return TRUE;
  for (guint i = 0; i < infos->len; i++)
    {
      const PdDeviceInfo *info = g_ptr_array_index (infos, i);

      g_string_append_printf (list, "%s%u “%s”", i > 0 ? ", " : "", i, info->name);
    }
  g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
               _ ("no device “%s”; there are: %s (give a number, part of a name or a UUID)"),
               selector, list->str);
  return FALSE;
}

/* In place of each of several selectors the number of its device. @selectors: as it was given */
static gboolean
number_parts (GPtrArray *infos, GStrv parts, const char *selectors, GError **error)
{
  for (guint i = 0; parts[i] != NULL; i++)
    {
      guint index;

      if (*parts[i] == '\0')
        {
          g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                       _ ("the list of devices “%s” has an empty place; write for instance 0,1, or "
                          "all"),
                       selectors);
          return FALSE;
        }
      if (!select_device (infos, parts[i], &index, error))
        return FALSE;
      g_free (parts[i]);
      parts[i] = g_strdup_printf ("%u", index);
    }
  return TRUE;
}

GStrv
pd_device_select (const char *selectors, guint most, GError **error)
{
  g_autoptr (GPtrArray) infos = pd_device_list (error);
  g_autoptr (GArray) names = NULL;
  g_auto (GStrv) parts = NULL;
  guint n;

  if (infos == NULL)
    return NULL;
  names = names_of (infos);
  parts = pd_device_names_split (&g_array_index (names, PdDeviceName, 0), names->len,
                                 selectors != NULL ? selectors : "");
  n = g_strv_length (parts);
  if (n > 1 && !number_parts (infos, parts, selectors, error))
    return NULL;
  if (n <= most)
    return g_steal_pointer (&parts);
  g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
               _ ("“%s” are %u devices, at most %u can work together; name fewer"), selectors, n,
               most);
  return NULL;
}

/* Features that exist and are of use; nothing else is enabled. */
static gboolean
create_logical (PdDevice *self, GError **error)
{
  static const float priority = 1;
  const PdDeviceInfo *info = self->info;
  const char *extensions[2];
  guint n_extensions = 0;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
    .subgroupSizeControl = VK_TRUE,
    .computeFullSubgroups = VK_TRUE
  };
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
    .cooperativeMatrix = VK_TRUE
  };
  VkPhysicalDeviceVulkan12Features v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .shaderFloat16 = info->float16,
    .bufferDeviceAddress = info->buffer_device_address,
    .vulkanMemoryModel = info->memory_model,
    .vulkanMemoryModelDeviceScope = info->memory_model,
  };
  VkPhysicalDeviceVulkan11Features v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
    .pNext = &v12,
    .storageBuffer16BitAccess = info->storage16,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &v11,
    /* No kernel counts on it: it is there for the case that one is wrong. The layer that would tell
     * of that case does not look where it is enabled. */
    .features = { .robustBufferAccess = info->robust_access && !self->instance->assisted,
                  .shaderInt16 = info->int16,
                  .shaderInt64 = info->int64 },
  };
  VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                    .queueFamilyIndex = self->family,
                                    .queueCount = 1,
                                    .pQueuePriorities = &priority };
  VkDeviceCreateInfo create = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                .pNext = &features,
                                .queueCreateInfoCount = 1,
                                .pQueueCreateInfos = &queue,
                                .ppEnabledExtensionNames = extensions };

  if (info->subgroup_size_control)
    {
      extensions[n_extensions++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
      v12.pNext = &subgroup_size;
    }
  if (info->cooperative_matrix)
    {
      extensions[n_extensions++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
      matrix.pNext = v12.pNext;
      v12.pNext = &matrix;
    }
  create.enabledExtensionCount = n_extensions;
  if (!pd_vk_check (vkCreateDevice (self->physical, &create, NULL, &self->vk), "vkCreateDevice",
                    error))
    return FALSE;
  vkGetDeviceQueue (self->vk, self->family, 0, &self->queue);
  return TRUE;
}

PdDevice *
pd_device_new (const PdDeviceOptions *options, GError **error)
{
  static const PdDeviceOptions defaults = { 0 };
  g_autoptr (PdDevice) self = g_new0 (PdDevice, 1);
  g_autoptr (GPtrArray) infos = NULL;
  g_autoptr (GArray) physicals = g_array_new (FALSE, FALSE, sizeof (Physical));
  const Physical *chosen;
  guint index = 0;

  if (options == NULL)
    options = &defaults;
  g_mutex_init (&self->queue_lock);
  self->instance = pd_instance_new (options->validation, error);
  if (self->instance == NULL)
    return NULL;
  infos = enumerate (self->instance, physicals, error);
  if (infos == NULL || !select_device (infos, options->selector, &index, error))
    return NULL;
  chosen = &g_array_index (physicals, Physical, index);
  self->info = g_ptr_array_index (infos, index);
  g_ptr_array_index (infos, index) = NULL;
  self->physical = chosen->physical;
  self->family = chosen->family;
  vkGetPhysicalDeviceMemoryProperties (self->physical, &self->memory);
  pd_account_init (self, options->memory_limit);
  if (!create_logical (self, error))
    return NULL;
  self->kernels = pd_kernel_cache_new (self, error);
  if (self->kernels == NULL)
    return NULL;
  self->transfer = pd_transfer_new (self);
  return g_steal_pointer (&self);
}

void
pd_device_free (PdDevice *self)
{
  if (self == NULL)
    return;
  if (self->vk != VK_NULL_HANDLE)
    pd_queue_settle (self);
  /* A silent device may still be at work: its objects are kept to the end of the process. */
  if (pd_queue_is_silent (self))
    return;
  if (self->vk != VK_NULL_HANDLE)
    {
      pd_transfer_free (self->transfer);
      pd_kernel_cache_free (self->kernels);
      vkDestroyDevice (self->vk, NULL);
    }
  pd_instance_free (self->instance);
  pd_device_info_free (self->info);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->queue_lock);
  g_free (self);
}

const PdDeviceInfo *
pd_device_info (PdDevice *self)
{
  return self->info;
}

guint
pd_device_validation_messages (PdDevice *self)
{
  return (guint) g_atomic_int_get (&self->instance->messages);
}
