// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/given.h"

/* Pictures beside the request, as bits. */
enum
{
  PD_TAKES_INPUT = 1 << PD_GIVEN_INPUT,
  PD_TAKES_MASK = 1 << PD_GIVEN_MASK,
  PD_TAKES_STYLE = 1 << PD_GIVEN_STYLE,
};

/* A mode as the command line, the service, the plug-in and the dialog see it. A new mode is one row
 * here, beside what it does (engine/run). */
typedef struct
{
  const char *name;    /* the value of "mode", the verb and the service's method; NULL: the end */
  const char *title;   /* in a dialog; to be translated, as the next two are */
  const char *summary; /* in a list of verbs */
  const char *help;    /* at the top of the verb's help */
  guint needs;         /* PD_TAKES_*: pictures without which it cannot be done */
  guint optional;      /* PD_TAKES_*: others that it makes something of */
  /* Names of the parameters with PD_REQUEST_PARAM_SOME that it heeds, beside the pictures; with a
   * space between them. */
  const char *params;
} PdModeInfo;

/* By PdRequestMode. */
extern const PdModeInfo pd_modes[];

/* Whether the parameter @name changes what @mode does. */
gboolean pd_mode_takes (PdRequestMode mode, const char *name);

/* Whether the picture that @mode makes is larger than its input, by the parameter "scale". It is
 * made of the whole input. */
gboolean pd_mode_enlarges (PdRequestMode mode);

/* Returns: how many times as large as width and height of @request its picture is. */
guint pd_mode_scale (const PdRequest *request);
