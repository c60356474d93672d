// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/checkpoint.h"
#include "engine/files/ldm.h"

/* One part of a file in the CompVis/LDM layout. */
PdCheckpoint *
pd_checkpoint_new_ldm (PdSafetensors *file, const PdLdmConfig *config, PdPart part, GError **error);
