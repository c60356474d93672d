// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/given.h"

#include <glib/gi18n-lib.h>

const PdGivenInfo pd_given[] = {
  [PD_GIVEN_INPUT] = {
    .name = "input",
    .path = G_STRUCT_OFFSET (PdRequest, input),
    .format = "R'G'B'A float",
    .sized = TRUE,
    .missing = N_ ("“%s” needs a picture to start from"),
    .meaning = N_ ("its input"),
  },
  [PD_GIVEN_MASK] = {
    .name = "mask",
    .path = G_STRUCT_OFFSET (PdRequest, mask),
    .format = "Y float",
    .sized = TRUE,
    .missing = N_ ("“%s” needs a mask of what to repaint"),
    .meaning = N_ ("its mask"),
  },
  [PD_GIVEN_STYLE] = {
    .name = "style",
    .path = G_STRUCT_OFFSET (PdRequest, style),
    .format = "R'G'B'A float",
    .min_side = 32,
    .missing = N_ ("“%s” needs a picture whose style to take"),
    .meaning = N_ ("the picture of its style"),
  },
};

G_STATIC_ASSERT (G_N_ELEMENTS (pd_given) == PD_N_GIVEN);

const char *
pd_given_path (const PdRequest *request, PdGiven given)
{
  return G_STRUCT_MEMBER (const char *, request, pd_given[given].path);
}

gboolean
pd_given_find (const char *name, PdGiven *given)
{
  for (*given = 0; *given < PD_N_GIVEN; (*given)++)
    if (g_str_equal (name, pd_given[*given].name))
      return TRUE;
  return FALSE;
}
