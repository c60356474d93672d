// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>

#include "tests/faults/fault-fixture.h"

/* The program with one call of Vulkan failing (vk-fault.c): it ends with status 1 and one line that
 * says why, or makes the picture; by no signal, and without leaving anything behind. With -m slow
 * each function fails at more of its calls. */

static const char line[] = "generate --prompt moss --size 32x32 --steps 1 --guidance 1 --seed 3 "
                           "--kernels general";

static const char *const results[] = { "-1", "-2", "-4" };

/* Functions, and the last of the calls that fail in a short run. Later ones are like those, but the
 * kernels that are compiled until then take long. */
static const struct
{
  const char *name;
  guint last;
} functions[] = {
  { "vkCreateInstance", 1 },
  { "vkEnumeratePhysicalDevices", 2 },
  { "vkCreateDevice", 1 },
  { "vkCreatePipelineCache", 1 },
  { "vkGetPipelineCacheData", 1 },
  { "vkCreateDescriptorSetLayout", 2 },
  { "vkCreatePipelineLayout", 3 },
  { "vkCreateBuffer", 2 },
  { "vkAllocateMemory", 3 },
  { "vkBindBufferMemory", 1 },
  { "vkMapMemory", 2 },
  { "vkCreateShaderModule", 1 },
  { "vkCreateComputePipelines", 2 },
  { "vkCreateDescriptorPool", 1 },
  { "vkAllocateDescriptorSets", 1 },
  { "vkCreateCommandPool", 1 },
  { "vkAllocateCommandBuffers", 1 },
  { "vkBeginCommandBuffer", 1 },
  { "vkEndCommandBuffer", 1 },
  { "vkCreateFence", 1 },
  { "vkQueueSubmit", 1 },
  { "vkWaitForFences", 1 },
  { "vkResetFences", 1 },
};

static void
fail_once (const char *function, guint number, const char *result)
{
  g_auto (PdFaultEnd) end = { 0 };

  pd_fault_check (&(PdFault){ .call = function, .number = number, .result = result }, &end);
}

/* Every function is called. */
static void
test_counts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    g_assert_cmpuint (pd_fault_count (functions[i].name), >, 0);
}

static void
test_failures (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    for (guint number = 1;
         number <= (g_test_thorough () ? 4 * functions[i].last : functions[i].last);
         number += 1 + number / 8)
      for (guint k = 0; k < G_N_ELEMENTS (results); k++)
        fail_once (functions[i].name, number, results[k]);
}

/* A wait that fails while the device is at work, and the device cannot be waited for either. */
static void
test_idle (void)
{
  g_auto (PdFaultEnd) end = { 0 };

  pd_fault_check (
      &(PdFault){ .call = "vkDeviceWaitIdle", .number = 1, .result = "-1", .lasting = TRUE }, &end);
}

/* The device never answers: a signal ends the run all the same. */
static void
test_hang (gconstpointer data)
{
  g_autoptr (GSubprocess) process = pd_fault_start (
      &(PdFault){ .call = "vkWaitForFences", .number = 2, .result = "hang", .lasting = TRUE });
  g_auto (PdFaultEnd) end = { 0 };

  g_usleep (3 * G_USEC_PER_SEC); /* anywhere after its start */
  g_subprocess_send_signal (process, GPOINTER_TO_INT (data));
  pd_fault_wait (process, &end);
  pd_fault_require (&end, pd_fault_judge (&end));
  g_assert_cmpint (end.status, ==, 1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_fault_begin (line);
  g_test_add_func ("/vk-fault/counts", test_counts);
  g_test_add_func ("/vk-fault/failures", test_failures);
  g_test_add_func ("/vk-fault/idle", test_idle);
  g_test_add_data_func ("/vk-fault/hang", GINT_TO_POINTER (SIGTERM), test_hang);
  status = g_test_run ();
  pd_fault_finish ();
  return status;
}
