// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* For tables whose keys come from a file: a hash of the string @text that nobody can foresee, so
 * that no file can have many keys of one hash. SipHash-2-4 (https://www.aumasson.jp/siphash/) with
 * a key drawn once per process; a GHashFunc, to be used with g_str_equal. */
guint pd_keyed_hash (gconstpointer text);

/* SipHash-2-4 of @length bytes. */
guint64 pd_keyed_hash_bytes (const guint64 key[2], const void *data, gsize length);
