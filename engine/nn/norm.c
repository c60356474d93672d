// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/ops.h"
#include "engine/nn/region.h"

enum
{
  /* Pixels of a slice of which an invocation takes the moments of one quad: enough work for each,
   * at most SLICES of them to be combined. */
  SLICE_CPU = 64,
  SLICE_GPU = 16,
  SLICES = 256,
  COMBINE_WORKGROUP = 64,
  LAYER_LANES_GPU = 32,
};

/* Floats per quad of the moments (origin, mean, m2, count) and of the table (origin, mean, scale).
 */
enum
{
  MOMENTS_FLOATS = 16,
  TABLE_FLOATS = 12,
};

static guint
divide_up (guint a, guint b)
{
  return (a + b - 1) / b;
}

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
field_regions (const PdBackend *backend, PdTensor *x, const Field *field, gboolean flat)
{
  PdRegionLimits limits = {
    .images = x->n,
    .rows = flat ? 1 : field->rows,
    .width = flat ? x->h * x->w : field->width,
    .row_bytes = pd_tensor_row_pitch (x) * pd_type_size (x->type) * (flat ? x->h : 1),
    .extra_rows = flat ? 0 : 2,
  };

  return pd_regions (backend, &limits);
}

/* How the moments of one field are taken. */
typedef struct
{
  Field field;
  GArray *regions;
  PdStorage *moments;
  guint slice;  /* pixels */
  guint slices; /* of an image */
  guint before; /* of them those of fields before this one */
  gboolean flat;
} FieldWork;

/* Returns: the slices of an image in the field. */
static guint
measure_field (PdGraph *graph, PdTensor *x, const FieldWork *work)
{
  guint workgroup = pd_small_workgroup (pd_graph_backend (graph));
  guint quads = pd_align_channels (x->c) / 4, first = 0, image = 0;

  for (guint i = 0; i < work->regions->len; i++)
    {
      PdRegion region = g_array_index (work->regions, PdRegion, i);
      guint count = divide_up (region.rows * region.width, work->slice);
      PdDispatch dispatch = {
        .label = "group norm",
        .shader = x->type == PD_TYPE_F16 ? "group-norm-moments-f16" : "group-norm-moments",
        .constants = { workgroup },
        .n_constants = 1,
        .groups = { divide_up (count * quads, workgroup), region.images, 1 }
      };
      PdPlace place;

      if (region.image != image)
        first = 0;
      image = region.image;
      region.row += x->border + (work->flat ? 0 : work->field.row);
      region.x += x->border + (work->flat ? 0 : work->field.x);
      place = pd_region_bind (graph, &dispatch, x, region, PD_ACCESS_READ);
      if (work->flat)
        place.row = region.width * place.pixel;
      pd_storage_bind (graph, &dispatch, work->moments, PD_ACCESS_WRITE);
      pd_push (&dispatch, &place, sizeof place);
      pd_push (&dispatch,
               (guint32[]){ region.rows, region.width, quads, work->slice, work->slices,
                            work->before + first, region.image },
               28);
      pd_push (&dispatch, &work->field.share, sizeof work->field.share);
      dispatch.work = pd_memory_work (dispatch.access[0].range);
      pd_graph_dispatch (graph, &dispatch);
      first += count;
    }
  return first;
}

/* Writes the moments of the channels of slices of pixels; @slices: how many there are per image. */
static PdStorage *
channel_moments (PdGraph *graph, PdTensor *x, const PdPixelShares *shares, guint *slices)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint quads = pd_align_channels (x->c) / 4;
  guint slice = MAX (pd_device_info (backend->device)->is_cpu ? SLICE_CPU : SLICE_GPU,
                     divide_up (x->h * x->w, SLICES));
  Field fields[MAX_FIELDS];
  guint n_fields = cut_fields (x, shares, fields);
  gboolean flat =
      x->border == 0 && n_fields == 1 && fields[0].rows * fields[0].width == x->h * x->w;
  GArray *regions[MAX_FIELDS];
  PdStorage *moments;
  guint before = 0;

  *slices = 0;
  for (guint f = 0; f < n_fields; f++)
    {
      regions[f] = field_regions (backend, x, &fields[f], flat);
      for (guint i = 0; i < regions[f]->len; i++)
        {
          const PdRegion *region = &g_array_index (regions[f], PdRegion, i);

          if (region->image == 0)
            *slices += divide_up (region->rows * region->width, slice);
        }
    }
  moments = pd_graph_scratch (graph, (gsize) x->n * *slices * quads * MOMENTS_FLOATS * 4);
  for (guint f = 0; f < n_fields; f++)
    {
      before += measure_field (
          graph, x, &(FieldWork){ fields[f], regions[f], moments, slice, *slices, before, flat });
      g_array_unref (regions[f]);
    }
  return moments;
}

gsize
pd_group_norm_table_bytes (guint c)
{
  return (gsize) pd_align_channels (c) / 4 * TABLE_FLOATS * sizeof (float);
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
  guint quads = pd_align_channels (x->c) / 4, slices;
  PdStorage *moments;
  PdDispatch combine = { .label = "group norm",
                         .shader = correction != NULL ? "group-norm-combine-shared"
                                                      : "group-norm-combine",
                         .constants = { COMBINE_WORKGROUP, shares != NULL },
                         .n_constants = 2,
                         .groups = { args->groups, joint ? 1 : x->n, 1 } };

  if (args->groups == 0 || x->c % args->groups != 0)
    {
      pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                         _ ("Group norm of %u channels in %u groups"), x->c,
                                         args->groups));
      return;
    }
  moments = channel_moments (graph, x, shares, &slices);
  /* Image after image, so that the slices of all images are those of one. */
  if (joint)
    slices *= x->n;
  pd_storage_bind (graph, &combine, moments, PD_ACCESS_READ);
  pd_storage_bind (graph, &combine, &weight->storage, PD_ACCESS_READ);
  pd_storage_bind (graph, &combine, table, PD_ACCESS_WRITE);
  pd_push (&combine, (guint32[]){ quads, x->c / args->groups, slices }, 12);
  pd_push (&combine, &args->eps, sizeof args->eps);
  if (correction != NULL)
    {
      pd_storage_bind (graph, &combine, correction->given, PD_ACCESS_READ);
      pd_storage_bind (graph, &combine, correction->own, PD_ACCESS_WRITE);
    }
  combine.work = pd_memory_work (moments->size);
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

  pd_walk (graph, &(PdWalk){ .label = "group norm",
                             .shader = x->type == PD_TYPE_F16 ? "group-norm-f16" : "group-norm",
                             .constants = { args->activation, args->border, joint },
                             .n_constants = 3,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .per_image = !joint,
                             .extra = { table, &bias->storage },
                             .n_extra = 2 });
  y->border_zero = args->border;
  return y;
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
  guint workgroup = pd_small_workgroup (backend);
  guint lanes = info->is_cpu ? 1 : LAYER_LANES_GPU, pixels = workgroup / lanes;
  gboolean flat = x->border == 0;
  PdRegionLimits limits = {
    .images = flat ? 1 : x->n,
    .rows = flat ? 1 : x->h,
    .width = flat ? x->n * x->h * x->w : x->w,
    .max_width = (gsize) info->max_workgroup_count[0] * pixels,
  };
  g_autoptr (GArray) regions = NULL;

  limits.extra_rows = flat ? 0 : 2;
  limits.row_bytes =
      (gsize) (limits.width + 2 * x->border) * MAX (x->ld, y->ld) * pd_type_size (x->type);
  regions = pd_regions (backend, &limits);
  for (guint i = 0; i < regions->len; i++)
    {
      PdRegion region = g_array_index (regions, PdRegion, i);
      guint32 arguments[] = { region.rows, region.width, pd_align_channels (x->c) / 4, x->c };
      PdDispatch dispatch = { .label = "layer norm",
                              .shader = x->type == PD_TYPE_F16 ? "layer-norm-f16" : "layer-norm",
                              .constants = { workgroup, lanes },
                              .n_constants = 2,
                              .groups = { divide_up (region.width, pixels),
                                          region.images * region.rows, 1 } };
      PdPlace places[2];
      PdRegion from = region;

      from.row += x->border;
      from.x += x->border;
      places[0] = pd_region_bind (graph, &dispatch, x, from, PD_ACCESS_READ);
      pd_storage_bind (graph, &dispatch, &weight->storage, PD_ACCESS_READ);
      pd_storage_bind (graph, &dispatch, &bias->storage, PD_ACCESS_READ);
      places[1] = pd_region_bind (graph, &dispatch, y, region, PD_ACCESS_WRITE);
      pd_push (&dispatch, places, sizeof places);
      pd_push (&dispatch, arguments, sizeof arguments);
      pd_push (&dispatch, &eps, sizeof eps);
      dispatch.work = pd_memory_work (dispatch.access[0].range + dispatch.access[3].range);
      pd_graph_dispatch (graph, &dispatch);
    }
  return y;
}
