// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* The engine as a service of a process of its own, started with the first call and again with the
 * first one after it has ended. Never blocks; belongs to the main context that is the thread's
 * default when it is made.
 *
 *   signal "progress" (const PdProgress *): of the call under way
 *   signal "preview" (const char *path): a PNG that has changed
 *   signal "note" (const char *text): something worth knowing of a run that is no failure */
#define PD_TYPE_ENGINE_CLIENT (pd_engine_client_get_type ())
G_DECLARE_FINAL_TYPE (PdEngineClient, pd_engine_client, PD, ENGINE_CLIENT, GObject)

/* @command: the words of a shell command (quoted as in a shell, but no shell runs it) that starts
 * an engine with its standard input and output, such as "parallel-diffusion serve" or "ssh host
 * parallel-diffusion serve"; the engine must see the files of this machine under the same paths.
 * NULL or "": the installed engine: in the folder bin/ beside this program, where it was configured
 * to be installed, or in PATH. */
PdEngineClient *pd_engine_client_new (const char *command);

/* How long, in milliseconds, an engine may take to answer when it has been started (30 000 unless
 * set) and, when a call has been cancelled, to end its work before it is killed (60 000). */
void pd_engine_client_set_timeouts (PdEngineClient *self, guint start, guint stop);

/* Whether an engine that is started from now on gives up the rights it does not need, see
 * engine/base/confine.h (it does unless told otherwise). */
void pd_engine_client_set_confined (PdEngineClient *self, gboolean confined);

/* Lets the engine read the file or folder @path, beside the models it finds by name. A path that is
 * not absolute is none. An engine that is running without that right ends after the calls that it
 * has, and the next call starts another. */
void pd_engine_client_allow (PdEngineClient *self, const char *path);

/* The folder for the files that calls name, for this user alone; it is removed with the client, or
 * by the engine if this process dies. Errors: G_FILE_ERROR.
 * Returns: (transfer none). */
const char *pd_engine_client_get_folder (PdEngineClient *self, GError **error);

/* Emits "note", for what this side of the pipe has to say of a run. */
void pd_engine_client_note (PdEngineClient *self, const char *text);

/* Calls a method with @params, an a{sv} (consumed if floating; NULL: none). "initialize" is
 * answered with what the engine said when it was started.
 *
 * Cancellation is reported at once, the engine is told to stop, and later calls wait until it has.
 */
void pd_engine_client_call_async (PdEngineClient *self,
                                  const char *method,
                                  GVariant *params,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/* Returns: (transfer full) the result. Errors: those of the engine (PD_ERROR, PD_WIRE_ERROR);
 * PD_ERROR_NO_DEVICE (the engine cannot be started, or does not answer), PD_ERROR_DEVICE_LOST (it
 * ended: how, with its last words), G_IO_ERROR_CANCELLED. */
GVariant *pd_engine_client_call_finish (PdEngineClient *self, GAsyncResult *result, GError **error);
