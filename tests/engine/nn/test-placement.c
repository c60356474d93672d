// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/placement.h"

static PdStorage *
storage (gsize size, int first, int last)
{
  PdStorage *self = g_new0 (PdStorage, 1);

  self->size = size;
  self->first = first;
  self->last = last;
  return self;
}

static gboolean
share_bytes (const PdStorage *a, const PdStorage *b)
{
  return a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static gboolean
live_together (const PdStorage *a, const PdStorage *b)
{
  return a->first <= b->last && b->first <= a->last;
}

/* No two storages that live at the same time share bytes of a block. */
static void
assert_disjoint (GPtrArray *storages, const guint *block_of)
{
  for (guint i = 0; i < storages->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const PdStorage *a = g_ptr_array_index (storages, i), *b = g_ptr_array_index (storages, j);

        if (block_of[i] == G_MAXUINT || block_of[i] != block_of[j] || !live_together (a, b))
          continue;
        g_assert_false (share_bytes (a, b));
      }
}

/* Bytes alive at the worst moment: no placement can take less. */
static gsize
lower_bound (GPtrArray *storages, int n_moments)
{
  gsize worst = 0;

  for (int moment = 0; moment < n_moments; moment++)
    {
      gsize sum = 0;

      for (guint i = 0; i < storages->len; i++)
        {
          const PdStorage *s = g_ptr_array_index (storages, i);

          sum += s->first <= moment && moment <= s->last ? s->size : 0;
        }
      worst = MAX (worst, sum);
    }
  return worst;
}

static void
test_chain (void)
{
  g_autoptr (GPtrArray) storages = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) blocks = NULL;
  guint block_of[6], too_large;

  /* a -> b -> c …: two buffers in turn. */
  for (int i = 0; i < 6; i++)
    g_ptr_array_add (storages, storage (1024, i, i + 1));
  blocks = pd_placement_find (storages, G_MAXSIZE, NULL, block_of, &too_large);
  g_assert_cmpuint (blocks->len, ==, 1);
  g_assert_cmpuint (g_array_index (blocks, gsize, 0), ==, 2048);
  assert_disjoint (storages, block_of);
}

static void
test_random (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (int round = 0; round < 50; round++)
    {
      g_autoptr (GPtrArray) storages = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GArray) blocks = NULL;
      guint block_of[80], too_large;

      for (int i = 0; i < 80; i++)
        {
          int first = g_rand_int_range (random, 0, 100);

          g_ptr_array_add (storages, storage (g_rand_int_range (random, 1, 100000), first,
                                              first + g_rand_int_range (random, 0, 20)));
        }
      blocks = pd_placement_find (storages, G_MAXSIZE, NULL, block_of, &too_large);
      g_assert_nonnull (blocks);
      assert_disjoint (storages, block_of);
      for (guint i = 0; i < storages->len; i++)
        g_assert_cmpuint (((PdStorage *) g_ptr_array_index (storages, i))->offset % 256, ==, 0);
      g_assert_cmpuint (g_array_index (blocks, gsize, 0), <, lower_bound (storages, 130) * 3 / 2);
    }
}

static void
test_blocks (void)
{
  g_autoptr (GPtrArray) storages = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) blocks = NULL;
  guint block_of[5], too_large;

  for (int i = 0; i < 4; i++)
    g_ptr_array_add (storages, storage (1000, 0, 9));
  g_ptr_array_add (storages, storage (1000, G_MAXINT, -1));
  blocks = pd_placement_find (storages, 2500, NULL, block_of, &too_large);
  g_assert_cmpuint (blocks->len, ==, 2);
  g_assert_cmpuint (block_of[4], ==, G_MAXUINT);
  assert_disjoint (storages, block_of);
  for (guint i = 0; i < blocks->len; i++)
    g_assert_cmpuint (g_array_index (blocks, gsize, i), <=, 2500);
}

static void
test_too_large (void)
{
  g_autoptr (GPtrArray) storages = g_ptr_array_new_with_free_func (g_free);
  guint block_of[2], too_large = 0;

  g_ptr_array_add (storages, storage (1000, 0, 9));
  g_ptr_array_add (storages, storage (4000, 0, 9));
  g_assert_null (pd_placement_find (storages, 2500, NULL, block_of, &too_large));
  g_assert_cmpuint (too_large, ==, 1);
}

/* Someone who wants to stop is heard, and not taken for a storage that is too large. */
static void
test_cancelled (void)
{
  g_autoptr (GPtrArray) storages = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint block_of[3], too_large = 0;

  for (guint i = 0; i < G_N_ELEMENTS (block_of); i++)
    {
      PdStorage *storage = g_new0 (PdStorage, 1);

      storage->size = 70 + i;
      storage->last = 4;
      g_ptr_array_add (storages, storage);
    }
  g_cancellable_cancel (cancellable);
  g_assert_null (pd_placement_find (storages, G_MAXSIZE, cancellable, block_of, &too_large));
  g_assert_cmpuint (too_large, ==, G_MAXUINT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/placement/chain", test_chain);
  g_test_add_func ("/placement/random", test_random);
  g_test_add_func ("/placement/blocks", test_blocks);
  g_test_add_func ("/placement/too-large", test_too_large);
  g_test_add_func ("/placement/cancelled", test_cancelled);
  return g_test_run ();
}
