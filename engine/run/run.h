// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/request/request.h"

/* What goes into a run of the engine, what is told of it and what is known in the end. */

/* The pictures that go into a run and come out of it, from 0, 0 on; borrowed. They are read and
 * written window by window and may be larger than memory. */
typedef struct
{
  /* All but generate: request->width × height, any format. What is transparent or not finite is
   * grey for the model, see original.h. */
  GeglBuffer *input;
  /* Inpaint, and restyle if not NULL: "Y float" of the input's size, 1: made anew, 0: kept. */
  GeglBuffer *mask;
  /* Request->width × height; gets R'G'B', as it is decoded, and alpha if it
   * has that and the input too. With a mask the new pixels are
   * laid over the input, and those whose mask is 0 are the input's. */
  GeglBuffer *output;
  gboolean apart; /* with a mask: all pixels of the output whose mask is not 0 are new ones, for
                     someone who lays them over the input with the mask */
} PdImages;

typedef struct
{
  const char *stage;     /* "load", "text", "encode", "denoise", "decode"; "kernels" within any of
                            them, with those that are ready as steps */
  guint level, n_levels; /* the one worked on, counted from 1, of those of a progressive run */
  guint step, n_steps;   /* done in the stage; 0 of 0 where it has no steps */
  guint tiles, n_tiles;  /* done in the step or stage; 0 of 0 where it has none */
  double fraction;       /* of the whole run, 0 … 1 */
  double eta_seconds;    /* until the end of the run; negative: not known yet */
} PdProgress;

typedef void (*PdProgressFunc) (const PdProgress *progress, gpointer user_data);

/* A small picture of the whole canvas as it is so far, at most 512 pixels a side: @rgb is
 * [height][width][3]. */
typedef void (*PdPreviewFunc) (guint width, guint height, const guint8 *rgb, gpointer user_data);

/* Something worth knowing that is no failure. */
typedef void (*PdNoteFunc) (const char *text, gpointer user_data);

/* Who is told about a run; called from the run's thread. */
typedef struct
{
  PdProgressFunc progress; /* may be NULL */
  PdPreviewFunc preview;   /* may be NULL */
  PdNoteFunc note;         /* may be NULL */
  PdNoteFunc plan;         /* the tiles that were chosen: said of every run; may be NULL */
  gpointer user_data;      /* of all */
} PdListener;

typedef struct
{
  guint64 seed;                  /* the one used */
  guint width, height;           /* of the picture */
  guint full_width, full_height; /* worked at, before cropping */
  double load_seconds;           /* device and weights */
  double text_seconds, encode_seconds, denoise_seconds, decode_seconds;
  double first_step_seconds; /* from pd_engine_new to the end of the first denoising step */
  guint unet_forwards, n_tiles;
  guint tile, batch; /* side of the tiles in pixels, tiles per UNet call, as the memory allowed */
  guint n_pipelines;
  double pipeline_seconds; /* summed over threads */
  guint64 peak_device_bytes, peak_host_bytes;
  guint64 weight_bytes, bank_bytes;
  guint64 arena_bytes, tensor_bytes; /* the UNet's activations: placed, and without reuse */
  const char *device, *kernels, *precision, *solver; /* the engine's */
  /* The engine's: of parts that are not the model's own; NULL: they are. */
  const char *vae, *text_encoder;
} PdReport;

/* What a run is going to take. */
typedef struct
{
  guint levels;              /* of a progressive run; 1 otherwise */
  guint tiles;               /* of the last level */
  guint forwards;            /* UNet images of all levels, those of region prompts left out */
  guint tile, batch, window; /* pixels; tiles per UNet call; pixels, of the autoencoder */
  guint64 device_bytes;      /* at the peak */
  guint64 host_bytes;        /* of the process at the peak, about: what kernels take is left out */
  double seconds;            /* about, the kernels included; negative: not known */
  guint kernels;             /* that have to be prepared first: only the first run does */
  double kernel_seconds;     /* about; negative: not known yet */
  char *reason;              /* how tile and batch were chosen, for people; owned */
} PdEstimate;

void pd_estimate_clear (PdEstimate *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdEstimate, pd_estimate_clear)
