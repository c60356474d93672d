// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/pictures/buffer-file.h"
#include "tests/fuzz/fuzz-gegl.h"
#include "tests/fuzz/fuzz.h"

/* Files of GEGL's buffers. The input begins with a byte, its mode: 1: what was read is written and
 * read again; 2: behind the input are ROOM zeros. */
enum
{
  ROOM = 20000,
  MAX_PIXELS = 1 << 16, /* of what is written again */
  SHOWN = 8,            /* pixels a side that are looked at */
};

static const char *const words[] = {
  "GEGL",
  "R'G'B' u8",
  "R'G'B'A float",
  "Y float",
  "R'G'B' u16",
  "RaGaBaA float",
  "Y' u1",
  "cairo-ARGB32",
  "CIE Lab float",
  "indexed",
  "\xff\xff\xff\xff",
  "\x01\x01\x01\x01",
  "\x10\x10\x10\x10",
  NULL,
};

static void
append (GByteArray *bytes, gsize size, guint64 number)
{
  number = GUINT64_TO_LE (number);
  g_byte_array_append (bytes, (const guint8 *) &number, (guint) size);
}

/* A file of @side × @side pixels with @n × @n tiles of TILE × TILE; see
 * engine/pictures/buffer-file.c. */
static void
add_seed (GPtrArray *seeds,
          const char *mode,
          const char *format,
          guint bytes_per_pixel,
          guint side,
          guint n)
{
  enum
  {
    TILE = 16,
    HEADER = 256,
    ENTRY = 40,
  };
  const guint tile_bytes = TILE * TILE * bytes_per_pixel;
  g_autoptr (GByteArray) file = g_byte_array_new ();
  char description[64] = "";

  g_strlcpy (description, format, sizeof description);
  g_byte_array_append (file, (const guint8 *) "GEGL", 4);
  append (file, 4, 1 << 9 | 1 << 11);
  append (file, 8, HEADER);
  append (file, 4, TILE);
  append (file, 4, TILE);
  append (file, 2, bytes_per_pixel);
  g_byte_array_append (file, (const guint8 *) description, sizeof description);
  append (file, 2, 0); /* to a multiple of 4 */
  append (file, 8, 0); /* x, y */
  append (file, 4, side);
  append (file, 4, side);
  while (file->len < HEADER)
    append (file, 4, 0);
  for (guint i = 0; i < n * n; i++)
    {
      append (file, 4, ENTRY);
      append (file, 4, 1);
      append (file, 8, i + 1 < n * n ? file->len + ENTRY - 8 : 0);
      append (file, 8, HEADER + n * n * ENTRY + i * tile_bytes);
      append (file, 4, i % n);
      append (file, 4, i / n);
      append (file, 8, 0);
    }
  for (guint i = 0; i < n * n * tile_bytes; i++)
    append (file, 1, 16);
  pd_fuzz_add_seed (seeds, mode, 1, file->data, file->len);
}

static void
add_seeds (GPtrArray *seeds)
{
  add_seed (seeds, "\1", "R'G'B' u8", 3, 20, 2);
  add_seed (seeds, "\1", "R'G'B'A float", 16, 16, 1);
  add_seed (seeds, "\1", "Y float", 4, 20, 2);
  add_seed (seeds, "\1", "R'G'B' u16", 6, 20, 2);
  add_seed (seeds, "\2", "R'G'B' u8", 3, 100000, 1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

static void
look (GeglBuffer *buffer)
{
  float pixels[SHOWN * SHOWN * 4];
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const GeglRectangle corner = { 0, 0, SHOWN, SHOWN };

  g_assert_true (extent->x == 0 && extent->y == 0 && extent->width > 0 && extent->height > 0);
  gegl_buffer_get (buffer, &corner, 1.0, babl_format ("R'G'B'A float"), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
}

static void
write_again (GeglBuffer *buffer)
{
  g_autofree char *path = g_build_filename (pd_fuzz_folder (), "again.gegl", NULL);
  g_autoptr (GError) error = NULL;
  const gboolean saved = pd_buffer_file_save (buffer, path, &error);
  g_autoptr (GeglBuffer) again = NULL;

  pd_fuzz_check (saved, error);
  g_assert_true (saved);
  again = pd_buffer_file_load (path, &error);
  pd_fuzz_check (again != NULL, error);
  g_assert_true (
      gegl_rectangle_equal (gegl_buffer_get_extent (buffer), gegl_buffer_get_extent (again)));
  look (again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GeglBuffer) buffer = NULL;

  pd_fuzz_gegl_start ();
  if (size == 0)
    return 0;
  buffer = pd_buffer_file_load (pd_fuzz_file (data + 1, size - 1, data[0] & 2 ? ROOM : 0), &error);
  pd_fuzz_check (buffer != NULL, error);
  if (buffer == NULL)
    return 0;
  look (buffer);
  if (data[0] & 1 &&
      (gint64) gegl_buffer_get_width (buffer) * gegl_buffer_get_height (buffer) <= MAX_PIXELS)
    write_again (buffer);
  return 0;
}
