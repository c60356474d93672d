// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/keyed-hash.h"

#include <string.h>
#include <sys/random.h>

static void
draw_key (guint64 key[2])
{
  const gsize size = 2 * sizeof *key;
  if (getrandom (key, size, GRND_NONBLOCK) == (gssize) size)
    return;
  for (guint i = 0; i < 2; i++)
    key[i] = (guint64) g_random_int () << 32 | g_random_int ();
}

static const guint64 *
get_key (void)
{
  static guint64 key[2];
  static gsize drawn;
  if (g_once_init_enter (&drawn))
    {
      draw_key (key);
      g_once_init_leave (&drawn, 1);
    }
  return key;
}

static guint64
rotate (guint64 value, guint bits)
{
  return value << bits | value >> (64 - bits);
}

static void
mix (guint64 v[4], guint rounds)
{
  for (guint i = 0; i < rounds; i++)
    {
      v[0] += v[1];
      v[2] += v[3];
      v[1] = rotate (v[1], 13) ^ v[0];
      v[3] = rotate (v[3], 16) ^ v[2];
      v[0] = rotate (v[0], 32) + v[3];
      v[2] += v[1];
      v[3] = rotate (v[3], 21) ^ v[0];
      v[1] = rotate (v[1], 17) ^ v[2];
      v[2] = rotate (v[2], 32);
    }
}

static void
absorb (guint64 v[4], guint64 word)
{
  v[3] ^= word;
  mix (v, 2);
  v[0] ^= word;
}

guint64
pd_keyed_hash_bytes (const guint64 key[2], const void *data, gsize length)
{
  const guint8 *bytes = data;
  guint64 v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                   key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
  guint64 last = (guint64) length << 56;
  gsize whole = length / 8 * 8;
  for (gsize i = 0; i < whole; i += 8)
    {
      guint64 word;
      memcpy (&word, bytes + i, 8);
      absorb (v, GUINT64_FROM_LE (word));
    }
  for (gsize i = whole; i < length; i++)
    last |= (guint64) bytes[i] << (8 * (i - whole));
  absorb (v, last);
  v[2] ^= 0xff;
  mix (v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

guint
pd_keyed_hash (gconstpointer text)
{
  guint64 hash = pd_keyed_hash_bytes (get_key (), text, strlen (text));
  return (guint) (hash ^ hash >> 32);
}
