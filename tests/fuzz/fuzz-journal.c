// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/model-fixture.h"

static const char *const PIECES[] = { "PDJRNL1", "\xff\xff\xff\xff", "\x01\x01\x01\x01", NULL };

/* The only files that may be accepted are those that were saved. */
static void
run (const char *path, gpointer data)
{
  GBytes *const *seeds = data;
  g_autoptr (GError) error = NULL;
  g_auto (PdJournal) journal = { 0 };
  gboolean loaded = pd_journal_load (&journal, path, &error);
  g_autofree char *bytes = NULL;
  gsize size;

  pd_fuzz_check (loaded, error);
  if (!loaded)
    return;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  {
    g_autoptr (GBytes) whole = g_bytes_new_static (bytes, size);

    g_assert_true (g_bytes_equal (whole, seeds[0]) || g_bytes_equal (whole, seeds[1]));
  }
}

static GBytes *
make_seed (const char *folder, guint n_parts)
{
  PdJournal journal = { .seed = 7, .level = 1 };
  g_autofree char *path = pd_journal_path (folder, journal.run, journal.seed);
  g_autoptr (GError) error = NULL;
  char *bytes;
  gsize size;

  for (guint i = 0; i < n_parts; i++)
    journal.parts[i] = g_bytes_new ("0123456789abcdef", 16);
  pd_journal_save (&journal, path, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  pd_journal_clear (&journal);
  return g_bytes_new_take (bytes, size);
}

int
main (void)
{
  char *folder = pd_fixture_folder ();
  GBytes *seeds[2] = { make_seed (folder, 0), make_seed (folder, PD_JOURNAL_N_PARTS) };
  PdFuzz fuzz = {
    .name = "journal",
    .seeds = (const GBytes *const *) seeds,
    .n_seeds = G_N_ELEMENTS (seeds),
    .pieces = PIECES,
    .run = run,
    .data = seeds,
    .file_name = "input.journal",
  };

  pd_fixture_remove (folder);
  g_print ("TAP version 13\n");
  pd_fuzz_run (&fuzz, 2);
  g_print ("1..1\nok 1 fuzz-journal\n");
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    g_bytes_unref (seeds[i]);
  return 0;
}
