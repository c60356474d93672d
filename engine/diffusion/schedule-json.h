// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json-glib/json-glib.h>

#include "engine/diffusion/schedule-config.h"
#include "engine/diffusion/solver-type.h"

/* Scheduler settings in diffusers' form (scheduler_config.json). Absent keys take the defaults of
 * the named class. A value that is unknown or not supported and a wrong type are PD_ERROR_BAD_MODEL
 * naming key and value, as is an unknown key that is true and is about what the weights mean; other
 * unknown keys that are true are noted, the rest is ignored, as are null values. notes (of char *,
 * owned; may be NULL) gets a line for each thing that is not done as the file asks. config is
 * initialised by these functions; after an error it need not be finished. */

/* class_name is for example "DPMSolverMultistepScheduler"; NULL: the object's "_class_name". type
 * gets the solver the class and its algorithm_type stand for; a class that is not known, or none,
 * is noted and gets the solver that comes nearest, since weights do not depend on it. Only classes
 * of another kind of training (flow matching, for example) are PD_ERROR_BAD_MODEL. */
gboolean pd_schedule_json_load (JsonObject *object,
                                const char *class_name,
                                PdSolverType *type,
                                PdScheduleConfig *config,
                                GPtrArray *notes,
                                GError **error);

/* A model's settings for another solver than its own: the training schedule, prediction type and
 * what else of the object `type` understands. Options only the object's own class has do not
 * matter. */
gboolean pd_schedule_json_load_for (JsonObject *object,
                                    PdSolverType type,
                                    PdScheduleConfig *config,
                                    GPtrArray *notes,
                                    GError **error);

/* Arguments of a step ("eta" for DDIM). object may be NULL. */
gboolean pd_schedule_json_step_arguments (JsonObject *object,
                                          PdSolverType type,
                                          PdScheduleConfig *config,
                                          GError **error);
