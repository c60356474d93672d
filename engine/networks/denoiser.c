// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/denoiser.h"

void
pd_denoiser_free (PdDenoiser *self)
{
  if (self != NULL)
    self->class->free (self);
}

GArray *
pd_denoiser_survey (PdDenoiser *self, guint h, guint w)
{
  GArray *sites = g_array_new (FALSE, FALSE, sizeof (PdSite));

  self->class->survey (self, h, w, sites);
  return sites;
}

PdDenoiserPass *
pd_denoiser_pass_new (PdDenoiser *self, const PdDenoiserPassOptions *options, GError **error)
{
  return self->class->pass_new (self, options, error);
}

void
pd_denoiser_pass_free (PdDenoiserPass *self)
{
  if (self != NULL)
    self->denoiser->class->pass_free (self);
}

PdGraph *
pd_denoiser_pass_graph (PdDenoiserPass *self)
{
  return self->graph;
}

gboolean
pd_denoiser_pass_run (PdDenoiserPass *self,
                      const PdDenoiserRun *run,
                      GCancellable *cancellable,
                      GError **error)
{
  return pd_tensor_check_length (self->prediction, run->n_prediction, error) &&
         self->denoiser->class->pass_upload (self, run, error) &&
         pd_sites_before_run (self->hooks, error) &&
         pd_graph_run (self->graph, cancellable, error) &&
         pd_tensor_read_nchw (self->prediction, run->prediction, run->n_prediction, error);
}
