// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/estimate.h"
#include "engine/host-memory.h"

#include <unistd.h>

#include <glib/gi18n-lib.h>

#include "engine/gpu/kernels.h"
#include "engine/plan.h"

enum
{
  CHUNK = 77, /* tokens of a prompt that is not a long one */
  /* Arrays of the latents' size beside each other at the peak: latent, prediction, noise, clean,
   * reference, mass and up to four of the solver's history. */
  LATENT_ARRAYS = 10,
};

void
pd_estimate_clear (PdEstimate *self)
{
  g_clear_pointer (&self->reason, g_free);
}

/* What the process holds now. */
static guint64
resident_bytes (void)
{
  g_autofree char *text = NULL;
  guint64 pages = 0;
  char *resident;

  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) &&
      (resident = strchr (text, ' ')) != NULL)
    pages = g_ascii_strtoull (resident, NULL, 10);
  return pages * (guint64) sysconf (_SC_PAGESIZE);
}

/* Adds the coder's share of a level. */
static gboolean
add_coding (PdSession *session, gboolean decode, PdEstimate *estimate, double *work, GError **error)
{
  PdCoderOptions options = pd_session_coder_options (session);
  guint64 bytes;
  double coding;

  if (!pd_plan_coder (session->device, &options, decode, &bytes, &coding, error))
    return FALSE;
  *work += coding;
  estimate->window =
      MIN (options.tile, MAX (session->h, session->w)) * pd_model_scale (session->model);
  estimate->device_bytes = MAX (estimate->device_bytes, bytes);
  return TRUE;
}

static gboolean
add_denoising (PdSession *session, PdEstimate *estimate, double *work, GError **error)
{
  PdCanvasOptions options = pd_session_canvas_options (session);
  guint scale = pd_model_scale (session->model);
  guint n_steps = pd_solver_n_timesteps (session->solver), thumbnails = 0;
  PdPlan plan;

  if (!pd_plan_canvas (session->device, &options, scale, &plan, error))
    return FALSE;
  if (options.sync == PD_SYNC_ATTENTION && plan.n_tiles > 1)
    for (guint i = 0; i < n_steps; i++)
      thumbnails += n_steps - i > options.bank_until * n_steps;
  *work += n_steps * plan.work;
  estimate->forwards += (n_steps * plan.n_tiles + thumbnails) * options.branches;
  estimate->tiles = plan.n_tiles;
  estimate->tile = plan.tile * scale;
  estimate->batch = plan.batch;
  estimate->device_bytes = MAX (estimate->device_bytes, plan.bytes);
  g_free (estimate->reason);
  estimate->reason = pd_plan_describe (session->device, &plan, scale);
  return TRUE;
}

gboolean
pd_estimate_levels (PdSession *session,
                    const PdBackend *backend,
                    const PdLevel *levels,
                    guint n,
                    guint first_rise,
                    PdEstimate *estimate,
                    GError **error)
{
  const PdRequest *request = session->request;
  guint scale = pd_model_scale (session->model);
  guint width = (guint) pd_unet_config (session->model->unet)->cross_attention_dim;
  double work = 0, rate;

  *estimate = (PdEstimate){ .levels = n };
  pd_device_take_rehearsed_kernels (session->device, &estimate->kernel_seconds);
  session->branches = request->guidance == 1.0 ? 1 : 2;
  session->tokens = CHUNK;
  g_free (session->context);
  session->context = pd_try_new0 (float, (gsize) session->branches * session->tokens * width,
                                  _ ("the prompt"), error);
  if (session->context == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      gboolean from_picture = i + first_rise > 0;
      double strength = !from_picture                              ? 1.0
                        : request->mode == PD_REQUEST_MODE_RESTYLE ? request->strength
                        : request->mode == PD_REQUEST_MODE_INPAINT
                            ? 1.0
                            : pd_level_strength (request->level_strength, i + first_rise);

      if (!pd_session_set_canvas (session, (levels[i].height + scale - 1) / scale,
                                  (levels[i].width + scale - 1) / scale, strength, error) ||
          (from_picture && !add_coding (session, FALSE, estimate, &work, error)) ||
          !add_denoising (session, estimate, &work, error) ||
          !add_coding (session, TRUE, estimate, &work, error))
        {
          pd_estimate_clear (estimate);
          return FALSE;
        }
    }
  estimate->host_bytes =
      resident_bytes () + LATENT_ARRAYS * (guint64) session->n_elements * sizeof (float);
  rate = pd_plan_rate (backend);
  estimate->kernels = pd_device_take_rehearsed_kernels (session->device, &estimate->kernel_seconds);
  estimate->seconds = rate > 0 ? work / rate + MAX (estimate->kernel_seconds, 0) : -1;
  return TRUE;
}
