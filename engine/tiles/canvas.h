// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/choices.h"
#include "engine/base/monitor.h"
#include "engine/diffusion/schedule.h"
#include "engine/networks/denoiser.h"
#include "engine/tiles/changes.h"
#include "engine/tiles/fusion.h"
#include "engine/tiles/prompts.h"
#include "engine/tiles/stylist.h"
#include "engine/tiles/team.h"
#include "engine/tiles/tile-prompts.h"

/* Denoising of one canvas of any size: at every step all tiles are predicted, their predictions are
 * fused, and one solver step moves the canvas (Bar-Tal et al. 2023, MultiDiffusion, with the
 * prediction fused instead of the stepped latent, so that multistep solvers keep one history).
 *
 * The result does not depend on `batch` or helpers: predictions are fused in the order of the
 * tiles, and what tiles read of each other (anchors.h) is written one tile after the other. */

/* Who looks on while a canvas is denoised: for verification. */
typedef struct
{
  /* The canvas that the tiles of step @i are cut from; @map: the options'. */
  void (*latent) (guint i, const float *latent, const PdMap *map, gpointer user_data);
  /* What the denoiser gave for a tile in step @i, as it is: of the first branch, and of the second
   * or NULL. */
  void (*predicted) (guint i,
                     const float *prediction,
                     const float *conditional,
                     gpointer user_data);
  gpointer user_data; /* of both */
} PdCanvasProbe;

typedef struct
{
  PdDenoiser *denoiser;
  guint height, width; /* latent pixels */
  guint tile, overlap; /* latent pixels */
  PdTorus wrap;
  guint batch;       /* tiles per call of the denoiser */
  PdHelpers helpers; /* who predict tiles beside it; none where there is one tile */
  PdBlend blend;
  gboolean jitter;
  guint64 seed;

  PdSync sync; /* a canvas of one tile needs none */
  /* How much of the distance between a tile's statistics of group norms and the canvas's, as it was
   * in the step before, is taken off, 0 … 1. */
  double norm_share;

  guint branches; /* 1, or 2 for guidance: conditions then hold the unconditional one first */
  const PdCondition *const *conditions; /* [branches] */
  const PdTilePrompts *tile_prompts; /* what tiles are told of the canvas's own; NULL: all of it */
  const PdPrompts *prompts;          /* of parts of the canvas; NULL: none */
  const PdMap *map; /* for denoisers that read one, of the canvas's size; else NULL */
  double guidance, guidance_rescale;
  const PdStyle *style; /* that the canvas takes on; its tiles then read no others; NULL: none */
  /* Tiles that have nothing of it are not predicted; NULL: all are. */
  const PdChanges *changes;
  const PdCanvasProbe *probe; /* NULL: nobody looks on */
} PdCanvasOptions;

typedef struct _PdCanvas PdCanvas;

/* Options and what they point to are borrowed. Records the denoiser for a batch of tiles. Errors:
 * PD_ERROR_BAD_REQUEST (tile and overlap), PD_ERROR_OUT_OF_MEMORY. */
PdCanvas *pd_canvas_new (const PdCanvasOptions *options, GError **error);
void pd_canvas_free (PdCanvas *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCanvas, pd_canvas_free)

/* Tiles of a step; with changes a step in which they have moved may have some more or less. */
guint pd_canvas_n_tiles (const PdCanvas *self);
/* Tiles per call of the first denoiser: what was asked for, or less where there are not so many. */
guint pd_canvas_batch (const PdCanvas *self);
/* Images predicted so far: tiles · branches, times the prompts that count in a tile. */
guint pd_canvas_forwards (const PdCanvas *self);
PdGraph *pd_canvas_graph (PdCanvas *self);

/* Bytes of the bank; 0 without. */
gsize pd_canvas_bank_bytes (const PdCanvas *self);

/* See pd_team_report. */
void pd_canvas_report (const PdCanvas *self, PdTeamReport *report);

/* What the canvas knows beside the latent and the solver's state, between two steps or within one,
 * in the machine's byte order; a canvas with the same options goes on from it as the one that saved
 * it would. Errors: PD_ERROR_OUT_OF_MEMORY; PD_ERROR_BAD_REQUEST (another grid, damaged): the
 * canvas is then unchanged. */
GBytes *pd_canvas_save_state (PdCanvas *self, GError **error);
gboolean pd_canvas_load_state (PdCanvas *self, GBytes *state, GError **error);

/* How much the tiles done in this step weigh at each pixel, [height][width]; 0 where none is. */
const float *pd_canvas_mass (const PdCanvas *self);

/* The guided, fused prediction for step @i of @schedule: @latent and @prediction are
 * [channels][height][width]; the latter is 0 where no tile of this step is. When @monitor, which
 * may be NULL, is told of tiles, @prediction holds the sum of those done, each times its weights.
 */
gboolean pd_canvas_predict (PdCanvas *self,
                            const PdSchedule *schedule,
                            guint i,
                            const float *latent,
                            float *prediction,
                            const PdMonitor *monitor,
                            GError **error);
