// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/telling.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

PdTilePromptsOptions
pd_telling_options (const PdSession *self, const PdCanvasOptions *canvas)
{
  return (PdTilePromptsOptions){ .denoiser = canvas->denoiser,
                                 .conditioner = self->model->conditioner,
                                 .prompt = self->request->prompt,
                                 .condition = canvas->conditions[canvas->branches - 1],
                                 .canvas = { canvas->height, canvas->width },
                                 .tile = canvas->tile,
                                 .wrap = canvas->wrap,
                                 .schedule = self->schedule,
                                 .seed = canvas->seed };
}

gboolean
pd_telling_matters (const PdCanvasOptions *canvas)
{
  return canvas->sync != PD_SYNC_NONE && canvas->tile < MAX (canvas->height, canvas->width);
}

gboolean
pd_telling_find (PdSession *self,
                 PdCanvasOptions *canvas,
                 const float *clean,
                 PdTilePrompts **prompts,
                 GError **error)
{
  PdTilePromptsOptions options = pd_telling_options (self, canvas);
  g_autoptr (GError) failure = NULL;
  g_autofree char *words = NULL, *text = NULL;

  if (clean == NULL || !pd_telling_matters (canvas))
    return TRUE;
  options.clean = clean;
  *prompts = pd_tile_prompts_new (&options, self->cancellable, &failure);
  if (*prompts == NULL && g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY))
    return TRUE;
  if (*prompts == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  self->recorder.report->forwards += pd_tile_prompts_forwards (*prompts);
  if (pd_tile_prompts_words (*prompts)->len == 0)
    return TRUE;
  words = pd_tile_prompts_describe (*prompts);
  canvas->tile_prompts = *prompts;
  text = g_strdup_printf (_ ("only tiles that show it are told of: %s"), words);
  pd_recorder_tell_plan (&self->recorder, text);
  return TRUE;
}
