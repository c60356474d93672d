// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <utime.h>

#include <glib/gstdio.h>

#include "engine/base/error.h"
#include "engine/run/journal.h"

static char *folder;

static PdJournal
make_journal (guint64 seed)
{
  PdJournal journal = { .seed = seed, .level = 2, .n_draws = 3, .base_height = 1, .base_width = 2 };

  for (guint i = 0; i < sizeof journal.run; i++)
    journal.run[i] = (guint8) (7 * i);
  journal.parts[PD_JOURNAL_LATENT] = g_bytes_new ("latent", 6);
  journal.parts[PD_JOURNAL_SOLVER] = g_bytes_new ("solver's", 8);
  journal.parts[PD_JOURNAL_BASE] = g_bytes_new ("", 0);
  return journal;
}

static char *
save (const PdJournal *journal)
{
  g_autoptr (GError) error = NULL;
  char *path = pd_journal_path (folder, journal->run, journal->seed);

  pd_journal_save (journal, path, &error);
  g_assert_no_error (error);
  return path;
}

static guint
count_files (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* What is read is what was written, and writing leaves nothing else behind. */
static void
test_round_trip (void)
{
  g_auto (PdJournal) journal = make_journal (G_MAXUINT64);
  g_auto (PdJournal) read = { 0 };
  g_autofree char *path = save (&journal);
  g_autoptr (GError) error = NULL;

  g_free (path);
  path = save (&journal);
  g_assert_cmpuint (count_files (), ==, 1);
  pd_journal_load (&read, path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (read.seed, ==, G_MAXUINT64);
  g_assert_cmpuint (read.level, ==, 2);
  g_assert_cmpuint (read.n_draws, ==, 3);
  g_assert_cmpuint (read.base_height, ==, 1);
  g_assert_cmpuint (read.base_width, ==, 2);
  g_assert_cmpmem (read.run, sizeof read.run, journal.run, sizeof journal.run);
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    {
      g_assert_cmpint (read.parts[i] != NULL, ==, journal.parts[i] != NULL);
      g_assert_true (read.parts[i] == NULL || g_bytes_equal (read.parts[i], journal.parts[i]));
    }
  g_unlink (path);
}

static void
assert_refused (const char *path)
{
  g_autoptr (GError) error = NULL;
  PdJournal journal;

  g_assert_false (pd_journal_load (&journal, path, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, path));
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    g_assert_null (journal.parts[i]);
}

/* Any byte that is another, any byte too few or too many. */
static void
test_damage (void)
{
  g_auto (PdJournal) journal = make_journal (1);
  g_autofree char *path = save (&journal), *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, &error));
  for (gsize i = 0; i < size; i++)
    for (guint bit = 0; bit < 8; bit += 7)
      {
        bytes[i] ^= (char) (1 << bit);
        g_assert_true (g_file_set_contents_full (path, bytes, (gssize) size,
                                                 G_FILE_SET_CONTENTS_NONE, 0600, &error));
        assert_refused (path);
        bytes[i] ^= (char) (1 << bit);
      }
  for (gsize length = 0; length < size; length++)
    {
      g_assert_true (g_file_set_contents_full (path, bytes, (gssize) length,
                                               G_FILE_SET_CONTENTS_NONE, 0600, &error));
      assert_refused (path);
    }
  bytes = g_realloc (bytes, size + 1);
  bytes[size] = 0;
  g_assert_true (g_file_set_contents (path, bytes, (gssize) size + 1, &error));
  assert_refused (path);
  g_unlink (path);
}

static void
test_unreadable (void)
{
  g_autofree char *path = g_build_filename (folder, "absent.journal", NULL);
  g_autoptr (GError) error = NULL;
  PdJournal journal;

  g_assert_false (pd_journal_load (&journal, path, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void
test_bad_folder (void)
{
  g_auto (PdJournal) journal = make_journal (1);
  g_autofree char *path = g_build_filename (folder, "file", "run.journal", NULL);
  g_autofree char *file = g_build_filename (folder, "file", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (file, "", 0, &error));
  g_assert_false (pd_journal_save (&journal, path, &error));
  g_assert_cmpint (error->domain, ==, G_FILE_ERROR);
  g_assert_nonnull (strstr (error->message, path));
  g_unlink (file);
}

/* Where the disk is full (here: a file may not grow further) the old journal stays, and no
 * temporary file does. */
static void
test_full_disk (void)
{
  g_auto (PdJournal) journal = make_journal (1), read = { 0 };
  g_autofree char *path = save (&journal);
  g_autoptr (GError) error = NULL, failure = NULL;
  struct rlimit before, limit;

  getrlimit (RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 100;
  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_FSIZE, &limit);
  journal.level = 5;
  g_assert_false (pd_journal_save (&journal, path, &failure));
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_error (failure, G_FILE_ERROR, (int) g_file_error_from_errno (EFBIG));
  g_assert_cmpuint (count_files (), ==, 1);
  pd_journal_load (&read, path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (read.level, ==, 2);
  g_unlink (path);
}

static void
set_age (const char *path, gint64 seconds)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  struct utimbuf times = { now - seconds, now - seconds };

  g_assert_cmpint (utime (path, &times), ==, 0);
}

/* The newest of the run's own; other runs' do not count. */
static void
test_find (void)
{
  g_auto (PdJournal) first = make_journal (1), second = make_journal (2), other = make_journal (3);
  g_autofree char *first_path = NULL, *second_path = NULL, *other_path = NULL, *found = NULL;
  g_autofree char *nothing = pd_journal_find (folder, first.run);

  g_assert_null (nothing);
  other.run[31] ^= 1;
  first_path = save (&first);
  second_path = save (&second);
  other_path = save (&other);
  set_age (first_path, 10);
  set_age (second_path, 20);
  found = pd_journal_find (folder, first.run);
  g_assert_cmpstr (found, ==, first_path);
  g_free (found);
  set_age (first_path, 30);
  found = pd_journal_find (folder, first.run);
  g_assert_cmpstr (found, ==, second_path);

  set_age (first_path, 1000);
  pd_journal_prune (folder, 500);
  g_assert_false (g_file_test (first_path, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (count_files (), ==, 2);
  g_unlink (second_path);
  g_unlink (other_path);
}

/* With what a killed process left. */
static void
test_remove (void)
{
  g_auto (PdJournal) journal = make_journal (1), other = make_journal (11);
  g_autofree char *path = save (&journal), *other_path = save (&other);
  g_autofree char *rest = g_strconcat (path, ".A1B2C3", NULL);

  g_assert_true (g_file_set_contents (rest, "half", -1, NULL));
  pd_journal_remove (path);
  g_assert_cmpuint (count_files (), ==, 1);
  pd_journal_remove (other_path);
  g_assert_cmpuint (count_files (), ==, 0);
  pd_journal_remove (path);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("pd-journal-XXXXXX", NULL);
  g_test_add_func ("/journal/round-trip", test_round_trip);
  g_test_add_func ("/journal/damage", test_damage);
  g_test_add_func ("/journal/unreadable", test_unreadable);
  g_test_add_func ("/journal/bad-folder", test_bad_folder);
  g_test_add_func ("/journal/full-disk", test_full_disk);
  g_test_add_func ("/journal/find", test_find);
  g_test_add_func ("/journal/remove", test_remove);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
