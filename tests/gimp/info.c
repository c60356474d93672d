// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <glib/gstdio.h>
#include <libgimp/gimp.h>
#include <string.h>

/* The text of the answer, or of the error, must have all `words` in it. */
static void
check_answer (GimpParam *values, int n, GimpPDBStatusType status, const char *const *words)
{
  const char *text = n > 1 && values[1].type == GIMP_PDB_STRING ? values[1].data.d_string : "";

  tap_expect (values[0].data.d_status == status,
              status == GIMP_PDB_SUCCESS ? "the call succeeds" : "the call fails");
  for (; *words; words++)
    if (!strstr (text, *words))
      tap_fail ("the text is “%s”, expected “%s” in it", text, *words);
  gimp_destroy_params (values, n);
}

static void
check_self_test (GimpPDBStatusType status, const char *const *words)
{
  int n = 0;
  GimpParam *values = gimp_run_procedure ("plug-in-parallel-diffusion-info", &n, GIMP_PDB_END);

  check_answer (values, n, status, words);
}

/* command: quoted as in a shell, without " and \ */
static void
set_engine (const char *command)
{
  g_autofree char *path =
      g_build_filename (g_get_user_config_dir (), "parallel-diffusion", "settings.json", NULL);
  g_autofree char *text = g_strdup_printf ("{\"engine-command\": \"%s\"}", command);

  if (!g_file_set_contents (path, text, -1, NULL))
    g_error ("%s cannot be written", path);
}

static void
check_dialog_without_display (void)
{
  const GeglRectangle extent = { 0, 0, 64, 64 };
  gint32 layer;
  gint32 image = picture_new (GIMP_RGB, GIMP_PRECISION_U8_GAMMA, TRUE, &extent, &layer);
  int n = 0;
  GimpParam *values = gimp_run_procedure (
      "plug-in-parallel-diffusion", &n, GIMP_PDB_INT32, GIMP_RUN_INTERACTIVE, GIMP_PDB_IMAGE, image,
      GIMP_PDB_DRAWABLE, layer, GIMP_PDB_STRING, "", GIMP_PDB_STRING, "", GIMP_PDB_FLOAT, 0.0,
      GIMP_PDB_INT32, 0, GIMP_PDB_STRING, "", GIMP_PDB_END);

  check_answer (values, n, GIMP_PDB_EXECUTION_ERROR,
                (const char *const[]){ "without a display", NULL });
  gimp_image_delete (image);
}

void
check_info (void)
{
  tap_begin ("info: version, devices, models and a test of the device");
  check_self_test (GIMP_PDB_SUCCESS,
                   (const char *const[]){ "Parallel Diffusion 0.", "Devices:\n  ", "  tiny\n",
                                          "computes as it should", NULL });
  tap_end ();
  tap_begin ("info: the dialog needs a display");
  check_dialog_without_display ();
  tap_end ();
  set_engine ("/nowhere/engine serve");
  tap_begin ("info: the engine's command leads nowhere");
  check_self_test (
      GIMP_PDB_EXECUTION_ERROR,
      (const char *const[]){ "cannot be started", "/nowhere/engine", "setting", NULL });
  tap_end ();
  set_engine ("sh -c 'echo no licence >&2; exit 3'");
  tap_begin ("info: the engine ends at once");
  check_self_test (GIMP_PDB_EXECUTION_ERROR,
                   (const char *const[]){ "status 3", "no licence", NULL });
  tap_end ();
  set_engine ("echo hello");
  tap_begin ("info: the command is no engine");
  check_self_test (GIMP_PDB_EXECUTION_ERROR,
                   (const char *const[]){ "does not speak to this program", NULL });
  tap_end ();
}
