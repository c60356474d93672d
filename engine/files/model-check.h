// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"

/* What the parts of a model and the host must agree on, beyond what each config.json says about its
 * own part: whoever makes room by the sizes of one part may rely on them for all others. Fails with
 * PD_ERROR_BAD_MODEL, naming the file of the part, the key, its value and what was expected.
 *
 * Parts that are not there are left out. @tokenizer: the one that the text encoder will get; NULL:
 * not looked at. */
gboolean pd_model_check (const PdModelFiles *files, const PdTokenizer *tokenizer, GError **error);

/* The part of it that is about the UNet alone: that this program can build it. @path begins the
 * message. */
gboolean pd_model_check_unet (const PdUNetConfig *config, const char *path, GError **error);
