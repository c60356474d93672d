// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Every failure the engine reports. Messages say what was wrong, with the value, and what would be
 * right. Cancellation is G_IO_ERROR_CANCELLED. */
#define PD_ERROR (pd_error_quark ())

typedef enum
{
  PD_ERROR_NO_DEVICE,
  PD_ERROR_OUT_OF_MEMORY,      /* of the device: less may be asked of it */
  PD_ERROR_OUT_OF_HOST_MEMORY, /* what pd_try_new says, which is no reason to try smaller tiles */
  PD_ERROR_BAD_MODEL,
  PD_ERROR_BAD_REQUEST,
  PD_ERROR_DEVICE_LOST,
} PdError;

GQuark pd_error_quark (void);

/* Sets PD_ERROR_BAD_MODEL. The message may quote an untrusted file: it is made fit
 * to be shown (pd_message_clean). */
void pd_error_set_bad_model (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
