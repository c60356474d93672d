// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include "engine/gpu/commands.h"
#include "engine/nn/dispatch.h"
#include "engine/nn/weights.h"

/* A model part for one shape: ops append dispatches on tensors; pd_graph_compile places every
 * activation in one arena by liveness and records the dispatches once; pd_graph_run replays them.
 *
 *   g_autoptr (PdGraph) graph = pd_graph_new (backend);
 *   PdTensor *x = pd_graph_input (graph, 1, 64, 64, 4, 1);
 *   PdTensor *y = pd_graph_output (graph, pd_conv2d (graph, x, weight, bias, NULL));
 *   pd_graph_compile (graph, FALSE, &error);
 *   pd_tensor_write_nchw (x, latent, n_latent, &error);
 *   pd_graph_run (graph, cancellable, &error);
 *   pd_tensor_read_nchw (y, result, n_result, &error);
 */
typedef struct _PdGraph PdGraph;

PdGraph *pd_graph_new (const PdBackend *backend);
void pd_graph_free (PdGraph *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdGraph, pd_graph_free)

const PdBackend *pd_graph_backend (const PdGraph *self);

/* A tensor of the backend's activation type whose contents an op of this graph writes. */
PdTensor *pd_graph_tensor (PdGraph *self, guint n, guint h, guint w, guint c, guint border);
PdTensor *pd_graph_tensor_typed (
    PdGraph *self, PdType type, guint n, guint h, guint w, guint c, guint border);

/* Bytes that an op keeps between its dispatches. */
PdStorage *pd_graph_scratch (PdGraph *self, gsize size);

/* Channels first … first + count - 1 of @tensor; @first is a multiple of PD_CHANNEL_ALIGN. */
PdTensor *pd_tensor_channels (PdGraph *self, PdTensor *tensor, guint first, guint count);

/* Images first … first + count - 1 of @tensor. */
PdTensor *pd_tensor_images (PdGraph *self, PdTensor *tensor, guint first, guint count);

/* One image of @tensor. */
PdTensor *pd_tensor_image (PdGraph *self, PdTensor *tensor, guint image);

/* Pixels first … first + h · w - 1 of one image of a tensor without border, as an h × w image. */
PdTensor *
pd_tensor_tokens (PdGraph *self, PdTensor *tensor, guint image, guint first, guint h, guint w);

/* Images first … first + count - 1 of a tensor without border as one, below each other. */
PdTensor *pd_tensor_join (PdGraph *self, PdTensor *tensor, guint first, guint count);

/* @size bytes at @offset of a buffer that outlives the graph: what a run writes there stays. */
PdStorage *pd_graph_external (PdGraph *self, PdBuffer *buffer, gsize offset, gsize size);

/* A tensor without border in @storage. */
PdTensor *
pd_graph_place (PdGraph *self, PdStorage *storage, PdType type, guint n, guint h, guint w, guint c);

/* A tensor the host writes before every run: its memory is reused once it has been read. */
PdTensor *pd_graph_input (PdGraph *self, guint n, guint h, guint w, guint c, guint border);
PdTensor *pd_graph_input_f32 (PdGraph *self, guint n, guint h, guint w, guint c);

/* Keeps @tensor to the end of the run, so that the host can read it. Returns @tensor. */
PdTensor *pd_graph_output (PdGraph *self, PdTensor *tensor);

/* Appends a dispatch. Barriers come from the ranges: a dispatch waits only for those earlier ones
 * that wrote what it reads, or touched what it writes. */
void pd_graph_dispatch (PdGraph *self, const PdDispatch *dispatch);

/* Marks the graph as failed (an op was given what it cannot do); pd_graph_compile reports the
 * first. Ops go on returning tensors of the right shape, so model code needs no checks. */
void pd_graph_fail (PdGraph *self, GError *error);

/* Notes that the model asks for so many floating-point operations (two per multiply-add) under
 * @label, which outlives the graph: norms, activations and softmax are left out, as is what kernels
 * compute to fill their tiles. */
void pd_graph_count (PdGraph *self, const char *label, double operations);

/* Those noted under @label; NULL: all. */
double pd_graph_operations (const PdGraph *self, const char *label);

/* Places, creates pipelines, records. With @timestamps pd_graph_times works. In a rehearsal of the
 * device it only places: pd_graph_stats works. */
gboolean pd_graph_compile (PdGraph *self, gboolean timestamps, GError **error);

/* Runs all dispatches and waits. G_IO_ERROR_CANCELLED between submissions. */
gboolean pd_graph_run (PdGraph *self, GCancellable *cancellable, GError **error);

typedef struct
{
  gsize arena_bytes;  /* placed */
  gsize tensor_bytes; /* sum of all activations: what no reuse would take */
  guint n_dispatches, n_barriers;
  double work;
} PdGraphStats;

void pd_graph_stats (const PdGraph *self, PdGraphStats *stats);

/* Seconds per label of the last run (array of PdOpTime; labels belong to the graph), empty unless
 * compiled with timestamps. */
typedef struct
{
  const char *label;
  double seconds;
  guint count;
} PdOpTime;

GArray *pd_graph_times (PdGraph *self);
