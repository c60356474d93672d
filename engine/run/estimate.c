// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/estimate.h"
#include "engine/gpu/account.h"
#include "engine/base/host-memory.h"
#include "engine/run/rank.h"
#include "engine/run/host-plan.h"

#include <glib/gi18n-lib.h>

#include "engine/gpu/kernel.h"
#include "engine/run/plan.h"
#include "engine/run/stage-run.h"
#include "engine/run/telling.h"
#include "engine/run/style.h"

/* The text encoder works before the canvas is there. */
static gboolean
add_text (PdSession *session, PdEstimate *estimate, GError **error)
{
  guint64 bytes;
  gboolean ok;

  pd_account_begin_rehearsal (session->device);
  ok = pd_conditioner_rehearse (session->model->conditioner, session->branches, error);
  bytes = pd_account_end_rehearsal (session->device);
  estimate->peak_device_bytes = MAX (estimate->peak_device_bytes, bytes);
  return ok;
}

/* Adds the coder's share of a level. */
static gboolean
add_coding (PdSession *session, gboolean decode, PdEstimate *estimate, double *work, GError **error)
{
  PdCoderOptions options = pd_session_coder_options (session, decode);
  guint64 bytes;
  double coding;

  if (!pd_plan_coder (session->device, &options, decode, &bytes, &coding, error))
    return FALSE;
  *work += coding;
  estimate->window =
      MIN (options.tile, MAX (session->h, session->w)) * session->model->autoencoder->info.scale;
  estimate->peak_device_bytes = MAX (estimate->peak_device_bytes, bytes);
  return TRUE;
}

/* Adds that the canvas of @options is followed back to noise, for a style. */
static gboolean
add_inversion (
    PdSession *session, PdCanvasOptions options, PdEstimate *estimate, double *work, GError **error)
{
  guint n_steps = PD_STYLE_ROUNDS * pd_schedule_n_calls (session->schedule);
  PdPlan plan;

  options.branches = 1;
  if (!pd_plan_canvas (session->device, &options, session->model->autoencoder->info.scale, &plan,
                       error))
    return FALSE;
  *work += n_steps * plan.work;
  estimate->forwards += n_steps * plan.n_tiles;
  estimate->peak_device_bytes = MAX (estimate->peak_device_bytes, plan.bytes);
  return TRUE;
}

/* Adds what is known of a style before its first step. */
static gboolean
add_style (
    PdSession *session, const PdStyle *style, PdEstimate *estimate, double *work, GError **error)
{
  PdCanvasOptions canvas = pd_session_canvas_options (session), alone = canvas;

  alone.height = style->h;
  alone.width = style->w;
  alone.tile = MAX (style->h, style->w);
  alone.overlap = 0;
  alone.batch = 1;
  return add_inversion (session, alone, estimate, work, error) &&
         (style->content == NULL || add_inversion (session, canvas, estimate, work, error));
}

/* Adds what finding out what tiles are told takes, where they may be told different things. */
static gboolean
add_telling (PdSession *session,
             const PdCanvasOptions *canvas,
             PdEstimate *estimate,
             GError **error)
{
  const PdTilePromptsOptions options = pd_telling_options (session, canvas);
  guint forwards;
  guint64 bytes;
  gboolean ok;

  if (!pd_telling_matters (canvas))
    return TRUE;
  pd_account_begin_rehearsal (session->device);
  ok = pd_tile_prompts_rehearse (&options, &forwards, error);
  bytes = pd_account_end_rehearsal (session->device);
  if (!ok)
    return FALSE;
  if (bytes > pd_account_limit (session->device))
    return TRUE;
  estimate->forwards += forwards;
  estimate->peak_device_bytes = MAX (estimate->peak_device_bytes, bytes);
  return TRUE;
}

/* Whether words of the prompt are looked for in what the stage's canvas shows at first. */
static gboolean
has_places (const PdSession *session, const PdStage *stage)
{
  return stage->start == PD_START_ENLARGED || session->request->mode == PD_REQUEST_MODE_STYLE ||
         (stage->masked && session->model->denoiser->info.map_channels == 0);
}

static gboolean
add_denoising (PdSession *session,
               const PdStage *stage,
               PdEstimate *estimate,
               double *work,
               PdPlan *last,
               GError **error)
{
  PdCanvasOptions options = pd_session_canvas_options (session);
  guint scale = session->model->autoencoder->info.scale;
  guint n_steps = pd_schedule_n_calls (session->schedule), blocks;
  PdStyle style;
  PdPlan plan;

  options.style = pd_style_plan (session, &style);
  if (options.style != NULL && !add_style (session, &style, estimate, work, error))
    return FALSE;
  if (!pd_plan_canvas (session->device, &options, scale, &plan, error) ||
      (has_places (session, stage) && !add_telling (session, &options, estimate, error)))
    return FALSE;
  blocks = options.branches + (options.style != NULL && style.content != NULL);
  *work += n_steps * plan.work;
  estimate->forwards += n_steps * plan.n_tiles * blocks;
  estimate->forwards += options.style != NULL ? n_steps : 0;
  estimate->n_tiles = plan.n_tiles;
  estimate->tile = plan.tile * scale;
  estimate->batch = plan.batch;
  estimate->peak_device_bytes = MAX (estimate->peak_device_bytes, plan.bytes);
  *last = plan;
  return TRUE;
}

/* Of all devices, each counted once: one that is chosen twice is no faster. */
static double
add_rates (const PdSession *session)
{
  const PdModel *model = session->model;
  g_autoptr (GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  double sum = pd_plan_rate (model->denoiser->backend);

  g_hash_table_add (places, pd_rank_place (model->denoiser->backend->device));
  for (guint i = 0; sum > 0 && i < model->copies->len; i++)
    {
      const PdBackend *backend = g_array_index (model->copies, PdModelCopy, i).denoiser->backend;

      if (g_hash_table_add (places, pd_rank_place (backend->device)))
        sum += pd_plan_rate (backend);
    }
  for (guint i = 0; sum > 0 && session->far != NULL && i < session->far->len; i++)
    {
      const PdFarDevice *device = &g_array_index (session->far, PdFarDevice, i);

      if (g_hash_table_add (places, g_strdup (device->place)))
        sum += device->rate;
    }
  return sum;
}

/* Takes up the canvas of stage @i, and what of it changes. */
static gboolean
take_up (PdSession *session,
         const PdStage *stages,
         guint i,
         const PdEstimateParts *parts,
         GError **error)
{
  g_autoptr (GeglBuffer) mask =
      parts != NULL ? pd_crop_take (&parts->crops[i], parts->mask, "Y float") : NULL;
  g_autofree float *cells = NULL;

  return pd_session_set_stage (session, &stages[i], error) &&
         pd_stage_mark_changes (session, mask, &cells, error);
}

gboolean
pd_estimate_stages (PdSession *session,
                    const PdStage *stages,
                    guint n,
                    const PdEstimateParts *parts,
                    PdEstimate *estimate,
                    GError **error)
{
  guint scale = session->model->autoencoder->info.scale;
  double work = 0, rate;
  PdHostPlan host;
  PdPlan plan = { 0 };

  if (!pd_host_plan (session, stages, n, &host, error) || !pd_host_plan_check (&host, error))
    return FALSE;
  *estimate = (PdEstimate){ .n_levels = n };
  pd_prepare_take_rehearsed (session->device, &estimate->kernel_seconds);
  if (!add_text (session, estimate, error))
    return FALSE;
  if (!pd_session_blank_text (session, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (!take_up (session, stages, i, parts, error) ||
          (stages[i].start != PD_START_NOISE &&
           !add_coding (session, FALSE, estimate, &work, error)) ||
          !add_denoising (session, &stages[i], estimate, &work, &plan, error) ||
          !add_coding (session, TRUE, estimate, &work, error))
        {
          pd_estimate_clear (estimate);
          return FALSE;
        }
    }
  estimate->reason = pd_plan_describe (session->device, &plan, estimate->peak_device_bytes, scale);
  estimate->peak_host_bytes = pd_host_memory_resident () + host.memory;
  if (pd_device_info (session->device)->is_cpu)
    estimate->peak_host_bytes += estimate->peak_device_bytes - pd_account_used (session->device);
  rate = add_rates (session);
  estimate->n_kernels = pd_prepare_take_rehearsed (session->device, &estimate->kernel_seconds);
  estimate->seconds = rate > 0 ? work / rate + MAX (estimate->kernel_seconds, 0) : -1;
  return TRUE;
}
