// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/host.h"

/* Asks the host what a run would take, shortly after the request changed: at most one question at a
 * time, and the last change always gets its answer.
 * Signal "estimated" (char *text, gboolean possible): one line, or why the request is impossible */
#define PD_TYPE_ESTIMATOR (pd_estimator_get_type ())
G_DECLARE_FINAL_TYPE (PdEstimator, pd_estimator, PD, ESTIMATOR, GObject)

PdEstimator *pd_estimator_new (PdHost *host, PdRequest *request);

/* Something outside the request changed, such as the region. */
void pd_estimator_update (PdEstimator *self);

/* While paused nothing is asked; afterwards at once what has changed meanwhile. It starts paused.
 */
void pd_estimator_pause (PdEstimator *self, gboolean pause);
