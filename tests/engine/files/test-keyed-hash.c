// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/keyed-hash.h"

/* The first and the last of the vectors that the authors published: the bytes 0, 1, 2, …, under the
 * key of the bytes 0 to 15. */
static void
test_vectors (void)
{
  static const struct
  {
    gsize length;
    guint64 hash;
  } cases[] = {
    { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },
    { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
  };
  static const guint64 key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
  guint8 bytes[64];
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8) i;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmphex (pd_keyed_hash_bytes (key, bytes, cases[i].length), ==, cases[i].hash);
}

static void
test_table (void)
{
  g_autoptr (GHashTable) table = g_hash_table_new (pd_keyed_hash, g_str_equal);
  g_assert_cmpuint (g_str_hash ("aB"), ==, g_str_hash ("b!"));
  g_assert_cmpuint (pd_keyed_hash ("aB"), !=, pd_keyed_hash ("b!"));
  g_hash_table_insert (table, (gpointer) "aB", (gpointer) "one");
  g_hash_table_insert (table, (gpointer) "b!", (gpointer) "two");
  g_autofree char *key = g_strdup ("aB");
  g_assert_cmpstr (g_hash_table_lookup (table, key), ==, "one");
  g_assert_null (g_hash_table_lookup (table, ""));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keyed-hash/vectors", test_vectors);
  g_test_add_func ("/keyed-hash/table", test_table);
  return g_test_run ();
}
