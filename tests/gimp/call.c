// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/call.h"

#include <libgimp/gimp.h>

const char quick[] = "model=tiny steps=1 guidance=1";

/* values: (transfer full). Returns: the layer in them, or -1 and the message. */
static gint32
result (GimpParam *values, int n, char **message)
{
  gint32 layer = -1;

  *message = NULL;
  if (values[0].data.d_status == GIMP_PDB_SUCCESS)
    layer = values[1].data.d_layer;
  else
    *message = g_strdup (n > 1 && values[1].type == GIMP_PDB_STRING ? values[1].data.d_string : "");
  gimp_destroy_params (values, n);
  return layer;
}

gint32
call (gint32 image,
      gint32 drawable,
      const char *prompt,
      const char *mode,
      double strength,
      const char *options,
      char **message)
{
  int n = 0;
  GimpParam *values = gimp_run_procedure (
      "plug-in-parallel-diffusion", &n, GIMP_PDB_INT32, GIMP_RUN_NONINTERACTIVE, GIMP_PDB_IMAGE,
      image, GIMP_PDB_DRAWABLE, drawable, GIMP_PDB_STRING, prompt, GIMP_PDB_STRING, mode,
      GIMP_PDB_FLOAT, strength, GIMP_PDB_INT32, 7, GIMP_PDB_STRING, options, GIMP_PDB_END);

  return result (values, n, message);
}

gint32
call_again (gint32 image, gint32 drawable, char **message)
{
  int n = 0;
  /* All but the first three have no meaning when the last values are used. */
  GimpParam *values = gimp_run_procedure (
      "plug-in-parallel-diffusion", &n, GIMP_PDB_INT32, GIMP_RUN_WITH_LAST_VALS, GIMP_PDB_IMAGE,
      image, GIMP_PDB_DRAWABLE, drawable, GIMP_PDB_STRING, "", GIMP_PDB_STRING, "", GIMP_PDB_FLOAT,
      0.0, GIMP_PDB_INT32, 0, GIMP_PDB_STRING, "", GIMP_PDB_END);

  return result (values, n, message);
}

gboolean
is_kept (gint32 layer, const char *text)
{
  GimpParasite *parasite = gimp_item_get_parasite (layer, "parallel-diffusion");
  const gboolean found =
      parasite && g_strstr_len (gimp_parasite_data (parasite), gimp_parasite_data_size (parasite),
                                text) != NULL;

  if (parasite)
    gimp_parasite_free (parasite);
  return found;
}
