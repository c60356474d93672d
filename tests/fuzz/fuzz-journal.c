// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/diffusion/solver.h"
#include "engine/run/journal.h"
#include "tests/fuzz/fuzz.h"

/* A journal that is read is whole, and the solver's state in it is one or is refused. The input
 * begins with a byte, its mode: 1: the sum is made right. */
enum
{
  HEADER = 152, /* bytes of a journal's header */
  SUM = 32,     /* bytes of the sum at its end */
  STEPS = 4,
  N = 4, /* elements of the solver's latent */
};

static const char *const words[] = {
  "PDJRNL2", "PDSOLV2", "\xff\xff\xff\xff", "\x01\x01\x01\x01", "\x04\x03\x02\x01", NULL,
};

static PdSchedule *
make_schedule (PdSolverType type)
{
  PdScheduleConfig config;

  pd_schedule_config_init (&config);
  return pd_schedule_new (&config, type, STEPS, 1, NULL);
}

/* The file of a journal with the first @n_parts parts; that of the solver is the state of @type
 * after a step. */
static void
add_seed (GPtrArray *seeds, guint n_parts, PdSolverType type)
{
  PdJournal journal = { .seed = 7, .level = 1, .base_height = 2, .base_width = 2 };
  g_autofree char *path = pd_journal_path (pd_fuzz_folder (), journal.run, journal.seed);
  g_autofree char *bytes = NULL;
  float latent[N] = { 0 };
  g_autoptr (PdSchedule) schedule = make_schedule (type);
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, N, NULL);
  g_autoptr (GError) error = NULL;
  gsize size;

  for (guint i = 0; i < n_parts; i++)
    journal.parts[i] = g_bytes_new ("0123456789abcdef", 16);
  if (n_parts > PD_JOURNAL_SOLVER)
    {
      pd_solver_step (solver, latent, latent, latent);
      g_bytes_unref (journal.parts[PD_JOURNAL_SOLVER]);
      journal.parts[PD_JOURNAL_SOLVER] = pd_solver_save (solver, &error);
      g_assert_no_error (error);
    }
  pd_journal_save (&journal, path, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  pd_journal_clear (&journal);
  pd_fuzz_add_seed (seeds, n_parts % 2 ? "\0" : "\1", 1, bytes, (gssize) size);
}

static void
add_seeds (GPtrArray *seeds)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    add_seed (seeds, MIN ((guint) type, (guint) PD_JOURNAL_N_PARTS), type);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

static void
set_sum (guint8 *bytes, gsize size)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = SUM;

  memset (bytes + HEADER - SUM, 0, SUM);
  g_checksum_update (checksum, bytes, (gssize) size);
  g_checksum_get_digest (checksum, bytes + HEADER - SUM, &length);
}

static void
go_on (GBytes *state, PdSolverType type)
{
  static const float output[N] = { 0 };
  float latent[N] = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (type);
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, N, NULL);
  const gboolean loaded = pd_solver_load (solver, state, &error);

  pd_fuzz_check (loaded, error);
  for (guint i = pd_solver_position (solver); loaded && i < pd_schedule_n_calls (schedule); i++)
    pd_solver_step (solver, output, output, latent);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree guint8 *bytes = NULL;
  g_auto (PdJournal) journal = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean loaded;

  if (size == 0)
    return 0;
  size--;
  bytes = g_memdup2 (data + 1, size);
  if (data[0] & 1 && size >= HEADER)
    set_sum (bytes, size);
  loaded = pd_journal_load (&journal, pd_fuzz_file (bytes, size, 0), &error);
  pd_fuzz_check (loaded, error);
  if (!loaded)
    return 0;
  g_assert_cmpuint (size, >=, HEADER);
  set_sum (bytes, size);
  if (!(data[0] & 1))
    g_assert_cmpmem (bytes, size, data + 1, size);
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    if (journal.parts[PD_JOURNAL_SOLVER] != NULL)
      go_on (journal.parts[PD_JOURNAL_SOLVER], type);
  return 0;
}
