// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule.h"
#include "engine/gpu/device.h"
#include "engine/networks/model.h"
#include "engine/run/preview.h"
#include "engine/run/recorder.h"
#include "engine/run/regions.h"
#include "engine/run/resume.h"
#include "engine/run/stages.h"
#include "engine/tiles/denoise.h"
#include "engine/tiles/encode.h"

/* One call of pd_engine_run: what its stages share, and the parts that they are made of. */
typedef struct
{
  PdDevice *device;
  PdModel *model;
  const GArray *far; /* PdFarDevice, of other processes; borrowed; NULL: none */
  PdRequest *request;
  GCancellable *cancellable;
  PdRecorder recorder;
  PdTorus seamless;
  PdNoiseSource noise;
  guint n_draws;              /* noise arrays drawn so far */
  const PdCanvasProbe *probe; /* borrowed, NULL: nobody looks on */

  PdRegions *regions; /* with prompts of their own; borrowed, NULL: none */
  PdRect area;        /* of the picture, that the canvas shows; empty: all of it */
  PdPreview *preview; /* borrowed, NULL if no previews were requested */

  /* The journal; borrowed, NULL: none is kept. A run in levels sets what the level being worked at
   * starts from, [channels][base_h][base_w]; NULL at the first. */
  PdResume *resume;
  const float *base;
  guint base_h, base_w;
  gboolean journal_failed;

  /* The canvas that is worked on, latent pixels. */
  guint channels, h, w;
  gsize n_elements;
  guint steps; /* see PdStage, as the next is */
  double strength;
  /* What of the canvas is denoised, and what is decoded and encoded for it; all NULL: all of it.
   * Owned. */
  PdChanges *changes, *shown, *known;
  gboolean solver_noted; /* what was left out of the model's settings */
  PdSchedule *schedule;  /* owned */

  /* The prompts; owned. */
  GPtrArray *conditions; /* PdCondition, of the branches, then of the regions */
  PdPrompts prompts;
  guint branches;

  /* The style, see run/style.h. */
  gboolean styled;           /* the run takes one on: steps are those of DDIM */
  GeglBuffer *style_picture; /* borrowed; NULL: it is planned only */
  float *style_path;         /* [style_calls][channels][style_size]; owned; NULL until prepared */
  guint style_steps, style_calls;
  PdSize style_size;
  const PdCondition *no_prompt; /* the condition of an empty text; the conditions' */

  double work; /* planned so far, as pd_account_work_rate counts it */
  /* The devices, see run/helpers.h. */
  guint
      numbers[PD_WORKERS_MAX]; /* in the list of what was asked for: the model's own, its copies */
  guint n_lost;                /* of the copies, the last */
  gboolean told[PD_WORKERS_MAX]; /* by number: that it left */
  /* What they did in all denoising so far, by number, and its steps. */
  PdTeamReport team;
  guint team_steps;
} PdSession;

void pd_session_clear (PdSession *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdSession, pd_session_clear)

/* Side in pixels of the pictures the model was made for. */
guint pd_session_native_size (const PdSession *self);

/* Takes up the canvas and the schedule of @stage. */
gboolean pd_session_set_stage (PdSession *self, const PdStage *stage, GError **error);

/* Of the canvas that was taken up last only what @mask ([h][w]) shows changes: no other tiles are
 * predicted, and only windows encoded and decoded that these need. What is not encoded is 0. */
gboolean pd_session_set_changes (PdSession *self, const float *mask, GError **error);

/* How the canvas is denoised and coded, before the memory is asked. */
PdCanvasOptions pd_session_canvas_options (const PdSession *self);
PdCoderOptions pd_session_coder_options (const PdSession *self, gboolean decode);

/* Fills @out ([channels][h][w]) with the canvas's next noise array. */
void pd_session_draw_noise (PdSession *self, float *out);

/* Stages. Latents are [channels][h][w] of the canvas, in the UNet's scale. */

gboolean pd_session_encode_text (PdSession *self, GError **error);

/* Prompts that are not long, of which nothing but their shapes is there: for planning. */
gboolean pd_session_blank_text (PdSession *self, GError **error);

/* A function of PdPixelsReadFunc for a GeglBuffer in any format: colours outside sRGB are clamped,
 * beyond its extent the last row and column are repeated. */
gboolean pd_session_read_pixels (const PdRect *rect, float *rgb, gpointer buffer, GError **error);

/* The latent of the pixels that @read gives. */
gboolean pd_session_encode_from (
    PdSession *self, PdPixelsReadFunc read, gpointer user_data, float *latent, GError **error);

/* How a canvas is followed back to noise. */
typedef struct
{
  guint rounds;       /* see PdInversion, as noise is */
  gboolean no_prompt; /* without the request's, in a run with a style */
  gboolean whole;     /* the canvas is one tile */
  const float *noise;
  /* See PdInversion; may be NULL. */
  void (*visit) (guint call, const float *latent, gpointer visit_data);
  gpointer visit_data;
} PdSessionInversion;

/* @latent: clean; becomes the one that DDIM steps without guidance would have made it of, noised to
 * @level, which is that of the run's strength. */
gboolean pd_session_invert (PdSession *self,
                            const PdSessionInversion *inversion,
                            float *latent,
                            PdNoiseLevel *level,
                            GError **error);

/* Branches of guidance: 1 where there is none, or where the prompts it would be between are empty.
 */
guint pd_session_count_branches (const PdSession *self);

/* What denoising knows beside the latent; any may be NULL, all are borrowed. */
typedef struct
{
  gboolean invents;       /* nothing but the prompts says what the picture shows */
  const float *clean;     /* what is known of the result before it is denoised: a picture of the
                             prompt, for tiles to be told no word of what they do not show */
  const PdMap *map;       /* for denoisers that read one */
  const guint16 *content; /* see PdStyle */
  /* See PdDenoise. */
  PdAdjustLatentFunc adjust_latent;
  PdAdjustCleanFunc adjust_clean;
  gpointer adjust_data;
} PdSessionDenoise;

/* @latent: noised to the level of the schedule's first step; becomes the clean one. If the journal
 * of an interrupted run stands at this level, goes on from there. */
gboolean pd_session_denoise (PdSession *self,
                             const PdSessionDenoise *denoise,
                             float *latent,
                             GError **error);

/* What lies beyond the extent of @output is dropped; where nothing changes it stays as it is. */
gboolean
pd_session_decode (PdSession *self, const float *latent, GeglBuffer *output, GError **error);
