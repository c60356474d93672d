// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/dispatch.h"

/* What PD_DEBUG=graph tells of a graph as it is compiled: where each tensor is placed, then each
 * dispatch with what it reads and writes, and the barriers between them. */
typedef struct _PdDump PdDump;

/* Tells of the placement. @storages and @tensors: those of the graph (element-type PdStorage,
 * PdTensor), placed in @arena (element-type PdBuffer); all are borrowed.
 * Returns: NULL unless PD_DEBUG asks for graphs; the other functions then do nothing. */
PdDump *pd_dump_new (GPtrArray *storages, GPtrArray *tensors, GPtrArray *arena);
void pd_dump_free (PdDump *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDump, pd_dump_free)

/* Tells of the next dispatch. @barrier: there is one before it. */
void pd_dump_dispatch (PdDump *self, const PdDispatch *dispatch, gboolean barrier);
