// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* A hook by which self-attention layers that have tokens in a bank attend to those of their branch
 * too (cross-tile attention), each with a bias for what it stands for. The layers of Stable
 * Diffusion carry no position code, so keys of other places need none. For one pass. */
typedef struct _PdBankReader PdBankReader;

/* @bank is borrowed. */
PdBankReader *pd_bank_reader_new (PdBank *bank);
void pd_bank_reader_free (PdBankReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBankReader, pd_bank_reader_free)

PdHook *pd_bank_reader_hook (PdBankReader *self);

/* How much the bank's tokens count in further runs: with 1, as in a new reader, they together count
 * like the tokens of the thumbnail they were pooled from (log of their number as bias); log
 * @strength is added; with 0 they do not count. */
void pd_bank_reader_set_strength (PdBankReader *self, double strength);
