// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "engine/request/request.h"

typedef enum
{
  PD_RPC_INITIALIZE,
  PD_RPC_ESTIMATE,
  PD_RPC_PICTURE, /* the methods that are modes */
  PD_RPC_TEST,
} PdRpcKind;

/* A call of the service whose parameters have been checked. */
typedef struct
{
  PdRpcKind kind;
  GVariant *id;

  /* Parameters; NULL or 0 where the method has none of that name. */
  PdRequest *request; /* its mode is the method for PD_RPC_PICTURE */
  char *folder, *input, *mask, *output, *preview, *device;
  guint width, height;

  GCancellable *cancellable;

  /* One of them once the call is done. */
  GVariant *result;
  GError *error;
} PdRpcCall;

/* @id: consumed if floating. @params: an object, or NULL for none. @folder: where every path has to
 * be; NULL: anywhere.
 * Errors: PD_RPC_METHOD_NOT_FOUND, PD_RPC_INVALID_PARAMS, PD_ERROR_BAD_REQUEST for parameters of
 * the request. */
PdRpcCall *pd_rpc_call_new (
    const char *method, GVariant *id, JsonNode *params, const char *folder, GError **error);
void pd_rpc_call_free (PdRpcCall *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdRpcCall, pd_rpc_call_free)
