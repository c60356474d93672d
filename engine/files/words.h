// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* @text, which is valid UTF-8, as NFC and in lower case, whatever the locale. */
char *pd_words_normalise (const char *text);

/* Splits as CLIP's pattern does:
 *   's|'t|'re|'ve|'m|'ll|'d | letters | one digit | other characters but white space
 * Returns the next word at or after *at and its length in bytes, and moves *at past it; NULL if
 * there is none. @specials (NULL-terminated) are words wherever they appear. */
const char *pd_words_next (const char **at, const char *const *specials, gsize *length);
