// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/base/json.h"

/* What the readers of the several configs share. */

enum
{
  PD_CONFIG_MAX_CHANNELS = 16384,
  PD_CONFIG_MAX_LAYERS = 64,
  PD_CONFIG_MAX_BYTES = 1024 * 1024, /* of a JSON file */
};

/* "block_out_channels" or the like: its length, with every entry in range. Fails if it is absent.
 */
int pd_config_read_channels (PdJsonReader *reader, const char *key, int *out);

/* Fails unless @groups divides every one of @channels. */
void pd_config_check_groups (PdJsonReader *reader, int groups, const int *channels, int n_channels);

/* Fails unless @key is absent or null, or (if @allowed is not NULL) the string @allowed. */
void pd_config_refuse (PdJsonReader *reader, const char *key, const char *allowed);

/* Fails if @key is true, or a list with an entry that is. */
void pd_config_refuse_true (PdJsonReader *reader, const char *key);
