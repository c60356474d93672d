// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/chunk-fixture.h"

#include <gio/gio.h>
#include <string.h>

static void
append_number (GByteArray *bytes, guint32 number)
{
  number = GUINT32_TO_BE (number);
  g_byte_array_append (bytes, (const guchar *) &number, sizeof number);
}

static guint32
check_sum (const guchar *bytes, gsize length)
{
  guint32 sum = 0xffffffff;

  for (gsize i = 0; i < length; i++)
    {
      sum ^= bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
  return ~sum;
}

static GByteArray *
make_chunk (const char *name, gconstpointer data, gsize length)
{
  GByteArray *chunk = g_byte_array_new ();

  append_number (chunk, (guint32) length);
  g_byte_array_append (chunk, (const guchar *) name, 4);
  if (length > 0)
    g_byte_array_append (chunk, data, (guint) length);
  append_number (chunk, check_sum (chunk->data + 4, chunk->len - 4));
  return chunk;
}

GBytes *
pd_chunk_fixture_deflate (gconstpointer data, gsize length)
{
  g_autoptr (GConverter) compressor =
      G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9));
  g_autoptr (GInputStream) plain =
      g_memory_input_stream_new_from_data (data, (gssize) length, NULL);
  g_autoptr (GInputStream) packed = g_converter_input_stream_new (plain, compressor);
  g_autoptr (GOutputStream) result = g_memory_output_stream_new_resizable ();

  g_assert_cmpint (
      g_output_stream_splice (result, packed, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, NULL), >,
      0);
  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (result));
}

void
pd_chunk_fixture_insert (
    GByteArray *png, const char *before, const char *name, gconstpointer data, gsize length)
{
  g_autoptr (GByteArray) chunk = make_chunk (name, data, length);
  const char *next = *before ? before : "IEND";
  const gsize old = png->len;
  gsize at = 8;

  while (memcmp (png->data + at + 4, next, 4) != 0)
    {
      guint32 size;

      memcpy (&size, png->data + at, sizeof size);
      at += 12 + (gsize) GUINT32_FROM_BE (size);
      g_assert_cmpuint (at, <, old);
    }
  g_byte_array_set_size (png, (guint) (old + chunk->len));
  memmove (png->data + at + chunk->len, png->data + at, old - at);
  memcpy (png->data + at, chunk->data, chunk->len);
}

GByteArray *
pd_chunk_fixture_png (
    guint width, guint height, guint depth, guint type, const guchar *pixel, gsize pixel_bytes)
{
  GByteArray *png = g_byte_array_new ();
  g_autoptr (GByteArray) header = g_byte_array_new (), rows = g_byte_array_new ();
  g_autoptr (GByteArray) first = NULL, last = make_chunk ("IEND", NULL, 0);
  g_autoptr (GBytes) packed = NULL;
  const guchar rest[] = { (guchar) depth, (guchar) type, 0, 0, 0 }, filter = 0;

  append_number (header, width);
  append_number (header, height);
  g_byte_array_append (header, rest, sizeof rest);
  first = make_chunk ("IHDR", header->data, header->len);
  g_byte_array_append (png, (const guchar *) "\x89PNG\r\n\x1a\n", 8);
  g_byte_array_append (png, first->data, first->len);
  g_byte_array_append (png, last->data, last->len);
  for (guint y = 0; y < height; y++)
    {
      g_byte_array_append (rows, &filter, 1);
      for (guint x = 0; x < width; x++)
        g_byte_array_append (rows, pixel, (guint) pixel_bytes);
    }
  packed = pd_chunk_fixture_deflate (rows->data, rows->len);
  pd_chunk_fixture_insert (png, "IEND", "IDAT", g_bytes_get_data (packed, NULL),
                           g_bytes_get_size (packed));
  return png;
}
