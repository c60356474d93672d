// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/bench/measure.h"
#include "engine/gpu/account.h"
#include "engine/networks/model.h"

enum
{
  /* Sides of a latent when neither the command line nor the model states a size. */
  DEFAULT_SIDE = 64,
};

typedef struct
{
  PdBench *bench;
  PdModel *model;
  guint h, w; /* of the latent */
  PdDenoiserPass *unet;
  PdAutoencoderPass *decoder;
  PdTextEncoderPass *text;
  gint32 *ids;
  PdCondition *condition;
  float *latent, *context, *prediction, *picture;
  float *map;                           /* NULL: none */
  gsize n_latent, n_context, n_picture; /* elements */
} Parts;

static gboolean
run_text (gpointer data, GError **error)
{
  Parts *self = data;

  return pd_text_encoder_pass_run (self->text, self->ids, PD_TOKENIZER_CHUNK, self->context,
                                   self->n_context, NULL, error);
}

static gboolean
run_unet (gpointer data, GError **error)
{
  static const double timestep = 500;
  Parts *self = data;

  const PdMap map = { self->model->denoiser->info.map_channels, self->h, self->w, self->map };

  return pd_denoiser_pass_run (
      self->unet,
      &(PdDenoiserRun){ .latents = self->latent,
                        .n_latents = self->n_latent,
                        .timestep = timestep,
                        .conditions = (const PdCondition *const[]){ self->condition },
                        .map = self->map != NULL ? &map : NULL,
                        .prediction = self->prediction,
                        .n_prediction = self->n_latent },
      NULL, error);
}

static gboolean
run_decoder (gpointer data, GError **error)
{
  Parts *self = data;

  return pd_autoencoder_decode (self->decoder, self->latent, self->n_latent, self->picture,
                                self->n_picture, NULL, error);
}

static void
add_memory (PdBench *bench, const char *part, PdGraph *graph)
{
  g_autofree char *arena = g_strconcat (part, " arena", NULL);
  g_autofree char *tensors = g_strconcat (part, " sum of all tensors", NULL);
  g_autofree char *dispatches = g_strconcat (part, " dispatches", NULL);
  g_autofree char *barriers = g_strconcat (part, " barriers", NULL);
  PdGraphStats stats;

  pd_graph_stats (graph, &stats);
  pd_bench_add_figure (bench, arena, (double) stats.arena_bytes, "bytes");
  pd_bench_add_figure (bench, tensors, (double) stats.tensor_bytes, "bytes");
  pd_bench_add_figure (bench, dispatches, stats.n_dispatches, "");
  pd_bench_add_figure (bench, barriers, stats.n_barriers, "");
}

static gboolean
bench_text (Parts *self, GError **error)
{
  guint n_chunks;
  gboolean done;

  self->ids =
      pd_tokenizer_encode_chunks (self->model->conditioner->tokenizer, "", &n_chunks, error);
  if (self->ids == NULL)
    return FALSE;
  if (!pd_bench_wants (self->bench, "text encoder"))
    return TRUE;
  self->text = pd_text_encoder_pass_new (self->model->conditioner->encoder, 1, PD_TOKENIZER_CHUNK,
                                         NULL, error);
  done = self->text != NULL &&
         pd_bench_measure (self->bench, "text encoder", pd_text_encoder_pass_graph (self->text),
                           self->bench->n_runs, run_text, self, error);
  g_clear_pointer (&self->text, pd_text_encoder_pass_free);
  return done;
}

static gboolean
make_unet (Parts *self, gboolean timestamps, GError **error)
{
  const PdDenoiserPassOptions options = {
    .n = 1, .h = self->h, .w = self->w, .like = self->condition, .timestamps = timestamps
  };

  g_clear_pointer (&self->unet, pd_denoiser_pass_free);
  self->unet = pd_denoiser_pass_new (self->model->denoiser, &options, error);
  return self->unet != NULL;
}

static gboolean
bench_unet (Parts *self, GError **error)
{
  g_autofree char *name = g_strdup_printf ("UNet forward, latent of %u × %u", self->w, self->h);

  if (!pd_bench_wants (self->bench, name))
    return TRUE;
  if (!make_unet (self, FALSE, error) ||
      !pd_bench_measure (self->bench, name, pd_denoiser_pass_graph (self->unet),
                         self->bench->n_runs, run_unet, self, error))
    return FALSE;
  add_memory (self->bench, "UNet", pd_denoiser_pass_graph (self->unet));
  if (!make_unet (self, TRUE, error) || !run_unet (self, error))
    return FALSE;
  pd_bench_add_shares (self->bench, "UNet", pd_denoiser_pass_graph (self->unet));
  g_clear_pointer (&self->unet, pd_denoiser_pass_free);
  return TRUE;
}

static gboolean
make_decoder (Parts *self, gboolean timestamps, GError **error)
{
  const PdAutoencoderPassOptions options = {
    .decode = TRUE, .n = 1, .h = self->h, .w = self->w, .timestamps = timestamps
  };

  g_clear_pointer (&self->decoder, pd_autoencoder_pass_free);
  self->decoder = pd_autoencoder_pass_new (self->model->autoencoder, &options, error);
  return self->decoder != NULL;
}

static gboolean
bench_decoder (Parts *self, GError **error)
{
  guint scale = self->model->autoencoder->info.scale;
  g_autofree char *name =
      g_strdup_printf ("VAE decode, %u × %u pixels", self->w * scale, self->h * scale);

  if (!pd_bench_wants (self->bench, name))
    return TRUE;
  self->n_picture = (gsize) self->h * scale * self->w * scale * 3;
  self->picture = g_new (float, self->n_picture);
  if (!make_decoder (self, FALSE, error) ||
      !pd_bench_measure (self->bench, name, pd_autoencoder_pass_graph (self->decoder),
                         self->bench->n_runs, run_decoder, self, error))
    return FALSE;
  add_memory (self->bench, "VAE", pd_autoencoder_pass_graph (self->decoder));
  if (!make_decoder (self, TRUE, error) || !run_decoder (self, error))
    return FALSE;
  pd_bench_add_shares (self->bench, "VAE", pd_autoencoder_pass_graph (self->decoder));
  return TRUE;
}

static void
parts_clear (Parts *self)
{
  pd_denoiser_pass_free (self->unet);
  pd_autoencoder_pass_free (self->decoder);
  pd_text_encoder_pass_free (self->text);
  pd_model_free (self->model);
  g_free (self->ids);
  pd_condition_free (self->condition);
  g_free (self->map);
  g_free (self->latent);
  g_free (self->context);
  g_free (self->prediction);
  g_free (self->picture);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parts, parts_clear)

static void
choose_size (Parts *self, guint width, guint height)
{
  guint scale = self->model->autoencoder->info.scale;
  guint side = self->model->denoiser->info.native;

  if (side == 0)
    side = DEFAULT_SIDE;
  self->w = width > 0 ? (width + scale - 1) / scale : side;
  self->h = height > 0 ? (height + scale - 1) / scale : side;
}

gboolean
pd_bench_model (PdBench *self,
                const char *path,
                const PdModelParts *elsewhere,
                guint width,
                guint height,
                GError **error)
{
  g_auto (Parts) parts = { .bench = self };
  gint64 start = g_get_monotonic_time ();
  const PdDenoiserInfo *info;
  gsize pixels;

  parts.model = pd_model_load (self->backend, path, elsewhere, error);
  if (parts.model == NULL)
    return FALSE;
  pd_bench_add_figure (self, "model load", (double) (g_get_monotonic_time () - start) * 1e-6, "s");
  pd_bench_add_figure (self, "weights of all parts",
                       (double) pd_account_used (self->backend->device), "bytes");
  choose_size (&parts, width, height);
  info = &parts.model->denoiser->info;
  pixels = (gsize) parts.h * parts.w;
  parts.n_latent = pixels * info->channels;
  parts.n_context = (gsize) PD_TOKENIZER_CHUNK * parts.model->conditioner->width;
  parts.condition = pd_conditioner_blank (parts.model->conditioner, error);
  if (parts.condition == NULL)
    return FALSE;
  pd_bench_fill (parts.condition->tensors[0].values, parts.n_context);
  if (info->map_channels > 0)
    parts.map = g_new0 (float, pixels * info->map_channels);
  parts.latent = g_new (float, parts.n_latent);
  pd_bench_fill (parts.latent, parts.n_latent);
  parts.prediction = g_new (float, parts.n_latent);
  parts.context = g_new (float, parts.n_context);
  return bench_text (&parts, error) && bench_unet (&parts, error) &&
         (info->map_channels > 0 ||
          pd_bench_sync (self, parts.model->denoiser, parts.condition, parts.h, parts.w, error)) &&
         pd_bench_measure_peak (self, error) && bench_decoder (&parts, error);
}
