// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json-glib/json-glib.h>

#include "engine/run/run.h"

/* Adds what a report says as members of the object that is being built. @seconds: the whole run. */
void pd_report_add_json (const PdReport *report, double seconds, JsonBuilder *builder);
