// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/ldm.h"

#include <string.h>

typedef struct
{
  const char *from, *to;
} Rename;

static const Rename UNET_RENAMES[] = {
  { "time_embed.0.", "time_embedding.linear_1." },
  { "time_embed.2.", "time_embedding.linear_2." },
  { "input_blocks.0.0.", "conv_in." },
  { "middle_block.1.", "mid_block.attentions.0." },
  { "out.0.", "conv_norm_out." },
  { "out.2.", "conv_out." },
};

static const Rename UNET_RESNET_RENAMES[] = {
  { "in_layers.0.", "norm1." },          { "in_layers.2.", "conv1." },
  { "out_layers.0.", "norm2." },         { "out_layers.3.", "conv2." },
  { "emb_layers.1.", "time_emb_proj." }, { "skip_connection.", "conv_shortcut." },
};

static const Rename VAE_RENAMES[] = {
  { "mid.block_1.", "mid_block.resnets.0." },
  { "mid.block_2.", "mid_block.resnets.1." },
  { "mid.attn_1.norm.", "mid_block.attentions.0.group_norm." },
  { "mid.attn_1.q.", "mid_block.attentions.0.to_q." },
  { "mid.attn_1.k.", "mid_block.attentions.0.to_k." },
  { "mid.attn_1.v.", "mid_block.attentions.0.to_v." },
  { "mid.attn_1.proj_out.", "mid_block.attentions.0.to_out.0." },
  { "norm_out.", "conv_norm_out." },
  { "conv_in.", "conv_in." },
  { "conv_out.", "conv_out." },
};

static const Rename VAE_RESNET_RENAMES[] = {
  { "norm1.", "norm1." },
  { "conv1.", "conv1." },
  { "norm2.", "norm2." },
  { "conv2.", "conv2." },
  { "nin_shortcut.", "conv_shortcut." },
};

/* @name with the prefix that one of @renames has replaced; NULL if none has it. Free the result. */
static char *
rename_prefix (const Rename *renames, guint n_renames, const char *name)
{
  for (guint i = 0; i < n_renames; i++)
    if (g_str_has_prefix (name, renames[i].from))
      return g_strconcat (renames[i].to, name + strlen (renames[i].from), NULL);
  return NULL;
}

/* Moves @name past @prefix, a decimal number and a point, and gives the number. */
static gboolean
take_index (const char **name, const char *prefix, int *index)
{
  if (!g_str_has_prefix (*name, prefix))
    return FALSE;
  const char *at = *name + strlen (prefix);
  int value = 0, n_digits = 0;
  while (g_ascii_isdigit (*at) && n_digits < 6)
    {
      value = value * 10 + g_ascii_digit_value (*at++);
      n_digits++;
    }
  if (n_digits == 0 || *at != '.')
    return FALSE;
  *name = at + 1;
  *index = value;
  return TRUE;
}

static char *
map_resnet (const char *block, int layer, const char *rest)
{
  g_autofree char *inner =
      rename_prefix (UNET_RESNET_RENAMES, G_N_ELEMENTS (UNET_RESNET_RENAMES), rest);
  return inner != NULL ? g_strdup_printf ("%s.resnets.%d.%s", block, layer, inner) : NULL;
}

/* input_blocks.N.M.rest: N counts convolution, layers and downsamplers of all levels. */
static char *
map_input_block (const PdUNetConfig *config, int number, int module, const char *rest)
{
  int first = 1;
  for (int level = 0; level < config->n_blocks; level++)
    {
      int layer = number - first, n_layers = config->layers_per_block[level];
      g_autofree char *block = g_strdup_printf ("down_blocks.%d", level);
      first += n_layers + 1;
      if (layer < 0 || layer > n_layers)
        continue;
      if (layer == n_layers)
        return module == 0 && g_str_has_prefix (rest, "op.")
                   ? g_strdup_printf ("%s.downsamplers.0.conv.%s", block, rest + 3)
                   : NULL;
      if (module == 0)
        return map_resnet (block, layer, rest);
      return module == 1 ? g_strdup_printf ("%s.attentions.%d.%s", block, layer, rest) : NULL;
    }
  return NULL;
}

/* output_blocks.N.M.rest: N counts layers; an upsampler is the last module of its block's last
 * layer. */
static char *
map_output_block (const PdUNetConfig *config, int number, int module, const char *rest)
{
  int first = 0;
  for (int i = 0; i < config->n_blocks; i++)
    {
      int layer = number - first, n_layers = config->layers_per_block[config->n_blocks - 1 - i] + 1;
      g_autofree char *block = g_strdup_printf ("up_blocks.%d", i);
      first += n_layers;
      if (layer < 0 || layer >= n_layers)
        continue;
      if (module == 0)
        return map_resnet (block, layer, rest);
      if (module > 2)
        return NULL;
      if (g_str_has_prefix (rest, "conv."))
        return layer == n_layers - 1 ? g_strdup_printf ("%s.upsamplers.0.conv.%s", block, rest + 5)
                                     : NULL;
      return module == 1 ? g_strdup_printf ("%s.attentions.%d.%s", block, layer, rest) : NULL;
    }
  return NULL;
}

static char *
map_unet (const PdUNetConfig *config, const char *name)
{
  int number, module;
  char *simple = rename_prefix (UNET_RENAMES, G_N_ELEMENTS (UNET_RENAMES), name);
  if (simple != NULL)
    return simple;
  if (take_index (&name, "middle_block.", &number))
    return number == 0 || number == 2 ? map_resnet ("mid_block", number / 2, name) : NULL;
  if (take_index (&name, "input_blocks.", &number) && take_index (&name, "", &module))
    return map_input_block (config, number, module, name);
  if (take_index (&name, "output_blocks.", &number) && take_index (&name, "", &module))
    return map_output_block (config, number, module, name);
  return NULL;
}

/* @name is relative to first_stage_model.encoder or .decoder. */
static char *
map_vae_half (const PdVaeConfig *config, gboolean decoder, const char *name)
{
  int level, layer;
  char *simple = rename_prefix (VAE_RENAMES, G_N_ELEMENTS (VAE_RENAMES), name);
  if (simple != NULL)
    return simple;
  if (!take_index (&name, decoder ? "up." : "down.", &level) || level >= config->n_blocks)
    return NULL;
  g_autofree char *block = decoder ? g_strdup_printf ("up_blocks.%d", config->n_blocks - 1 - level)
                                   : g_strdup_printf ("down_blocks.%d", level);
  if (take_index (&name, "block.", &layer))
    {
      g_autofree char *inner =
          rename_prefix (VAE_RESNET_RENAMES, G_N_ELEMENTS (VAE_RESNET_RENAMES), name);
      return inner != NULL ? g_strdup_printf ("%s.resnets.%d.%s", block, layer, inner) : NULL;
    }
  const char *sampler = decoder ? "upsample.conv." : "downsample.conv.";
  if (!g_str_has_prefix (name, sampler))
    return NULL;
  return g_strdup_printf ("%s.%s.0.conv.%s", block, decoder ? "upsamplers" : "downsamplers",
                          name + strlen (sampler));
}

static char *
map_vae (const PdVaeConfig *config, gboolean modern, const char *name)
{
  gboolean decoder = g_str_has_prefix (name, "decoder.");
  if (!decoder && !g_str_has_prefix (name, "encoder."))
    return g_str_has_prefix (name, "quant_conv.") || g_str_has_prefix (name, "post_quant_conv.")
               ? g_strdup (name)
               : NULL;
  if (modern)
    return pd_ldm_modern_vae_name (name);
  g_autofree char *inner = map_vae_half (config, decoder, name + 8);
  return inner != NULL ? g_strconcat (decoder ? "decoder." : "encoder.", inner, NULL) : NULL;
}

char *
pd_ldm_modern_vae_name (const char *name)
{
  static const Rename renames[] = {
    { ".query.", ".to_q." },
    { ".key.", ".to_k." },
    { ".value.", ".to_v." },
    { ".proj_attn.", ".to_out.0." },
  };
  const char *attention = strstr (name, ".attentions.");
  for (guint i = 0; attention != NULL && i < G_N_ELEMENTS (renames); i++)
    {
      const char *at = strstr (attention, renames[i].from);
      if (at != NULL)
        return g_strdup_printf ("%.*s%s%s", (int) (at - name), name, renames[i].to,
                                at + strlen (renames[i].from));
    }
  return g_strdup (name);
}

static gboolean
strip_prefix (const char **name, const char *prefix)
{
  if (!g_str_has_prefix (*name, prefix))
    return FALSE;
  *name += strlen (prefix);
  return TRUE;
}

/* What follows the prefix in the names of a CLIP text encoder. */
static gboolean
is_text_name (const char *name)
{
  static const char *const beginnings[] = { "embeddings.", "encoder.layers.", "final_layer_norm." };
  for (guint i = 0; i < G_N_ELEMENTS (beginnings); i++)
    if (g_str_has_prefix (name, beginnings[i]))
      return TRUE;
  return FALSE;
}

const char *
pd_ldm_text_prefix (const char *name)
{
  static const char *const prefixes[] = {
    "cond_stage_model.transformer.text_model.",
    "cond_stage_model.transformer.",
    "cond_stage_model.clip_l.transformer.text_model.",
    "cond_stage_model.clip_l.transformer.",
    "cond_stage_model.text_model.",
    "text_encoders.clip_l.transformer.text_model.",
    "text_encoders.clip_l.transformer.",
    "text_encoder.text_model.",
    "text_encoder.",
    "clip_l.transformer.text_model.",
    "clip_l.text_model.",
    "transformer.text_model.",
    "transformer.",
    "text_model.",
    "",
  };
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (name, prefixes[i]) && is_text_name (name + strlen (prefixes[i])))
      return prefixes[i];
  return NULL;
}

char *
pd_ldm_map_text_name (const char *name)
{
  const char *prefix = pd_ldm_text_prefix (name);
  return prefix != NULL ? g_strconcat ("text_model.", name + strlen (prefix), NULL) : NULL;
}

char *
pd_ldm_map_name (const PdLdmConfig *self, PdPart part, const char *name)
{
  switch (part)
    {
    case PD_PART_UNET:
      return strip_prefix (&name, "model.diffusion_model.") ? map_unet (&self->unet, name) : NULL;
    case PD_PART_VAE:
      return strip_prefix (&name, self->vae_prefix)
                 ? map_vae (&self->vae, self->vae_is_modern, name)
                 : NULL;
    case PD_PART_TEXT_ENCODER:
      return pd_ldm_text_prefix (name) == self->text_prefix ? pd_ldm_map_text_name (name) : NULL;
    }
  return NULL;
}
