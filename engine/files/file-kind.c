// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/file-kind.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* In the order in which they are judged: a LoRA for a text encoder is a LoRA. */
typedef enum
{
  KIND_LORA,
  KIND_CONTROLNET,
  KIND_ADAPTER,
  KIND_MOTION,
  KIND_EMBEDDING,
  KIND_UPSCALER,
  KIND_VAE,
  KIND_TEXT_ENCODER,
  KIND_UNET,
  N_KINDS,
} Kind;

static const char *const NAMES[N_KINDS] = {
  [KIND_LORA] = N_ ("a LoRA, which changes a model and is none: choose a whole model"),
  [KIND_CONTROLNET] = N_ ("a ControlNet, which guides a model and is none: choose a whole model"),
  [KIND_ADAPTER] = N_ ("an adapter, which guides a model and is none: choose a whole model"),
  [KIND_MOTION] = N_ ("a motion module, which is for films: choose a whole model"),
  [KIND_EMBEDDING] = N_ ("an embedding (textual inversion), which adds a word to a model and is "
                         "none: choose a whole model"),
  [KIND_UPSCALER] = N_ ("an upscaler, which only enlarges pictures: choose a whole model"),
  [KIND_VAE] =
      N_ ("an autoencoder (VAE), a part of a model: choose a whole model, and this with --vae"),
  [KIND_TEXT_ENCODER] =
      N_ ("a text encoder, a part of a model: choose a whole model, and this with --text-encoder"),
  [KIND_UNET] = N_ ("a UNet, a part of a model: choose a whole model"),
};

static const char MODEL_PREFIX[] = "model.diffusion_model.";

/* A tensor's name tells the kind by how it begins ("^…"), by all of it ("=…"), or by a part. */
static const struct
{
  const char *pattern;
  Kind kind;
} PATTERNS[] = {
  /* kohya, LyCORIS, PEFT, diffusers old and new, xlabs */
  { "^lora_", KIND_LORA },
  { "^lycoris_", KIND_LORA },
  { ".lora_", KIND_LORA },
  { "_lora.", KIND_LORA },
  { ".lora.", KIND_LORA },
  { "_lora1.", KIND_LORA },
  { ".hada_w", KIND_LORA },
  { ".lokr_w", KIND_LORA },
  { ".oft_", KIND_LORA },
  { ".dora_scale", KIND_LORA },
  { "^control_model.", KIND_CONTROLNET },
  { "^controlnet_", KIND_CONTROLNET },
  { "^input_hint_block.", KIND_CONTROLNET },
  { "^zero_convs.", KIND_CONTROLNET },
  { "lllite_", KIND_CONTROLNET },
  { "^ip_adapter.", KIND_ADAPTER },
  { "^image_proj.", KIND_ADAPTER },
  { "^adapter.", KIND_ADAPTER },
  { "^body.0.block1.", KIND_ADAPTER },
  { "^body.0.in_conv.", KIND_ADAPTER },
  { "motion_modules.", KIND_MOTION },
  { "=emb_params", KIND_EMBEDDING },
  { "^string_to_param", KIND_EMBEDDING },
  { "^<", KIND_EMBEDDING },
  { "=clip_l", KIND_EMBEDDING },
  { "=clip_g", KIND_EMBEDDING },
  { "^conv_first.", KIND_UPSCALER },
  { "^model.1.sub.", KIND_UPSCALER },
  { "^params_ema.", KIND_UPSCALER },
  { "^params.", KIND_UPSCALER },
  { "^RRDB_trunk.", KIND_UPSCALER },
  { "^layers.0.residual_group.", KIND_UPSCALER },
  { "=body.0.weight", KIND_UPSCALER },
  { "^m_head.", KIND_UPSCALER },
  { "^first_stage_model.", KIND_VAE },
  { "^vae.", KIND_VAE },
  { "^decoder.conv_in.", KIND_VAE },
  { "^encoder.conv_in.", KIND_VAE },
  { "^decoder.layers.", KIND_VAE },
  { "^taesd_", KIND_VAE },
  { "=3.conv.0.weight", KIND_VAE },
  { "^text_model.", KIND_TEXT_ENCODER },
  { "^cond_stage_model.", KIND_TEXT_ENCODER },
  { "^text_encoder.", KIND_TEXT_ENCODER },
  { "^down_blocks.", KIND_UNET },
  { "^diffusion_model.input_blocks.", KIND_UNET },
  { "^input_blocks.", KIND_UNET },
  { "^unet.", KIND_UNET },
};

static gboolean
matches (const char *name, const char *pattern)
{
  if (*pattern == '^')
    return g_str_has_prefix (name, pattern + 1);
  return *pattern == '=' ? g_str_equal (name, pattern + 1) : strstr (name, pattern) != NULL;
}

static Kind
kind_of_name (const char *name)
{
  Kind kind = N_KINDS;
  for (guint i = 0; i < G_N_ELEMENTS (PATTERNS); i++)
    if (PATTERNS[i].kind < kind && matches (name, PATTERNS[i].pattern))
      kind = PATTERNS[i].kind;
  return kind;
}

/* One or a few lists of vectors as wide as a text encoder, under whatever name. */
static gboolean
is_embedding (const PdSafetensors *file)
{
  static const guint max_tensors = 4;
  guint n = pd_safetensors_get_n_tensors (file);
  for (guint i = 0; i < n; i++)
    {
      const PdTensorInfo *info = pd_safetensors_get_tensor (file, i);
      gint64 width = info->n_dims > 0 ? info->dims[info->n_dims - 1] : 0;
      if (n > max_tensors || info->n_dims > 2 || (width != 768 && width != 1024 && width != 1280))
        return FALSE;
    }
  return n > 0;
}

const char *
pd_file_kind (const PdSafetensors *file)
{
  Kind kind = N_KINDS;
  guint n = pd_safetensors_get_n_tensors (file);
  for (guint i = 0; i < n; i++)
    {
      const char *name = pd_safetensors_get_tensor (file, i)->name;
      Kind of_name = kind_of_name (name);
      if (g_str_has_prefix (name, MODEL_PREFIX) && of_name != KIND_LORA)
        return NULL;
      kind = MIN (kind, of_name);
    }
  if (kind == N_KINDS && is_embedding (file))
    kind = KIND_EMBEDDING;
  return kind < N_KINDS ? _ (NAMES[kind]) : NULL;
}
