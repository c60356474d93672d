// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"
#include "engine/tiles/predictor.h"

/* Who predicts tiles for a team: a device, here or elsewhere, with what it knows of the canvas. Its
 * thread alone uses it. */
typedef struct _PdMember PdMember;

/* What a member knows of the canvas. Borrowed. */
typedef struct
{
  PdPredictorOptions tiles; /* bank, stylist, denoiser and batch are the member's own; statistics,
                               if they are shared, the team's */
  const PdStyle *style;     /* that the tiles take on; NULL: none, and no anchors then */
  guint n_anchors;          /* parts of the bank; 0: none */
  guint n_statistics;       /* of an item */
} PdMemberCanvas;

/* Parts of the bank that a member, or several, wrote, for all. */
typedef struct
{
  guint first, n;
  const guint8 *bytes; /* [n][part_bytes] */
  guint32 number;      /* of pd_link_share, with members of other processes */
} PdBankShare;

typedef struct
{
  float *(*input) (PdMember *self, guint image);
  float *(*content) (PdMember *self, guint image);
  float *(*output) (PdMember *self, guint image, guint branch);
  gboolean (*prepare) (PdMember *self,
                       const PdStep *step,
                       GCancellable *cancellable,
                       GError **error);
  gboolean (*load) (PdMember *self,
                    const PdBankShare *share,
                    GCancellable *cancellable,
                    GError **error);
  gboolean (*run) (PdMember *self,
                   const PdStep *step,
                   const PdBatch *batch,
                   GCancellable *cancellable,
                   GError **error);
  gboolean (*run_anchor) (PdMember *self,
                          const PdStep *step,
                          const PdBatch *batch,
                          guint part,
                          guint8 *bytes,
                          GCancellable *cancellable,
                          GError **error);
  void (*free) (PdMember *self); /* also of a device that is lost */
} PdMemberClass;

/* At the beginning of each kind. Members are for reading. */
struct _PdMember
{
  const PdMemberClass *class;
  guint batch;       /* tiles at once */
  gsize part_bytes;  /* of a bank, in host memory; 0 without */
  gsize bank_bytes;  /* on the device, of bank and style */
  guint forwards;    /* images predicted so far */
  guint64 exchanged; /* bytes that went to it and came back, so far */
};

/* On the device of @denoiser. Errors: PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST. With either,
 * here and in what follows, the member leaves and the others do its work. */
PdMember *pd_member_new_here (const PdMemberCanvas *canvas,
                              PdDenoiser *denoiser,
                              guint batch,
                              GError **error);

/* Of another process, at the other end of @link; that and the canvas's are borrowed. It gets ready
 * when it is prepared first, as all do at the same time. @like: one that is here. */
PdMember *pd_member_new_far (
    const PdMemberCanvas *canvas, PdLink *link, const PdMember *like, guint batch, GError **error);

/* Of one that is here. */
PdGraph *pd_member_graph_here (PdMember *self);
void pd_member_free (PdMember *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdMember, pd_member_free)

/* Where the latent of image @image of the batch is to be put, [channels][h][w], as the denoiser
 * takes it; and what the canvas shows there, with a content alone. */
float *pd_member_input (PdMember *self, guint image);
float *pd_member_content (PdMember *self, guint image);

/* What the last run gave for image @image in branch @branch. */
float *pd_member_output (PdMember *self, guint image, guint branch);

/* What it needs in @step before its first tile: keys and values of the style, which it finds for
 * itself. Errors: those of pd_stylist_run. */
gboolean
pd_member_prepare (PdMember *self, const PdStep *step, GCancellable *cancellable, GError **error);

/* With anchors only. */
gboolean pd_member_load (PdMember *self,
                         const PdBankShare *share,
                         GCancellable *cancellable,
                         GError **error);

/* See pd_predictor_run. */
gboolean pd_member_run (PdMember *self,
                        const PdStep *step,
                        const PdBatch *batch,
                        GCancellable *cancellable,
                        GError **error);

/* See pd_predictor_run_anchor. @bytes: [part_bytes], where the part goes; NULL: nowhere. */
gboolean pd_member_run_anchor (PdMember *self,
                               const PdStep *step,
                               const PdBatch *batch,
                               guint part,
                               guint8 *bytes,
                               GCancellable *cancellable,
                               GError **error);
