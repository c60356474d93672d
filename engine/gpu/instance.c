// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/environment.h"
#include "engine/base/error.h"

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

gboolean
pd_vk_check (VkResult result, const char *what, GError **error)
{
  switch (result)
    {
    case VK_SUCCESS:
      return TRUE;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          _ ("no Vulkan driver found; install one (Debian: mesa-vulkan-drivers, which also "
             "has one for the processor)"));
      return FALSE;
    case VK_ERROR_DEVICE_LOST:
      g_set_error (error, PD_ERROR, PD_ERROR_DEVICE_LOST,
                   _ ("the graphics driver lost the device in %s; start the program again, with "
                      "smaller tiles if it happens again"),
                   what);
      return FALSE;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_MEMORY_MAP_FAILED:
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY, _ ("out of %s memory in %s"),
                   result == VK_ERROR_OUT_OF_DEVICE_MEMORY ? _ ("device") : _ ("driver"), what);
      return FALSE;
    default:
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("%s failed with VkResult %d; the driver may need an update"), what,
                   (int) result);
      return FALSE;
    }
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
on_message (VkDebugUtilsMessageSeverityFlagBitsEXT severity,
            VkDebugUtilsMessageTypeFlagsEXT types,
            const VkDebugUtilsMessengerCallbackDataEXT *data,
            void *user_data)
{
  PdInstance *self = user_data;

  g_atomic_int_inc (&self->messages);
  g_warning ("Vulkan validation: %s", data->pMessage);
  return VK_FALSE;
}

static gboolean
has_layer (const char *name)
{
  guint32 n = 0;
  g_autofree VkLayerProperties *layers = NULL;

  vkEnumerateInstanceLayerProperties (&n, NULL);
  layers = g_new0 (VkLayerProperties, n);
  vkEnumerateInstanceLayerProperties (&n, layers);
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (layers[i].layerName, name))
      return TRUE;
  return FALSE;
}

static gboolean
has_extension (const char *name)
{
  guint32 n = 0;
  g_autofree VkExtensionProperties *extensions = NULL;

  vkEnumerateInstanceExtensionProperties (NULL, &n, NULL);
  extensions = g_new0 (VkExtensionProperties, n);
  vkEnumerateInstanceExtensionProperties (NULL, &n, extensions);
  for (guint32 i = 0; i < n; i++)
    if (g_str_equal (extensions[i].extensionName, name))
      return TRUE;
  return FALSE;
}

static gboolean
create (PdInstance *self, GError **error)
{
  static const char *const extensions[] = { VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                            VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME };
  static const char *const layers[] = { validation_layer };
  static const VkValidationFeatureEnableEXT synchronisation[] = {
    VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
  };
  static const VkValidationFeatureEnableEXT assisted[] = {
    VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT,
    VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_RESERVE_BINDING_SLOT_EXT
  };
  VkApplicationInfo application = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                    .pApplicationName = "parallel-diffusion",
                                    .apiVersion = VK_API_VERSION_1_2 };
  VkDebugUtilsMessengerCreateInfoEXT messenger = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                   VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
    .pfnUserCallback = on_message,
    .pUserData = self
  };
  VkValidationFeaturesEXT features = { .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                       .pNext = &messenger,
                                       .enabledValidationFeatureCount =
                                           G_N_ELEMENTS (synchronisation),
                                       .pEnabledValidationFeatures = synchronisation };
  VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                .pApplicationInfo = &application };
  PFN_vkCreateDebugUtilsMessengerEXT create_messenger;

  if (self->assisted)
    {
      features.enabledValidationFeatureCount = G_N_ELEMENTS (assisted);
      features.pEnabledValidationFeatures = assisted;
    }
  info.ppEnabledExtensionNames = extensions;
  if (has_extension (VK_EXT_DEBUG_UTILS_EXTENSION_NAME))
    info.enabledExtensionCount = 1;
  if (self->validation)
    {
      info.pNext = &features;
      info.enabledLayerCount = G_N_ELEMENTS (layers);
      info.ppEnabledLayerNames = layers;
      info.enabledExtensionCount = G_N_ELEMENTS (extensions);
    }
  if (!pd_vk_check (vkCreateInstance (&info, NULL, &self->vk), "vkCreateInstance", error))
    return FALSE;
  if (info.enabledExtensionCount > 0)
    self->set_name = (PFN_vkSetDebugUtilsObjectNameEXT) vkGetInstanceProcAddr (
        self->vk, "vkSetDebugUtilsObjectNameEXT");
  if (!self->validation)
    return TRUE;
  create_messenger = (PFN_vkCreateDebugUtilsMessengerEXT) vkGetInstanceProcAddr (
      self->vk, "vkCreateDebugUtilsMessengerEXT");
  return pd_vk_check (create_messenger (self->vk, &messenger, NULL, &self->messenger),
                      "vkCreateDebugUtilsMessengerEXT", error);
}

PdInstance *
pd_instance_new (gboolean validation, GError **error)
{
  g_autoptr (PdInstance) self = g_new0 (PdInstance, 1);
  guint32 version = VK_API_VERSION_1_0;

  self->assisted = g_strcmp0 (pd_environment_get (PD_ENVIRONMENT_VALIDATION), "gpu") == 0;
  self->validation = validation || self->assisted ||
                     g_strcmp0 (pd_environment_get (PD_ENVIRONMENT_VALIDATION), "1") == 0;
  vkEnumerateInstanceVersion (&version);
  if (version < VK_API_VERSION_1_2)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          _ ("the Vulkan loader is version %u.%u, 1.2 or newer is needed; update libvulkan1"),
          VK_API_VERSION_MAJOR (version), VK_API_VERSION_MINOR (version));
      return NULL;
    }
  if (self->validation && !has_layer (validation_layer))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("validation was asked for, but the layer %s is not installed (Debian: "
                      "vulkan-validationlayers)"),
                   validation_layer);
      return NULL;
    }
  if (!create (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_instance_name (const PdInstance *self,
                  VkDevice device,
                  VkObjectType type,
                  guint64 object,
                  const char *format,
                  ...)
{
  VkDebugUtilsObjectNameInfoEXT info = { .sType =
                                             VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                         .objectType = type,
                                         .objectHandle = object };
  g_autofree char *name = NULL;
  va_list arguments;

  if (self->set_name == NULL)
    return;
  va_start (arguments, format);
  name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  info.pObjectName = name;
  self->set_name (device, &info);
}

void
pd_instance_free (PdInstance *self)
{
  if (self == NULL)
    return;
  if (self->messenger != VK_NULL_HANDLE)
    {
      PFN_vkDestroyDebugUtilsMessengerEXT destroy =
          (PFN_vkDestroyDebugUtilsMessengerEXT) vkGetInstanceProcAddr (
              self->vk, "vkDestroyDebugUtilsMessengerEXT");
      destroy (self->vk, self->messenger, NULL);
    }
  if (self->vk != VK_NULL_HANDLE)
    vkDestroyInstance (self->vk, NULL);
  g_free (self);
}
