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

/* An inpainting model's UNet also takes a mask and a masked picture. */
static gboolean
check_no_inpainting (const PdModelFiles *files, int latent_channels, GError **error)
{
  int found = files->unet_config.in_channels;

  if (found != 2 * latent_channels + 1)
    return TRUE;
  pd_error_set_bad_model (
      error,
      _ ("%s: \"in_channels\" is %d, expected %d, the autoencoder's latent_channels: models made "
         "for inpainting are not supported yet; use the model that it was made from"),
      pd_checkpoint_get_path (files->unet), found, latent_channels);
  return FALSE;
}

gboolean
pd_model_check (const PdModelFiles *files, const PdTokenizer *tokenizer, GError **error)
{
  const PdUNetConfig *unet = &files->unet_config;
  const PdVaeConfig *vae = &files->vae_config;
  const PdTinyVaeConfig *tiny = &files->tiny_vae_config;
  const PdTextConfig *text = &files->text_config;
  PdCheckpoint *has_vae = files->vae != NULL ? files->vae : files->tiny_vae;
  PdCheckpoint *unet_with_vae = has_vae != NULL ? files->unet : NULL;
  PdCheckpoint *unet_with_text = files->text_encoder != NULL ? files->unet : NULL;
  PdCheckpoint *other_vae = files->unet != NULL && files->other_vae ? has_vae : NULL;
  PdCheckpoint *other_text =
      files->unet != NULL && files->other_text_encoder ? files->text_encoder : NULL;
  PdCheckpoint *text_with_tokenizer = tokenizer != NULL ? files->text_encoder : NULL;
  int latent_channels = files->vae != NULL ? vae->latent_channels : tiny->latent_channels;
  int n_tokens = tokenizer != NULL ? pd_tokenizer_get_size (tokenizer) : 0;
  const char *colors = _ ("red, green and blue");
  const char *latent = _ ("the autoencoder's latent_channels");
  const Relation relations[] = {
    { files->vae, "in_channels", vae->in_channels, EQUAL, COLORS, colors },
    { files->vae, "out_channels", vae->out_channels, EQUAL, COLORS, colors },
    { files->tiny_vae, "in_channels", tiny->in_channels, EQUAL, COLORS, colors },
    { files->tiny_vae, "out_channels", tiny->out_channels, EQUAL, COLORS, colors },
    { files->tiny_vae, "number of encoder_block_out_channels", tiny->n_encoder_stages, EQUAL,
      tiny->n_decoder_stages, _ ("the number of decoder_block_out_channels") },
    /* Of two files, the part that was chosen for the model is the one that does not suit. */
    { other_vae, "latent_channels", latent_channels, EQUAL, unet->out_channels,
      _ ("the UNet's out_channels") },
    { other_text, "hidden_size", text->hidden_size, EQUAL, unet->cross_attention_dim,
      _ ("the UNet's cross_attention_dim") },
    { unet_with_vae, "in_channels", unet->in_channels, EQUAL, latent_channels, latent },
    { unet_with_vae, "out_channels", unet->out_channels, EQUAL, latent_channels, latent },
    { unet_with_text, "cross_attention_dim", unet->cross_attention_dim, EQUAL, text->hidden_size,
      _ ("the text encoder's hidden_size") },
    { files->text_encoder, "max_position_embeddings", text->max_positions, AT_LEAST,
      PD_TOKENIZER_CHUNK, _ ("the tokens of a prompt's piece") },
    { text_with_tokenizer, "vocab_size", text->vocab_size, AT_LEAST, n_tokens,
      _ ("the number of tokens that the tokenizer knows") },
  };

  if (files->unet != NULL &&
      !pd_model_check_unet (unet, pd_checkpoint_get_path (files->unet), error))
    return FALSE;
  if (unet_with_vae != NULL && !check_no_inpainting (files, latent_channels, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (relations); i++)
    if (!holds (&relations[i], error))
      return FALSE;
  return TRUE;
}
