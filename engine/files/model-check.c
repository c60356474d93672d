// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/model-check.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

enum
{
  COLORS = 3, /* of every picture on the host */
};

typedef enum
{
  EQUAL,
  AT_LEAST,
} Comparison;

/* One value of a part, and what it has to be. */
typedef struct
{
  PdCheckpoint *part; /* NULL: the model does not have it */
  const char *key;
  int found;
  Comparison comparison;
  int expected;
  const char *reason; /* where the expected value comes from; translated */
} Relation;

static gboolean
holds (const Relation *relation, GError **error)
{
  if (relation->part == NULL ||
      (relation->comparison == EQUAL ? relation->found == relation->expected
                                     : relation->found >= relation->expected))
    return TRUE;
  pd_error_set_bad_model (error,
                          relation->comparison == EQUAL
                              ? _ ("%s: \"%s\" is %d, expected %d, %s")
                              : _ ("%s: \"%s\" is %d, expected at least %d, %s"),
                          pd_checkpoint_get_path (relation->part), relation->key, relation->found,
                          relation->expected, relation->reason);
  return FALSE;
}

gboolean
pd_model_check_unet (const PdUNetConfig *config, const char *path, GError **error)
{
  if (config->addition == PD_ADDITION_NONE)
    return TRUE;
  pd_error_set_bad_model (error,
                          _ ("%s: this UNet takes pooled text and picture sizes "
                             "(addition_embed_type \"text_time\", SDXL), which is not supported; "
                             "use a Stable Diffusion 1.x model"),
                          path);
  return FALSE;
}

gboolean
pd_model_check (const PdModelFiles *files, const PdTokenizer *tokenizer, GError **error)
{
  static const PdUNetConfig no_unet;
  static const PdVaeConfig no_kl;
  static const PdTinyVaeConfig no_tiny;
  static const PdTextConfig no_text;
  const PdPartFiles *vae = &files->parts[PD_PART_VAE];
  PdCheckpoint *has_unet = files->parts[PD_PART_UNET].checkpoint;
  PdCheckpoint *has_vae = vae->checkpoint;
  PdCheckpoint *has_kl = vae->class == PD_CLASS_AUTOENCODER_KL ? has_vae : NULL;
  PdCheckpoint *has_tiny = vae->class == PD_CLASS_AUTOENCODER_TINY ? has_vae : NULL;
  PdCheckpoint *has_text = files->parts[PD_PART_TEXT_ENCODER].checkpoint;
  const PdUNetConfig *unet = has_unet != NULL ? files->parts[PD_PART_UNET].config : &no_unet;
  const PdVaeConfig *kl = has_kl != NULL ? vae->config : &no_kl;
  const PdTinyVaeConfig *tiny = has_tiny != NULL ? vae->config : &no_tiny;
  const PdTextConfig *text =
      has_text != NULL ? files->parts[PD_PART_TEXT_ENCODER].config : &no_text;
  PdCheckpoint *unet_with_vae = has_vae != NULL ? has_unet : NULL;
  PdCheckpoint *unet_with_text = has_text != NULL ? has_unet : NULL;
  PdCheckpoint *other_vae = has_unet != NULL && vae->is_other ? has_vae : NULL;
  PdCheckpoint *other_text =
      has_unet != NULL && files->parts[PD_PART_TEXT_ENCODER].is_other ? has_text : NULL;
  PdCheckpoint *text_with_tokenizer = tokenizer != NULL ? has_text : NULL;
  int latent_channels = has_kl != NULL ? kl->latent_channels : tiny->latent_channels;
  int n_tokens = tokenizer != NULL ? pd_tokenizer_get_size (tokenizer) : 0;
  const char *colors = _ ("red, green and blue");
  const char *latent = _ ("the autoencoder's latent_channels");
  /* Such a UNet also takes a mask and the latent of a picture. */
  gboolean inpainting = unet->in_channels == 2 * latent_channels + 1;
  const Relation relations[] = {
    { has_kl, "in_channels", kl->in_channels, EQUAL, COLORS, colors },
    { has_kl, "out_channels", kl->out_channels, EQUAL, COLORS, colors },
    { has_tiny, "in_channels", tiny->in_channels, EQUAL, COLORS, colors },
    { has_tiny, "out_channels", tiny->out_channels, EQUAL, COLORS, colors },
    { has_tiny, "number of encoder_block_out_channels", tiny->n_encoder_stages, EQUAL,
      tiny->n_decoder_stages, _ ("the number of decoder_block_out_channels") },
    /* Of two files, the part that was chosen for the model is the one that does not suit. */
    { other_vae, "latent_channels", latent_channels, EQUAL, unet->out_channels,
      _ ("the UNet's out_channels") },
    { other_text, "hidden_size", text->hidden_size, EQUAL, unet->cross_attention_dim,
      _ ("the UNet's cross_attention_dim") },
    { inpainting ? NULL : unet_with_vae, "in_channels", unet->in_channels, EQUAL, latent_channels,
      latent },
    { unet_with_vae, "out_channels", unet->out_channels, EQUAL, latent_channels, latent },
    { unet_with_text, "cross_attention_dim", unet->cross_attention_dim, EQUAL, text->hidden_size,
      _ ("the text encoder's hidden_size") },
    { has_text, "max_position_embeddings", text->max_positions, AT_LEAST, PD_TOKENIZER_CHUNK,
      _ ("the tokens of a prompt's piece") },
    { text_with_tokenizer, "vocab_size", text->vocab_size, AT_LEAST, n_tokens,
      _ ("the number of tokens that the tokenizer knows") },
  };

  if (has_unet != NULL && !pd_model_check_unet (unet, pd_checkpoint_get_path (has_unet), error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (relations); i++)
    if (!holds (&relations[i], error))
      return FALSE;
  return TRUE;
}
