// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/plan.h"
#include "engine/run/session.h"
#include "engine/gpu/account.h"

gboolean
pd_session_plan_canvas (PdSession *self, PdCanvasOptions *options, guint n_steps, GError **error)
{
  const guint64 limit = pd_account_limit (self->device);
  guint scale = self->model->autoencoder->info.scale;
  g_autofree char *text = NULL, *kernels = NULL;
  PdCoderOptions coder = pd_session_coder_options (self);
  guint64 peak, preview = 0;
  double coding;
  PdPlan plan;

  if (!pd_plan_canvas (self->device, options, scale, &plan, error) ||
      !pd_plan_coder (self->device, &coder, TRUE, &peak, &coding, error))
    return FALSE;
  self->work += plan.work * n_steps;
  kernels = pd_plan_describe_kernels (self->device);
  pd_recorder_tell_plan (&self->recorder, kernels);
  if (self->recorder.level < self->recorder.n_levels)
    return TRUE;
  if (self->preview != NULL)
    preview = pd_preview_device_bytes (self->preview, self->h, self->w);
  peak = MAX (peak, pd_account_peak (self->device));
  peak = MAX (peak, MAX (plan.bytes, MIN (plan.bytes + preview, limit)));
  text = pd_plan_describe (self->device, &plan, peak, scale);
  pd_recorder_tell_plan (&self->recorder, text);
  return TRUE;
}

gboolean
pd_session_plan_coder (PdSession *self, PdCoderOptions *options, gboolean decode, GError **error)
{
  guint64 bytes;
  double work;

  if (!pd_plan_coder (self->device, options, decode, &bytes, &work, error))
    return FALSE;
  self->work += work;
  return TRUE;
}
