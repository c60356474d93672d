// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/rect.h"
#include "engine/run/run.h"
#include "engine/run/journal.h"
#include "engine/networks/model.h"
#include "engine/run/regions.h"

/* The journal of one run: found by what decides the run's result, written every now and then. */
typedef struct _PdResume PdResume;

/* What the result depends on; all borrowed. */
typedef struct
{
  PdRequest *request;
  const PdRect *parts; /* of the images, that are worked on where the rest stays … */
  guint n_parts;       /* … 0: all */
  const PdImages *images;
  const PdModel *model;
  const PdRegions *regions; /* may be NULL */
  const char *kernels, *precision;
} PdResumeKey;

PdResume *pd_resume_new (const PdResumeKey *key);
void pd_resume_free (PdResume *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdResume, pd_resume_free)

/* Reads the newest journal of such a run. Returns: FALSE if it cannot be used
 * (PD_ERROR_BAD_REQUEST, G_FILE_ERROR, G_IO_ERROR_CANCELLED); TRUE without a journal too. */
gboolean pd_resume_load (PdResume *self, GCancellable *cancellable, GError **error);

/* What was read, and not yet written over; NULL: nothing. */
const PdJournal *pd_resume_journal (const PdResume *self);

/* Whether it is time to write: ten seconds after the last time, later if writing took long
 * (PD_JOURNAL_SECONDS in the environment: always after so many). */
gboolean pd_resume_due (const PdResume *self);

/* Writes @journal, whose run is filled in. */
gboolean pd_resume_save (PdResume *self, PdJournal *journal, GError **error);

/* Deletes what was read or written. */
void pd_resume_remove (PdResume *self);
