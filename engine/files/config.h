// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The sizes and constants of model parts, from the config.json files of the diffusers and
 * transformers layouts. Absent keys take the defaults of the classes they configure. Every value is
 * checked: a part that reads without error can be built, or is refused here by name, key and value
 * (PD_ERROR_BAD_MODEL). Plain data: copy freely, nothing to free.
 *
 * Each has pd_…_config_load (the path of a JSON file) and pd_…_config_read (a parsed object; @name
 * begins the messages). */

struct _JsonObject;

enum
{
  PD_CONFIG_MAX_BLOCKS = 8,
  PD_CONFIG_MAX_BLOCK_LAYERS = 15, /* layers_per_block */
};

typedef enum
{
  PD_TEXT_ACT_QUICK_GELU, /* x · sigmoid (1.702 x) */
  PD_TEXT_ACT_GELU,       /* exact, with erf */
} PdTextAct;

/* transformers' CLIPTextModel and CLIPTextModelWithProjection */
typedef struct
{
  int vocab_size, max_positions;
  int hidden_size, intermediate_size, n_layers, n_heads;
  int projection_dim; /* 0 without projection */
  PdTextAct act;
  double layer_norm_eps;
  /* 2 is the legacy value of published files: pool at the largest id. Otherwise pool at the first
   * occurrence of this id. The ids a prompt starts and ends with come from the tokenizer. */
  int eos_token_id;
} PdTextConfig;

typedef enum
{
  PD_ADDITION_NONE,
  PD_ADDITION_TEXT_TIME, /* SDXL: pooled text and six sizes join the timestep embedding */
} PdAddition;

/* diffusers' UNet2DConditionModel */
typedef struct
{
  int in_channels, out_channels;
  int sample_size; /* latent pixels per side it was trained at; 0: not stated */

  /* Per level, 0 = full resolution. Down block i is level i, up block j is level n_blocks-1-j and
   * has one layer more. The middle block has the last level's values. */
  int n_blocks;
  int block_out_channels[PD_CONFIG_MAX_BLOCKS];
  int layers_per_block[PD_CONFIG_MAX_BLOCKS];
  int heads[PD_CONFIG_MAX_BLOCKS]; /* attention heads; head size = channels / heads */
  int transformer_layers[PD_CONFIG_MAX_BLOCKS];

  gboolean down_attention[PD_CONFIG_MAX_BLOCKS]; /* per down block */
  gboolean up_attention[PD_CONFIG_MAX_BLOCKS];   /* per up block */
  gboolean mid_attention; /* FALSE: the middle is a single resnet (UNetMidBlock2D) */

  int cross_attention_dim;
  gboolean use_linear_projection; /* proj_in/out are linear layers, not 1×1 convolutions */
  int norm_num_groups;
  double norm_eps; /* of resnets and conv_norm_out; the transformers' group norm has 1e-6 */
  int downsample_padding;

  gboolean flip_sin_to_cos;
  double freq_shift;
  int time_embed_dim; /* width of the timestep embedding after its first linear layer */

  PdAddition addition;
  int addition_time_embed_dim;    /* 0 without addition */
  int projection_class_input_dim; /* 0 without addition */
} PdUNetConfig;

/* diffusers' AutoencoderKL */
typedef struct
{
  int in_channels, out_channels, latent_channels;
  int n_blocks; /* the scale is 2^(n_blocks - 1) */
  int block_out_channels[PD_CONFIG_MAX_BLOCKS];
  int layers_per_block; /* of the encoder; the decoder has one more */
  int norm_num_groups;  /* eps is 1e-6 */
  gboolean mid_attention;
  gboolean use_quant_conv, use_post_quant_conv;
  double scaling_factor, shift_factor; /* latent = (mean - shift_factor) · scaling_factor */
  gboolean force_upcast;               /* activations can exceed the range of f16 */
  int sample_size;                     /* pixels per side it was trained at; 0: not stated */
} PdVaeConfig;

/* diffusers' AutoencoderTiny. Stage i of the encoder begins with a convolution (stride 2 from the
 * second on), stage i of the decoder ends with one (after nearest upsampling but for the last). */
typedef struct
{
  int in_channels, out_channels, latent_channels;
  int n_encoder_stages, n_decoder_stages;
  int encoder_channels[PD_CONFIG_MAX_BLOCKS], encoder_blocks[PD_CONFIG_MAX_BLOCKS];
  int decoder_channels[PD_CONFIG_MAX_BLOCKS], decoder_blocks[PD_CONFIG_MAX_BLOCKS];
  int upsampling_factor; /* per stage */
  double scaling_factor;
  double latent_magnitude, latent_shift; /* only for storing latents as pictures */
} PdTinyVaeConfig;

/* model_index.json: class names that are known, "?" for others, NULL for what the pipeline does not
 * have. Constants. */
typedef struct
{
  double level_strength; /* that suits the model, see pd_level_strength; 0: it does not say */
  const char *class_name;
  const char *unet, *vae, *text_encoder, *text_encoder_2, *tokenizer, *scheduler;
} PdPipelineConfig;

gboolean pd_text_config_load (PdTextConfig *self, const char *path, GError **error);
gboolean pd_text_config_read (PdTextConfig *self,
                              struct _JsonObject *object,
                              const char *name,
                              GError **error);

gboolean pd_unet_config_load (PdUNetConfig *self, const char *path, GError **error);
gboolean pd_unet_config_read (PdUNetConfig *self,
                              struct _JsonObject *object,
                              const char *name,
                              GError **error);

gboolean pd_vae_config_load (PdVaeConfig *self, const char *path, GError **error);
gboolean pd_vae_config_read (PdVaeConfig *self,
                             struct _JsonObject *object,
                             const char *name,
                             GError **error);

gboolean pd_tiny_vae_config_load (PdTinyVaeConfig *self, const char *path, GError **error);
gboolean pd_tiny_vae_config_read (PdTinyVaeConfig *self,
                                  struct _JsonObject *object,
                                  const char *name,
                                  GError **error);

gboolean pd_pipeline_config_load (PdPipelineConfig *self, const char *path, GError **error);
gboolean pd_pipeline_config_read (PdPipelineConfig *self,
                                  struct _JsonObject *object,
                                  const char *name,
                                  GError **error);

/* "_class_name" of a config.json, or the first of "architectures"; NULL if it has none or on error.
 * Free with g_free. */
char *pd_config_load_class (const char *path, GError **error);
/* The same of a parsed object, which owns what is returned. */
const char *pd_config_read_class (struct _JsonObject *object, const char *name, GError **error);
