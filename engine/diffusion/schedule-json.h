// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json-glib/json-glib.h>

#include "engine/diffusion/solver.h"

/* Scheduler settings in diffusers' form (scheduler_config.json). Absent keys take the defaults of
 * the named class. A value that is unknown or not supported, a wrong type, and an unknown key that
 * is true are PD_ERROR_BAD_MODEL naming key and value; other unknown keys are ignored, as are null
 * values. config is initialised by these functions; after an error it need not be finished. */

/* class_name is for example "DPMSolverMultistepScheduler"; NULL: the object's "_class_name". type
 * gets the solver the class and its algorithm_type stand for. */
gboolean pd_schedule_json_load (JsonObject *object,
                                const char *class_name,
                                PdSolverType *type,
                                PdScheduleConfig *config,
                                GError **error);

/* A model's settings for another solver than its own: the training schedule, prediction type and
 * what else of the object `type` understands. Options only the object's own class has do not
 * matter. */
gboolean pd_schedule_json_load_for (JsonObject *object,
                                    PdSolverType type,
                                    PdScheduleConfig *config,
                                    GError **error);

/* Arguments of a step ("eta" for DDIM). object may be NULL. */
gboolean pd_schedule_json_step_arguments (JsonObject *object,
                                          PdSolverType type,
                                          PdScheduleConfig *config,
                                          GError **error);
