// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/foreign.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/files/safetensors.h"
#include "tests/fixtures/model-fixture.h"

#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(text) text, sizeof text - 1

static const struct
{
  const char *name, *bytes;
  gsize length;
  const char *fragments;
} CASES[] = {
  { "empty", BYTES (""), "empty download" },
  { "zeros", BYTES (ZEROS ZEROS "data"), "" },
  { "only-zeros", BYTES (ZEROS ZEROS ZEROS), "zeros download" },
  { "html", BYTES ("<html lang=\"en\"><head><title>Sign in</title>"), "web page, download" },
  { "doctype", BYTES ("\n\t <!doctype HTML PUBLIC>"), "web page, download" },
  { "byte-order-mark", BYTES ("\xef\xbb\xbf<!DOCTYPE html>"), "web page, download" },
  { "xml", BYTES ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), "web page," },
  { "json", BYTES ("{\"error\":\"Repository not found\"}"), "JSON download" },
  { "text", BYTES ("Invalid username or password.\n"), "text, download" },
  { "umlaut", BYTES ("Zugriff verweigert: Schlüssel ungültig"), "text, download" },
  { "lfs", BYTES ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"), "git lfs pull" },
  { "gguf", BYTES ("GGUF\2\0\0\0" ZEROS), "GGUF .safetensors" },
  { "ggml", BYTES ("lmgg\1\0\0\0" ZEROS), "GGML .safetensors" },
  { "zip", BYTES ("PK\3\4\0\0\10\10" ZEROS), ".ckpt convert" },
  { "pickle",
    BYTES ("\x80\2\x8a\nl\xfc\x9c"
           "F\xf9 j\xa8P\x19.\x80\2M"),
    ".ckpt convert" },
  { "pickle-4", BYTES ("\x80\4\x95\x10\0\0\0\0\0\0\0}\x94"), ".ckpt convert" },
  { "hdf5", BYTES ("\x89HDF\r\n\x1a\n" ZEROS), "HDF5" },
  { "gzip", BYTES ("\x1f\x8b\x08" ZEROS), "archive, unpack" },
  { "png", BYTES ("\x89PNG\r\n\x1a\n" ZEROS), "picture" },
};

static void
test_file (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *path =
      pd_fixture_write (folder, "x.safetensors", CASES[i].bytes, (gssize) CASES[i].length);
  g_assert_null (pd_safetensors_open (path, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, CASES[i].fragments);
  pd_fixture_remove (folder);
}

/* A real header is judged as one, whatever its length looks like. */
static void
test_header (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autoptr (GString) header = g_string_new ("{\"a\":5}");
  while (header->len < 0x0280) /* which begins as a pickle does */
    g_string_append_c (header, ' ');
  g_autofree char *path = pd_fixture_write_safetensors (folder, "x", header->str, 0, NULL, 0);
  g_assert_null (pd_safetensors_open (path, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "\"a\" object");
  pd_fixture_remove (folder);
}

/* The small files of a folder may be others as well. */
static void
test_json (void)
{
  static const struct
  {
    const char *text, *fragments;
  } cases[] = {
    { "<html>404</html>", "config.json web page," },
    { "version https://git-lfs.github.com/spec/v1\n", "config.json git lfs pull" },
    { "", "config.json empty" },
    { "{\"a\":", "config.json JSON early" },
    { "[1]", "config.json object" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      char *folder = pd_fixture_folder ();
      g_autofree char *path = pd_fixture_write (folder, "config.json", cases[i].text, -1);
      g_assert_null (pd_json_load_object (path, 1000, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
      pd_fixture_remove (folder);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (CASES); i++)
    {
      g_autofree char *path = g_strconcat ("/foreign/file/", CASES[i].name, NULL);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_file);
    }
  g_test_add_func ("/foreign/header", test_header);
  g_test_add_func ("/foreign/json", test_json);
  return g_test_run ();
}
