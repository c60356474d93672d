// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdio.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/ops.h"
#include "engine/verify/parts.h"

typedef struct
{
  PdTensor *tensor;
  float *values; /* [n][h][w][c]; owned */
  gsize n_values;
} Input;

static void
input_clear (gpointer data)
{
  g_free (((Input *) data)->values);
}

/* One operator of the file, as a graph of its own. */
typedef struct
{
  PdVerifyFile *file;
  const char *name;    /* "conv.3x3" */
  const char *meaning; /* of the result */
  PdGraph *graph;
  PdWeights *weights;
  GArray *inputs; /* Input */
  GError *error;
} Operator;

static gsize
dim (const PdTensorInfo *info, guint i)
{
  return i < info->n_dims ? (gsize) info->dims[i] : 1;
}

static float *
read_input (Operator *self, const char *suffix, const PdTensorInfo **info)
{
  g_autoptr (GError) error = NULL;
  float *values = pd_verify_file_values_in (self->file, self->name, suffix, info, &error);

  if (values == NULL && self->error == NULL)
    self->error = g_steal_pointer (&error);
  return values;
}

static gboolean
expect_dims (Operator *self, const PdTensorInfo *info, guint n_dims)
{
  if (info->n_dims == n_dims)
    return TRUE;
  if (self->error == NULL)
    g_set_error (&self->error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("%s has %u dimensions, expected %u"), info->name, info->n_dims, n_dims);
  return FALSE;
}

/* An input whose host values are [n][h][w][c], those of @info; takes @values. */
static PdTensor *
add_input (Operator *self,
           gsize n,
           gsize h,
           gsize w,
           gsize c,
           guint border,
           const PdTensorInfo *info,
           float *values)
{
  PdTensor *tensor =
      pd_graph_input (self->graph, (guint) n, (guint) h, (guint) w, (guint) c, border);

  Input input = { tensor, values, pd_tensor_info_count (info) };

  g_array_append_val (self->inputs, input);
  return tensor;
}

/* 4 dimensions: n, c, h, w; otherwise the last is channels and the one before it pixels. */
static PdTensor *
add_picture_or_tokens (Operator *self, const char *suffix, guint border)
{
  const PdTensorInfo *info;
  g_autofree float *values = read_input (self, suffix, &info);

  if (values == NULL)
    return NULL;
  if (info->n_dims == 4)
    return add_input (
        self, dim (info, 0), dim (info, 2), dim (info, 3), dim (info, 1), border, info,
        pd_verify_to_nhwc (values, dim (info, 0), dim (info, 1), dim (info, 2) * dim (info, 3)));
  if (info->n_dims == 3)
    return add_input (self, dim (info, 0), 1, dim (info, 1), dim (info, 2), border, info,
                      g_steal_pointer (&values));
  if (!expect_dims (self, info, 1))
    return NULL;
  return add_input (self, 1, 1, 1, dim (info, 0), border, info, g_steal_pointer (&values));
}

static const PdMatrix *
add_weight (Operator *self, guint *taps)
{
  const PdTensorInfo *info;
  g_autofree float *values = read_input (self, "w", &info);
  guint kernel;

  if (values == NULL)
    return NULL;
  kernel = (guint) (dim (info, 2) * dim (info, 3));
  if (taps != NULL)
    *taps = kernel;
  return pd_weights_add_matrix (self->weights, values, (guint) dim (info, 0), (guint) dim (info, 1),
                                kernel, self->error ? NULL : &self->error);
}

static const PdVector *
add_vector (Operator *self, const char *suffix)
{
  const PdTensorInfo *info;
  g_autofree float *values = read_input (self, suffix, &info);

  if (values == NULL || !expect_dims (self, info, 1))
    return NULL;
  return pd_weights_add_vector (self->weights, values, (guint) dim (info, 0),
                                self->error ? NULL : &self->error);
}

/* "…, eps 1e-05…"; 1e-5 where nothing is said. */
static float
stated_eps (const Operator *self)
{
  const char *eps = strstr (self->meaning, "eps ");

  return eps ? (float) g_ascii_strtod (eps + strlen ("eps "), NULL) : 1e-5f;
}

static PdTensor *
build_group_norm (Operator *self)
{
  const char *groups = strstr (self->meaning, " groups");
  PdTensor *x = add_picture_or_tokens (self, "x", 0);
  const PdVector *weight = add_vector (self, "w"), *bias = add_vector (self, "b_");

  while (groups != NULL && groups > self->meaning && g_ascii_isdigit (groups[-1]))
    groups--;
  if (x == NULL || weight == NULL || bias == NULL || groups == NULL)
    return NULL;
  return pd_group_norm (self->graph, x, weight, bias,
                        &(PdNormArgs){ .groups = (guint) g_ascii_strtoull (groups, NULL, 10),
                                       .eps = stated_eps (self) });
}

static PdTensor *
build_layer_norm (Operator *self)
{
  PdTensor *x = add_picture_or_tokens (self, "x", 0);
  const PdVector *weight = add_vector (self, "w"), *bias = add_vector (self, "b_");

  if (x == NULL || weight == NULL || bias == NULL)
    return NULL;
  return pd_layer_norm (self->graph, x, weight, bias, stated_eps (self));
}

static PdTensor *
build_activation (Operator *self, PdActivation activation)
{
  PdTensor *x = add_picture_or_tokens (self, "x", 0);

  return x ? pd_activate (self->graph, x, activation) : NULL;
}

static PdTensor *
build_silu (Operator *self)
{
  return build_activation (self, PD_ACTIVATION_SILU);
}

static PdTensor *
build_gelu (Operator *self)
{
  return build_activation (self, PD_ACTIVATION_GELU);
}

static PdTensor *
build_quick_gelu (Operator *self)
{
  return build_activation (self, PD_ACTIVATION_QUICK_GELU);
}

static PdTensor *
build_geglu (Operator *self)
{
  PdTensor *x = add_picture_or_tokens (self, "x", 0);
  const PdMatrix *weight = add_weight (self, NULL);
  const PdVector *bias = add_vector (self, "b_");

  if (x == NULL || weight == NULL || bias == NULL)
    return NULL;
  return pd_geglu (self->graph, pd_linear (self->graph, x, weight, bias, NULL));
}

/* "stride S, padding P on all sides", or padding "right" and "below" only. */
static PdTensor *
build_conv (Operator *self)
{
  guint taps = 0, stride = 1, padding = 0;
  const char *stated = strstr (self->meaning, "stride ");
  gboolean right = strstr (self->meaning, "right") != NULL;
  PdTensor *x;
  const PdMatrix *weight = add_weight (self, &taps);
  const PdVector *bias = add_vector (self, "b_");

  if (stated != NULL)
    sscanf (stated, "stride %u, padding %u", &stride, &padding);
  x = add_picture_or_tokens (self, "x", taps == 9 ? 1 : 0);
  if (x == NULL || weight == NULL || bias == NULL)
    return NULL;
  if (taps == 1 && stride == 1 && padding == 0)
    return pd_linear (self->graph, x, weight, bias, NULL);
  if (taps == 9 && right && stride == 2)
    return pd_conv2d (self->graph, x, weight, bias, PD_CONV_HALF_RIGHT, NULL);
  if (taps == 9 && !right && padding == 1 && stride <= 2)
    return pd_conv2d (self->graph, x, weight, bias, stride == 1 ? PD_CONV_SAME : PD_CONV_HALF,
                      NULL);
  return NULL;
}

static PdTensor *
build_upsample (Operator *self)
{
  PdTensor *x = add_picture_or_tokens (self, "x", 0);
  const PdTensorInfo *y = pd_verify_file_find_in (self->file, self->name, "y");

  if (x == NULL || !expect_dims (self, y, 4))
    return NULL;
  return pd_upsample (self->graph, x, (guint) dim (y, 2), (guint) dim (y, 3), FALSE);
}

/* [batch][heads][tokens][channels] → batch × 1 × tokens × (heads · channels) */
static PdTensor *
add_heads (Operator *self, const char *suffix, guint *heads)
{
  const PdTensorInfo *info;
  g_autofree float *values = read_input (self, suffix, &info);
  gsize batch, tokens, channels;
  float *joined;

  if (values == NULL || !expect_dims (self, info, 4))
    return NULL;
  batch = dim (info, 0);
  *heads = (guint) dim (info, 1);
  tokens = dim (info, 2);
  channels = dim (info, 3);
  joined = g_new (float, pd_tensor_info_count (info));
  for (gsize i = 0; i < batch * *heads; i++)
    for (gsize t = 0; t < tokens; t++)
      memcpy (joined + ((i / *heads * tokens + t) * *heads + i % *heads) * channels,
              values + (i * tokens + t) * channels, channels * sizeof *values);
  return add_input (self, batch, 1, tokens, *heads * channels, 0, info, joined);
}

static PdTensor *
build_attention (Operator *self)
{
  gboolean causal = strstr (self->meaning, "token i sees") != NULL;
  guint heads = 1;
  PdTensor *q = add_heads (self, "q", &heads), *k = add_heads (self, "k", &heads),
           *v = add_heads (self, "v", &heads);

  if (q == NULL || k == NULL || v == NULL)
    return NULL;
  return pd_attention (self->graph,
                       &(PdAttention){ .q = q, .k = k, .v = v, .heads = heads, .causal = causal });
}

static const struct
{
  const char *kind; /* the name's first part */
  PdTensor *(*build) (Operator *self);
} operators[] = {
  { "group_norm", build_group_norm },
  { "layer_norm", build_layer_norm },
  { "silu", build_silu },
  { "gelu", build_gelu },
  { "quick_gelu", build_quick_gelu },
  { "geglu", build_geglu },
  { "conv", build_conv },
  { "upsample", build_upsample },
  { "attention", build_attention },
};

static gboolean
run (Operator *self, PdTensor *y, float *result, gsize count, GError **error)
{
  pd_graph_output (self->graph, y);
  if (!pd_graph_compile (self->graph, FALSE, error))
    return FALSE;
  for (guint i = 0; i < self->inputs->len; i++)
    {
      const Input *input = &g_array_index (self->inputs, Input, i);

      if (!pd_tensor_write (input->tensor, input->values, input->n_values, error))
        return FALSE;
    }
  return pd_graph_run (self->graph, NULL, error) && pd_tensor_read (y, result, count, error);
}

/* The result in the order of the file. */
static void
check (Operator *self, const PdTensor *y, const float *result)
{
  const PdTensorInfo *expected = pd_verify_file_find_in (self->file, self->name, "y");
  gsize count = pd_tensor_n_values (y);
  g_autofree float *ordered = NULL;

  if (expected->n_dims != 4)
    ordered = g_memdup2 (result, count * sizeof *result);
  else if (g_str_has_prefix (self->name, "attention"))
    {
      gsize heads = dim (expected, 1), channels = y->c / heads;

      ordered = g_new (float, count);
      for (gsize i = 0; i < y->n * heads; i++)
        for (gsize t = 0; t < y->w; t++)
          memcpy (ordered + (i * y->w + t) * channels,
                  result + ((i / heads * y->w + t) * heads + i % heads) * channels,
                  channels * sizeof *result);
    }
  else
    ordered = pd_verify_to_nchw (result, y->n, (gsize) y->h * y->w, y->c);
  pd_verify_file_check_in (self->file, self->name, "y", ordered, count);
}

/* Leaves an operator without verdict if it is of no known kind. */
static gboolean
verify_operator (PdVerifyFile *file, const char *name, GError **error)
{
  g_autofree char *result_name = g_strconcat (name, ".y", NULL);
  g_autoptr (PdGraph) graph = pd_graph_new (file->verify->backend);
  g_autoptr (PdWeights) weights = pd_weights_new (file->verify->backend, 0);
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (Input));
  g_autofree float *result = NULL;
  Operator self = { .file = file,
                    .name = name,
                    .meaning = pd_verify_file_meaning (file, result_name),
                    .graph = graph,
                    .weights = weights,
                    .inputs = inputs };
  gsize length = strcspn (name, ".");
  PdTensor *y = NULL;
  gsize count;

  g_array_set_clear_func (inputs, input_clear);
  for (guint i = 0; i < G_N_ELEMENTS (operators); i++)
    if (strlen (operators[i].kind) == length && strncmp (name, operators[i].kind, length) == 0)
      y = operators[i].build (&self);
  if (self.error != NULL)
    {
      g_propagate_error (error, self.error);
      return FALSE;
    }
  if (y == NULL)
    return TRUE;
  count = pd_tensor_n_values (y);
  result = g_new (float, count);
  if (!run (&self, y, result, count, error))
    return FALSE;
  check (&self, y, result);
  return TRUE;
}

gboolean
pd_verify_ops (PdVerifyFile *file, GError **error)
{
  for (guint i = 0; i < file->names->len; i++)
    {
      const char *full = g_ptr_array_index (file->names, i);
      g_autofree char *name = NULL;

      if (!g_str_has_suffix (full, ".y") || !pd_verify_file_expects (file, full))
        continue;
      name = g_strndup (full, strlen (full) - strlen (".y"));
      if (!verify_operator (file, name, error))
        {
          g_prefix_error (error, "%s: ", name);
          return FALSE;
        }
    }
  return TRUE;
}
