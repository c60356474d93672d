// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "tests/faults/fault-fixture.h"

/* The program on two devices, one of which fails (vk-fault.c): the other one does its work, with
 * the same bytes, and a note tells of it; with both the run ends as with one. */

static const char line[] = "generate --prompt moss --size 128x128 --tile 64 --overlap 16 --steps 2 "
                           "--guidance 1 --seed 3 --kernels general --device 0,0";

/* Calls of which one fails and all that follow. */
static const PdFault faults[] = {
  /* The second device: in the midst of its tiles, and when they are recorded. */
  { .call = "vkWaitForFences", .number = 18, .result = "-4", .lasting = TRUE, .device = 2 },
  { .call = "vkAllocateMemory", .number = 4, .result = "-2", .lasting = TRUE, .device = 2 },
  /* The first: when anchors are predicted, and in the second step. */
  { .call = "vkQueueSubmit", .number = 20, .result = "-4", .lasting = TRUE, .device = 1 },
  { .call = "vkQueueSubmit", .number = 36, .result = "-4", .lasting = TRUE, .device = 1 },
};

static void
test_one (gconstpointer data)
{
  const PdFault *fault = data;
  g_autofree char *note = g_strdup_printf ("device %u of the list was lost", fault->device);
  g_auto (PdFaultEnd) end = { 0 };

  pd_fault_check (fault, &end);
  g_assert_cmpint (end.status, ==, 0);
  g_assert_true (end.record != NULL && *end.record != '\0');
  g_assert_nonnull (strstr (end.text, note));
}

/* In the second step: the first one is kept. */
static void
test_all (void)
{
  const PdFault fault = { .call = "vkQueueSubmit", .number = 50, .result = "-4", .lasting = TRUE };
  g_auto (PdFaultEnd) end = { 0 }, resumed = { 0 };
  g_autoptr (GSubprocess) process = NULL;

  pd_fault_check (&fault, &end);
  g_assert_cmpint (end.status, ==, 1);
  g_assert_nonnull (strstr (end.text, "--resume goes on from there"));
  process = pd_fault_start (&(PdFault){ .resumes = TRUE });
  pd_fault_wait (process, &resumed);
  pd_fault_require (&resumed, pd_fault_judge (&resumed));
  g_assert_cmpint (resumed.status, ==, 0);
  g_assert_null (strstr (resumed.text, "anew"));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_fault_begin (line);
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_autofree char *name = g_strdup_printf ("/device-fault/one/%u-%s-%u", faults[i].device,
                                               faults[i].call, faults[i].number);

      g_test_add_data_func (name, &faults[i], test_one);
    }
  g_test_add_func ("/device-fault/all", test_all);
  status = g_test_run ();
  pd_fault_finish ();
  return status;
}
