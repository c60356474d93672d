// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Failures as JSON-RPC's error codes. As GError: PD_WIRE_ERROR, with these numbers as codes, for
 * those that are about a message; PD_ERROR and G_IO_ERROR_CANCELLED for those that are about the
 * engine. */
#define PD_WIRE_ERROR (pd_wire_error_quark ())

typedef enum
{
  PD_WIRE_PARSE = -32700, /* no JSON, or no framing */
  PD_WIRE_INVALID_REQUEST = -32600,
  PD_WIRE_METHOD_NOT_FOUND = -32601,
  PD_WIRE_INVALID_PARAMS = -32602,
  PD_WIRE_INTERNAL = -32603,
  PD_WIRE_CLOSED = -32099, /* never sent: the other side is gone */
  PD_WIRE_NO_DEVICE = -32001,
  PD_WIRE_OUT_OF_MEMORY = -32002,
  PD_WIRE_BAD_MODEL = -32003,
  PD_WIRE_BAD_REQUEST = -32004,
  PD_WIRE_DEVICE_LOST = -32005,
  PD_WIRE_BUSY = -32006,
  PD_WIRE_CANCELLED = -32800,
} PdWireCode;

GQuark pd_wire_error_quark (void);

/* The code to send for an error of any domain. */
int pd_wire_error_code (const GError *error);

/* Returns: (transfer full) the error that code and message stand for; the message is cleaned. */
GError *pd_wire_error_new (gint64 code, const char *message);
