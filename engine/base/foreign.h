// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a file is that was expected to be a model and is none, with what helps: "a web page, not a
 * model: download it again". From the first @length bytes of a file of @size bytes; NULL if they
 * tell nothing. A constant, translated text. */
const char *pd_foreign_name (const void *start, gsize length, guint64 size);

enum
{
  PD_FOREIGN_LENGTH = 512 /* bytes that are enough */
};
