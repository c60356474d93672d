// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/graph.h"
#include "engine/nn/slice.h"
#include "shaders/abi/walk.h"

/* A dispatch per slice of a small op's result, as shaders/common/walk.glsl has it. Bindings:
 * inputs, result, @extra. If the result has a border, it is walked too. */
typedef struct
{
  const char *label, *shader;
  guint32 constants[4]; /* specialisation constants from id 1 on */
  guint n_constants;
  PdTensor *inputs[2]; /* of the result's size */
  guint n_inputs;
  PdTensor *result;
  gboolean scaled;    /* inputs of another size, of which a row of the result takes the rows that it
                         covers; row 0 of their strides is row 0 of the image */
  gboolean per_image; /* the shader tells images apart */
  const PdStorage *extra[2];
  guint n_extra;
  /* Push constants, a struct of shaders/abi/. It begins with the strides of the inputs and of the
   * result and @walk, which are filled in. */
  gconstpointer push;
  gsize push_size;
  const PdWalkPush *walk;
} PdWalk;

void pd_walk (PdGraph *graph, const PdWalk *walk);
