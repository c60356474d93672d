// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"
#include "engine/run/stages.h"

/* What a run takes of the machine beside the device, before it begins. */
typedef struct
{
  guint64 memory;  /* bytes beyond those that the process holds already */
  guint64 swap;    /* bytes of pictures that GEGL's cache does not hold and that go to its folder */
  guint64 journal; /* bytes of the largest journal; 0 where none is kept */
} PdHostPlan;

/* Of a run of @stages. Uses up the session's canvas; nothing that grows with the picture is
 * allocated. Errors: those of pd_grid_init and of the solver. */
gboolean
pd_host_plan (PdSession *session, const PdStage *stages, guint n, PdHostPlan *plan, GError **error);

/* Errors: PD_ERROR_OUT_OF_MEMORY if the machine, its control groups, limits of the process or the
 * folder of GEGL's swap do not have that. */
gboolean pd_host_plan_check (const PdHostPlan *plan, GError **error);
