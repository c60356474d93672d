// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fuzz/fuzz-gegl.h"

#include <gegl.h>

void
pd_fuzz_gegl_start (void)
{
  static gboolean started;

  if (started)
    return;
  g_setenv ("GEGL_THREADS", "1", TRUE);
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  started = TRUE;
}
