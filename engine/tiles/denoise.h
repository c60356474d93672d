// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/noise.h"
#include "engine/diffusion/solver.h"
#include "engine/tiles/canvas.h"
#include "engine/tiles/mosaic.h"

/* A whole run of the solver over a canvas. */

typedef struct
{
  guint step, n_steps;  /* done, of */
  guint tiles, n_tiles; /* of the step */
} PdDenoiseProgress;

typedef void (*PdDenoiseProgressFunc) (const PdDenoiseProgress *progress, gpointer user_data);

/* Changes @latent ([channels][area->h][area->w]), which is noised to the level of step @i, before
 * the tiles see it. @area is the part of the canvas that the run of the solver works on: all of it,
 * or a tile with PD_SYNC_NONE. */
typedef gboolean (*PdAdjustLatentFunc) (const PdSchedule *schedule,
                                        guint i,
                                        const PdRect *area,
                                        float *latent,
                                        gpointer user_data,
                                        GError **error);

/* Changes the clean latent predicted at step @i, before the solver uses it; the noise that the
 * solver then finds in the latent changes with it. */
typedef gboolean (*PdAdjustCleanFunc) (const PdSchedule *schedule,
                                       guint i,
                                       const PdRect *area,
                                       float *clean,
                                       gpointer user_data,
                                       GError **error);

/* Small pictures of the clean canvas while it is denoised. */
typedef struct
{
  guint side; /* at most so many latent pixels a side */
  /* Whether to show one now; @complete: at the end of @step, else some of its tiles are done. */
  gboolean (*wanted) (guint step, gboolean complete, gpointer user_data);
  /* @clean: [channels][size.h][size.w] */
  void (*show) (PdSize size, const float *clean, gpointer user_data);
  gpointer user_data; /* of both */
} PdDenoisePreview;

/* Where a run over a whole canvas stands between two steps; @latent is that of the solver's
 * position. @stopping: the next step failed, but not because of the model, or was cancelled, or the
 * last one is done, so that this is the last call. Not called with PD_SYNC_NONE. */
typedef void (*PdCheckpointFunc) (const PdSolver *solver,
                                  PdCanvas *canvas,
                                  const float *latent,
                                  gboolean stopping,
                                  gpointer user_data);

typedef struct
{
  PdCanvasOptions canvas;
  const PdSchedule *schedule;
  const PdNoiseSource *noise; /* of steps that add some; NULL: of the canvas's seed */
  const float *clean; /* what is known of the result, [channels][height][width], for the first
                         preview; may be NULL */
  gboolean pulls;     /* see pull.h; not with PD_SYNC_NONE or one tile */
  PdAdjustLatentFunc adjust_latent; /* may be NULL */
  PdAdjustCleanFunc adjust_clean;   /* may be NULL */
  gpointer adjust_data;             /* of both */
  guint first_draw; /* number of the first noise array that the solver's steps use */
  /* To go on where a checkpoint was: the states saved there (the latent is the caller's); NULL:
   * from the first step. Ignored with PD_SYNC_NONE. */
  GBytes *solver_state, *canvas_state;
  PdCheckpointFunc checkpoint;     /* may be NULL */
  const PdDenoisePreview *preview; /* may be NULL */
  PdDenoiseProgressFunc progress;  /* may be NULL */
  gpointer user_data;              /* of both */
  GCancellable *cancellable;
} PdDenoise;

typedef struct
{
  guint forwards, n_tiles;
  guint tile, batch;  /* chosen: at most those asked for */
  PdGraphStats graph; /* of the tiles' UNet pass */
  gsize bank_bytes;
  PdTeamReport team;
} PdDenoiseReport;

/* A tile larger than both sides of the canvas becomes as large as the longer one. */
void pd_denoise_cut_tile (PdCanvasOptions *options);

/* Halves the batches or, if all are 1, the tile and its overlap. FALSE if the tile is the smallest.
 */
gboolean pd_denoise_shrink (PdCanvasOptions *options);

/* The canvas of @options. The batch and then the tile asked for are halved for as long as the
 * device's memory does not hold them; @report gets those chosen. */
PdCanvas *
pd_denoise_canvas (const PdCanvasOptions *options, PdDenoiseReport *report, GError **error);

/* The batch and then the tile asked for are halved for as long as the device's memory does not hold
 * them.
 *
 * @latent: [channels][height][width], noised to the level of the schedule's first step, or of the
 * one that solver_state is at; becomes the clean latent. */
gboolean pd_denoise (const PdDenoise *self, float *latent, PdDenoiseReport *report, GError **error);
