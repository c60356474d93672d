// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/plan.h"
#include "engine/gpu/account.h"

#include <glib/gi18n-lib.h>

#include "engine/base/debug.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/kernel.h"
#include "engine/nn/ops.h"
#include "engine/tiles/denoise.h"

enum
{
  /* A product to measure with: large enough to fill a GPU, small enough for a CPU. */
  PRODUCT_ROWS = 1024,
  PRODUCT_WIDTH = 512,
  PRODUCT_RUNS = 3,
};

/* Returns: (transfer full) "1.7 GiB". */
static char *
size_text (guint64 bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

/* Bytes and work of the canvas as it is. */
static gboolean
rehearse (PdDevice *device, const PdCanvasOptions *options, PdPlan *plan, GError **error)
{
  PdCanvasOptions alone = *options;
  guint n_alone = 0;
  gsize bank = 0;
  PdCanvas *canvas;

  alone.helpers.n = 0;
  /* Every tile is a canvas of its own. */
  if (options->sync == PD_SYNC_NONE)
    {
      PdGrid grid;

      if (!pd_grid_init (&grid, (PdSize){ options->height, options->width }, options->tile,
                         options->overlap, PD_TORUS_NONE, error) ||
          !pd_changes_count_tiles (options->changes, &grid, &n_alone, error))
        return FALSE;
      alone.changes = NULL;
      alone.height = grid.y.tile;
      alone.width = grid.x.tile;
      alone.overlap = 0;
      alone.batch = 1;
      alone.wrap = PD_TORUS_NONE;
    }
  pd_account_begin_rehearsal (device);
  canvas = pd_canvas_new (&alone, error);
  if (canvas != NULL)
    {
      PdGraphStats stats;
      guint n_tiles = MAX (pd_canvas_n_tiles (canvas), n_alone);

      pd_graph_stats (pd_canvas_graph (canvas), &stats);
      plan->n_tiles = n_tiles;
      plan->tile = options->tile;
      plan->batch = CLAMP (n_tiles, 1, alone.batch);
      plan->work = stats.work * ((n_tiles + plan->batch - 1) / plan->batch);
      bank = pd_canvas_bank_bytes (canvas);
      pd_canvas_free (canvas);
    }
  plan->bytes = pd_account_end_rehearsal (device);
  pd_debug (PD_DEBUG_PLAN,
            "tile %u, %u at once: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
            " bytes, %" G_GSIZE_FORMAT " of them what anchors leave%s",
            options->tile, plan->batch, plan->bytes, pd_account_limit (device), bank,
            canvas != NULL ? "" : ", and it failed");
  return canvas != NULL;
}

/* Of one device, for which @options leave out the others. */
static gboolean
fit_canvas (PdDevice *device, PdCanvasOptions *options, guint pixels, PdPlan *plan, GError **error)
{
  const guint64 limit = pd_account_limit (device), model = pd_account_used (device);
  g_autofree char *needed = NULL, *of_model = NULL, *allowed = NULL;
  g_autoptr (GError) failure = NULL;

  *plan = (PdPlan){ 0 };
  for (;;)
    {
      g_clear_error (&failure);
      if (rehearse (device, options, plan, &failure))
        {
          if (plan->bytes <= limit)
            return TRUE;
        }
      else if (!g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      plan->tile_over = options->tile;
      plan->batch_over = MAX (plan->batch, 1);
      plan->bytes_over = plan->bytes;
      if (!pd_denoise_shrink (options))
        break;
    }
  if (failure != NULL && plan->bytes <= limit) /* it was another memory than the device's */
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  needed = size_text (plan->bytes);
  of_model = size_text (model);
  allowed = size_text (limit);
  g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
               _ ("The smallest tile, %u × %u pixels, needs %s of device memory (%s of it for the "
                  "model), but %s are allowed; raise --memory, or choose a smaller model"),
               options->tile * pixels, options->tile * pixels, needed, of_model, allowed);
  return FALSE;
}

/* The same for a helper of a canvas; its tile becomes @options'. */
static gboolean
fit_helper (PdCanvasOptions *options, PdHelper *helper, guint pixels, GError **error)
{
  PdCanvasOptions other = *options;
  PdPlan plan;

  other.denoiser = helper->denoiser;
  other.batch = helper->batch;
  other.helpers.n = 0;
  if (!fit_canvas (helper->denoiser->backend->device, &other, pixels, &plan, error))
    return FALSE;
  helper->batch = other.batch;
  options->tile = other.tile;
  options->overlap = other.overlap;
  return TRUE;
}

gboolean
pd_plan_canvas (
    PdDevice *device, PdCanvasOptions *options, guint pixels, PdPlan *plan, GError **error)
{
  PdHelpers *helpers = &options->helpers;

  pd_denoise_cut_tile (options);
  do
    {
      PdCanvasOptions first = *options;

      first.helpers.n = 0;
      if (!fit_canvas (device, &first, pixels, plan, error))
        return FALSE;
      options->tile = first.tile;
      options->overlap = first.overlap;
      options->batch = first.batch;
      for (guint i = 0; i < helpers->n; i++)
        if (helpers->list[i].denoiser != NULL &&
            !fit_helper (options, &helpers->list[i], pixels, error))
          return FALSE;
    }
  while (options->tile != plan->tile);
  return TRUE;
}

char *
pd_plan_describe (PdDevice *device, const PdPlan *plan, guint64 peak, guint pixels)
{
  g_autofree char *bytes = size_text (peak), *over = size_text (plan->bytes_over);
  g_autofree char *allowed = size_text (pd_account_limit (device));
  g_autofree char *chosen = g_strdup_printf (_ ("tile %u, at once %u: %s of the %s allowed"),
                                             plan->tile * pixels, plan->batch, bytes, allowed);

  if (plan->tile_over == 0)
    return g_steal_pointer (&chosen);
  if (plan->tile_over == plan->tile)
    return g_strdup_printf (_ ("%s; %u at once would take %s"), chosen, plan->batch_over, over);
  return g_strdup_printf (_ ("%s; tile %u would take %s"), chosen, plan->tile_over * pixels, over);
}

char *
pd_plan_describe_kernels (PdDevice *device)
{
  static const double worth_telling = 2; /* seconds */
  double seconds;
  guint n = pd_prepare_take_rehearsed (device, &seconds);

  if (n == 0 || (seconds >= 0 && seconds < worth_telling))
    return NULL;
  if (seconds < 0)
    return g_strdup_printf (
        g_dngettext (GETTEXT_PACKAGE,
                     "this first run takes longer: %u kernel is prepared for the device",
                     "this first run takes longer: %u kernels are prepared for the device", n),
        n);
  return g_strdup_printf (
      g_dngettext (
          GETTEXT_PACKAGE,
          "this first run takes longer: %u kernel is prepared for the device, about %.0f s",
          "this first run takes longer: %u kernels are prepared for the device, about %.0f s", n),
      n, seconds);
}

/* Of one device. */
static gboolean
fit_coder (PdDevice *device,
           PdCoderOptions *options,
           gboolean decode,
           guint64 *bytes,
           double *work,
           GError **error)
{
  const guint64 limit = pd_account_limit (device);
  g_autofree char *needed = NULL, *allowed = NULL;
  g_autoptr (GError) failure = NULL;
  gboolean planned;
  guint side;

  do
    {
      g_clear_error (&failure);
      planned = pd_coder_plan (device, options, decode, bytes, work, &failure);
      pd_debug (PD_DEBUG_PLAN,
                "%s in windows of %u: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes%s",
                decode ? "decoding" : "encoding", options->tile, *bytes, limit,
                planned ? "" : ", and it failed");
      if (planned)
        {
          if (*bytes <= limit)
            return TRUE;
        }
      else if (!g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
    }
  while (pd_coder_shrink (options, decode));
  if (failure != NULL && *bytes <= limit) /* as above */
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  side = options->tile * options->autoencoder->info.scale;
  needed = size_text (*bytes);
  allowed = size_text (limit);
  g_set_error (
      error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
      _ ("The smallest window of the autoencoder, %u × %u pixels, needs %s of device memory "
         "with the model, but %s are allowed; raise --memory, or choose a smaller model"),
      side, side, needed, allowed);
  return FALSE;
}

gboolean
pd_plan_coder (PdDevice *device,
               PdCoderOptions *options,
               gboolean decode,
               guint64 *bytes,
               double *work,
               GError **error)
{
  guint tile;

  do
    {
      if (!fit_coder (device, options, decode, bytes, work, error))
        return FALSE;
      tile = options->tile;
      for (guint i = 0; i < options->helpers.n; i++)
        {
          PdCoderOptions other = *options;
          guint64 its_bytes;
          double its_work;

          if (options->helpers.list[i].autoencoder == NULL)
            continue;
          other.autoencoder = options->helpers.list[i].autoencoder;
          if (!fit_coder (other.autoencoder->backend->device, &other, decode, &its_bytes, &its_work,
                          error))
            return FALSE;
          options->tile = other.tile;
        }
    }
  while (options->tile != tile);
  return TRUE;
}

static char *
rates_path (void)
{
  return g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", "rates", NULL);
}

/* A driver's or a kernel's next version has another rate. */
static char *
rate_group (const PdBackend *backend)
{
  const PdDeviceInfo *info = pd_device_info (backend->device);

  return g_strdup_printf ("%s %s %u %s", info->uuid, info->driver_name, info->driver_version,
                          pd_kernels_to_string (backend->kernels));
}

static const char *
rate_key (const PdBackend *backend)
{
  return backend->activations == PD_TYPE_F16 ? "f16" : "f32";
}

static gboolean
run_product (const PdBackend *backend, double *rate, GError **error)
{
  g_autofree float *values =
      pd_try_new0 (float, PRODUCT_WIDTH *PRODUCT_WIDTH, _ ("the model's weights"), error);
  g_autoptr (PdWeights) weights =
      pd_weights_new (backend, pd_matrix_bytes (backend, PRODUCT_WIDTH, PRODUCT_WIDTH, 1));
  g_autoptr (PdGraph) graph = pd_graph_new (backend);
  const PdMatrix *matrix = values != NULL ? pd_weights_add_matrix (weights, values, PRODUCT_WIDTH,
                                                                   PRODUCT_WIDTH, 1, error)
                                          : NULL;
  PdTensor *x = pd_graph_input (graph, 1, 1, PRODUCT_ROWS, PRODUCT_WIDTH, 0);
  PdGraphStats stats;
  gint64 best = G_MAXINT64;

  if (matrix == NULL)
    return FALSE;
  pd_graph_output (graph, pd_linear (graph, x, matrix, NULL, NULL));
  if (!pd_graph_compile (graph, FALSE, error))
    return FALSE;
  for (guint i = 0; i < PRODUCT_RUNS; i++)
    {
      gint64 start = g_get_monotonic_time ();

      if (!pd_graph_run (graph, NULL, error))
        return FALSE;
      best = MIN (best, MAX (g_get_monotonic_time () - start, 1));
    }
  pd_graph_stats (graph, &stats);
  *rate = stats.work * G_USEC_PER_SEC / (double) best;
  return TRUE;
}

double
pd_plan_rate (const PdBackend *backend)
{
  g_autofree char *path = rates_path (), *group = rate_group (backend);
  g_autoptr (GKeyFile) rates = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  double rate = 0;

  if (g_key_file_load_from_file (rates, path, G_KEY_FILE_NONE, NULL))
    rate = g_key_file_get_double (rates, group, rate_key (backend), NULL);
  if (rate > 0)
    return rate;
  if (!run_product (backend, &rate, &error))
    {
      pd_debug (PD_DEBUG_PLAN, "the rate of the device could not be measured: %s", error->message);
      return 0;
    }
  return rate;
}

void
pd_plan_record_rate (const PdBackend *backend, double work, double seconds)
{
  g_autofree char *path = rates_path (), *group = rate_group (backend);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GKeyFile) rates = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  if (seconds < 1 || work <= 0)
    return;
  g_key_file_load_from_file (rates, path, G_KEY_FILE_KEEP_COMMENTS, NULL);
  g_key_file_set_double (rates, group, rate_key (backend), work / seconds);
  if (g_mkdir_with_parents (folder, 0700) != 0 || !g_key_file_save_to_file (rates, path, &error))
    pd_debug (PD_DEBUG_CACHE, "%s could not be written: %s", path,
              error != NULL ? error->message : folder);
}
