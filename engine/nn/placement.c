// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/placement.h"

static int
compare_size (gconstpointer a, gconstpointer b, gpointer user_data)
{
  GPtrArray *storages = user_data;
  const PdStorage *x = g_ptr_array_index (storages, *(const guint *) a);
  const PdStorage *y = g_ptr_array_index (storages, *(const guint *) b);

  if (x->size != y->size)
    return x->size > y->size ? -1 : 1;
  return x->first != y->first ? (x->first < y->first ? -1 : 1) : 0;
}

/* Puts @storage into a block behind those of the same or a lower offset. */
static void
insert (GPtrArray *block, PdStorage *storage)
{
  guint first = 0, end = block->len;

  while (first < end)
    {
      guint middle = first + (end - first) / 2;
      const PdStorage *other = g_ptr_array_index (block, middle);

      if (other->offset <= storage->offset)
        first = middle + 1;
      else
        end = middle;
    }
  g_ptr_array_insert (block, (gint) first, storage);
}

/* Lowest offset in a block at which @storage fits between the placed storages that live at the same
 * time, which are given in order of offset. */
static gsize
lowest_gap (const PdStorage *storage, GPtrArray *block)
{
  gsize offset = 0;

  for (guint i = 0; i < block->len; i++)
    {
      const PdStorage *other = g_ptr_array_index (block, i);

      if (other->last < storage->first || storage->last < other->first)
        continue;
      if (other->offset >= offset + storage->size)
        return offset;
      offset = MAX (offset, pd_align_binding (other->offset + other->size));
    }
  return offset;
}

/* Largest first, each at the lowest free offset: within a few per cent of the largest sum of sizes
 * alive at once for the networks here (Pisarchyk and Lee, "Efficient Memory Management for Deep
 * Neural Net Inference", 2020: greedy by size). */
GArray *
pd_placement_find (GPtrArray *storages,
                   gsize block_limit,
                   GCancellable *cancellable,
                   guint *block_of,
                   guint *too_large)
{
  g_autofree guint *order = g_new (guint, storages->len + 1);
  g_autoptr (GPtrArray) blocks =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  g_autoptr (GArray) sizes = g_array_new (FALSE, TRUE, sizeof (gsize));

  *too_large = G_MAXUINT;
  for (guint i = 0; i < storages->len; i++)
    order[i] = i;
  g_qsort_with_data (order, (int) storages->len, sizeof *order, compare_size, storages);

  for (guint i = 0; i < storages->len; i++)
    {
      PdStorage *storage = g_ptr_array_index (storages, order[i]);
      guint b;

      if (g_cancellable_is_cancelled (cancellable))
        return NULL;
      block_of[order[i]] = G_MAXUINT;
      if (storage->first > storage->last)
        continue;
      if (storage->size > block_limit)
        {
          *too_large = order[i];
          return NULL;
        }
      for (b = 0;; b++)
        {
          GPtrArray *block;

          if (b == blocks->len)
            {
              gsize none = 0;

              g_ptr_array_add (blocks, g_ptr_array_new ());
              g_array_append_val (sizes, none);
            }
          block = g_ptr_array_index (blocks, b);
          storage->offset = lowest_gap (storage, block);
          if (storage->offset + storage->size > block_limit)
            continue;
          insert (block, storage);
          g_array_index (sizes, gsize, b) =
              MAX (g_array_index (sizes, gsize, b), storage->offset + storage->size);
          block_of[order[i]] = b;
          break;
        }
    }
  return g_steal_pointer (&sizes);
}
