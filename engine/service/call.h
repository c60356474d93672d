// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "engine/request/given.h"

typedef enum
{
  PD_CALL_INITIALIZE,
  PD_CALL_ESTIMATE,
  PD_CALL_PICTURE, /* the methods that are modes */
  PD_CALL_TEST,
} PdCallKind;

/* A call of the service whose parameters have been checked. */
typedef struct
{
  PdCallKind kind;
  GVariant *id;

  /* Parameters; NULL or 0 where the method has none of that name. */
  PdRequest *request; /* its mode is the method for PD_CALL_PICTURE */
  char *folder, *output, *preview, *device;
  char *given[PD_N_GIVEN]; /* buffer files */
  guint width, height;

  GCancellable *cancellable;

  /* One of them once the call is done. */
  GVariant *result;
  GError *error;
} PdCall;

/* @id: consumed if floating. @params: an object, or NULL for none. @folder: where every path has to
 * be; NULL: anywhere.
 * Errors: PD_WIRE_METHOD_NOT_FOUND, PD_WIRE_INVALID_PARAMS, PD_ERROR_BAD_REQUEST for parameters of
 * the request. */
PdCall *pd_call_new (
    const char *method, GVariant *id, JsonNode *params, const char *folder, GError **error);
void pd_call_free (PdCall *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCall, pd_call_free)
