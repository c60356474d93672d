// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* Reads JSON-RPC messages, framed by "Content-Length: N" and an empty line, from a stream that is
 * not trusted. (jsonrpc-glib's reader has no limit to the depth of JSON or the length of a line,
 * and skips what is no header without a word.) */
typedef struct _PdRpcReader PdWireReader;

/* One of message (borrowed) and error is NULL. Errors: PD_WIRE_PARSE for bytes that are no message,
 * told once per stretch of them, after which reading goes on; PD_WIRE_CLOSED, the last one, at the
 * end of the stream. May free the reader. */
typedef void (*PdWireReaderFunc) (JsonNode *message, const GError *error, gpointer user_data);

/* Reads from now on in the thread's default main context. */
PdWireReader *pd_wire_reader_new (GInputStream *stream, PdWireReaderFunc func, gpointer user_data);

/* The function is not called any more. NULL is fine. */
void pd_wire_reader_free (PdWireReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdWireReader, pd_wire_reader_free)
