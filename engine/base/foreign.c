// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/foreign.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Bytes that begin a file, and the text for it. */
static const struct
{
  const char *bytes;
  gsize length;
  const char *name;
} MAGICS[] = {
  { "version https://git-lfs", 23,
    N_ ("a git-lfs pointer, not the file itself: run git lfs pull") },
  { "GGUF", 4, N_ ("a GGUF file: choose the same model as .safetensors") },
  { "ggml", 4, N_ ("a GGML file: choose the same model as .safetensors") },
  { "lmgg", 4, N_ ("a GGML file: choose the same model as .safetensors") },
  { "tjgg", 4, N_ ("a GGML file: choose the same model as .safetensors") },
  { "PK\3\4", 4, N_ ("a PyTorch checkpoint (.ckpt): convert it to .safetensors") },
  { "PK\5\6", 4, N_ ("an empty zip archive, not a model: download it again") },
  { "\x89HDF\r\n\x1a\n", 8, N_ ("an HDF5 file: choose the same model as .safetensors") },
  { "\x1f\x8b", 2, N_ ("a packed archive, not a model: unpack it") },
  { "7z\xbc\xaf\x27\x1c", 6, N_ ("a packed archive, not a model: unpack it") },
  { "Rar!", 4, N_ ("a packed archive, not a model: unpack it") },
  { "\xfd"
    "7zXZ",
    6, N_ ("a packed archive, not a model: unpack it") },
  { "\x28\xb5\x2f\xfd", 4, N_ ("a packed archive, not a model: unpack it") },
  { "\x89PNG\r\n\x1a\n", 8, N_ ("a picture, not a model") },
  { "\xff\xd8\xff", 3, N_ ("a picture, not a model") },
};

static gboolean
is_zero (const guint8 *bytes, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (bytes[i] != 0)
      return FALSE;
  return TRUE;
}

/* A text as servers send it instead of a file: *kind is its first character that is no space. */
static gboolean
is_text (const char *text, gsize length, gsize *first)
{
  const char *end;
  g_utf8_validate_len (text, length, &end);
  if (text + length - end > 3) /* a character may be cut at the end */
    return FALSE;
  for (const char *at = text; at < end; at++)
    if (g_ascii_iscntrl (*at) && !g_ascii_isspace (*at))
      return FALSE;
  *first = g_str_has_prefix (text, "\xef\xbb\xbf") ? 3 : 0;
  while (*first < length && g_ascii_isspace (text[*first]))
    ++*first;
  return length >= sizeof (guint64);
}

static const char *
name_text (const char *text)
{
  static const char *const pages[] = { "<!doctype html", "<html", "<head", "<body",
                                       "<script",        "<!--",  "<?xml", "<svg" };
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    if (g_ascii_strncasecmp (text, pages[i], strlen (pages[i])) == 0)
      return _ ("a web page, not a model: download it again");
  if (*text == '{' || *text == '[')
    return _ ("a JSON text, not a model, such as a server sends for an error: download it again");
  return _ ("a text, not a model: download it again");
}

const char *
pd_foreign_name (const void *start, gsize length, guint64 size)
{
  static const guint8 pickle = 0x80;
  const guint8 *bytes = start;
  gsize first;
  if (size == 0)
    return _ ("an empty file: download it again");
  if (length >= sizeof (guint64) && is_zero (bytes, length))
    return _ ("a file that begins with zeros, as an unfinished download leaves it: download it "
              "again");
  for (guint i = 0; i < G_N_ELEMENTS (MAGICS); i++)
    if (length >= MAGICS[i].length && memcmp (bytes, MAGICS[i].bytes, MAGICS[i].length) == 0)
      return _ (MAGICS[i].name);
  /* The version of the pickle's protocol is its second byte. */
  if (length >= sizeof (guint64) && bytes[0] == pickle && bytes[1] >= 2 && bytes[1] <= 5 &&
      !is_zero (bytes + 2, 6))
    return _ ("a PyTorch checkpoint (.ckpt): convert it to .safetensors");
  g_autofree char *text = g_strndup (start, length);
  if (strlen (text) == length && is_text (text, length, &first))
    return name_text (text + first);
  return NULL;
}
