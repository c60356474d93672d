// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/op-table.h"

static const char *const op_names[] = {
  "linear",     "conv",          "conv-half",  "conv-half-right", "attention",
  "group-norm", "layer-norm",    "activation", "geglu",           "add",
  "concat",     "upsample",      "convert",    "zero-border",     "copy",
  "pool",       "concat-tokens",
};

static const char *const flag_names[] = {
  "without",   "image-bias", "residual",     "residual-border", "border",
  "in-border", "view",       "causal",       "key-bias",        "offset",
  "tiny",      "retype",     "dirty-border",
};

const OpRow op_rows[] = {
  { LINEAR, 1, 1, 1, 1, 1 },
  { LINEAR, 1, 1, 1, 320, 1280, .activation = PD_ACTIVATION_SILU },
  { LINEAR, 2, 1, 1, 33, 20, .flags = WITHOUT },
  { LINEAR, 3, 1, 7, 5, 3 },
  { LINEAR, 1, 1, 77, 96, 64, .flags = RESIDUAL, .activation = PD_ACTIVATION_QUICK_GELU },
  { LINEAR, 2, 1, 77, 48, 200, .activation = PD_ACTIVATION_GELU },
  { LINEAR, 1, 17, 23, 20, 33, .flags = RESIDUAL | RESIDUAL_BORDER },
  { LINEAR, 2, 17, 23, 33, 4, .flags = IN_BORDER },
  { LINEAR, 1, 40, 40, 64, 96, .flags = BORDER },
  { LINEAR, 2, 5, 9, 48, 32, .flags = VIEW | IMAGE_BIAS | RESIDUAL },
  { LINEAR, 3, 2, 3, 16, 5, .flags = IMAGE_BIAS | BORDER, .activation = PD_ACTIVATION_RELU },
  { LINEAR, 1, 9, 8, 1280, 40 },
  { LINEAR, 2, 1, 1, 40, 24, .flags = OTHER_TYPE, .activation = PD_ACTIVATION_SILU },
  { CONV, 1, 1, 1, 1, 1 },
  { CONV, 1, 7, 7, 4, 20 },
  { CONV, 2, 17, 23, 5, 33, .flags = IMAGE_BIAS, .activation = PD_ACTIVATION_SILU },
  { CONV, 1, 17, 23, 33, 3, .flags = RESIDUAL | RESIDUAL_BORDER | IN_BORDER },
  { CONV, 1, 40, 40, 32, 64, .flags = RESIDUAL | BORDER },
  { CONV, 3, 8, 5, 20, 16, .flags = WITHOUT | BORDER, .activation = PD_ACTIVATION_RELU },
  { CONV, 1, 6, 16, 80, 48, .flags = IN_BORDER },
  { CONV, 1, 5, 6, 16, 8, .flags = IN_PLACE_BORDER },
  { CONV_HALF, 1, 1, 1, 3, 5 },
  { CONV_HALF, 1, 8, 8, 16, 20 },
  { CONV_HALF, 2, 17, 23, 5, 33, .flags = IN_BORDER },
  { CONV_HALF, 1, 32, 34, 32, 16, .flags = BORDER },
  { CONV_HALF_RIGHT, 1, 2, 2, 3, 5 },
  { CONV_HALF_RIGHT, 1, 8, 8, 16, 20 },
  { CONV_HALF_RIGHT, 2, 17, 23, 5, 33, .flags = BORDER },
  { CONV_HALF_RIGHT, 1, 32, 34, 32, 16, .flags = IN_BORDER },
  { ATTENTION, 1, 1, 1, 4, 1, 1, 1 },
  { ATTENTION, 1, 1, 7, 40, 1, 1, 7 },
  { ATTENTION, 1, 1, 77, 64, 8, 1, 77, CAUSAL },
  { ATTENTION, 2, 1, 77, 80, 2, 1, 77, CAUSAL | KEY_BIAS },
  { ATTENTION, 1, 17, 23, 320, 8, 1, 77 },
  { ATTENTION, 2, 8, 8, 160, 2, 1, 154, KEY_BIAS },
  { ATTENTION, 1, 7, 43, 32, 8, 7, 43 },
  { ATTENTION, 1, 8, 8, 160, 2, 7, 43, VIEW },
  { ATTENTION, 3, 4, 5, 80, 1, 7, 11, KEY_BIAS | IN_BORDER },
  { ATTENTION, 1, 5, 5, 40, 4, 5, 5 },
  { ATTENTION, 2, 3, 7, 33, 3, 7, 11 },
  { ATTENTION, 1, 1, 17, 30, 3, 1, 301, KEY_BIAS },
  { ATTENTION, 1, 9, 10, 512, 1, 9, 10 },
  { ATTENTION, 1, 16, 16, 64, 1, 16, 16, IN_BORDER },
  { GROUP_NORM, 2, 5, 7, 64, 32 },
  { GROUP_NORM, 1, 1, 1, 32, 8 },
  { GROUP_NORM, 1, 17, 23, 320, 32, .flags = BORDER, .activation = PD_ACTIVATION_SILU },
  { GROUP_NORM, 3, 7, 7, 20, 5, .flags = IN_BORDER },
  { GROUP_NORM, 2, 17, 23, 33, 3, .flags = IN_BORDER | BORDER, .activation = PD_ACTIVATION_SILU },
  { GROUP_NORM, 1, 40, 41, 16, 4, .flags = OFFSET },
  { GROUP_NORM, 1, 40, 41, 48, 16, .flags = TINY },
  { GROUP_NORM, 1, 64, 64, 32, 32, .flags = VIEW },
  { GROUP_NORM, 1, 160, 160, 16, 2 },
  { LAYER_NORM, 1, 1, 1, 1 },
  { LAYER_NORM, 3, 1, 11, 48 },
  { LAYER_NORM, 1, 1, 77, 320, .flags = OFFSET },
  { LAYER_NORM, 1, 17, 23, 33, .flags = TINY },
  { LAYER_NORM, 2, 17, 23, 5, .flags = IN_BORDER },
  { LAYER_NORM, 1, 64, 64, 96 },
  { LAYER_NORM, 1, 1, 7, 768, .flags = VIEW },
  { ACTIVATE, 1, 1, 1, 1, .activation = PD_ACTIVATION_SILU },
  { ACTIVATE, 1, 17, 23, 20, .activation = PD_ACTIVATION_SILU },
  { ACTIVATE, 2, 7, 7, 33, .flags = IN_BORDER, .activation = PD_ACTIVATION_GELU },
  { ACTIVATE, 1, 1, 77, 48, .activation = PD_ACTIVATION_QUICK_GELU },
  { ACTIVATE, 3, 1, 7, 5, .activation = PD_ACTIVATION_RELU },
  { ACTIVATE, 1, 64, 65, 64, .activation = PD_ACTIVATION_GELU },
  { GEGLU, 1, 1, 1, 2 },
  { GEGLU, 1, 17, 23, 40 },
  { GEGLU, 2, 1, 77, 66, .flags = IN_BORDER },
  { GEGLU, 3, 7, 7, 10 },
  { GEGLU, 1, 32, 32, 256 },
  { ADD, 1, 1, 1, 1 },
  { ADD, 2, 17, 23, 33 },
  { ADD, 3, 7, 7, 20, .flags = IN_BORDER },
  { ADD, 1, 1, 77, 5, .flags = WITHOUT },
  { ADD, 1, 40, 40, 64, .flags = VIEW },
  { CONCAT, 1, 1, 1, 1, 1 },
  { CONCAT, 2, 17, 23, 20, 33 },
  { CONCAT, 1, 17, 23, 33, 20, .flags = IN_BORDER },
  { CONCAT, 3, 7, 7, 5, 3 },
  { CONCAT, 1, 40, 40, 48, 32 },
  { CONCAT, 1, 1, 7, 32, 48, .flags = VIEW },
  { UPSAMPLE, 1, 1, 1, 1, 0, 2, 2 },
  { UPSAMPLE, 2, 7, 7, 20, 0, 14, 14, BORDER },
  { UPSAMPLE, 1, 17, 23, 33, 0, 40, 47, IN_BORDER },
  { UPSAMPLE, 3, 5, 4, 3, 0, 7, 7, IN_BORDER | BORDER },
  { UPSAMPLE, 1, 32, 32, 64, 0, 64, 64, BORDER },
  { UPSAMPLE, 1, 9, 9, 16, 0, 4, 5 },
  { CONVERT, 1, 1, 1, 1, .flags = BORDER },
  { CONVERT, 2, 17, 23, 33, .flags = BORDER },
  { CONVERT, 1, 17, 23, 20, .flags = IN_BORDER },
  { CONVERT, 3, 7, 7, 5, .flags = IN_BORDER | BORDER | OTHER_TYPE },
  { CONVERT, 1, 1, 77, 48, .flags = OTHER_TYPE },
  { CONVERT, 1, 40, 40, 64, .flags = OTHER_TYPE | BORDER },
  { ZERO_BORDER, 1, 1, 1, 1, .flags = IN_PLACE_BORDER },
  { ZERO_BORDER, 3, 17, 23, 20, .flags = IN_PLACE_BORDER },
  { ZERO_BORDER, 1, 40, 40, 64, .flags = IN_PLACE_BORDER },
  { COPY, 2, 17, 23, 33, .flags = IN_BORDER },
  { COPY, 1, 40, 40, 64, .flags = BORDER },
  { POOL, 1, 1, 1, 5, 0, 1, 1 },
  { POOL, 1, 7, 7, 20, 0, 3, 2 },
  { POOL, 2, 17, 23, 33, 0, 5, 23, IN_BORDER },
  { POOL, 1, 64, 64, 64, 0, 16, 16 },
  { CONCAT_TOKENS, 1, 17, 23, 33, 1, 1, 77 },
  { CONCAT_TOKENS, 4, 7, 7, 20, 2, 3, 5 },
  { CONCAT_TOKENS, 2, 32, 32, 64, 2, 16, 16 },
};

const guint op_n_rows = G_N_ELEMENTS (op_rows);

char *
op_row_name (const OpRow *row)
{
  GString *name = g_string_new (NULL);

  g_string_printf (name, "%s/%ux%ux%ux%u", op_names[row->op], row->n, row->h, row->w, row->c);
  if (row->other > 0)
    g_string_append_printf (name, ":%u", row->other);
  if (row->other_h > 0)
    g_string_append_printf (name, ":%ux%u", row->other_h, row->other_w);
  if (row->activation != PD_ACTIVATION_NONE)
    g_string_append_printf (
        name, ",%s", (const char *[]){ "", "silu", "gelu", "quick-gelu", "relu" }[row->activation]);
  for (guint i = 0; i < G_N_ELEMENTS (flag_names); i++)
    if (row->flags & 1u << i)
      g_string_append_printf (name, ",%s", flag_names[i]);
  return g_string_free (name, FALSE);
}
