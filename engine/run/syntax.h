// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a prompt holds that other programs take for more than words: weights in brackets, such as
 * (moss:1.3) or ((moss)), choices such as [moss|stone], <lora:NAME:1>, BREAK and AND. Brackets as
 * people write them are none of it. Of a long prompt the first 8 KiB are looked at.
 *
 * prompt: UTF-8. name: of the parameter it is the value of. Returns: (transfer full) of char *, a
 * sentence for each, in the order of kinds and places; each text once. */
GPtrArray *pd_syntax_notes (const char *prompt, const char *name);
