// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/condition.h"
#include "engine/networks/sites.h"

/* The network that predicts what is noise in a latent, whatever its architecture. */

typedef struct
{
  guint channels;     /* of a latent */
  guint map_channels; /* that it reads beside the latent, of a map of the canvas; 0: none */
  guint native;       /* side of the latents it was trained on; 0: not known */
} PdDenoiserInfo;

/* Where an image begins on the canvas, latent pixels; it goes round its edges. */
typedef struct
{
  guint y, x;
} PdView;

/* Planes over the whole canvas, [channels][h][w]. Of a UNet for inpainting: the mask (1: to be
 * painted), then the latent of the picture without what the mask shows. */
typedef struct
{
  guint channels, h, w;
  const float *values;
} PdMap;

typedef struct _PdDenoiser PdDenoiser;
typedef struct _PdDenoiserPass PdDenoiserPass;

typedef struct
{
  guint n, h, w;           /* n latents of h × w pixels, any h and w ≥ 1 */
  const PdCondition *like; /* the names and shapes of the conditions; borrowed for the call */
  PdHook *const *hooks;    /* borrowed, ended by NULL; may be NULL */
  PdProbes *probes;        /* may be NULL */
  gboolean f32;            /* activations are f32 whatever the backend's are */
  gboolean timestamps;
} PdDenoiserPassOptions;

/* What a run reads and writes, with the lengths of the arrays. */
typedef struct
{
  const float *latents; /* [n][channels][h][w] */
  gsize n_latents;
  double timestep;                      /* of the family's scale, need not be whole */
  const PdCondition *const *conditions; /* of each image */
  const PdView *views;                  /* of each image; NULL: all at 0, 0 */
  const PdMap *map;                     /* with map_channels planes; NULL if they are 0 */
  float *prediction;                    /* [n][channels][h][w] */
  gsize n_prediction;
} PdDenoiserRun;

/* What an architecture is. */
typedef struct
{
  PdDenoiserPass *(*pass_new) (PdDenoiser *self,
                               const PdDenoiserPassOptions *options,
                               GError **error);
  gboolean (*pass_upload) (PdDenoiserPass *pass, const PdDenoiserRun *run, GError **error);
  void (*pass_free) (PdDenoiserPass *pass);
  void (*survey) (PdDenoiser *self, guint h, guint w, GArray *sites);
  void (*free) (PdDenoiser *self);
} PdDenoiserClass;

/* Both are embedded at the beginning of an architecture's own. Members are for reading. */
struct _PdDenoiser
{
  const PdDenoiserClass *class;
  const PdBackend *backend;
  PdDenoiserInfo info;
  PdWeights *weights; /* owned by the architecture */
};

struct _PdDenoiserPass
{
  PdDenoiser *denoiser;
  PdHook *const *hooks;
  guint n;
  PdGraph *graph;
  PdTensor *prediction;
};

void pd_denoiser_free (PdDenoiser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDenoiser, pd_denoiser_free)

/* The sites of a pass for one latent of @h × @w. Returns: (transfer full) of PdSite. */
GArray *pd_denoiser_survey (PdDenoiser *self, guint h, guint w);

/* The denoiser for one shape, recorded. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdDenoiserPass *
pd_denoiser_pass_new (PdDenoiser *self, const PdDenoiserPassOptions *options, GError **error);
void pd_denoiser_pass_free (PdDenoiserPass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDenoiserPass, pd_denoiser_pass_free)

PdGraph *pd_denoiser_pass_graph (PdDenoiserPass *self);

/* Errors: PD_ERROR_BAD_MODEL (lengths, conditions or a map that are not the pass's: nothing is
 * written), PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST, G_IO_ERROR_CANCELLED. */
gboolean pd_denoiser_pass_run (PdDenoiserPass *self,
                               const PdDenoiserRun *run,
                               GCancellable *cancellable,
                               GError **error);
