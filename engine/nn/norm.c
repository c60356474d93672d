// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/ops.h"

#include "engine/base/error.h"
#include "engine/nn/walk.h"
#include "shaders/abi/group-norm.h"
#include "shaders/abi/group-norm-affine.h"
#include "shaders/abi/group-norm-combine.h"
#include "shaders/abi/group-norm-moments.h"
#include "shaders/abi/layer-norm.h"

enum
{
  /* Pixels of a chunk of which an invocation takes the moments of one quad: enough work for each,
   * at most CHUNKS of them to be combined. */
  CHUNK_CPU = 64,
  CHUNK_GPU = 16,
  CHUNKS = 256,
  COMBINE_WORKGROUP = 64,
  LAYER_LANES_GPU = 32,
};

/* A rectangle of an image whose pixels count the same. */
typedef struct
{
  guint row, rows, x, width;
  float share; /* negative: they do not count, but bound the variance from below */
} Field;

enum
{
  MAX_FIELDS = 9,
};

/* For fields that do not count. */
static const float frame_share = -1;

/* The parts of an axis of @size pixels: begin[0] … begin[n], n being returned. */
static guint
cut_axis (const PdPixelShares *shares, guint size, guint begin[4], float share[3])
{
  guint frame = shares != NULL ? MIN (shares->frame, size / 2) : 0;
  const guint ends[] = { frame, size - frame, size };
  guint n = 0;

  begin[0] = 0;
  for (guint i = 0; i < 3; i++)
    {
      float value = shares == NULL ? 1 : i == 1 ? shares->inner : shares->outer;

      if (ends[i] > begin[n])
        {
          share[n++] = value;
          begin[n] = ends[i];
        }
    }
  return n;
}

static guint
cut_fields (PdTensor *x, const PdPixelShares *shares, Field fields[MAX_FIELDS])
{
  guint rows[4], columns[4], count = 0;
  float share_y[3], share_x[3];
  guint n_y = cut_axis (shares, x->h, rows, share_y);
  guint n_x = cut_axis (shares != NULL ? shares + 1 : NULL, x->w, columns, share_x);

  /* Those that count come first. */
  for (guint frame = 0; frame < 2; frame++)
    for (guint i = 0; i < n_y; i++)
      for (guint j = 0; j < n_x; j++)
        {
          float share = share_y[i] * share_x[j];

          if (frame == (share <= 0))
            fields[count++] = (Field){ .row = rows[i],
                                       .rows = rows[i + 1] - rows[i],
                                       .x = columns[j],
                                       .width = columns[j + 1] - columns[j],
                                       .share = share > 0 ? share : frame_share };
        }
  return count;
}

/* The parts of @field of every image that a dispatch each takes the moments of. */
static GArray *
field_slices (const PdBackend *backend, PdTensor *x, const Field *field, gboolean flat)
{
  PdSliceLimits limits = {
    .images = x->n,
    .rows = flat ? 1 : field->rows,
    .width = flat ? x->h * x->w : field->width,
    .row_bytes = pd_tensor_row_pitch (x) * pd_type_size (x->type) * (flat ? x->h : 1),
    .extra_rows = flat ? 0 : 2,
  };

  return pd_slice_cut (backend, &limits);
}

/* How the moments of one field are taken. */
typedef struct
{
  Field field;
  GArray *slices;
  PdStorage *moments;
  guint chunk;  /* pixels */
  guint chunks; /* of an image */
  guint before; /* of them those of fields before this one */
  gboolean flat;
} FieldWork;

/* Returns: the chunks of an image in the field. */
static guint
measure_field (PdGraph *graph, PdTensor *x, const FieldWork *work)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint workgroup = pd_dispatch_workgroup (backend);
  guint quads = pd_align_channels (x->c) / 4, first = 0, image = 0;

  for (guint i = 0; i < work->slices->len; i++)
    {
      PdSlice slice = g_array_index (work->slices, PdSlice, i);
      guint count = (guint) pd_divide_up (slice.rows * slice.width, work->chunk);
      PdDispatch dispatch = {
        .label = "group norm",
        .shader = x->type == PD_TYPE_F16 ? "group-norm-moments-f16" : "group-norm-moments",
        .constants = { workgroup },
        .n_constants = 1,
        .groups = { (guint) pd_divide_up (count * quads, workgroup), slice.images, 1 }
      };
      PdMomentsPush push = { .rows = slice.rows,
                             .width = slice.width,
                             .quads = quads,
                             .chunk = work->chunk,
                             .chunks = work->chunks,
                             .image = slice.image,
                             .share = work->field.share };

      if (slice.image != image)
        first = 0;
      image = slice.image;
      push.first = work->before + first;
      slice.row += work->flat ? 0 : work->field.row;
      slice.x += work->flat ? 0 : work->field.x;
      push.x = pd_slice_bind (pd_slice_stored (slice, x), backend, &dispatch, x, PD_ACCESS_READ);
      if (work->flat)
        push.x.row = slice.width * push.x.pixel;
      pd_dispatch_bind_all (&dispatch, work->moments, PD_ACCESS_WRITE);
      pd_dispatch_push (&dispatch, &push, sizeof push);
      dispatch.work = pd_dispatch_memory_work (dispatch.access[0].range);
      pd_graph_dispatch (graph, &dispatch);
      first += count;
    }
  return first;
}

/* Writes the moments of the channels of chunks of pixels; @chunks: how many there are per image. */
static PdStorage *
channel_moments (PdGraph *graph, PdTensor *x, const PdPixelShares *shares, guint *chunks)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint quads = pd_align_channels (x->c) / 4;
  guint chunk = MAX (pd_device_info (backend->device)->is_cpu ? CHUNK_CPU : CHUNK_GPU,
                     (guint) pd_divide_up (x->h * x->w, CHUNKS));
  Field fields[MAX_FIELDS];
  guint n_fields = cut_fields (x, shares, fields);
  gboolean flat =
      x->border == 0 && n_fields == 1 && fields[0].rows * fields[0].width == x->h * x->w;
  GArray *slices[MAX_FIELDS];
  PdStorage *moments;
  guint before = 0;

  *chunks = 0;
  for (guint f = 0; f < n_fields; f++)
    {
      slices[f] = field_slices (backend, x, &fields[f], flat);
      for (guint i = 0; i < slices[f]->len; i++)
        {
          const PdSlice *slice = &g_array_index (slices[f], PdSlice, i);

          if (slice->image == 0)
            *chunks += (guint) pd_divide_up (slice->rows * slice->width, chunk);
        }
    }
  moments = pd_graph_scratch (graph, (gsize) x->n * *chunks * quads * MOMENTS_QUADS * 16);
  for (guint f = 0; f < n_fields; f++)
    {
      before += measure_field (
          graph, x, &(FieldWork){ fields[f], slices[f], moments, chunk, *chunks, before, flat });
      g_array_unref (slices[f]);
    }
  return moments;
}

gsize
pd_group_norm_table_bytes (guint c)
{
  return (gsize) pd_align_channels (c) / 4 * TABLE_QUADS * 16;
}

void
pd_group_norm_measure (PdGraph *graph,
                       PdTensor *x,
                       const PdVector *weight,
                       const PdNormArgs *args,
                       gboolean joint,
                       const PdPixelShares shares[2],
                       PdStorage *table)
{
  const PdNormCorrection *correction = args->correction;
  guint quads = pd_align_channels (x->c) / 4, chunks;
  PdStorage *moments;
  PdCombinePush push;
  PdDispatch combine = { .label = "group norm",
                         .shader = correction != NULL ? "group-norm-combine-shared"
                                                      : "group-norm-combine",
                         .constants = { COMBINE_WORKGROUP, shares != NULL },
                         .n_constants = 2,
                         .groups = { args->groups, joint ? 1 : x->n, 1 } };

  if (args->groups == 0 || x->c % args->groups != 0)
    {
      pd_graph_fail (graph,
                     g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                  "Group norm of %u channels in %u groups", x->c, args->groups));
      return;
    }
  moments = channel_moments (graph, x, shares, &chunks);
  /* Image after image, so that the chunks of all images are those of one. */
  if (joint)
    chunks *= x->n;
  push = (PdCombinePush){
    .quads = quads, .channels = x->c / args->groups, .chunks = chunks, .eps = args->eps
  };
  pd_dispatch_bind_all (&combine, moments, PD_ACCESS_READ);
  pd_dispatch_bind_all (&combine, &weight->storage, PD_ACCESS_READ);
  pd_dispatch_bind_all (&combine, table, PD_ACCESS_WRITE);
  if (correction != NULL)
    {
      pd_dispatch_bind_all (&combine, correction->given, PD_ACCESS_READ);
      pd_dispatch_bind_all (&combine, correction->own, PD_ACCESS_WRITE);
    }
  pd_dispatch_push (&combine, &push, sizeof push);
  combine.work = pd_dispatch_memory_work (moments->size);
  pd_graph_dispatch (graph, &combine);
}

PdTensor *
pd_group_norm_apply (PdGraph *graph,
                     PdTensor *x,
                     PdStorage *table,
                     const PdVector *bias,
                     const PdNormArgs *args,
                     gboolean joint)
{
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, x->c, args->border);
  const PdGroupNormPush push = { 0 };

  pd_walk (graph, &(PdWalk){ .label = "group norm",
                             .shader = x->type == PD_TYPE_F16 ? "group-norm-f16" : "group-norm",
                             .constants = { args->activation, args->border, joint },
                             .n_constants = 3,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .per_image = !joint,
                             .extra = { table, &bias->storage },
                             .n_extra = 2,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  y->border_zero = args->border;
  return y;
}

PdStorage *
pd_group_norm_affine (PdGraph *graph,
                      PdStorage *table,
                      guint c,
                      const PdVector *norm_bias,
                      const PdVector *product_bias)
{
  const guint quads = pd_align_channels (c) / 4;
  PdStorage *affine = pd_graph_scratch (graph, (gsize) 2 * quads * 16);
  const PdAffinePush push = { .quads = quads };
  PdDispatch dispatch = { .label = "group norm",
                          .shader = "group-norm-affine",
                          .constants = { COMBINE_WORKGROUP },
                          .n_constants = 1,
                          .groups = { (guint) pd_divide_up (quads, COMBINE_WORKGROUP), 1, 1 } };

  pd_dispatch_bind_all (&dispatch, table, PD_ACCESS_READ);
  pd_dispatch_bind_all (&dispatch, &norm_bias->storage, PD_ACCESS_READ);
  pd_dispatch_bind_all (&dispatch, &product_bias->storage, PD_ACCESS_READ);
  pd_dispatch_bind_all (&dispatch, affine, PD_ACCESS_WRITE);
  pd_dispatch_push (&dispatch, &push, sizeof push);
  dispatch.work = pd_dispatch_memory_work (affine->size);
  pd_graph_dispatch (graph, &dispatch);
  return affine;
}

PdTensor *
pd_group_norm (PdGraph *graph,
               PdTensor *x,
               const PdVector *weight,
               const PdVector *bias,
               const PdNormArgs *args)
{
  PdStorage *table = pd_graph_scratch (graph, x->n * pd_group_norm_table_bytes (x->c));

  pd_group_norm_measure (graph, x, weight, args, FALSE, NULL, table);
  return pd_group_norm_apply (graph, x, table, bias, args, FALSE);
}

PdTensor *
pd_layer_norm (PdGraph *graph, PdTensor *x, const PdVector *weight, const PdVector *bias, float eps)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, x->c, 0);
  guint workgroup = pd_dispatch_workgroup (backend);
  guint lanes = info->is_cpu ? 1 : LAYER_LANES_GPU, pixels = workgroup / lanes;
  gboolean flat = x->border == 0;
  PdSliceLimits limits = {
    .images = flat ? 1 : x->n,
    .rows = flat ? 1 : x->h,
    .width = flat ? x->n * x->h * x->w : x->w,
    .max_width = (gsize) info->max_workgroup_count[0] * pixels,
  };
  g_autoptr (GArray) slices = NULL;

  limits.extra_rows = flat ? 0 : 2;
  limits.row_bytes =
      (gsize) (limits.width + 2 * x->border) * MAX (x->ld, y->ld) * pd_type_size (x->type);
  slices = pd_slice_cut (backend, &limits);
  for (guint i = 0; i < slices->len; i++)
    {
      PdSlice slice = g_array_index (slices, PdSlice, i);
      PdLayerNormPush push = { .rows = slice.rows,
                               .width = slice.width,
                               .quads = pd_align_channels (x->c) / 4,
                               .channels = x->c,
                               .eps = eps };
      PdDispatch dispatch = { .label = "layer norm",
                              .shader = x->type == PD_TYPE_F16 ? "layer-norm-f16" : "layer-norm",
                              .constants = { workgroup, lanes },
                              .n_constants = 2,
                              .groups = { (guint) pd_divide_up (slice.width, pixels),
                                          slice.images * slice.rows, 1 } };

      push.x = pd_slice_bind (pd_slice_stored (slice, x), backend, &dispatch, x, PD_ACCESS_READ);
      pd_dispatch_bind_all (&dispatch, &weight->storage, PD_ACCESS_READ);
      pd_dispatch_bind_all (&dispatch, &bias->storage, PD_ACCESS_READ);
      push.y = pd_slice_bind (slice, backend, &dispatch, y, PD_ACCESS_WRITE);
      pd_dispatch_push (&dispatch, &push, sizeof push);
      dispatch.work = pd_dispatch_memory_work (dispatch.access[0].range + dispatch.access[3].range);
      pd_graph_dispatch (graph, &dispatch);
    }
  return y;
}
