// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

/* From the SPIR-V specification, version 1.6. */
enum
{
  SPIRV_HEADER_WORDS = 5,
  OP_CAPABILITY = 17,
  OP_FUNCTION = 54,
  OP_DECORATE = 71,
  DECORATION_BINDING = 33,
};

typedef struct
{
  guint32 number;
  const char *name;
  gssize field; /* gboolean in PdDeviceInfo; -1: every Vulkan 1.2 device has it */
} Capability;

static const Capability capabilities[] = {
  { 1, "Shader", -1 },
  { 9, "Float16", G_STRUCT_OFFSET (PdDeviceInfo, float16) },
  { 11, "Int64", G_STRUCT_OFFSET (PdDeviceInfo, int64) },
  { 22, "Int16", G_STRUCT_OFFSET (PdDeviceInfo, int16) },
  { 61, "GroupNonUniform", -1 },
  { 63, "GroupNonUniformArithmetic", G_STRUCT_OFFSET (PdDeviceInfo, subgroup_arithmetic) },
  { 64, "GroupNonUniformBallot", G_STRUCT_OFFSET (PdDeviceInfo, subgroup_ballot) },
  { 65, "GroupNonUniformShuffle", G_STRUCT_OFFSET (PdDeviceInfo, subgroup_shuffle) },
  { 4433, "StorageBuffer16BitAccess", G_STRUCT_OFFSET (PdDeviceInfo, storage16) },
  { 5345, "VulkanMemoryModel", G_STRUCT_OFFSET (PdDeviceInfo, memory_model) },
  { 5346, "VulkanMemoryModelDeviceScope", G_STRUCT_OFFSET (PdDeviceInfo, memory_model) },
  { 5347, "PhysicalStorageBufferAddresses", G_STRUCT_OFFSET (PdDeviceInfo, buffer_device_address) },
  { 6022, "CooperativeMatrixKHR", G_STRUCT_OFFSET (PdDeviceInfo, cooperative_matrix) },
};

const PdShader *
pd_shader_find (const char *name)
{
  for (const PdShader *shader = pd_shaders; shader->name != NULL; shader++)
    if (g_str_equal (shader->name, name))
      return shader;
  return NULL;
}

/* NULL if the device has it. */
static char *
lacking_capability (guint32 number, const PdDeviceInfo *info)
{
  for (guint i = 0; i < G_N_ELEMENTS (capabilities); i++)
    if (capabilities[i].number == number)
      {
        gssize field = capabilities[i].field;

        return field < 0 || G_STRUCT_MEMBER (gboolean, info, field)
                   ? NULL
                   : g_strdup (capabilities[i].name);
      }
  return g_strdup_printf ("SPIR-V capability %u", number);
}

void
pd_shader_read_needs (const PdShader *shader, const PdDeviceInfo *info, PdShaderNeeds *needs)
{
  const gsize n = shader->size / sizeof (guint32);
  const guint32 *code = shader->code;

  *needs = (PdShaderNeeds){ 0 };
  for (gsize i = SPIRV_HEADER_WORDS; i < n;)
    {
      guint operation = code[i] & 0xffff;
      guint length = code[i] >> 16;

      if (length == 0 || i + length > n || operation == OP_FUNCTION)
        break;
      if (operation == OP_CAPABILITY && needs->lacking == NULL)
        needs->lacking = lacking_capability (code[i + 1], info);
      if (operation == OP_DECORATE && code[i + 2] == DECORATION_BINDING)
        needs->n_bindings = MAX (needs->n_bindings, code[i + 3] + 1);
      i += length;
    }
}
