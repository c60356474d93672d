// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/safetensors.h"

/* What a file is that is no model by itself, such as "a LoRA, …", and what to choose instead, from
 * the names of its tensors; NULL if it may be a model. A constant, translated text. */
const char *pd_file_kind (const PdSafetensors *file);
