// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/solver.h"
#include "engine/model/unet.h"
#include "engine/tiles/fusion.h"

/* Denoising of one canvas of any size: at every step all tiles are predicted, their predictions are
 * fused, and one solver step moves the canvas (Bar-Tal et al. 2023, MultiDiffusion, with the
 * prediction fused instead of the stepped latent, so that multistep solvers keep one history).
 *
 * The result does not depend on `batch`: predictions are fused in the order of the tiles. */

typedef struct
{
  PdUNet *unet;
  guint height, width;     /* latent pixels */
  guint tile, overlap;     /* latent pixels */
  gboolean wrap_y, wrap_x; /* the canvas is a torus along the axis */
  guint batch;             /* tiles per UNet call */
  PdWeight weight;
  gboolean jitter;
  guint64 seed;

  guint branches;       /* 1, or 2 for guidance: context then holds the unconditional one first */
  const float *context; /* [branches][tokens][width] */
  guint tokens;
  double guidance, guidance_rescale;
} PdCanvasOptions;

typedef struct _PdCanvas PdCanvas;

/* Options and what they point to are borrowed. Records the UNet for a batch of tiles. Errors:
 * PD_ERROR_BAD_REQUEST (tile and overlap), PD_ERROR_OUT_OF_MEMORY. */
PdCanvas *pd_canvas_new (const PdCanvasOptions *options, GError **error);
void pd_canvas_free (PdCanvas *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCanvas, pd_canvas_free)

guint pd_canvas_n_tiles (const PdCanvas *self);
/* UNet images predicted so far: tiles · branches. */
guint pd_canvas_unet_forwards (const PdCanvas *self);
PdGraph *pd_canvas_graph (PdCanvas *self);

typedef void (*PdCanvasTileFunc) (guint tiles_done, gpointer user_data);

/* The guided, fused prediction for step @i of @solver: @latent and @prediction are
 * [channels][height][width]. @progress may be NULL. */
gboolean pd_canvas_predict (PdCanvas *self,
                            PdSolver *solver,
                            guint i,
                            const float *latent,
                            float *prediction,
                            PdCanvasTileFunc progress,
                            gpointer user_data,
                            GCancellable *cancellable,
                            GError **error);
