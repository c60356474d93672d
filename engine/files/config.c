// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/config-private.h"

#include <glib/gi18n-lib.h>

int
pd_config_read_channels (PdJsonReader *reader, const char *key, int *out)
{
  if (pd_json_reader_is_null (reader, key))
    pd_json_reader_fail (reader, _ ("\"%s\" is missing"), key);
  return (int) pd_json_reader_ints (reader, key, out, PD_CONFIG_MAX_BLOCKS, 1,
                                    PD_CONFIG_MAX_CHANNELS);
}

void
pd_config_check_groups (PdJsonReader *reader, int groups, const int *channels, int n_channels)
{
  for (int i = 0; i < n_channels; i++)
    if (channels[i] % groups != 0)
      {
        pd_json_reader_fail (
            reader,
            _ ("\"norm_num_groups\" is %d, which does not divide the %d channels of "
               "block %d"),
            groups, channels[i], i);
        return;
      }
}

void
pd_config_refuse (PdJsonReader *reader, const char *key, const char *allowed)
{
  if (pd_json_reader_is_null (reader, key))
    return;
  JsonNode *node = json_object_get_member (reader->object, key);
  if (allowed != NULL && JSON_NODE_HOLDS_VALUE (node) &&
      g_strcmp0 (json_node_get_string (node), allowed) == 0)
    return;
  g_autofree char *found = json_to_string (node, FALSE);
  pd_json_reader_fail (reader, _ ("\"%s\" is %.60s, which is not supported; expected %s"), key,
                       found, allowed != NULL ? allowed : "null");
}

void
pd_config_refuse_true (PdJsonReader *reader, const char *key)
{
  if (pd_json_reader_is_null (reader, key))
    return;
  JsonNode *node = json_object_get_member (reader->object, key);
  gboolean found = FALSE;
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      g_autoptr (GList) entries = json_array_get_elements (json_node_get_array (node));
      for (GList *l = entries; l != NULL; l = l->next)
        found = found || !JSON_NODE_HOLDS_VALUE (l->data) || json_node_get_boolean (l->data);
    }
  else
    found = pd_json_reader_bool (reader, key, FALSE);
  if (found)
    pd_json_reader_fail (reader, _ ("\"%s\" is true, which is not supported; expected false"), key);
}

gboolean
pd_text_config_read (PdTextConfig *self, JsonObject *object, const char *name, GError **error)
{
  static const char *const acts[] = { "quick_gelu", "gelu", NULL };
  PdJsonReader reader = { .name = name, .object = object };
  const char *architecture = NULL;

  *self = (PdTextConfig){ 0 };
  self->vocab_size = pd_json_reader_int (&reader, "vocab_size", 49408, 1, 1000000);
  self->max_positions = pd_json_reader_int (&reader, "max_position_embeddings", 77, 1, 4096);
  self->hidden_size = pd_json_reader_int (&reader, "hidden_size", 512, 1, PD_CONFIG_MAX_CHANNELS);
  self->intermediate_size =
      pd_json_reader_int (&reader, "intermediate_size", 2048, 1, 8 * PD_CONFIG_MAX_CHANNELS);
  self->n_layers = pd_json_reader_int (&reader, "num_hidden_layers", 12, 1, PD_CONFIG_MAX_LAYERS);
  self->n_heads = pd_json_reader_int (&reader, "num_attention_heads", 8, 1, 1024);
  self->act = pd_json_reader_choice (&reader, "hidden_act", PD_TEXT_ACT_QUICK_GELU, acts);
  self->layer_norm_eps = pd_json_reader_double (&reader, "layer_norm_eps", 1e-5, 1e-12, 0.1);
  self->eos_token_id = pd_json_reader_int (&reader, "eos_token_id", 49407, 0, self->vocab_size - 1);

  if (!pd_json_reader_is_null (&reader, "architectures"))
    pd_json_reader_strings (&reader, "architectures", &architecture, 1);
  if (g_strcmp0 (architecture, "CLIPTextModelWithProjection") == 0)
    self->projection_dim =
        pd_json_reader_int (&reader, "projection_dim", 512, 1, PD_CONFIG_MAX_CHANNELS);
  else if (architecture != NULL && !g_str_equal (architecture, "CLIPTextModel"))
    pd_json_reader_fail (
        &reader,
        _ ("the text encoder's class %.60s is not supported, expected CLIPTextModel "
           "or CLIPTextModelWithProjection"),
        architecture);
  if (self->hidden_size % self->n_heads != 0)
    pd_json_reader_fail (&reader,
                         _ ("\"num_attention_heads\" is %d, which does not divide the hidden_size "
                            "of %d"),
                         self->n_heads, self->hidden_size);
  return pd_json_reader_finish (&reader, error);
}

gboolean
pd_vae_config_read (PdVaeConfig *self, JsonObject *object, const char *name, GError **error)
{
  PdJsonReader reader = { .name = name, .object = object };
  const char *types[PD_CONFIG_MAX_BLOCKS];

  *self = (PdVaeConfig){ 0 };
  self->in_channels = pd_json_reader_int (&reader, "in_channels", 3, 1, 64);
  self->out_channels = pd_json_reader_int (&reader, "out_channels", 3, 1, 64);
  self->latent_channels = pd_json_reader_int (&reader, "latent_channels", 4, 1, 1024);
  self->n_blocks =
      pd_config_read_channels (&reader, "block_out_channels", self->block_out_channels);
  self->layers_per_block =
      pd_json_reader_int (&reader, "layers_per_block", 1, 1, PD_CONFIG_MAX_BLOCK_LAYERS);
  self->norm_num_groups =
      pd_json_reader_int (&reader, "norm_num_groups", 32, 1, PD_CONFIG_MAX_CHANNELS);
  self->mid_attention = pd_json_reader_bool (&reader, "mid_block_add_attention", TRUE);
  self->use_quant_conv = pd_json_reader_bool (&reader, "use_quant_conv", TRUE);
  self->use_post_quant_conv = pd_json_reader_bool (&reader, "use_post_quant_conv", TRUE);
  self->scaling_factor = pd_json_reader_double (&reader, "scaling_factor", 0.18215, 1e-6, 1e6);
  self->shift_factor = pd_json_reader_double (&reader, "shift_factor", 0, -1e6, 1e6);
  self->force_upcast = pd_json_reader_bool (&reader, "force_upcast", TRUE);
  self->sample_size = pd_json_reader_int (&reader, "sample_size", 0, 0, 65536);

  pd_config_refuse (&reader, "_class_name", "AutoencoderKL");
  pd_config_refuse (&reader, "act_fn", "silu");
  pd_config_refuse (&reader, "latents_mean", NULL);
  pd_config_refuse (&reader, "latents_std", NULL);
  static const struct
  {
    const char *key, *type;
  } blocks[] = { { "down_block_types", "DownEncoderBlock2D" },
                 { "up_block_types", "UpDecoderBlock2D" } };
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      guint n_types = pd_json_reader_strings (&reader, blocks[i].key, types, G_N_ELEMENTS (types));
      if (n_types > 0 && (int) n_types != self->n_blocks)
        pd_json_reader_fail (&reader, _ ("\"%s\" has %u entries, block_out_channels %d"),
                             blocks[i].key, n_types, self->n_blocks);
      for (guint j = 0; j < n_types; j++)
        if (!g_str_equal (types[j], blocks[i].type))
          pd_json_reader_fail (&reader, _ ("\"%s\" has %.60s, which is not supported; expected %s"),
                               blocks[i].key, types[j], blocks[i].type);
    }
  pd_config_check_groups (&reader, self->norm_num_groups, self->block_out_channels, self->n_blocks);
  return pd_json_reader_finish (&reader, error);
}

gboolean
pd_tiny_vae_config_read (PdTinyVaeConfig *self,
                         JsonObject *object,
                         const char *name,
                         GError **error)
{
  PdJsonReader reader = { .name = name, .object = object };

  *self = (PdTinyVaeConfig){ 0 };
  self->in_channels = pd_json_reader_int (&reader, "in_channels", 3, 1, 64);
  self->out_channels = pd_json_reader_int (&reader, "out_channels", 3, 1, 64);
  self->latent_channels = pd_json_reader_int (&reader, "latent_channels", 4, 1, 1024);
  self->upsampling_factor = pd_json_reader_int (&reader, "upsampling_scaling_factor", 2, 2, 2);
  self->scaling_factor = pd_json_reader_double (&reader, "scaling_factor", 1, 1e-6, 1e6);
  self->latent_magnitude = pd_json_reader_double (&reader, "latent_magnitude", 3, 1e-6, 1e6);
  self->latent_shift = pd_json_reader_double (&reader, "latent_shift", 0.5, -1e6, 1e6);
  pd_config_refuse (&reader, "_class_name", "AutoencoderTiny");
  pd_config_refuse (&reader, "act_fn", "relu");

  self->n_encoder_stages =
      pd_config_read_channels (&reader, "encoder_block_out_channels", self->encoder_channels);
  self->n_decoder_stages =
      pd_config_read_channels (&reader, "decoder_block_out_channels", self->decoder_channels);
  if (reader.error == NULL)
    {
      if (!pd_json_reader_ints_exact (&reader, "num_encoder_blocks", self->encoder_blocks,
                                      self->n_encoder_stages, 1, PD_CONFIG_MAX_LAYERS) ||
          !pd_json_reader_ints_exact (&reader, "num_decoder_blocks", self->decoder_blocks,
                                      self->n_decoder_stages, 1, PD_CONFIG_MAX_LAYERS))
        pd_json_reader_fail (&reader,
                             _ ("\"num_encoder_blocks\" or \"num_decoder_blocks\" is missing"));
    }
  return pd_json_reader_finish (&reader, error);
}

/* @name where it is one of those that are told apart, else "?": nothing of a file is kept for ever.
 */
static const char *
known_class (const char *name)
{
  static const char *const classes[] = {
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
    "UNet2DConditionModel",
    "AutoencoderKL",
    "AutoencoderTiny",
    "CLIPTextModel",
    "CLIPTextModelWithProjection",
    "CLIPTokenizer",
    "PNDMScheduler",
  };
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (name, classes[i]) == 0)
      return classes[i];
  return name != NULL ? "?" : NULL;
}

/* The class of a model_index.json entry, ["library", "class"]; [null, null] is an absent part. */
static const char *
read_component (PdJsonReader *reader, const char *key)
{
  if (pd_json_reader_is_null (reader, key))
    return NULL;
  JsonNode *node = json_object_get_member (reader->object, key);
  JsonArray *pair = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (pair != NULL && json_array_get_length (pair) == 2)
    {
      JsonNode *class_node = json_array_get_element (pair, 1);
      if (JSON_NODE_HOLDS_NULL (class_node))
        return NULL;
      if (JSON_NODE_HOLDS_VALUE (class_node) &&
          json_node_get_value_type (class_node) == G_TYPE_STRING)
        return known_class (json_node_get_string (class_node));
    }
  pd_json_reader_fail (
      reader, _ ("\"%s\" is not a pair of library and class, such as [\"diffusers\", \"…\"]"), key);
  return NULL;
}

gboolean
pd_pipeline_config_read (PdPipelineConfig *self,
                         JsonObject *object,
                         const char *name,
                         GError **error)
{
  PdJsonReader reader = { .name = name, .object = object };
  *self = (PdPipelineConfig){
    .level_strength = pd_json_reader_double (&reader, "level_strength", 0, 0, 1),
    .class_name = known_class (pd_json_reader_string (&reader, "_class_name")),
    .unet = read_component (&reader, "unet"),
    .vae = read_component (&reader, "vae"),
    .text_encoder = read_component (&reader, "text_encoder"),
    .text_encoder_2 = read_component (&reader, "text_encoder_2"),
    .tokenizer = read_component (&reader, "tokenizer"),
    .scheduler = read_component (&reader, "scheduler"),
  };
  return pd_json_reader_finish (&reader, error);
}

const char *
pd_config_read_class (JsonObject *object, const char *name, GError **error)
{
  PdJsonReader reader = { .name = name, .object = object };
  const char *class_name = pd_json_reader_string (&reader, "_class_name");
  if (class_name == NULL)
    pd_json_reader_strings (&reader, "architectures", &class_name, 1);
  return pd_json_reader_finish (&reader, error) ? class_name : NULL;
}

char *
pd_config_load_class (const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  if (root == NULL)
    return NULL;
  return g_strdup (pd_config_read_class (json_node_get_object (root), path, error));
}
