// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/safetensors.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "tests/fixtures/model-fixture.h"

/* Values of every type, at offsets that are not aligned to it. */
static void
test_types (void)
{
  static const struct
  {
    const char *dtype;
    PdDtype type;
    guint8 bytes[16];
    float expected[2];
  } cases[] = {
    { "F64",
      PD_DTYPE_F64,
      { 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0 },
      { 1.5f, -2.0f } },
    { "F32", PD_DTYPE_F32, { 0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0 }, { 1.5f, -2.0f } },
    { "F16", PD_DTYPE_F16, { 0x00, 0x3e, 0x01, 0x80 }, { 1.5f, -0x1p-24f } },
    { "BF16", PD_DTYPE_BF16, { 0xc0, 0x3f, 0x00, 0xc0 }, { 1.5f, -2.0f } },
    { "I64",
      PD_DTYPE_I64,
      { 5, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
      { 5, -2 } },
    { "I32", PD_DTYPE_I32, { 0, 1, 0, 0, 0xfe, 0xff, 0xff, 0xff }, { 256, -2 } },
    { "I16", PD_DTYPE_I16, { 0, 1, 0xfe, 0xff }, { 256, -2 } },
    { "I8", PD_DTYPE_I8, { 5, 0xfe }, { 5, -2 } },
    { "U8", PD_DTYPE_U8, { 5, 0xfe }, { 5, 254 } },
    { "BOOL", PD_DTYPE_BOOL, { 0, 1 }, { 0, 1 } },
    { "F8_E4M3", PD_DTYPE_F8_E4M3, { 0x3c, 0x81 }, { 1.5f, -0x1p-9f } },
    { "F8_E5M2", PD_DTYPE_F8_E5M2, { 0x3e, 0x81 }, { 1.5f, -0x1p-16f } },
  };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = 2 * pd_dtype_size (cases[i].type);
      guint8 bytes[17] = { 7 };
      memcpy (bytes + 1, cases[i].bytes, 16);
      g_autofree char *header =
          g_strdup_printf ("{\"x\":{\"dtype\":\"%s\",\"shape\":[2,1],\"data_offsets\":[1,%d]},"
                           "\"first\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                           cases[i].dtype, (int) size + 1);
      g_autofree char *path =
          pd_fixture_write_safetensors (folder, "x", header, size + 1, bytes, size + 1);
      g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
      g_assert_no_error (error);
      const PdTensorInfo *info = pd_safetensors_find (file, "x");
      float values[2];
      g_assert_cmpint (info->dtype, ==, cases[i].type);
      g_assert_cmpuint (info->n_dims, ==, 2);
      g_assert_cmpuint (pd_tensor_info_count (info), ==, 2);
      g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
      g_assert_cmpmem (values, sizeof values, cases[i].expected, sizeof values);

      /* in the order of the data, not of the header */
      g_assert_cmpuint (pd_safetensors_get_n_tensors (file), ==, 2);
      const PdTensorInfo *first = pd_safetensors_get_tensor (file, 0);
      g_assert_cmpstr (first->name, ==, "first");
      g_assert_cmpuint (first->n_dims, ==, 0);
      g_assert_cmpuint (pd_tensor_info_count (first), ==, 1);
      g_assert_null (pd_safetensors_find (file, "y"));
    }
  pd_fixture_remove (folder);
}

/* All 65536 of them, against the definition of binary16. */
static void
test_halves (void)
{
  g_autofree guint16 *halves = g_new (guint16, 65536);
  g_autofree float *values = g_new (float, 65536);
  for (guint i = 0; i < 65536; i++)
    halves[i] = GUINT16_TO_LE (i);
  PdTensorInfo info = { .dtype = PD_DTYPE_F16, .data = (guint8 *) halves, .size = 2 * 65536 };
  g_assert_true (pd_tensor_info_to_f32 (&info, values, NULL));
  for (guint i = 0; i < 65536; i++)
    {
      int exponent = (i >> 10) & 31, mantissa = i & 1023;
      double expected = exponent == 0    ? ldexp (mantissa, -24)
                        : exponent == 31 ? (mantissa == 0 ? INFINITY : NAN)
                                         : ldexp (1024 + mantissa, exponent - 25);
      g_assert_true (isnan (expected) ? isnan (values[i]) : fabs (values[i]) == expected);
      g_assert_cmpint (signbit (values[i]) != 0, ==, i >> 15);
    }
}

/* All 256 numbers of 8 bits, against the definition of the OCP formats. */
static void
test_bytes (gconstpointer data)
{
  const gboolean wide = GPOINTER_TO_INT (data); /* E5M2 */
  const int n_mantissa = wide ? 2 : 3, bias = wide ? 15 : 7, scale = 1 << n_mantissa;
  guint8 bytes[256];
  float values[256];
  for (guint i = 0; i < 256; i++)
    bytes[i] = (guint8) i;
  PdTensorInfo info = { .dtype = wide ? PD_DTYPE_F8_E5M2 : PD_DTYPE_F8_E4M3,
                        .data = bytes,
                        .size = sizeof bytes };
  g_assert_true (pd_tensor_info_to_f32 (&info, values, NULL));
  for (int i = 0; i < 256; i++)
    {
      int exponent = (i & 127) >> n_mantissa, mantissa = i & (scale - 1);
      double expected = exponent == 0 ? ldexp (mantissa, 1 - bias - n_mantissa)
                                      : ldexp (scale + mantissa, exponent - bias - n_mantissa);
      if (wide && exponent == 31)
        expected = mantissa == 0 ? INFINITY : NAN;
      else if (!wide && (i & 127) == 127)
        expected = NAN;
      g_assert_true (isnan (expected) ? isnan (values[i]) : fabs (values[i]) == expected);
      g_assert_cmpint (signbit (values[i]) != 0, ==, i >> 7);
    }
  info.scale = -0.25f;
  info.size = 1;
  info.data = bytes + 0x40;
  g_assert_true (pd_tensor_info_to_f32 (&info, values, NULL));
  g_assert_cmpfloat (values[0], ==, -0.5f); /* 2 in both formats */
}

/* One header each, what the message must name, and the bytes of data that follow (8 by default). */
static const struct
{
  const char *name, *header, *fragments;
} HOSTILE[] = {
  { "no-json", "hello", "not valid JSON" },
  { "empty", "", "zeros" },
  { "list", "[1,2]", "object" },
  { "comment", "{/* \" */\"a\":1}", "JSON" },
  { "unfinished", "{\"a\":{\"dtype\":\"F32\"", "JSON" },
  { "invalid-utf8", "{\"\xff\":1}", "UTF-8" },
  { "lone-surrogate", "{\"\\ud800\":1}", "JSON" },
  { "nul-in-name", "{\"a\\u0000b\":1}", "JSON" },
  { "entry-no-object", "{\"weight\":3}", "weight object" },
  { "no-dtype", "{\"weight\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "weight dtype" },
  { "no-shape", "{\"weight\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "weight shape" },
  { "negative-dim", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[-2,-1],\"data_offsets\":[0,8]}}",
    "weight shape" },
  { "fractional-dim", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}",
    "weight shape" },
  { "nine-dims",
    "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,1,1,1,1,1,1,1,1],\"data_offsets\":[0,8]}}",
    "weight shape 9 8" },
  { "no-offsets", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2]}}", "weight data_offsets" },
  { "one-offset", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
    "weight data_offsets" },
  { "reversed-offsets", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
    "weight data_offsets" },
  { "out-of-range", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
    "weight 12 8 truncated" },
  { "far-out-of-range",
    "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9223372036854775800,"
    "9223372036854775807]}}",
    "weight truncated" },
  { "huge-offset",
    "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,99999999999999999999999]}}",
    "weight data_offsets" },
  { "wrong-size", "{\"weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
    "weight 8 F32 4" },
  { "giant-dims",
    "{\"weight\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}",
    "weight 4294967296x4294967296 large" },
  { "overflowing-dims", /* 2^64 + 8 bytes, were it computed modulo 2^64 */
    "{\"weight\":{\"dtype\":\"U8\",\"shape\":[8,2305843009213693953],\"data_offsets\":[0,8]}}",
    "weight large" },
  { "overlap",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
    "\"a\" \"b\" overlaps" },
  { "overlap-behind-empty",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
    "\"none\":{\"dtype\":\"F32\",\"shape\":[0,9],\"data_offsets\":[3,3]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
    "\"a\" \"b\" overlaps" },
  { "same-place",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]}}",
    "\"a\" \"b\" overlaps" },
  { "duplicate",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
    "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
    "\"a\" twice" },
  { "duplicate-key",
    "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,4]}}",
    "\"dtype\" twice" },
};

static void
test_hostile (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *path =
      pd_fixture_write_safetensors (folder, "hostile.safetensors", HOSTILE[i].header, 8, NULL, 0);
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_null (file);
  g_assert_nonnull (strstr (error->message, "hostile.safetensors"));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, HOSTILE[i].fragments);
  pd_fixture_remove (folder);
}

/* A tensor of any dtype may stand beside those that are used. */
static void
test_other_dtypes (void)
{
  static const char *const names[] = { "F4", "F8_E8M0", "C64", "U64", "I4", "", "Ünknown \\u0007" };
  char *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *header =
          g_strdup_printf ("{\"odd\":{\"dtype\":\"%s\",\"shape\":[3,5],\"data_offsets\":[1,8]},"
                           "\"good\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                           names[i]);
      g_autofree char *path = pd_fixture_write_safetensors (folder, "x", header, 8, "\5", 1);
      g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
      g_assert_no_error (error);
      const PdTensorInfo *odd = pd_safetensors_find (file, "odd");
      float value;
      g_assert_cmpint (odd->dtype, ==, PD_DTYPE_OTHER);
      g_assert_cmpuint (pd_tensor_info_count (odd), ==, 0);
      g_assert_true (pd_tensor_info_to_f32 (pd_safetensors_find (file, "good"), &value, NULL));
      g_assert_cmpfloat (value, ==, 5);
    }
  pd_fixture_remove (folder);
}

/* "aB" and "b!" are one for the usual string hash, and so are all words made of them: with it this
 * would take longer than a test may. */
static void
test_equal_hashes (void)
{
  enum
  {
    N_PAIRS = 16
  };
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autoptr (GString) header = g_string_new ("{\"first\":{\"dtype\":\"U8\",\"shape\":[0],"
                                             "\"data_offsets\":[0,0]}");
  char name[2 * N_PAIRS + 1] = "";
  for (guint i = 0; i < 1u << N_PAIRS; i++)
    {
      for (guint j = 0; j < N_PAIRS; j++)
        memcpy (name + 2 * j, (i >> j & 1) != 0 ? "aB" : "b!", 2);
      g_string_append_printf (
          header, ",\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", name);
    }
  g_string_append_c (header, '}');
  g_autofree char *path = pd_fixture_write_safetensors (folder, "x", header->str, 0, NULL, 0);
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_safetensors_get_n_tensors (file), ==, (1u << N_PAIRS) + 1);
  g_assert_nonnull (pd_safetensors_find (file, name));
  pd_fixture_remove (folder);
}

static void
test_cancelled (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  char *folder = pd_fixture_folder ();
  g_autofree char *path = pd_fixture_write_safetensors (folder, "x", "{}", 0, NULL, 0);
  g_cancellable_cancel (cancellable);
  g_cancellable_push_current (cancellable);
  g_assert_null (pd_safetensors_open (path, &error));
  g_cancellable_pop_current (cancellable);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  pd_fixture_remove (folder);
}

static void
test_deep_nesting (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autoptr (GString) header = g_string_new ("{\"__metadata__\":");
  for (guint i = 0; i < 1000000; i++)
    g_string_append_c (header, '[');
  g_autofree char *path = pd_fixture_write_safetensors (folder, "deep", header->str, 0, NULL, 0);
  g_assert_null (pd_safetensors_open (path, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "deeply");
  pd_fixture_remove (folder);
}

/* Files that end within the header's length, the header or the data. */
static void
test_truncated (void)
{
  static const char header[] =
      "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
  char *folder = pd_fixture_folder ();
  g_autofree char *path = pd_fixture_write_safetensors (folder, "x", header, 8, NULL, 0);
  g_autofree char *bytes = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_cmpuint (length, ==, 8 + strlen (header) + 8);
  for (gsize cut = 0; cut < length; cut++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *short_path = pd_fixture_write (folder, "short", bytes, cut);
      g_assert_null (pd_safetensors_open (short_path, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                         cut == 0  ? "empty"
                         : cut < 8 ? "safetensors 8"
                                   : "truncated");
    }
  pd_fixture_remove (folder);
}

static void
test_unreadable (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *missing = g_build_filename (folder, "missing.safetensors", NULL);
  g_assert_null (pd_safetensors_open (missing, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "missing.safetensors");
  g_assert_null (pd_safetensors_open (folder, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
  pd_fixture_remove (folder);
}

static void
test_odd_but_valid (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *path = pd_fixture_write_safetensors (
      folder, "x",
      "{\"__metadata__\":{\"a\":\"b\"},"
      "\"none\":{\"dtype\":\"F32\",\"shape\":[0,4611686018427387904],\"data_offsets\":[4,4]},"
      "\"gr\\u00fcn\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}    ",
      8, NULL, 0);
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_safetensors_get_n_tensors (file), ==, 2);
  g_assert_cmpuint (pd_tensor_info_count (pd_safetensors_find (file, "none")), ==, 0);
  g_assert_nonnull (pd_safetensors_find (file, "grün"));

  g_autofree char *empty = pd_fixture_write_safetensors (folder, "empty", "{}", 0, NULL, 0);
  g_autoptr (PdSafetensors) none = pd_safetensors_open (empty, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_safetensors_get_n_tensors (none), ==, 0);
  pd_fixture_remove (folder);
}

static void
test_golden (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path =
      pd_fixture_shared ("goldens/models/sd1/unet/diffusion_pytorch_model.safetensors");
  if (path == NULL)
    return;
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_safetensors_get_n_tensors (file), ==, 684);
  const PdTensorInfo *info = pd_safetensors_find (file, "conv_in.weight");
  g_autofree char *shape = pd_tensor_info_format_shape (info->n_dims, info->dims);
  g_assert_cmpstr (shape, ==, "32x4x3x3");
  g_assert_cmpint (info->dtype, ==, PD_DTYPE_F16);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors/types", test_types);
  g_test_add_func ("/safetensors/halves", test_halves);
  g_test_add_data_func ("/safetensors/bytes/E4M3", GINT_TO_POINTER (FALSE), test_bytes);
  g_test_add_data_func ("/safetensors/bytes/E5M2", GINT_TO_POINTER (TRUE), test_bytes);
  g_test_add_func ("/safetensors/other-dtypes", test_other_dtypes);
  g_test_add_func ("/safetensors/equal-hashes", test_equal_hashes);
  g_test_add_func ("/safetensors/cancelled", test_cancelled);
  for (guint i = 0; i < G_N_ELEMENTS (HOSTILE); i++)
    {
      g_autofree char *path = g_strconcat ("/safetensors/hostile/", HOSTILE[i].name, NULL);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_hostile);
    }
  g_test_add_func ("/safetensors/deep-nesting", test_deep_nesting);
  g_test_add_func ("/safetensors/truncated", test_truncated);
  g_test_add_func ("/safetensors/unreadable", test_unreadable);
  g_test_add_func ("/safetensors/odd-but-valid", test_odd_but_valid);
  g_test_add_func ("/safetensors/golden", test_golden);
  return g_test_run ();
}
