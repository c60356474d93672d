// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"
#include "engine/base/monitor.h"
#include "engine/networks/autoencoder.h"
#include "engine/networks/sample-statistics.h"
#include "engine/tiles/changes.h"
#include "engine/tiles/windows.h"
#include "engine/tiles/work.h"

/* What tiled encoding and decoding have in common: an autoencoder that runs batches of windows.
 *
 * One without norms and attention gives for windows with its receptive field as halo what it would
 * for the whole canvas, to the bit. Another one takes the statistics of its group norms and the
 * keys of its attention from a sample of the canvas (PdSampleStatistics): small blocks, spread
 * evenly, put together to one window. A window that is the canvas uses its own. */

/* Who runs windows beside the first: the same autoencoder on another device, borrowed. */
typedef struct
{
  PdAutoencoder *autoencoder; /* NULL: of another process */
  PdLink *link;               /* to that */
} PdCoderHelper;

typedef struct
{
  guint n;
  PdCoderHelper list[PD_WORKERS_MAX - 1];
} PdCoderHelpers;

typedef struct
{
  PdAutoencoder *autoencoder; /* borrowed */
  PdCoderHelpers helpers;
  guint height, width; /* of the canvas, latent pixels */
  guint tile;  /* largest side of a window, latent pixels, halo included; more than 2 · halo */
  guint batch; /* windows per submission; the result does not depend on it */
  PdTorus wrap;
  const PdChanges *changes; /* windows whose core has nothing of it are left out; NULL: none is */
  const PdChanges *known;   /* what the sample is taken from; NULL: all of the canvas */
  gboolean *left; /* [1 + helpers.n]: is set for those that were lost or out of memory, whose
                     windows the others ran; NULL: nobody asks */
} PdCoderOptions;

/* Of one device. */
typedef struct
{
  PdCoderOptions options;
  PdLink *link; /* to where it runs; NULL: here */
  gboolean decode;
  gboolean sampled; /* its size is that of a sample */
  gboolean ready;   /* to run windows */
  guint channels, scale;
  PdWindows windows;
  guint *listed; /* windows that are run */
  guint n_listed;
  guint h, w;                            /* of a window, or of the sample, latent pixels */
  gsize latent_elements, pixel_elements; /* of that */
  float *latents, *log_variance;         /* of a batch; [batch][channels][h][w]; encoded ones are
                                            the mean */
  float *pixels;                  /* of a batch; [batch][h · scale][w · scale][3], -1 … 1 */
  gsize n_latents, n_pixels;      /* elements of these arrays */
  PdSampleStatistics *statistics; /* may be NULL */
  PdHook *hooks[2];               /* of the pass */
  PdAutoencoderPass *pass;        /* NULL with a link */
} PdCoder;

/* A rectangle of a window and the place of the canvas that it shows, latent pixels; it goes round
 * where the canvas wraps. */
typedef struct
{
  guint h, w;
  guint to_y, to_x; /* in the window */
  guint y, x;       /* on the canvas */
} PdCoderPart;

/* The functions below are called for one window at a time, on the thread of each device, in no
 * order that counts. */

/* Puts @part of image @image into the batch. */
typedef gboolean (*PdCoderFillFunc) (
    PdCoder *self, guint image, const PdCoderPart *part, gpointer user_data, GError **error);
/* Takes image @image, of window @window, from the batch. */
typedef gboolean (*PdCoderTakeFunc) (
    PdCoder *self, guint image, guint window, gpointer user_data, GError **error);

/* What the canvas takes: device bytes at the peak, with what is in use already, and work as
 * pd_account_work_rate counts it. @device is the autoencoder's, which does all by itself here;
 * nothing is allocated on the device. */
gboolean pd_coder_plan (PdDevice *device,
                        const PdCoderOptions *options,
                        gboolean decode,
                        guint64 *bytes,
                        double *work,
                        GError **error);

/* Makes the window smaller, by a quarter at most. FALSE if it is the smallest. */
gboolean pd_coder_shrink (PdCoderOptions *options, gboolean decode);

/* Runs the windows of the canvas that change, with smaller windows where the device's memory does
 * not hold those asked for. @monitor may be NULL. Errors: PD_ERROR_BAD_REQUEST (tile),
 * PD_ERROR_BAD_MODEL (values that are not numbers), PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST,
 * G_IO_ERROR_CANCELLED (also within a window), and those of @fill and @take. */
gboolean pd_coder_run (const PdCoderOptions *options,
                       gboolean decode,
                       PdCoderFillFunc fill,
                       PdCoderTakeFunc take,
                       gpointer user_data,
                       const PdMonitor *monitor,
                       GError **error);
