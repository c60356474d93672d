// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/stylist.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

/* Of StyleID: gamma and tau. */
static const double CONTENT = 0.75, FOCUS = 1.5;

struct _PdStylist
{
  PdStyle style;
  gsize n; /* numbers of the style's latent */
  PdBank *bank;
  PdBankWriter *writer;
  PdStyleAlign *align; /* NULL where there is a content */
  PdHook *hooks[3];
  PdDenoiserPass *pass;
  float *input, *output;
  guint forwards;
};

static gboolean
is_attention (const PdSite *site)
{
  return site->kind == PD_SITE_ATTENTION;
}

gboolean
pd_style_is_possible (const GArray *survey)
{
  for (guint i = 0; i < survey->len; i++)
    if (pd_style_transfer_takes (&g_array_index (survey, PdSite, i)))
      return TRUE;
  return FALSE;
}

static gboolean
record (PdStylist *self, PdDenoiser *denoiser, GError **error)
{
  const PdStyle *style = &self->style;
  g_autoptr (GArray) survey = pd_denoiser_survey (denoiser, style->h, style->w);
  const PdBankOptions bank = { .branches = 1,
                               .parts = 1,
                               .every = 1,
                               .takes = style->content != NULL ? pd_style_transfer_takes
                                                               : is_attention };
  const PdDenoiserPassOptions pass = {
    .n = 1, .h = style->h, .w = style->w, .like = style->condition, .hooks = self->hooks
  };
  const PdBankDraw no_draw = { 0, 0 }; /* all tokens are kept */
  PdHook **hook = self->hooks;

  self->bank = pd_bank_new (denoiser->backend, survey, &bank, error);
  if (self->bank == NULL)
    return FALSE;
  self->writer = pd_bank_writer_new (self->bank, 1);
  pd_bank_writer_choose (self->writer, 0, 0, &no_draw);
  *hook++ = pd_bank_writer_hook (self->writer);
  if (style->content == NULL)
    {
      self->align =
          pd_style_align_new (denoiser->backend, self->bank, survey, 1, style->share, error);
      if (self->align == NULL)
        return FALSE;
      *hook++ = pd_style_align_writer (self->align);
    }
  self->pass = pd_denoiser_pass_new (denoiser, &pass, error);
  return self->pass != NULL;
}

PdStylist *
pd_stylist_new (PdDenoiser *denoiser, const PdStyle *style, GError **error)
{
  g_autoptr (PdStylist) self = g_new0 (PdStylist, 1);

  self->style = *style;
  self->n = (gsize) denoiser->info.channels * style->h * style->w;
  return (self->input = pd_try_new (float, self->n, _ ("the style"), error)) != NULL &&
                 (self->output = pd_try_new (float, self->n, _ ("the style"), error)) != NULL &&
                 record (self, denoiser, error)
             ? g_steal_pointer (&self)
             : NULL;
}

void
pd_stylist_free (PdStylist *self)
{
  if (self == NULL)
    return;
  pd_denoiser_pass_free (self->pass);
  pd_style_align_free (self->align);
  pd_bank_writer_free (self->writer);
  pd_bank_free (self->bank);
  g_free (self->input);
  g_free (self->output);
  g_free (self);
}

const PdStyle *
pd_stylist_style (const PdStylist *self)
{
  return &self->style;
}

PdHook *
pd_stylist_join (PdStylist *self, guint images, PdStyleTransfer **owned)
{
  const PdStyleTransferOptions options = { .content = CONTENT,
                                           .focus = FOCUS,
                                           .share = self->style.share };

  if (self->align != NULL)
    return pd_style_align_reader (self->align);
  *owned = pd_style_transfer_new (self->bank, images, &options);
  return pd_style_transfer_hook (*owned);
}

gboolean
pd_stylist_run (PdStylist *self,
                guint i,
                double timestep,
                double scale,
                GCancellable *cancellable,
                GError **error)
{
  const PdStyle *style = &self->style;
  const float *latent = style->path + i * self->n;

  for (gsize e = 0; e < self->n; e++)
    self->input[e] = (float) (latent[e] * scale);
  self->forwards++;
  if (!pd_denoiser_pass_run (self->pass,
                             &(PdDenoiserRun){ .latents = self->input,
                                               .n_latents = self->n,
                                               .timestep = timestep,
                                               .conditions = &style->condition,
                                               .prediction = self->output,
                                               .n_prediction = self->n },
                             cancellable, error))
    return FALSE;
  for (gsize e = 0; e < self->n; e++)
    if (!isfinite (self->output[e]))
      {
        g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                     _ ("The UNet gave a value that is not a number for the style; try --precision "
                        "f32"));
        return FALSE;
      }
  return TRUE;
}

guint
pd_stylist_forwards (const PdStylist *self)
{
  return self->forwards;
}

gsize
pd_stylist_bytes (const PdStylist *self)
{
  return pd_bank_bytes (self->bank);
}
