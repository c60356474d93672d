// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/matmul.h"

/* For attention by matrix products. */

/* pd_matmul_uniform () with the panels of product->b in @panels, into @y (NULL: a new tensor),
 * which then has product->h × product->w pixels and no border. Returns the result. */
PdTensor *
pd_matmul_uniform_into (PdGraph *graph, const PdMatmul *matmul, PdStorage *panels, PdTensor *y);
