// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/layer.h"

/* The places of a network where others may take part while a pass of it is built: read keys and
 * values, add more of them, use statistics from elsewhere. A network names its sites; what uses
 * them is a hook, and the network knows none of the hooks. */

typedef enum
{
  PD_SITE_ATTENTION,       /* self-attention: queries, keys and values of one image */
  PD_SITE_CROSS_ATTENTION, /* queries of an image, keys and values of its condition */
  PD_SITE_NORM,            /* group norm */
  PD_N_SITE_KINDS,
} PdSiteKind;

typedef struct
{
  PdSiteKind kind;
  const char *path;     /* diffusers' module path; the network's */
  guint index;          /* among the sites of its kind, the same in every pass of the network */
  guint depth;          /* halvings below the largest size at which the network works */
  gboolean decoder;     /* in the half of the network that draws what the other half made out */
  guint h, w, channels; /* of the image; of attention its queries */
  guint parts;          /* heads of attention, groups of a norm */
} PdSite;

/* Embedded at the beginning of what takes part. Any member may be NULL. A member of a site may
 * append to the graph; it returns the site's result, or NULL to leave it to others: at most one
 * hook of a pass gives it, and if none does the network's own operation is built. */
typedef struct _PdHook PdHook;

struct _PdHook
{
  PdTensor *(*attention) (
      PdHook *self, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v);
  PdTensor *(*cross_attention) (
      PdHook *self, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v);
  PdTensor *(*norm) (PdHook *self,
                     PdGraph *graph,
                     const PdSite *site,
                     PdTensor *x,
                     const PdNorm *norm,
                     const PdNormArgs *args);
  /* What normalises the tensor of a site, one table for all images, where it is known before the
   * tensor is; NULL: it is not. The site's @norm is then not called. */
  PdStorage *(*norm_table) (PdHook *self, PdGraph *graph, const PdSite *site);
  /* Before every run of a pass that was built with the hook. */
  gboolean (*before_run) (PdHook *self, GError **error);
};

/* The sites of one pass while it is built. */
typedef struct
{
  PdHook *const *hooks; /* borrowed, ended by NULL; NULL: none */
  GArray *survey;       /* of PdSite: gets every site; borrowed, may be NULL */
  guint n_built[PD_N_SITE_KINDS];
} PdSites;

/* The result of the site, whose index is set here; NULL if no hook gives one. Attention is of
 * either kind. */
PdTensor *pd_sites_attention (
    PdSites *self, PdGraph *graph, PdSite site, PdTensor *q, PdTensor *k, PdTensor *v);
PdTensor *pd_sites_norm (PdSites *self,
                         PdGraph *graph,
                         PdSite site,
                         PdTensor *x,
                         const PdNorm *norm,
                         const PdNormArgs *args);

/* The table of a norm's site that a hook knows. NULL: none, and the site is still to be built. */
PdStorage *pd_sites_norm_table (PdSites *self, PdGraph *graph, PdSite site);

/* Calls before_run of all @hooks, which may be NULL. */
gboolean pd_sites_before_run (PdHook *const *hooks, GError **error);
