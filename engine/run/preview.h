// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/run.h"
#include "engine/networks/model.h"
#include "engine/tiles/denoise.h"

/* Pictures of a run while it lasts: small clean latents, decoded. They take a tenth of the time at
 * most unless their number is asked for, and no more device memory than is left. */
typedef struct _PdPreview PdPreview;

/* All are borrowed. @every: steps from picture to picture; 0: as often as time allows. */
PdPreview *pd_preview_new (PdModel *model, const PdListener *listener, guint every);

/* What decoding previews of a canvas of @h × @w latent pixels takes of the device, unless there is
 * less: then they are smaller. 0 if that cannot be told. */
guint64 pd_preview_device_bytes (PdPreview *self, guint h, guint w);
void pd_preview_free (PdPreview *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPreview, pd_preview_free)

/* What pd_denoise is to be given; lives as long as @self. */
const PdDenoisePreview *pd_preview_hooks (PdPreview *self);

/* Gives the device memory back until the next picture. */
void pd_preview_release (PdPreview *self);
