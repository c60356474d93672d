// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/base/message.h"

G_DEFINE_QUARK (pd_error, pd_error)

void
pd_error_set_bad_model (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *message = pd_message_clean (text);
  g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_MODEL, message);
}
