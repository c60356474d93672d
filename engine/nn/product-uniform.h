// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/product.h"

/* What the uniform attention needs of the uniform products. */

/* pd_product_uniform () with the panels of product->b in @panels, into @y (NULL: a new tensor),
 * which then has product->h × product->w pixels and no border. Returns the result. */
PdTensor *
pd_product_uniform_into (PdGraph *graph, const PdProduct *product, PdStorage *panels, PdTensor *y);

/* Attention as two products with the softmax between them, for heads too large for
 * shaders/attention-uniform.comp; their channels are a multiple of PD_CHANNEL_ALIGN. */
PdTensor *pd_attention_by_products (PdGraph *graph, const PdAttention *attention);
