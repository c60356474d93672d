// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"
#include "engine/networks/autoencoder.h"
#include "engine/networks/denoiser.h"

/* A device of this process that works for another one: what it is called for is in far.h. */
typedef struct _PdTileServer PdTileServer;

/* @find_shared: of the link that calls. The others are borrowed. */
PdTileServer *
pd_tile_server_new (PdDenoiser *denoiser, PdAutoencoder *autoencoder, PdLinkShared find_shared);
void pd_tile_server_free (PdTileServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTileServer, pd_tile_server_free)

/* Does what @method asks for. Returns: a floating reply; NULL with an error: those of PdMember and
 * PdCoder, and PD_ERROR_BAD_REQUEST for what is no such message. */
GVariant *pd_tile_server_call (
    PdTileServer *self, guint method, GVariant *params, GCancellable *cancellable, GError **error);
