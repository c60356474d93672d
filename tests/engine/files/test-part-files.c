// SPDX-License-Identifier: GPL-3.0-or-later
/* Parts of a model that come from files of their own. */
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/model-check.h"
#include "engine/files/model-files.h"
#include "tests/fixtures/model-fixture.h"

/* A VAE of three levels with sizes of its own, as CompVis and as diffusers name its tensors. */
static const struct
{
  const char *ldm, *diffusers, *shape;
} VAE[] = {
  { "decoder.conv_in.weight", "decoder.conv_in.weight", "96,4,3,3" },
  { "decoder.conv_out.weight", "decoder.conv_out.weight", "3,32,3,3" },
  { "decoder.up.0.block.0.conv1.weight", "decoder.up_blocks.2.resnets.0.conv1.weight",
    "32,64,3,3" },
  { "decoder.up.0.block.1.conv1.weight", "decoder.up_blocks.2.resnets.1.conv1.weight",
    "32,32,3,3" },
  { "decoder.up.1.block.0.conv1.weight", "decoder.up_blocks.1.resnets.0.conv1.weight",
    "64,96,3,3" },
  { "decoder.up.1.block.1.conv1.weight", "decoder.up_blocks.1.resnets.1.conv1.weight",
    "64,64,3,3" },
  { "decoder.up.1.upsample.conv.weight", "decoder.up_blocks.1.upsamplers.0.conv.weight",
    "64,64,3,3" },
  { "decoder.up.2.block.0.conv1.weight", "decoder.up_blocks.0.resnets.0.conv1.weight",
    "96,96,3,3" },
  { "decoder.up.2.block.1.conv1.weight", "decoder.up_blocks.0.resnets.1.conv1.weight",
    "96,96,3,3" },
  { "decoder.mid.attn_1.q.weight", "decoder.mid_block.attentions.0.query.weight", "96,96" },
  { "encoder.conv_in.weight", "encoder.conv_in.weight", "32,3,3,3" },
  { "post_quant_conv.weight", "post_quant_conv.weight", "4,4,1,1" },
};

static const struct
{
  const char *name, *shape;
} TEXT[] = {
  { "embeddings.token_embedding.weight", "49408,128" },
  { "embeddings.position_embedding.weight", "77,128" },
  { "encoder.layers.0.mlp.fc1.weight", "256,128" },
  { "encoder.layers.0.layer_norm1.weight", "128" },
  { "encoder.layers.1.layer_norm1.weight", "128" },
};

static char *folder;

static char *
write_vae (const char *name, const char *prefix, gboolean diffusers, const char *latent_channels)
{
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  for (guint i = 0; i < G_N_ELEMENTS (VAE); i++)
    {
      g_autofree char *tensor =
          g_strconcat (prefix, diffusers ? VAE[i].diffusers : VAE[i].ldm, NULL);
      g_autofree char *shape = g_strdup_printf ("96,%s,3,3", latent_channels);
      pd_fixture_header_add (&header, tensor, i == 0 ? shape : VAE[i].shape);
    }
  return pd_fixture_header_write (&header, folder, name);
}

static char *
write_text (const char *name, const char *prefix, const char *width)
{
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  for (guint i = 0; i < G_N_ELEMENTS (TEXT); i++)
    {
      g_autofree char *tensor = g_strconcat (prefix, TEXT[i].name, NULL);
      g_autoptr (GString) shape = g_string_new (TEXT[i].shape);
      g_string_replace (shape, "128", width, 0);
      pd_fixture_header_add (&header, tensor, shape->str);
    }
  return pd_fixture_header_write (&header, folder, name);
}

/* A checkpoint in which the names that begin with @lacks are others. */
static char *
write_checkpoint (const char *name, const char *lacks)
{
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add_ldm (&header);
  if (lacks != NULL)
    g_string_replace (header.header, lacks, "something_else.", 0);
  g_string_replace (header.header, "64,9,3,3", "144,4,3,3", 0);
  return pd_fixture_header_write (&header, folder, name);
}

static PdModelFiles *
open_with (const char *path, const char *vae, const char *text_encoder)
{
  const PdModelParts parts = { vae, text_encoder };
  g_autoptr (GError) error = NULL;
  PdModelFiles *files = pd_model_files_open_with_parts (path, &parts, &error);
  g_assert_no_error (error);
  return files;
}

static void
refuse (const char *path, const char *vae, const char *text_encoder, const char *fragments)
{
  const PdModelParts parts = { vae, text_encoder };
  g_autoptr (GError) error = NULL;
  g_assert_null (pd_model_files_open_with_parts (path, &parts, &error));
  g_test_message ("%s", error->message);
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, fragments);
}

/* All namings of a VAE mean the same. */
static void
test_vae_names (void)
{
  static const char *const prefixes[] = { "", "first_stage_model.", "vae." };
  g_autofree char *model = write_checkpoint ("model.safetensors", "first_stage_model.");
  for (guint i = 0; i < 2 * G_N_ELEMENTS (prefixes); i++)
    {
      g_autofree char *path = write_vae ("some.safetensors", prefixes[i / 2], i % 2 != 0, "4");
      g_autoptr (PdModelFiles) files = open_with (model, path, NULL);
      const PdPartFiles *part = &files->parts[PD_PART_VAE];
      const PdVaeConfig *vae = part->config;
      g_assert_true (part->class == PD_CLASS_AUTOENCODER_KL && part->is_other);
      g_assert_cmpstr (pd_checkpoint_get_path (part->checkpoint), ==, path);
      g_assert_cmpint (vae->n_blocks, ==, 3);
      g_assert_cmpint (vae->block_out_channels[0], ==, 32);
      g_assert_cmpint (vae->block_out_channels[1], ==, 64);
      g_assert_cmpint (vae->block_out_channels[2], ==, 96);
      g_assert_cmpint (vae->layers_per_block, ==, 1);
      g_assert_cmpint (vae->latent_channels, ==, 4);
      g_assert_true (vae->mid_attention && vae->use_post_quant_conv && !vae->use_quant_conv);
      g_autoptr (GPtrArray) names = pd_checkpoint_list (part->checkpoint);
      g_assert_cmpuint (names->len, ==, G_N_ELEMENTS (VAE));
      g_assert_true (
          pd_checkpoint_has (part->checkpoint, "decoder.up_blocks.0.resnets.1.conv1.weight"));
      g_assert_true (
          pd_checkpoint_has (part->checkpoint, "decoder.mid_block.attentions.0.to_q.weight"));
      g_assert_true (pd_model_check (files, NULL, NULL));
    }
}

static void
test_text_names (void)
{
  static const char *const prefixes[] = { "", "text_model.", "cond_stage_model.transformer.",
                                          "clip_l.transformer.text_model." };
  g_autofree char *model = write_checkpoint ("model.safetensors", "cond_stage_model.");
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      g_autofree char *path = write_text ("some.safetensors", prefixes[i], "128");
      g_autoptr (PdModelFiles) files = open_with (model, NULL, path);
      const PdPartFiles *part = &files->parts[PD_PART_TEXT_ENCODER];
      const PdTextConfig *text = part->config;
      g_assert_true (part->is_other && !files->parts[PD_PART_VAE].is_other);
      g_assert_cmpint (text->hidden_size, ==, 128);
      g_assert_cmpint (text->n_layers, ==, 2);
      g_assert_true (
          pd_checkpoint_has (part->checkpoint, "text_model.embeddings.token_embedding.weight"));
      g_assert_true (pd_model_check (files, NULL, NULL));
    }
}

/* A whole model, a part's folder and a model's folder stand for the part in them; what the model
 * has of its own is not looked at. */
static void
test_places (void)
{
  g_autofree char *vae = write_vae ("ft/diffusion_pytorch_model.safetensors", "", TRUE, "4");
  g_autofree char *ft = g_build_filename (folder, "ft", NULL);
  g_autofree char *config = pd_fixture_write (
      folder, "ft/config.json",
      "{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":[32,64,96],\"latent_channels\":4,"
      "\"layers_per_block\":1,\"norm_num_groups\":16,\"use_quant_conv\":false}",
      -1);
  g_autofree char *tiny =
      pd_fixture_write (folder, "taesd/vae/config.json",
                        "{\"_class_name\":\"AutoencoderTiny\",\"encoder_block_out_channels\":[8,8],"
                        "\"decoder_block_out_channels\":[8,8],\"num_encoder_blocks\":[1,2],"
                        "\"num_decoder_blocks\":[2,1]}",
                        -1);
  PdFixtureHeader header;
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "decoder.layers.0.weight", "64,4,3,3");
  g_autofree char *tiny_file =
      pd_fixture_header_write (&header, folder, "taesd/vae/diffusion_pytorch_model.safetensors");
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "decoder.layers.0.weight", "64,4,3,3");
  g_autofree char *lone = pd_fixture_header_write (&header, folder, "lone.safetensors");
  g_autofree char *taesd = g_build_filename (folder, "taesd", NULL);
  g_autofree char *donor = write_checkpoint ("donor.safetensors", NULL);
  /* 2304 latent channels, more than any has */
  pd_fixture_header_init (&header);
  pd_fixture_header_add_ldm (&header);
  g_string_replace (header.header, "64,4,3,3", "1,2304,1,1", 0);
  g_autofree char *broken = pd_fixture_header_write (&header, folder, "broken.safetensors");
  const struct
  {
    const char *vae;
    int levels, groups; /* 0 levels: tiny; its channels */
  } cases[] = {
    { donor, 2, 32 }, { ft, 3, 16 },       { vae, 3, 16 },
    { taesd, 0, 8 },  { tiny_file, 0, 8 }, { lone, 0, 64 },
  };
  refuse (broken, NULL, NULL, "first_stage_model.decoder.conv_in.weight 2304");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].vae);
      g_autoptr (PdModelFiles) files = open_with (broken, cases[i].vae, "");
      g_assert_true (files->parts[PD_PART_VAE].is_other &&
                     !files->parts[PD_PART_TEXT_ENCODER].is_other);
      if (cases[i].levels == 0)
        {
          const PdTinyVaeConfig *sizes = files->parts[PD_PART_VAE].config;
          g_assert_cmpint (files->parts[PD_PART_VAE].class, ==, PD_CLASS_AUTOENCODER_TINY);
          g_assert_cmpint (sizes->latent_channels, ==, 4);
          g_assert_cmpint (sizes->decoder_channels[1], ==, cases[i].groups);
          continue;
        }
      const PdVaeConfig *sizes = files->parts[PD_PART_VAE].config;
      g_assert_cmpint (sizes->n_blocks, ==, cases[i].levels);
      g_assert_cmpint (sizes->norm_num_groups, ==, cases[i].groups);
    }
}

/* A CLIP model, of which the text encoder is one half. */
static void
test_clip (void)
{
  g_autofree char *model = write_checkpoint ("model.safetensors", "cond_stage_model.");
  g_autofree char *clip = g_build_filename (folder, "clip", NULL);
  PdFixtureHeader header;
  g_free (pd_fixture_write (folder, "clip/config.json",
                            "{\"architectures\":[\"CLIPModel\"],\"projection_dim\":768}", -1));
  pd_fixture_header_init (&header);
  pd_fixture_header_add (&header, "logit_scale", "1");
  pd_fixture_header_add (&header, "vision_model.embeddings.class_embedding", "1024");
  pd_fixture_header_add (&header, "vision_model.encoder.layers.7.layer_norm1.weight", "1024");
  for (guint i = 0; i < G_N_ELEMENTS (TEXT); i++)
    {
      g_autofree char *tensor = g_strconcat ("text_model.", TEXT[i].name, NULL);
      pd_fixture_header_add (&header, tensor, TEXT[i].shape);
    }
  g_free (pd_fixture_header_write (&header, folder, "clip/model.safetensors"));
  g_autoptr (PdModelFiles) files = open_with (model, NULL, clip);
  const PdTextConfig *text_config = files->parts[PD_PART_TEXT_ENCODER].config;
  g_assert_cmpint (text_config->n_layers, ==, 2);
  g_assert_false (
      pd_checkpoint_has_prefix (files->parts[PD_PART_TEXT_ENCODER].checkpoint, "vision"));
  g_assert_true (pd_model_check (files, NULL, NULL));
}

static void
test_beside (void)
{
  static const char config[] =
      "{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":[32,64,96],\"latent_channels\":4,"
      "\"layers_per_block\":1,\"use_quant_conv\":false}";
  g_autoptr (GError) error = NULL;
  g_autofree char *path = write_checkpoint ("half.safetensors", "first_stage_model.");
  g_autofree char *text = write_checkpoint ("mute.safetensors", "cond_stage_model.transformer.");
  g_autofree char *folder_beside = g_build_filename (folder, "half", NULL);

  /* there is no autoencoder, and then only what cannot be read */
  g_autoptr (PdModelFiles) none = open_with (path, NULL, NULL);
  g_assert_null (none->parts[PD_PART_VAE].checkpoint);
  g_assert_false (pd_model_files_require (none, PD_PART_VAE, &error));
  g_test_message ("%s", error->message);
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                     "half.safetensors: vae --vae half.vae.safetensors");
  g_free (pd_fixture_write (folder, "half/vae/config.json", config, -1));
  g_autoptr (PdModelFiles) configs = open_with (path, NULL, NULL);
  g_assert_null (configs->parts[PD_PART_VAE].checkpoint);
  g_free (pd_fixture_write (folder, "half.vae.pt", "PK", -1));
  refuse (path, NULL, NULL, "half.vae.pt PyTorch convert half.vae.safetensors");

  /* a folder, then a file, which comes first; both only if none is named */
  g_autofree char *inner =
      write_vae ("half/vae/diffusion_pytorch_model.safetensors", "", TRUE, "4");
  g_autoptr (PdModelFiles) from_folder = open_with (path, NULL, NULL);
  g_assert_cmpstr (pd_checkpoint_get_path (from_folder->parts[PD_PART_VAE].checkpoint), ==, inner);
  g_assert_true (from_folder->parts[PD_PART_VAE].is_other);
  g_autofree char *file = write_vae ("half.vae.safetensors", "first_stage_model.", FALSE, "4");
  g_autoptr (PdModelFiles) from_file = open_with (path, NULL, NULL);
  g_assert_cmpstr (pd_checkpoint_get_path (from_file->parts[PD_PART_VAE].checkpoint), ==, file);
  g_autoptr (PdModelFiles) named = open_with (path, inner, NULL);
  g_assert_cmpstr (pd_checkpoint_get_path (named->parts[PD_PART_VAE].checkpoint), ==, inner);

  g_autoptr (PdModelFiles) silent = open_with (text, NULL, NULL);
  g_assert_false (pd_model_files_require (silent, PD_PART_TEXT_ENCODER, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                     "mute.safetensors: text_encoder --text-encoder mute.text_encoder.safetensors");
  g_autofree char *words = write_text ("mute.text_encoder.safetensors", "text_model.", "128");
  g_autoptr (PdModelFiles) with_text = open_with (text, NULL, NULL);
  g_assert_cmpstr (pd_checkpoint_get_path (with_text->parts[PD_PART_TEXT_ENCODER].checkpoint), ==,
                   words);
}

/* What is not the part that it is named as, and what does not go with the model. */
static void
test_refused (void)
{
  g_autofree char *model = write_checkpoint ("model.safetensors", NULL);
  g_autofree char *text = write_text ("text.safetensors", "text_model.", "128");
  g_autofree char *wide = write_text ("wide.safetensors", "", "768");
  g_autofree char *vae = write_vae ("vae.safetensors", "", FALSE, "4");
  g_autofree char *deep = write_vae ("deep.safetensors", "", TRUE, "16");
  g_autofree char *absent = g_build_filename (folder, "absent.safetensors", NULL);
  g_autofree char *pickle =
      pd_fixture_write (folder, "old.vae.pt", "PK\003\004 and more of it", -1);
  g_autofree char *unet_config = pd_fixture_write (
      folder, "net/config.json", "{\"_class_name\":\"UNet2DConditionModel\"}", -1);
  g_autofree char *net = g_build_filename (folder, "net", NULL);
  g_autofree char *empty = pd_fixture_write (folder, "empty/read.me", "", 0);
  g_autofree char *nothing = g_path_get_dirname (empty);
  g_autoptr (GError) error = NULL;

  refuse (model, text, NULL, "text.safetensors: autoencoder --vae");
  refuse (model, NULL, vae, "vae.safetensors: text encoder --text-encoder");
  refuse (model, absent, NULL, "absent.safetensors");
  refuse (model, pickle, NULL, "old.vae.pt PyTorch convert");
  refuse (model, net, NULL, "net: vae config.json");
  g_free (write_text ("net/x.safetensors", "text_model.", "128"));
  refuse (model, net, NULL, "net/x.safetensors: autoencoder --vae");
  refuse (model, nothing, NULL, "empty: vae config.json");

  g_autoptr (PdModelFiles) sixteen = open_with (model, deep, NULL);
  g_assert_false (pd_model_check (sixteen, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                     "deep.safetensors: \"latent_channels\" is 16, expected 4, UNet");
  g_autoptr (PdModelFiles) other = open_with (model, NULL, wide);
  g_assert_false (pd_model_check (other, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL,
                     "wide.safetensors: \"hidden_size\" is 768, expected 128, cross_attention_dim");
}

static void
run (gconstpointer test)
{
  folder = pd_fixture_folder ();
  ((void (*) (void)) test) ();
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/part-files/vae-names", test_vae_names, run);
  g_test_add_data_func ("/part-files/text-names", test_text_names, run);
  g_test_add_data_func ("/part-files/places", test_places, run);
  g_test_add_data_func ("/part-files/clip", test_clip, run);
  g_test_add_data_func ("/part-files/beside", test_beside, run);
  g_test_add_data_func ("/part-files/refused", test_refused, run);
  return g_test_run ();
}
