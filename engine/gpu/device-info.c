// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <unistd.h>

#include "engine/base/environment.h"
#include "engine/gpu/cooperative-matrix.h"

gboolean
pd_device_info_has_extension (VkPhysicalDevice physical, const char *name)
{
  guint32 n = 0;
  g_autofree VkExtensionProperties *extensions = NULL;

  vkEnumerateDeviceExtensionProperties (physical, NULL, &n, NULL);
  extensions = g_new0 (VkExtensionProperties, n);
  vkEnumerateDeviceExtensionProperties (physical, NULL, &n, extensions);
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (extensions[i].extensionName, name))
      return TRUE;
  return FALSE;
}

guint32
pd_device_info_find_type (const VkPhysicalDeviceMemoryProperties *memory,
                          guint32 allowed,
                          VkMemoryPropertyFlags flags)
{
  for (guint32 i = 0; i < memory->memoryTypeCount; i++)
    if ((allowed & (1u << i)) != 0 && (memory->memoryTypes[i].propertyFlags & flags) == flags)
      return i;
  return G_MAXUINT32;
}

static guint32
largest_local_heap (const VkPhysicalDeviceMemoryProperties *memory)
{
  guint32 best = G_MAXUINT32;

  for (guint32 i = 0; i < memory->memoryHeapCount; i++)
    if ((memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0 &&
        (best == G_MAXUINT32 || memory->memoryHeaps[i].size > memory->memoryHeaps[best].size))
      best = i;
  return best;
}

guint32
pd_device_info_memory_type (const VkPhysicalDeviceMemoryProperties *memory, gboolean unified)
{
  static const VkMemoryPropertyFlags mapped = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                              VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                              VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  guint32 heap = largest_local_heap (memory);
  guint32 within = 0;
  guint32 type;

  for (guint32 i = 0; i < memory->memoryTypeCount; i++)
    if (memory->memoryTypes[i].heapIndex == heap)
      within |= 1u << i;
  if (!unified)
    return pd_device_info_find_type (memory, within, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
  type = pd_device_info_find_type (memory, within, mapped | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  return type != G_MAXUINT32 ? type : pd_device_info_find_type (memory, within, mapped);
}

static const char *
type_name (PdDeviceType type)
{
  switch (type)
    {
    case PD_DEVICE_CPU:
      return "cpu";
    case PD_DEVICE_VIRTUAL:
      return "virtual";
    case PD_DEVICE_INTEGRATED:
      return "integrated";
    case PD_DEVICE_DISCRETE:
      return "discrete";
    default:
      return "other";
    }
}

static PdDeviceType
type_of (VkPhysicalDeviceType type)
{
  switch (type)
    {
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return PD_DEVICE_CPU;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return PD_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return PD_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return PD_DEVICE_DISCRETE;
    default:
      return PD_DEVICE_OTHER;
    }
}

/* A queue that only computes leaves the desktop's own queue alone. */
static gboolean
find_queue_family (VkPhysicalDevice physical, guint32 *family, guint *timestamp_bits)
{
  guint32 n = 0;
  guint32 best = G_MAXUINT32;
  g_autofree VkQueueFamilyProperties *families = NULL;

  vkGetPhysicalDeviceQueueFamilyProperties (physical, &n, NULL);
  families = g_new0 (VkQueueFamilyProperties, n);
  vkGetPhysicalDeviceQueueFamilyProperties (physical, &n, families);
  for (guint32 i = 0; i < n; i++)
    {
      gboolean graphics = (families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0;

      if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) != 0 &&
          (best == G_MAXUINT32 ||
           (!graphics && (families[best].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0)))
        best = i;
    }
  if (best == G_MAXUINT32)
    return FALSE;
  *family = best;
  *timestamp_bits = families[best].timestampValidBits;
  return TRUE;
}

/* PD_MAX_STORAGE_RANGE makes it smaller, so that tests reach the limit with small tensors. */
static guint64
storage_range (guint32 limit)
{
  const char *value = pd_environment_get (PD_ENVIRONMENT_MAX_STORAGE_RANGE);
  guint64 asked = value != NULL ? g_ascii_strtoull (value, NULL, 10) : 0;

  return asked > 0 ? MIN (asked, limit) : limit;
}

static void
query_properties (PdDeviceInfo *info, VkPhysicalDevice physical)
{
  VkPhysicalDeviceSubgroupSizeControlPropertiesEXT subgroup_size = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT
  };
  VkPhysicalDeviceMaintenance4PropertiesKHR maintenance4 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES_KHR
  };
  VkPhysicalDeviceVulkan12Properties v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES
  };
  VkPhysicalDeviceVulkan11Properties v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12
  };
  VkPhysicalDeviceProperties2 properties = { .sType =
                                                 VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                             .pNext = &v11 };
  const VkPhysicalDeviceLimits *limits = &properties.properties.limits;
  gboolean subgroup_sizes =
      pd_device_info_has_extension (physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  gboolean sizes = pd_device_info_has_extension (physical, VK_KHR_MAINTENANCE_4_EXTENSION_NAME);
  GString *uuid = g_string_new (NULL);

  if (subgroup_sizes)
    {
      subgroup_size.pNext = v12.pNext;
      v12.pNext = &subgroup_size;
    }
  if (sizes)
    {
      maintenance4.pNext = v12.pNext;
      v12.pNext = &maintenance4;
    }
  vkGetPhysicalDeviceProperties2 (physical, &properties);

  for (guint i = 0; i < VK_UUID_SIZE; i++)
    g_string_append_printf (uuid, "%02x", v11.deviceUUID[i]);
  info->uuid = g_string_free (uuid, FALSE);
  info->name = g_strdup (properties.properties.deviceName);
  info->type = type_of (properties.properties.deviceType);
  info->type_name = type_name (info->type);
  info->driver_name = g_strdup (v12.driverName);
  info->driver_info = g_strdup (v12.driverInfo);
  info->api_version = properties.properties.apiVersion;
  info->driver_version = properties.properties.driverVersion;
  info->vendor_id = properties.properties.vendorID;
  info->device_id = properties.properties.deviceID;
  info->is_cpu = info->type == PD_DEVICE_CPU;
  info->is_lavapipe = v12.driverID == VK_DRIVER_ID_MESA_LLVMPIPE;

  info->max_storage_buffer_range = storage_range (limits->maxStorageBufferRange);
  info->max_memory_allocation_size = v11.maxMemoryAllocationSize;
  info->max_buffer_size = sizes ? maintenance4.maxBufferSize : v11.maxMemoryAllocationSize;

  info->subgroup_size = v11.subgroupSize;
  info->min_subgroup_size = subgroup_sizes ? subgroup_size.minSubgroupSize : v11.subgroupSize;
  info->max_subgroup_size = subgroup_sizes ? subgroup_size.maxSubgroupSize : v11.subgroupSize;
  info->subgroup_size_control = subgroup_sizes && (subgroup_size.requiredSubgroupSizeStages &
                                                   VK_SHADER_STAGE_COMPUTE_BIT) != 0;
  if ((v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0)
    {
      VkSubgroupFeatureFlags operations = v11.subgroupSupportedOperations;

      info->subgroup_ballot = (operations & VK_SUBGROUP_FEATURE_BALLOT_BIT) != 0;
      info->subgroup_shuffle = (operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT) != 0;
      info->subgroup_arithmetic = (operations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) != 0;
    }
  info->min_storage_buffer_offset_alignment = limits->minStorageBufferOffsetAlignment;
  info->max_shared_memory = limits->maxComputeSharedMemorySize;
  info->max_workgroup_invocations = limits->maxComputeWorkGroupInvocations;
  for (guint i = 0; i < 3; i++)
    {
      info->max_workgroup_size[i] = limits->maxComputeWorkGroupSize[i];
      info->max_workgroup_count[i] = limits->maxComputeWorkGroupCount[i];
    }
  info->timestamp_period = limits->timestampPeriod;
}

static void
query_features (PdDeviceInfo *info, VkPhysicalDevice physical)
{
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_size = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT
  };
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR
  };
  VkPhysicalDeviceVulkan12Features v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
  };
  VkPhysicalDeviceVulkan11Features v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12
  };
  VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = &v11 };

  if (info->subgroup_size_control)
    v12.pNext = &subgroup_size;
  if (pd_device_info_has_extension (physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME))
    {
      matrix.pNext = v12.pNext;
      v12.pNext = &matrix;
    }
  vkGetPhysicalDeviceFeatures2 (physical, &features);

  info->float16 = v12.shaderFloat16;
  info->storage16 = v11.storageBuffer16BitAccess;
  info->int16 = features.features.shaderInt16;
  info->int64 = features.features.shaderInt64;
  info->robust_access = features.features.robustBufferAccess;
  info->buffer_device_address = v12.bufferDeviceAddress;
  info->memory_model = v12.vulkanMemoryModel && v12.vulkanMemoryModelDeviceScope;
  info->subgroup_size_control =
      subgroup_size.subgroupSizeControl && subgroup_size.computeFullSubgroups;
  info->cooperative_matrix = matrix.cooperativeMatrix && info->memory_model && info->float16;
}

static void
query_cooperative_matrix (PdDeviceInfo *info, VkInstance instance, VkPhysicalDevice physical)
{
  PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
      (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR) vkGetInstanceProcAddr (
          instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  guint32 n = 0;
  gboolean found = FALSE;
  g_autofree VkCooperativeMatrixPropertiesKHR *all = NULL;

  if (info->cooperative_matrix && get != NULL)
    get (physical, &n, NULL);
  all = g_new0 (VkCooperativeMatrixPropertiesKHR, n);
  for (guint32 i = 0; i < n; i++)
    all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  if (n > 0)
    get (physical, &n, all);
  for (guint32 i = 0; i < n; i++)
    {
      const VkCooperativeMatrixPropertiesKHR *p = &all[i];
      gboolean square = p->MSize == 16 && p->NSize == 16 && p->KSize == 16;

      if (p->AType != VK_COMPONENT_TYPE_FLOAT16_KHR || p->BType != VK_COMPONENT_TYPE_FLOAT16_KHR ||
          p->CType != VK_COMPONENT_TYPE_FLOAT32_KHR ||
          p->ResultType != VK_COMPONENT_TYPE_FLOAT32_KHR || p->scope != VK_SCOPE_SUBGROUP_KHR ||
          (found && !square))
        continue;
      found = TRUE;
      info->cooperative_matrix_size[0] = p->MSize;
      info->cooperative_matrix_size[1] = p->NSize;
      info->cooperative_matrix_size[2] = p->KSize;
    }
  info->cooperative_matrix = found;
}

static void
query_memory (PdDeviceInfo *info, VkPhysicalDevice physical)
{
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
  };
  VkPhysicalDeviceMemoryProperties2 memory = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2
  };
  gboolean has_budget =
      pd_device_info_has_extension (physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  guint32 heap;

  if (has_budget)
    memory.pNext = &budget;
  vkGetPhysicalDeviceMemoryProperties2 (physical, &memory);
  heap = largest_local_heap (&memory.memoryProperties);
  if (heap != G_MAXUINT32)
    info->heap = info->budget = memory.memoryProperties.memoryHeaps[heap].size;
  if (info->is_cpu)
    info->budget = (guint64) sysconf (_SC_PHYS_PAGES) * (guint64) sysconf (_SC_PAGESIZE) / 4 * 3;
  else if (has_budget && heap != G_MAXUINT32)
    info->budget = budget.heapBudget[heap];
  info->unified_memory = (info->is_cpu || info->type == PD_DEVICE_INTEGRATED) &&
                         pd_device_info_memory_type (&memory.memoryProperties, TRUE) != G_MAXUINT32;
}

PdDeviceInfo *
pd_device_info_query (VkInstance instance, VkPhysicalDevice physical, guint32 *family)
{
  g_autoptr (PdDeviceInfo) info = g_new0 (PdDeviceInfo, 1);
  VkPhysicalDeviceProperties properties;

  vkGetPhysicalDeviceProperties (physical, &properties);
  if (properties.apiVersion < VK_API_VERSION_1_2 ||
      !find_queue_family (physical, family, &info->timestamp_bits))
    return NULL;
  info->timestamps = info->timestamp_bits > 0;
  query_properties (info, physical);
  query_features (info, physical);
  query_cooperative_matrix (info, instance, physical);
  query_memory (info, physical);
  return g_steal_pointer (&info);
}

void
pd_device_info_free (PdDeviceInfo *info)
{
  if (info == NULL)
    return;
  g_free (info->name);
  g_free (info->driver_name);
  g_free (info->driver_info);
  g_free (info->uuid);
  g_free (info);
}
