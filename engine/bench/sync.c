// SPDX-License-Identifier: GPL-3.0-or-later
#include <time.h>

#include "engine/bench/measure.h"
#include "engine/networks/bank-reader.h"

/* What cross-tile attention costs a tile: the UNet of one tile with both branches of guidance, with
 * and without the bank of four anchors. They run by turns, so that what else the machine does meets
 * them alike; the bank holds zeros, which cost what other numbers cost. */

enum
{
  BRANCHES = 2,
  PARTS = 4,
  MIN_ROUNDS = 5,
};

/* With the names of their figures; the bank keeps one of so many tokens of its parts, 0: there is
 * none. */
static const struct
{
  guint every;
  const char *name, *unit;
} kinds[] = {
  { 0, "tile step without a bank, CPU", "s" },
  { 4 * PARTS, "tile step, bank of a quarter of a tile's tokens: times that without", "" },
  { PARTS, "tile step, bank of a tile's tokens: times that without", "" },
};

typedef struct
{
  PdBank *bank;
  PdBankReader *reader;
  PdHook *hooks[2];
  PdDenoiserPass *pass;
  GArray *cpu; /* seconds of every run */
} Variant;

typedef struct
{
  Variant variants[G_N_ELEMENTS (kinds)];
  const PdCondition *conditions[BRANCHES];
  float *latents, *prediction;
  gsize n; /* elements of either */
} Sync;

static void
sync_clear (Sync *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      pd_denoiser_pass_free (self->variants[i].pass);
      pd_bank_reader_free (self->variants[i].reader);
      pd_bank_free (self->variants[i].bank);
      g_clear_pointer (&self->variants[i].cpu, g_array_unref);
    }
  g_free (self->latents);
  g_free (self->prediction);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sync, sync_clear)

static gboolean
make_variant (Variant *self,
              PdDenoiser *denoiser,
              const PdDenoiserPassOptions *shape,
              guint every,
              GError **error)
{
  PdDenoiserPassOptions options = *shape;

  self->cpu = g_array_new (FALSE, FALSE, sizeof (double));
  if (every > 0)
    {
      g_autoptr (GArray) survey = pd_denoiser_survey (denoiser, shape->h, shape->w);
      const PdBankOptions bank = { BRANCHES, PARTS, every };

      self->bank = pd_bank_new (denoiser->backend, survey, &bank, error);
      if (self->bank == NULL)
        return FALSE;
      self->reader = pd_bank_reader_new (self->bank, 1);
      self->hooks[0] = pd_bank_reader_hook (self->reader);
      options.hooks = self->hooks;
    }
  self->pass = pd_denoiser_pass_new (denoiser, &options, error);
  return self->pass != NULL;
}

static double
cpu_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static gboolean
run_variant (const Sync *self, Variant *variant, GError **error)
{
  static const double timestep = 500;
  double start = cpu_seconds (), seconds;

  if (!pd_denoiser_pass_run (variant->pass,
                             &(PdDenoiserRun){ .latents = self->latents,
                                               .n_latents = self->n,
                                               .timestep = timestep,
                                               .conditions = self->conditions,
                                               .prediction = self->prediction,
                                               .n_prediction = self->n },
                             NULL, error))
    return FALSE;
  seconds = cpu_seconds () - start;
  g_array_append_val (variant->cpu, seconds);
  return TRUE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (GArray *values)
{
  g_array_sort (values, compare);
  return g_array_index (values, double, values->len / 2);
}

gboolean
pd_bench_sync (PdBench *self,
               PdDenoiser *denoiser,
               const PdCondition *condition,
               guint h,
               guint w,
               GError **error)
{
  const PdDenoiserPassOptions shape = { .n = BRANCHES, .h = h, .w = w, .like = condition };
  g_auto (Sync) sync = { .conditions = { condition, condition },
                         .n = (gsize) BRANCHES * h * w * denoiser->info.channels };
  double plain = 0;

  if (!pd_bench_wants (self, "Tile step"))
    return TRUE;
  sync.latents = g_new (float, sync.n);
  sync.prediction = g_new (float, sync.n);
  pd_bench_fill (sync.latents, sync.n);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (!make_variant (&sync.variants[i], denoiser, &shape, kinds[i].every, error) ||
        !run_variant (&sync, &sync.variants[i], error)) /* warm-up */
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    g_array_set_size (sync.variants[i].cpu, 0);
  for (guint round = 0; round < MAX (MIN_ROUNDS, self->n_runs); round++)
    for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
      if (!run_variant (&sync, &sync.variants[i], error))
        return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      double seconds = median (sync.variants[i].cpu);

      pd_bench_add_figure (self, kinds[i].name, i > 0 ? seconds / plain : seconds, kinds[i].unit);
      plain = i > 0 ? plain : seconds;
    }
  return TRUE;
}
