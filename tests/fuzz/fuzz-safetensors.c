// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/file-kind.h"
#include "engine/files/safetensors.h"
#include "tests/fuzz/fuzz.h"

/* The input begins with a Head; then follow the bytes of a .safetensors file. */
typedef struct
{
  guint8 mode;    /* 1: all of the file; 0: its header without the length, and data behind it */
  guint8 room[2]; /* bytes of that data, little-endian, up to 1023 */
} Head;

static const char *const words[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e9",
  "0.5",
  "\"\"",
  "\\u0000",
  "\\ud800",
  "9223372036854775807",
  "18446744073709551615",
  "4294967296",
  "2305843009213693953",
  "\"dtype\":\"F64\"",
  "\"shape\":[]",
  "\"data_offsets\":[0,0]",
  "\"__metadata__\":{}",
  "\"F16\"",
  "\"BF16\"",
  "\"BOOL\"",
  "\"F32\"",
  "\"I8\"",
  "\"F8_E4M3\"",
  "\"format\":\"pt\"",
  "999999999",
  NULL,
};

/* What was accepted must be true: every tensor lies in the file, none overlap. */
static void
check_tensors (const PdSafetensors *file)
{
  guint64 end = 0;
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const PdTensorInfo *info = pd_safetensors_get_tensor (file, i);
      guint64 count = 1;
      for (guint d = 0; info->dtype != PD_DTYPE_OTHER && d < info->n_dims; d++)
        g_assert_true (g_uint64_checked_mul (&count, count, info->dims[d]));
      if (info->dtype == PD_DTYPE_OTHER)
        count = 0;
      else
        g_assert_cmpuint (count * pd_dtype_size (info->dtype), ==, info->size);
      g_assert_true (pd_safetensors_find (file, info->name) == info);
      g_assert_true (info->size == 0 || info->offset >= end);
      if (info->size == 0)
        continue;
      end = info->offset + info->size;
      g_autofree float *values = g_new (float, count);
      g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
    }
}

static void
add_seeds (GPtrArray *seeds)
{
  static const char header[] =
      "{\"__metadata__\":{\"format\":\"pt\"},"
      "\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
      "\"b.bias\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},"
      "\"c\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[16,17]},"
      "\"d\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[17,17]},"
      "\"\\u00e9\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[17,23]},"
      "\"f\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[23,25]},"
      "\"g\":{\"dtype\":\"F8_E4M3\",\"shape\":[1,1],\"data_offsets\":[25,26]},"
      "\"h\":{\"dtype\":\"X4\",\"shape\":[5],\"data_offsets\":[26,30]}}";
  static const char small[] = "{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  const guint64 length = GUINT64_TO_LE (sizeof small - 1);
  g_autoptr (GByteArray) whole = g_byte_array_new ();

  pd_fuzz_add_seed (seeds, "\0\36\0", sizeof (Head), header, -1);
  g_byte_array_append (whole, (const guint8 *) &length, sizeof length);
  g_byte_array_append (whole, (const guint8 *) small, sizeof small); /* with a byte of data */
  pd_fuzz_add_seed (seeds, "\1\0\0", sizeof (Head), whole->data, whole->len);
  pd_fuzz_add_seed (seeds, "\1\0\0", sizeof (Head), "<!DOCTYPE html>", -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const Head *head = (const Head *) data;
  const guint64 length = GUINT64_TO_LE ((guint64) size - sizeof *head);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSafetensors) file = NULL;
  gsize room = 0;

  if (size < sizeof *head)
    return 0;
  if (!(head->mode & 1))
    {
      g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
      room = head->room[0] | (head->room[1] & 3u) << 8;
    }
  g_byte_array_append (bytes, data + sizeof *head, (guint) (size - sizeof *head));
  file = pd_safetensors_open (pd_fuzz_file (bytes->data, bytes->len, room), &error);
  pd_fuzz_check_line (file != NULL, error);
  if (file == NULL)
    return 0;
  check_tensors (file);
  pd_file_kind (file);
  return 0;
}
