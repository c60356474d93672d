// SPDX-License-Identifier: GPL-3.0-or-later
#include <time.h>

#include "engine/bench/measure.h"
#include "engine/networks/model.h"

/* What cross-tile attention costs a tile: the UNet of one tile with both branches of guidance, with
 * and without the bank of a canvas's thumbnail. They run by turns, so that what else the machine
 * does meets them alike; the bank holds zeros, which cost what other numbers cost. */

enum
{
  BRANCHES = 2,
  MIN_ROUNDS = 5,
};

static const guint bank_tokens[] = { 0, 16, 64, 256 }; /* 0: no bank */

typedef struct
{
  PdBank *bank;
  PdUNetPass *pass;
  GArray *cpu; /* seconds of every run */
} Variant;

typedef struct
{
  Variant variants[G_N_ELEMENTS (bank_tokens)];
  float *latent, *context, *prediction;
  gsize n_latent, n_context, n_prediction; /* elements */
} Sync;

static void
sync_clear (Sync *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (bank_tokens); i++)
    {
      pd_unet_pass_free (self->variants[i].pass);
      pd_bank_free (self->variants[i].bank);
      g_clear_pointer (&self->variants[i].cpu, g_array_unref);
    }
  g_free (self->latent);
  g_free (self->context);
  g_free (self->prediction);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sync, sync_clear)

static gboolean
make_variant (Variant *self, PdUNet *unet, guint h, guint w, guint tokens, GError **error)
{
  PdUNetPassOptions options = {
    .n = BRANCHES, .h = h, .w = w, .tokens = PD_TOKENIZER_CHUNK, .branches = BRANCHES
  };

  self->cpu = g_array_new (FALSE, FALSE, sizeof (double));
  if (tokens > 0)
    {
      self->bank = pd_bank_new (pd_unet_backend (unet), pd_unet_config (unet), h, w, BRANCHES,
                                tokens, 0, error);
      if (self->bank == NULL)
        return FALSE;
      options.share = PD_SHARE_BANK_READ;
      options.bank = self->bank;
    }
  self->pass = pd_unet_pass_new (unet, &options, error);
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

  if (!pd_unet_pass_run (variant->pass,
                         &(PdUNetRun){ .sample = self->latent,
                                       .n_sample = self->n_latent,
                                       .timestep = timestep,
                                       .context = self->context,
                                       .n_context = self->n_context,
                                       .prediction = self->prediction,
                                       .n_prediction = self->n_prediction },
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
pd_bench_sync (PdBench *self, PdUNet *unet, guint h, guint w, GError **error)
{
  const PdUNetConfig *config = pd_unet_config (unet);
  gsize pixels = (gsize) BRANCHES * h * w;
  g_auto (Sync)
      sync = { .n_latent = pixels * config->in_channels,
               .n_context = (gsize) BRANCHES * PD_TOKENIZER_CHUNK * config->cross_attention_dim,
               .n_prediction = pixels * config->out_channels };
  double plain = 0;

  if (!pd_bench_wants (self, "Tile step"))
    return TRUE;
  sync.latent = g_new (float, sync.n_latent);
  sync.context = g_new (float, sync.n_context);
  sync.prediction = g_new (float, sync.n_prediction);
  pd_bench_fill (sync.latent, sync.n_latent);
  pd_bench_fill (sync.context, sync.n_context);
  for (guint i = 0; i < G_N_ELEMENTS (bank_tokens); i++)
    if (!make_variant (&sync.variants[i], unet, h, w, bank_tokens[i], error) ||
        !run_variant (&sync, &sync.variants[i], error)) /* warm-up */
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (bank_tokens); i++)
    g_array_set_size (sync.variants[i].cpu, 0);
  for (guint round = 0; round < MAX (MIN_ROUNDS, self->n_runs); round++)
    for (guint i = 0; i < G_N_ELEMENTS (bank_tokens); i++)
      if (!run_variant (&sync, &sync.variants[i], error))
        return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (bank_tokens); i++)
    {
      double seconds = median (sync.variants[i].cpu);
      g_autofree char *name =
          i > 0 ? g_strdup_printf ("tile step, bank of at most %u tokens: times that without",
                                   bank_tokens[i])
                : g_strdup ("tile step without a bank, CPU");

      pd_bench_add_figure (self, name, i > 0 ? seconds / plain : seconds, i > 0 ? "" : "s");
      plain = i > 0 ? plain : seconds;
    }
  return TRUE;
}
