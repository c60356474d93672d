// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/ops.h"

#include "engine/nn/walk.h"
#include "shaders/abi/channel-moments.h"
#include "shaders/abi/match.h"

/* Statistics of channels, and what gives them to others. */

gsize
pd_channel_moments_bytes (guint n, guint c)
{
  return (gsize) n * pd_align_channels (c) * 2 * sizeof (float);
}

void
pd_channel_moments (PdGraph *graph, PdTensor *x, PdStorage *found)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdSliceLimits limits = { .images = x->n,
                                 .rows = x->h,
                                 .width = x->w,
                                 .row_bytes = pd_tensor_row_pitch (x) * pd_type_size (x->type),
                                 .extra_rows = 2 * x->border };
  g_autoptr (GArray) slices = pd_slice_cut (backend, &limits);
  guint quads = pd_align_channels (x->c) / 4, image = 0, before = 0;

  for (guint i = 0; i < slices->len; i++)
    {
      const PdSlice slice = g_array_index (slices, PdSlice, i);
      PdDispatch dispatch = { .label = "channel moments",
                              .shader = x->type == PD_TYPE_F16 ? "channel-moments-f16"
                                                               : "channel-moments",
                              .constants = { pd_dispatch_workgroup (backend) },
                              .n_constants = 1,
                              .groups = { quads, slice.images, 1 } };
      PdChannelMomentsPush push = { .width = slice.width,
                                    .pixels = slice.rows * slice.width,
                                    .quads = quads,
                                    .image = slice.image };

      if (slice.image != image)
        before = 0;
      image = slice.image;
      push.before = before;
      before += push.pixels;
      push.x = pd_slice_bind (pd_slice_stored (slice, x), backend, &dispatch, x, PD_ACCESS_READ);
      pd_dispatch_bind_all (&dispatch, found,
                            push.before > 0 ? PD_ACCESS_READ | PD_ACCESS_WRITE : PD_ACCESS_WRITE);
      pd_dispatch_push (&dispatch, &push, sizeof push);
      dispatch.work = pd_dispatch_memory_work (dispatch.access[0].range);
      pd_graph_dispatch (graph, &dispatch);
    }
}

PdTensor *
pd_match (PdGraph *graph, PdTensor *x, PdMomentsOf own, PdMomentsOf target, float eps)
{
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, x->c, 0);
  const PdMatchPush push = { .own_images = x->n / own.n,
                             .target_images = x->n / target.n,
                             .eps = eps };

  g_return_val_if_fail (x->n % own.n == 0 && x->n % target.n == 0, y);
  pd_walk (graph, &(PdWalk){ .label = "match",
                             .shader = x->type == PD_TYPE_F16 ? "match-f16" : "match",
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .per_image = TRUE,
                             .extra = { own.moments, target.moments },
                             .n_extra = 2,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  return y;
}
