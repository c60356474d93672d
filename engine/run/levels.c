// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/levels.h"

#include <json-glib/json-glib.h>

#include "engine/diffusion/scheduler-class.h"
#include "engine/run/interrupt.h"

enum
{
  DRAWS = 1 << 24, /* numbers of noise arrays that a level's own */
};

static GeglBuffer *
new_picture (const PdStage *stage)
{
  return gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) stage->width, (int) stage->height),
                          babl_format ("R'G'B' u16"));
}

/* The level that an interrupted run stands at, counted from 0, and the picture that it starts from.
 */
static gboolean
resume (PdSession *session,
        const PdStage *stages,
        guint n,
        guint *at,
        GeglBuffer **before,
        GError **error)
{
  const float *base;
  guint h, w, level = pd_interrupt_level (session, &base, &h, &w) - 1;
  g_autoptr (GeglBuffer) picture = NULL;

  if (level == 0 || level >= n)
    return TRUE;
  if (!pd_session_set_stage (session, &stages[level - 1], error))
    return FALSE;
  if (session->h != h || session->w != w)
    return TRUE;
  picture = new_picture (&stages[level - 1]);
  if (!pd_session_decode (session, base, picture, error))
    return FALSE;
  *at = level;
  g_set_object (before, picture);
  session->base = base;
  session->base_h = h;
  session->base_w = w;
  return TRUE;
}

static gboolean
run_levels (
    PdSession *session, const PdStage *stages, guint n, const PdImages *images, GError **error)
{
  PdRecorder *recorder = &session->recorder;
  g_autoptr (GeglBuffer) before =
      stages[0].start != PD_START_NOISE ? g_object_ref (images->input) : NULL;
  g_autofree float *kept = NULL;
  double total = 0, done = 0;
  guint first = 0;

  for (guint i = 0; i < n; i++)
    total += stages[i].weight;
  if (!pd_session_encode_text (session, error) ||
      !resume (session, stages, n, &first, &before, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GeglBuffer) output = NULL;
      float *latent = NULL;

      recorder->level = i + 1;
      session->n_draws = i * DRAWS;
      recorder->from = done / total;
      done += stages[i].weight;
      recorder->to = done / total;
      if (i < first)
        continue;
      output = i + 1 < n ? new_picture (&stages[i]) : g_object_ref (images->output);
      if (!pd_stage_run (session, &stages[i], &(PdStageInput){ .picture = before }, output,
                         i + 1 < n ? &latent : NULL, error))
        return FALSE;
      g_set_object (&before, output);
      g_free (kept);
      session->base = kept = latent;
      session->base_h = session->h;
      session->base_w = session->w;
    }
  return TRUE;
}

gboolean
pd_levels_run (
    PdSession *session, const PdStage *stages, guint n, const PdImages *images, GError **error)
{
  PdReport *report = session->recorder.report;
  gboolean ok;

  report->width = stages[n - 1].width;
  report->height = stages[n - 1].height;
  session->recorder.n_levels = n;
  ok = run_levels (session, stages, n, images, error);
  session->base = NULL;
  return ok;
}

gboolean
pd_levels_have_few_steps (const PdSession *session)
{
  JsonNode *scheduler = session->model->files->scheduler;
  PdSolverType type = session->request->solver;

  if (type == PD_SOLVER_AUTO && scheduler != NULL)
    pd_scheduler_class_nearest (json_object_get_string_member_with_default (
                                    json_node_get_object (scheduler), "_class_name", ""),
                                &type);
  return type == PD_SOLVER_LCM;
}
