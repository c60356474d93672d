// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"

/* A hook by which every self-attention site attends to the tokens of its branch in a bank, beside
 * its own (cross-tile attention), each with a bias for how much it counts. The layers of Stable
 * Diffusion carry no position code, so keys of other places need none. For one pass. */
typedef struct _PdBankReader PdBankReader;

/* @bank is borrowed. @images: of a branch of the pass. */
PdBankReader *pd_bank_reader_new (PdBank *bank, guint images);
void pd_bank_reader_free (PdBankReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBankReader, pd_bank_reader_free)

PdHook *pd_bank_reader_hook (PdBankReader *self);

/* In further runs the first @parts parts are read, which have been written; none with a new reader.
 */
void pd_bank_reader_set_parts (PdBankReader *self, guint parts);

/* In further runs the tokens of all parts of the bank together would count in image @image as much
 * as its own times @weight; 0, as in a new reader: not at all. A token's share is the same however
 * many parts are read. */
void pd_bank_reader_set_weight (PdBankReader *self, guint image, double weight);
