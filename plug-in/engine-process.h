// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* A running engine: its three pipes and its end. Belongs to the main context that is the thread's
 * default when it is made; never blocks. */
typedef struct _PdEngineProcess PdEngineProcess;

/* @message: borrowed. */
typedef void (*PdEngineMessageFunc) (JsonNode *message, gpointer user_data);
/* Called once, when the engine has ended or said what is no message; not after
 * pd_engine_process_free(), which it may call. @why: PD_ERROR_DEVICE_LOST with the exit status or
 * signal and the last lines of standard error. */
typedef void (*PdEngineEndFunc) (const GError *why, gpointer user_data);

/* @argv: the words of its command. @environment: "NAME=value" …; both NULL-terminated. Errors:
 * PD_ERROR_NO_DEVICE (cannot be started). */
PdEngineProcess *pd_engine_process_new (const char *const *argv,
                                        const char *const *environment,
                                        PdEngineMessageFunc on_message,
                                        PdEngineEndFunc on_end,
                                        gpointer user_data,
                                        GError **error);

/* @message: consumed if floating. */
void pd_engine_process_send (PdEngineProcess *self, GVariant *message);

/* SIGKILL; the end function will be called. */
void pd_engine_process_kill (PdEngineProcess *self);

/* Closes the engine's input, on which it ends; kills it if it does not within seconds. NULL is
 * fine.
 */
void pd_engine_process_free (PdEngineProcess *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdEngineProcess, pd_engine_process_free)
