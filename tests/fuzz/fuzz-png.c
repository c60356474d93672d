// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <zlib.h>

#include "engine/pictures/notes.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "engine/run/regions.h"
#include "engine/request/request.h"
#include "tests/fixtures/chunk-fixture.h"
#include "tests/fuzz/fuzz-gegl.h"
#include "tests/fuzz/fuzz.h"

/* Pictures in PNG, and what a picture says it was made from. The input begins with a Head; then
 * follows a PNG whose sums are made right. */
typedef struct
{
  guint8 mode;  /* bits: LOAD, MASK, PAD */
  guint8 chunk; /* that is made large by PAD: an index into padded */
} Head;

enum
{
  LOAD = 1, /* the pixels are read */
  MASK = 2, /* and as those of a mask */
  PAD = 4,  /* a chunk of PADDING bytes stands behind the first one */

  PADDING = 8 << 20,
  MAX_PIXELS = 1 << 18, /* of a picture that is read; more takes longer */
  SHOWN = 8,            /* pixels a side that are looked at */
};

static const char keyword[] = "parallel-diffusion";
static const char *const padded[] = {
  "iTXt", "zTXt", "tEXt", "iCCP", "eXIf", "prVt", "tRNS", "sPLT"
};

static const char *const words[] = {
  "iTXt",
  "zTXt",
  "tEXt",
  "iCCP",
  "PLTE",
  "tRNS",
  "IHDR",
  "IDAT",
  "IEND",
  "gAMA",
  "cHRM",
  "sRGB",
  "eXIf",
  "sBIT",
  "bKGD",
  "parallel-diffusion",
  "\xff\xff\xff\xff",
  "\x01\x01\x01\x01",
  "\x10",
  "{\"steps\":3}",
  NULL,
};

static void
add_seed (GPtrArray *seeds, const char *mode, GByteArray *png)
{
  pd_fuzz_add_seed (seeds, mode, sizeof (Head), png->data, png->len);
  g_byte_array_unref (png);
}

/* A PNG with a chunk before the pixels. */
static GByteArray *
make (guint depth, guint type, const char *name, gconstpointer data, gsize length)
{
  static const guchar pixel[8] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0 };
  static const guint channels[] = { [0] = 1, [2] = 3, [4] = 2, [6] = 4 };
  GByteArray *png = pd_chunk_fixture_png (8, 8, depth, type, pixel, channels[type] * depth / 8);

  pd_chunk_fixture_insert (png, "IDAT", name, data, length);
  return png;
}

/* The request as one of the three kinds of texts. @head: what the chunk has before the text. */
static void
add_text (GPtrArray *seeds, const char *name, const char *head, gsize head_size, gboolean deflated)
{
  static const char request[] =
      "{\"mode\":\"generate\",\"prompt\":\"x\",\"steps\":3,\"width\":64,\"height\":64,\"regions\":"
      "\"0,0,10,10:a\\nmask=x.png:b\",\"memory\":5,\"solver\":\"ddim\",\"seed\":3,\"guidance\":2."
      "5}";
  g_autoptr (GByteArray) chunk = g_byte_array_new ();
  g_autoptr (GBytes) text = deflated ? pd_chunk_fixture_deflate (request, sizeof request - 1)
                                     : g_bytes_new_static (request, sizeof request - 1);

  g_byte_array_append (chunk, (const guint8 *) keyword, sizeof keyword);
  g_byte_array_append (chunk, (const guint8 *) head, (guint) head_size);
  g_byte_array_append (chunk, g_bytes_get_data (text, NULL), (guint) g_bytes_get_size (text));
  add_seed (seeds, "\0\0", make (8, 2, name, chunk->data, chunk->len));
}

static void
add_seeds (GPtrArray *seeds)
{
  static const guchar chromaticities[32] = { 0, 0, 0x7a, 0x26, 0, 0, 0x80, 0x84, 0, 0, 0xfa, 0,
                                             0, 0, 0x80, 0,    0, 0, 0x52, 8,    0, 0, 0xa4, 0x10,
                                             0, 0, 0x3a, 0x98, 0, 0, 0x17, 0x70 };
  static const guchar exif[] = { 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1,
                                 18,  0,   3, 0,  0, 0, 1, 0, 6, 0, 0 };
  static const guchar gamma[] = { 0, 0, 0xb1, 0x8f };

  add_text (seeds, "tEXt", "", 0, FALSE);
  add_text (seeds, "zTXt", "", 1, TRUE);
  add_text (seeds, "iTXt", "\0\0\0", 4, FALSE);
  add_text (seeds, "iTXt", "\1\0\0", 4, TRUE);
  add_seed (seeds, "\1\0", make (8, 2, "cHRM", chromaticities, sizeof chromaticities));
  add_seed (seeds, "\1\0", make (16, 6, "gAMA", gamma, sizeof gamma));
  add_seed (seeds, "\3\0", make (16, 0, "tRNS", "\x12\x34", 2));
  add_seed (seeds, "\3\0", make (8, 4, "eXIf", exif, sizeof exif));
  add_seed (seeds, "\5\5", make (8, 6, "sRGB", "", 1));
  add_seed (seeds, "\4\1", make (8, 0, "sRGB", "", 1));
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

static guint32
get_number (const guint8 *bytes)
{
  return (guint32) bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static void
set_number (guint8 *bytes, guint32 number)
{
  number = GUINT32_TO_BE (number);
  memcpy (bytes, &number, sizeof number);
}

/* Makes the sums of all chunks right that are whole. */
static void
set_sums (GByteArray *png)
{
  gsize at = 8;

  while (at + 12 <= png->len && get_number (png->data + at) <= png->len - at - 12)
    {
      const guint32 length = get_number (png->data + at);

      set_number (png->data + at + 8 + length,
                  (guint32) crc32 (0, png->data + at + 4, (uInt) length + 4));
      at += 12 + (gsize) length;
    }
}

static void
pad (GByteArray *png, const char *name)
{
  const gsize start = 8 + 12 + 13, size = 12 + (gsize) PADDING;
  const gsize rest = png->len - start;

  g_byte_array_set_size (png, (guint) (png->len + size));
  memmove (png->data + start + size, png->data + start, rest);
  memset (png->data + start, 0, size);
  set_number (png->data + start, PADDING);
  memcpy (png->data + start + 4, name, 4);
  memcpy (png->data + start + 8, keyword, sizeof keyword);
}

static void
check_text (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *json = pd_png_read_text (path, keyword, &error);
  g_autoptr (PdRequest) request = pd_request_new ();
  gboolean good;

  pd_fuzz_check (json != NULL, error);
  if (json == NULL)
    return;
  good = pd_request_set_json (request, json, PD_REQUEST_PARAM_LOCAL, &error);
  pd_fuzz_check (good, error);
  if (!good)
    return;
  good = pd_regions_check (request->regions, request->width, request->height, &error);
  pd_fuzz_check (good, error);
}

static void
check_picture (GeglBuffer *picture, const GError *error)
{
  const GeglRectangle corner = { 0, 0, SHOWN, SHOWN };
  guint8 pixels[SHOWN * SHOWN * 16]; /* of 4 floats at most */
  const GPtrArray *notes;

  pd_fuzz_check (picture != NULL, error);
  if (picture == NULL)
    return;
  gegl_buffer_get (picture, &corner, 1.0, NULL, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
  notes = pd_notes_of (picture);
  for (guint i = 0; notes != NULL && i < notes->len; i++)
    g_assert_true (g_utf8_validate (notes->pdata[i], -1, NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const Head *head = (const Head *) data;
  g_autoptr (GByteArray) png = g_byte_array_new ();
  const char *path;

  pd_fuzz_gegl_start ();
  if (size < sizeof *head + 33)
    return 0;
  g_byte_array_append (png, data + sizeof *head, (guint) (size - sizeof *head));
  if (get_number (png->data + 16) > MAX_PIXELS || get_number (png->data + 20) > MAX_PIXELS ||
      (guint64) get_number (png->data + 16) * get_number (png->data + 20) > MAX_PIXELS)
    return 0;
  if (head->mode & PAD)
    pad (png, padded[head->chunk % G_N_ELEMENTS (padded)]);
  set_sums (png);
  path = pd_fuzz_file (png->data, png->len, 0);
  check_text (path);
  if (head->mode & LOAD && pd_png_is (path))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GeglBuffer) picture = pd_png_load (path, &error);

      check_picture (picture, error);
    }
  if (head->mode & MASK && pd_png_is (path))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GeglBuffer) mask = pd_picture_load_mask (path, &error);

      check_picture (mask, error);
    }
  return 0;
}
