// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/wire/fields.h"
#include "engine/wire/phase.h"

/* Messages of the engine: JSON lines on standard output, and notifications and answers to a program
 * that it serves. The members' names are the messages' too. Strings are borrowed: from the engine,
 * or from the message that was read. */

enum
{
  PD_WIRE_PROTOCOL = 2, /* version of the methods and messages of the service */
};

typedef struct
{
  PdPhase phase;
  guint level, n_levels; /* the one worked on, counted from 1, of those of a progressive run or of
                            the parts of a picture with a mask */
  guint step, n_steps;   /* done in the phase; 0 of 0 where it has no steps */
  guint tile, n_tiles;   /* done in the step or phase; 0 of 0 where it has none */
  double fraction;       /* of the whole run, 0 … 1 */
  double eta_seconds;    /* until the end of the run; negative: not known yet */
} PdProgress;

/* Time and memory that a run is going to take. */
typedef struct
{
  guint n_levels;            /* of a progressive run; 1 otherwise */
  guint n_tiles;             /* of the last level */
  guint forwards;            /* UNet images of all levels, those of region prompts left out */
  guint tile, batch, window; /* pixels; tiles per UNet call; pixels, of the autoencoder */
  guint64 peak_device_bytes;
  guint64 peak_host_bytes; /* of the process, about: what kernels take is left out */
  double seconds;          /* about, the kernels included; negative: not known */
  guint n_kernels;         /* that have to be prepared first: only the first run does */
  double kernel_seconds;   /* about; negative: not known yet */
  char *reason; /* how tile and batch were chosen, for people; the engine's caller frees it */
} PdEstimate;

void pd_estimate_clear (PdEstimate *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdEstimate, pd_estimate_clear)

/* A run that has ended. */
typedef struct
{
  guint64 seed;                  /* the one used */
  guint width, height;           /* of the picture */
  guint full_width, full_height; /* worked at, before cropping */
  const char *device, *kernels, *precision, *solver;
  const char *vae, *text_encoder; /* paths of parts that are not the model's own; NULL: they are */
  double load_seconds;            /* device and weights */
  double text_seconds, encode_seconds, denoise_seconds, decode_seconds;
  double first_step_seconds; /* from pd_engine_new to the end of the first denoising step */
  double total_seconds;      /* of the program's whole work for the picture, as it counts it */
  guint forwards;            /* UNet images */
  guint n_tiles;
  guint tile, batch; /* side of the tiles in pixels, tiles per UNet call, as the memory allowed */
  guint n_kernels;
  double kernel_seconds; /* to prepare them, summed over threads */
  guint64 peak_device_bytes, peak_host_bytes;
  guint64 weight_bytes, bank_bytes;
  guint workers;               /* devices that worked on tiles */
  const char *worker_tiles;    /* that each predicted, over all steps: "120 121"; NULL with one */
  double idle_share;           /* of the workers' time in the steps, 0 … 1 */
  guint64 step_exchange_bytes; /* between the first and the others, in a step */
  guint64 arena_bytes, tensor_bytes; /* the UNet's activations: placed, and without reuse */
} PdReport;

/* A model that the engine has found. */
typedef struct
{
  const char *name, *path;
  guint native, scale; /* pixels: side it was trained at, of a latent pixel; 0: not known */
  const char *reason;  /* why it cannot be used; NULL: it can */
} PdOfferedModel;

typedef struct
{
  guint index; /* as --device counts */
  const char *name, *uuid, *kind;
  guint64 memory_bytes; /* that can be used */
  const char *reason;   /* why it cannot be used; NULL: it can */
} PdOfferedDevice;

extern const PdField pd_progress_fields[], pd_estimate_fields[], pd_report_fields[],
    pd_offered_model_fields[], pd_offered_device_fields[];

/* Returns: (transfer full) (element-type PdOfferedModel) what the answer to "initialize" lists, of
 * which the strings are borrowed; @engine NULL: nothing. */
GArray *pd_offered_models (GVariant *engine);
GArray *pd_offered_devices (GVariant *engine);
