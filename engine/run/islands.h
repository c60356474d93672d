// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/base/rect.h"

/* What @mask ("Y float") shows above 0, in islands: pixels less than 64 rows and columns apart are
 * of one, those more than 128 apart are not, unless others join them. Returns: (transfer full)
 * (element-type PdRect) their smallest rectangles, from top to bottom. Errors: PD_ERROR_BAD_REQUEST
 * if it shows nothing. */
GArray *pd_islands_find (GeglBuffer *mask, GError **error);
