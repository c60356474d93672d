// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/message.h"
#include "tests/fixtures/model-fixture.h"

static char *folder;

/* GLib ends a process by a signal that libFuzzer does not know. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const GLogWriterOutput result = g_log_writer_default (level, fields, n_fields, user_data);

  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    abort ();
  return result;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_log_set_writer_func (write_log, NULL, NULL);
  return 0;
}

void
pd_fuzz_add_seed (
    GPtrArray *seeds, const char *head, gsize head_size, gconstpointer data, gssize size)
{
  const gsize length = size < 0 ? strlen (data) : (gsize) size;
  g_autoptr (GByteArray) seed = g_byte_array_new ();

  g_byte_array_append (seed, (const guint8 *) head, (guint) head_size);
  g_byte_array_append (seed, data, (guint) length);
  g_ptr_array_add (seeds, g_byte_array_free_to_bytes (g_steal_pointer (&seed)));
}

const char *
pd_fuzz_file (gconstpointer data, gsize size, gsize room)
{
  static char path[64];
  static int file = -1;

  if (file < 0)
    {
      file = memfd_create ("fuzz", MFD_CLOEXEC);
      g_assert_cmpint (file, >=, 0);
      g_snprintf (path, sizeof path, "/proc/self/fd/%d", file);
    }
  g_assert_cmpint (ftruncate (file, 0), ==, 0);
  g_assert_cmpint (pwrite (file, data, size, 0), ==, (gssize) size);
  g_assert_cmpint (ftruncate (file, (off_t) (size + room)), ==, 0);
  return path;
}

static void
remove_folder (void)
{
  pd_fixture_remove (folder);
}

const char *
pd_fuzz_folder (void)
{
  if (folder == NULL)
    {
      folder = pd_fixture_folder ();
      atexit (remove_folder);
    }
  return folder;
}

void
pd_fuzz_write (const char *name, gconstpointer data, gsize size)
{
  g_free (pd_fixture_write (pd_fuzz_folder (), name, data, (gssize) size));
}

void
pd_fuzz_check (gboolean succeeded, const GError *error)
{
  g_autofree char *line = NULL;

  g_assert_true (succeeded == (error == NULL));
  if (error == NULL)
    return;
  g_assert_cmpuint (strlen (error->message), >, 0);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  line = pd_message_clean (error->message);
  g_assert_true (g_utf8_validate (line, -1, NULL));
  g_assert_null (strpbrk (line, "\n\r\t\033"));
}

void
pd_fuzz_check_line (gboolean succeeded, const GError *error)
{
  pd_fuzz_check (succeeded, error);
  if (error != NULL)
    g_assert_null (strpbrk (error->message, "\n\r\t"));
}
