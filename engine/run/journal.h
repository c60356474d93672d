// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* Where a long run stands, in a file, so that it can go on after its process ended. A journal that
 * can be read is whole and as it was written: a checksum covers every byte. It is in the machine's
 * byte order and for the machine that wrote it. */

enum
{
  PD_JOURNAL_DIGEST_SIZE = 32,
};

typedef enum
{
  PD_JOURNAL_LATENT, /* of the canvas, f32 */
  PD_JOURNAL_SOLVER, /* pd_solver_save */
  PD_JOURNAL_CANVAS, /* pd_canvas_save_state */
  PD_JOURNAL_BASE,   /* finished latent of the level before, f32 */
  PD_JOURNAL_N_PARTS,
} PdJournalPart;

typedef struct
{
  guint8 run[PD_JOURNAL_DIGEST_SIZE]; /* digest of all that decides what the run makes */
  guint64 seed;
  guint level;                       /* that is worked at, from 1 */
  guint n_draws;                     /* noise arrays drawn before that level's steps */
  guint base_height, base_width;     /* of PD_JOURNAL_BASE; 0 without */
  GBytes *parts[PD_JOURNAL_N_PARTS]; /* owned; NULL: none */
} PdJournal;

void pd_journal_clear (PdJournal *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdJournal, pd_journal_clear)

/* Replaces the file at @path; whoever reads it finds the old one or the whole new one, also after a
 * crash of the machine. Errors: G_FILE_ERROR; the old file is then unchanged. */
gboolean pd_journal_save (const PdJournal *self, const char *path, GError **error);

/* Errors: PD_ERROR_BAD_REQUEST (no journal, damaged, of another version), G_FILE_ERROR
 * (unreadable); @self is then empty. Parts are mapped from the file. */
gboolean pd_journal_load (PdJournal *self, const char *path, GError **error);

/* Returns: (transfer full) the place of the journal of that run and seed in @folder. */
char *pd_journal_path (const char *folder, const guint8 *run, guint64 seed);

/* Returns: (transfer full) the newest journal of that run with any seed, or NULL. */
char *pd_journal_find (const char *folder, const guint8 *run);

/* Deletes the journal at @path, and what saving it left behind where the process ended meanwhile.
 */
void pd_journal_remove (const char *path);

/* Deletes what runs that nobody resumed left in @folder more than @seconds ago. */
void pd_journal_prune (const char *folder, gint64 seconds);

/* Returns: (transfer full) $XDG_CACHE_HOME/parallel-diffusion/journals; it need not exist. */
char *pd_journal_folder (void);
