// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

/* The pictures that a request may be given to work with. The command line, the service, the engine,
 * the journal and the plug-in walk these rows: a further picture is a value, its row, the parameter
 * that is its path, its member of PdImages (engine/run/images.h), and what is made of it. */
typedef enum
{
  PD_GIVEN_INPUT, /* one to start from */
  PD_GIVEN_MASK,  /* of the input: what is repainted */
  PD_GIVEN_STYLE, /* one whose look the result takes */
  PD_N_GIVEN,
} PdGiven;

typedef struct
{
  const char *name;    /* of the parameter with its path; on the wire, of its buffer file */
  gsize path;          /* offset in PdRequest of its path */
  const char *format;  /* of babl: in it pictures differ if and only if they are others */
  gboolean sized;      /* as large as the request says; else of any size … */
  int min_side;        /* … from this one on, in pixels */
  const char *missing; /* says that the mode %s needs it; to be translated, as the next one is */
  const char *meaning; /* of what a picture made by a run names it as, "its mask" */
} PdGivenInfo;

/* By PdGiven. */
extern const PdGivenInfo pd_given[];

/* Returns: its file, the parameter of that name; "": none. */
const char *pd_given_path (const PdRequest *request, PdGiven given);

/* Whether the parameter @name is the path of one of them. */
gboolean pd_given_find (const char *name, PdGiven *given);
