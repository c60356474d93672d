// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/host.h"

/* A host without GIMP and without an engine, that does what a test says and counts what it is
 * asked. */
#define FAKE_TYPE_HOST (fake_host_get_type ())
G_DECLARE_FINAL_TYPE (FakeHost, fake_host, FAKE, HOST, GObject)

struct _FakeHost
{
  GObject parent_instance;

  guint width; /* of the region; 0: there is none */
  guint height;
  gboolean style_gone; /* the layer whose style could be taken */
  GError *start_error; /* the engine does not start; cleared by the test */
  GError *estimate_error;
  GError *run_error;
  const char *note; /* said at each step; NULL: none */
  guint n_models;
  const char *devices; /* that the engine lists, as text of a GVariant */
  guint workers;       /* that a run reports */
  guint steps;         /* of a run, 20 ms each; 0: it never ends */

  guint n_starts;
  guint n_estimates;
  guint n_runs;
  guint n_styles;           /* pictures of styles */
  PdRequest *last_estimate; /* the request of the last question */
  PdRequest *last_run;
};

FakeHost *fake_host_new (void);
