// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"
#include "engine/networks/denoiser.h"
#include "engine/nn/graph.h"

/* Something that was run several times after a warm-up. Seconds; CPU seconds are those of all
 * threads of the process, a driver's included. */
typedef struct
{
  char *name;
  double work;  /* floating-point operations that the model asks one run for */
  double first; /* wall seconds of the warm-up, where shaders may be compiled */
  guint n_runs;
  double wall, wall_min, wall_max; /* median, smallest, largest */
  double cpu, cpu_min, cpu_max;
} PdMeasurement;

/* The share that ops of one kind have in a model part. */
typedef struct
{
  char *part, *label;
  double seconds; /* on the device */
  double share;   /* of the part */
  double work;    /* 0: not counted */
  guint count;
} PdOpShare;

typedef struct
{
  char *name;
  double value;
  const char *unit; /* "s", "bytes" or "" */
} PdFigure;

/* All that a bench run found. */
typedef struct
{
  const PdBackend *backend;
  const char *glob; /* of names to run; NULL: all */
  guint n_runs;     /* of what takes long; kernels are run more often */
  GArray *measurements, *shares, *figures;
  double peak_wall, peak_cpu; /* operations per second of registers-only multiply-adds: the best of
                                 several measurements, per wall and per CPU second */
  guint n_peaks;
} PdBench;

void pd_bench_init (PdBench *self, const PdBackend *backend, const char *glob, guint n_runs);
void pd_bench_clear (PdBench *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdBench, pd_bench_clear)

gboolean pd_bench_wants (const PdBench *self, const char *name);

typedef gboolean (*PdBenchFunc) (gpointer data, GError **error);

/* Runs @func, which runs @graph, once, then at least @min_runs times and until half a second is
 * over. Says so on standard error if that is a terminal. */
gboolean pd_bench_measure (PdBench *self,
                           const char *name,
                           const PdGraph *graph,
                           guint min_runs,
                           PdBenchFunc func,
                           gpointer data,
                           GError **error);

/* Measures the device's ceiling; the best of all calls counts. */
gboolean pd_bench_measure_peak (PdBench *self, GError **error);

/* Takes the shares of ops from the last run of @graph, which was compiled with timestamps. */
void pd_bench_add_shares (PdBench *self, const char *part, PdGraph *graph);
void pd_bench_add_figure (PdBench *self, const char *name, double value, const char *unit);

/* Uniform in -1 … 1, always the same. */
void pd_bench_fill (float *values, gsize count);

/* kernels.c: each kernel at the shapes SD 1.5 has. */
gboolean pd_bench_kernels (PdBench *self, GError **error);
/* sync.c: what a tile of h × w latent pixels costs with cross-tile attention, as figures. */
gboolean pd_bench_sync (PdBench *self,
                        PdDenoiser *denoiser,
                        const PdCondition *condition,
                        guint h,
                        guint w,
                        GError **error);
/* model.c: loading a model, its parts at w × h pixels (0: the size it was trained at).
 * @elsewhere: parts that it does not bring. */
gboolean pd_bench_model (PdBench *self,
                         const char *path,
                         const PdModelParts *elsewhere,
                         guint width,
                         guint height,
                         GError **error);

/* report.c */
void pd_bench_print_table (const PdBench *self);
void pd_bench_print_json (const PdBench *self);
