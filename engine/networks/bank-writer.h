// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* A hook by which images of a pass store keys and values of every self-attention site in parts of a
 * bank: all tokens, or as many as a part has room for, drawn at random without repetition. It gives
 * no site's result, so the pass attends as it would without. For one pass. */
typedef struct _PdBankWriter PdBankWriter;

/* @bank is borrowed. @images: of a branch of the pass. */
PdBankWriter *pd_bank_writer_new (PdBank *bank, guint images);
void pd_bank_writer_free (PdBankWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBankWriter, pd_bank_writer_free)

/* To stand before that of a reader in the same pass, whose images then read what this run wrote. */
PdHook *pd_bank_writer_hook (PdBankWriter *self);

/* What the draw of tokens depends on, beside part and site. */
typedef struct
{
  guint64 seed;
  guint32 step;
} PdBankDraw;

enum
{
  PD_BANK_NO_PART = -1,
};

/* In further runs image @image writes part @part, or nothing, as in a new writer. No two images
 * write the same. @draw may be NULL where nothing is drawn. */
void pd_bank_writer_choose (PdBankWriter *self, guint image, gint part, const PdBankDraw *draw);
