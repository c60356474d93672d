// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/tensor.h"

/* Gives every storage of @storages (PdStorage, with first, last and size set) an offset in one of
 * as few blocks as needed, none above @block_limit bytes, such that storages whose intervals meet
 * never share bytes. Storages that no dispatch touches (first > last) are left out.
 *
 * @block_of receives each storage's block (array of @storages->len, caller's).
 * Returns: (element-type gsize) the sizes of the blocks; NULL when a storage exceeds @block_limit,
 * whose index is put into @too_large, or when it was cancelled, with G_MAXUINT there: time grows
 * with the square of the number of storages that are in use at once. */
GArray *pd_placement_find (GPtrArray *storages,
                           gsize block_limit,
                           GCancellable *cancellable,
                           guint *block_of,
                           guint *too_large);
