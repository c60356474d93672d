// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/sites.h"

/* Gives the site its number. */
static void
visit (PdSites *self, PdSite *site)
{
  site->index = self->n_built[site->kind]++;
  if (self->survey != NULL)
    g_array_append_val (self->survey, *site);
}

/* Keeps what a hook gave; no two may give one. */
static void
keep (PdTensor **result, PdTensor *given)
{
  g_assert (*result == NULL || given == NULL);
  if (given != NULL)
    *result = given;
}

PdTensor *
pd_sites_attention (
    PdSites *self, PdGraph *graph, PdSite site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  PdTensor *result = NULL;

  visit (self, &site);
  for (PdHook *const *hook = self->hooks; hook != NULL && *hook != NULL; hook++)
    if (site.kind == PD_SITE_ATTENTION && (*hook)->attention != NULL)
      keep (&result, (*hook)->attention (*hook, graph, &site, q, k, v));
    else if (site.kind == PD_SITE_CROSS_ATTENTION && (*hook)->cross_attention != NULL)
      keep (&result, (*hook)->cross_attention (*hook, graph, &site, q, k, v));
  return result;
}

PdTensor *
pd_sites_norm (PdSites *self,
               PdGraph *graph,
               PdSite site,
               PdTensor *x,
               const PdNorm *norm,
               const PdNormArgs *args)
{
  PdTensor *result = NULL;

  visit (self, &site);
  for (PdHook *const *hook = self->hooks; hook != NULL && *hook != NULL; hook++)
    if ((*hook)->norm != NULL)
      keep (&result, (*hook)->norm (*hook, graph, &site, x, norm, args));
  return result;
}

PdStorage *
pd_sites_norm_table (PdSites *self, PdGraph *graph, PdSite site)
{
  PdStorage *table = NULL;

  site.index = self->n_built[site.kind];
  for (PdHook *const *hook = self->hooks; table == NULL && hook != NULL && *hook != NULL; hook++)
    if ((*hook)->norm_table != NULL)
      table = (*hook)->norm_table (*hook, graph, &site);
  if (table != NULL)
    visit (self, &site);
  return table;
}

gboolean
pd_sites_before_run (PdHook *const *hooks, GError **error)
{
  for (; hooks != NULL && *hooks != NULL; hooks++)
    if ((*hooks)->before_run != NULL && !(*hooks)->before_run (*hooks, error))
      return FALSE;
  return TRUE;
}
