// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "tests/faults/fault-fixture.h"

/* The program with one of its larger allocations failing (memory-fault.c): it ends with status 1
 * and one line that says there is no memory, or makes the picture. With -m slow each of them fails,
 * else a sample. */

enum
{
  SAMPLE = 12
};

/* The first one in a short run. */
static const char *const lines[] = {
  "generate --prompt moss --size 32x32 --steps 1 --guidance 1 --seed 3 --kernels general "
  "--preview @/preview.png --preview-every 1",
  "generate --prompt moss --size 48x32 --tile 32 --steps 1 --guidance 3 --seed 4 --depth 16 "
  "--kernels general --progressive off --region 0,0,24,32:snow",
  "restyle --input @input --prompt snow --strength 0.5 --steps 2 --guidance 1 --seed 5 "
  "--kernels general",
  "inpaint --input @input --mask @input --prompt snow --steps 1 --guidance 1 --seed 6 "
  "--kernels general",
};

static const char *
judge (const PdFaultEnd *end)
{
  static const char *const reasons[] = { "no memory for", "allocate memory",
                                         "insufficient memory" };

  if (end->n_lines == 0)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (strstr (end->text, reasons[i]) != NULL)
      return NULL;
  return "it does not say that there is no memory";
}

static void
test_line (gconstpointer data)
{
  guint n, most, n_failed = 0;

  pd_fault_begin (data);
  n = pd_fault_count ("allocation");
  most = g_test_thorough () ? n : MIN (n, SAMPLE);
  g_test_message ("%u allocations", n);
  g_assert_cmpuint (n, >, SAMPLE);
  for (guint i = 0; i < most; i++)
    {
      g_auto (PdFaultEnd) end = { 0 };

      pd_fault_check (&(PdFault){ .call = "allocation", .number = 1 + i * n / most }, &end);
      pd_fault_require (&end, judge (&end));
      n_failed += *end.record != '\0';
    }
  /* How many there are depends on what threads meet. */
  g_assert_cmpuint (n_failed, >, most / 2);
  pd_fault_finish ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < (g_test_thorough () ? G_N_ELEMENTS (lines) : 1); i++)
    {
      g_autofree char *path = g_strdup_printf ("/memory-fault/%u", i);

      g_test_add_data_func (path, lines[i], test_line);
    }
  return g_test_run ();
}
