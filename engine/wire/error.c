// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/error.h"
#include "engine/base/error.h"
#include "engine/base/message.h"

#include <gio/gio.h>

G_DEFINE_QUARK (pd_wire_error, pd_wire_error)

static const struct
{
  PdWireCode code;
  PdError error;
} engine_errors[] = {
  { PD_WIRE_NO_DEVICE, PD_ERROR_NO_DEVICE },
  { PD_WIRE_OUT_OF_MEMORY, PD_ERROR_OUT_OF_MEMORY },
  { PD_WIRE_BAD_MODEL, PD_ERROR_BAD_MODEL },
  { PD_WIRE_BAD_REQUEST, PD_ERROR_BAD_REQUEST },
  { PD_WIRE_DEVICE_LOST, PD_ERROR_DEVICE_LOST },
  { PD_WIRE_OUT_OF_MEMORY, PD_ERROR_OUT_OF_HOST_MEMORY },
};

int
pd_wire_error_code (const GError *error)
{
  if (error->domain == PD_WIRE_ERROR)
    return error->code;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return PD_WIRE_CANCELLED;
  for (guint i = 0; error->domain == PD_ERROR && i < G_N_ELEMENTS (engine_errors); i++)
    if (error->code == (int) engine_errors[i].error)
      return engine_errors[i].code;
  return PD_WIRE_INTERNAL;
}

GError *
pd_wire_error_new (gint64 code, const char *message)
{
  g_autofree char *clean = pd_message_clean (message);

  if (code == PD_WIRE_CANCELLED)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, clean);
  for (guint i = 0; i < G_N_ELEMENTS (engine_errors); i++)
    if (code == engine_errors[i].code)
      return g_error_new_literal (PD_ERROR, (int) engine_errors[i].error, clean);
  return g_error_new_literal (PD_WIRE_ERROR, (int) CLAMP (code, G_MININT, G_MAXINT), clean);
}
