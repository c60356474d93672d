// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/interrupt.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/cluster/cluster.h"

static void
save_journal (PdSession *self, const PdSolver *solver, PdCanvas *canvas, const float *latent)
{
  gsize base_bytes = (gsize) self->channels * self->base_h * self->base_w * sizeof *self->base;
  g_auto (PdJournal) journal = { .seed = self->noise.seed,
                                 .level = self->recorder.level,
                                 .n_draws = self->n_draws,
                                 .base_height = self->base_h,
                                 .base_width = self->base_w };
  g_autoptr (GError) error = NULL;

  journal.parts[PD_JOURNAL_LATENT] = g_bytes_new_static (latent, self->n_elements * sizeof *latent);
  journal.parts[PD_JOURNAL_SOLVER] = pd_solver_save (solver, &error);
  if (error == NULL)
    journal.parts[PD_JOURNAL_CANVAS] = pd_canvas_save_state (canvas, &error);
  if (self->base != NULL)
    journal.parts[PD_JOURNAL_BASE] = g_bytes_new_static (self->base, base_bytes);
  if ((error != NULL || !pd_resume_save (self->resume, &journal, &error)) && !self->journal_failed)
    {
      self->journal_failed = TRUE;
      pd_recorder_note (&self->recorder, error->message);
    }
}

void
pd_interrupt_checkpoint (const PdSolver *solver,
                         PdCanvas *canvas,
                         const float *latent,
                         gboolean stopping,
                         gpointer user_data)
{
  PdSession *self = user_data;
  const guint position = pd_solver_position (solver);
  const guint n_steps = pd_schedule_n_calls (self->schedule);
  /* Also where the last device was lost, or another process ended. */
  const gboolean stopped =
      stopping && (position < n_steps || g_cancellable_is_cancelled (self->cancellable));
  g_autofree char *text = NULL;

  if (self->resume == NULL || (!stopped && !pd_resume_due (self->resume)))
    return;
  if (stopped && self->recorder.level == 1 && position == 0)
    return;
  self->journal_failed = self->journal_failed && !stopped;
  save_journal (self, solver, canvas, latent);
  if (!stopped || self->journal_failed)
    return;
  text = g_strdup_printf (pd_cluster_size () > 1
                              ? _ ("stopped after step %u of %u; the same command with --resume "
                                   "goes on from there, in any number of processes")
                              : _ ("stopped after step %u of %u; the same command with --resume "
                                   "goes on from there"),
                          position, n_steps);
  pd_recorder_note (&self->recorder, text);
}

guint
pd_interrupt_level (const PdSession *self, const float **base, guint *base_h, guint *base_w)
{
  const PdJournal *journal = self->resume != NULL ? pd_resume_journal (self->resume) : NULL;
  GBytes *bytes = journal != NULL ? journal->parts[PD_JOURNAL_BASE] : NULL;
  gsize size = 0;

  *base = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;
  *base_h = *base_w = 0;
  if (*base == NULL ||
      size != (gsize) self->channels * journal->base_height * journal->base_width * sizeof **base)
    return 1;
  *base_h = journal->base_height;
  *base_w = journal->base_width;
  return journal->level;
}

gboolean
pd_interrupt_restore (PdSession *self, PdDenoise *options, float *latent, GError **error)
{
  const PdJournal *journal = self->resume != NULL ? pd_resume_journal (self->resume) : NULL;
  GBytes *bytes;

  if (journal == NULL || journal->level != self->recorder.level ||
      self->request->sync == PD_SYNC_NONE)
    return TRUE;
  bytes = journal->parts[PD_JOURNAL_LATENT];
  if (bytes == NULL || journal->parts[PD_JOURNAL_SOLVER] == NULL ||
      journal->parts[PD_JOURNAL_CANVAS] == NULL || journal->n_draws != self->n_draws ||
      g_bytes_get_size (bytes) != self->n_elements * sizeof *latent)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the journal does not fit this run (level %u of %u × %u latent pixels); run "
                      "again without --resume to start anew"),
                   self->recorder.level, self->w, self->h);
      return FALSE;
    }
  memcpy (latent, g_bytes_get_data (bytes, NULL), self->n_elements * sizeof *latent);
  options->solver_state = journal->parts[PD_JOURNAL_SOLVER];
  options->canvas_state = journal->parts[PD_JOURNAL_CANVAS];
  return TRUE;
}
