// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/bench/work.h"

double
pd_work_total (const PdWork *self)
{
  return self->convolution + self->linear + self->attention;
}

static void
add_conv (PdWork *work, double pixels, double in, double out)
{
  work->convolution += 2 * pixels * 9 * in * out;
}

static void
add_linear (PdWork *work, double rows, double in, double out)
{
  work->linear += 2 * rows * in * out;
}

static void
add_attention (PdWork *work, double queries, double keys, double channels)
{
  work->attention += 4 * queries * keys * channels;
}

/* @time: width of the time embedding, 0 without. */
static void
add_resnet (PdWork *work, double images, double pixels, guint in, guint out, guint time)
{
  add_conv (work, images * pixels, in, out);
  add_conv (work, images * pixels, out, out);
  add_linear (work, images, time, out);
  if (in != out)
    add_linear (work, images * pixels, in, out);
}

static void
add_transformer (PdWork *work,
                 double images,
                 double pixels,
                 guint channels,
                 guint context,
                 guint tokens,
                 guint n_blocks)
{
  double rows = images * pixels;

  add_linear (work, rows, channels, channels); /* proj_in */
  add_linear (work, rows, channels, channels); /* proj_out */
  for (guint i = 0; i < n_blocks; i++)
    {
      for (guint projection = 0; projection < 6; projection++) /* q, k, v, out; q, out */
        add_linear (work, rows, channels, channels);
      add_linear (work, images * tokens, context, 2 * channels);
      add_attention (work, rows, pixels, channels);
      add_attention (work, rows, tokens, channels);
      add_linear (work, rows, channels, 8 * channels);
      add_linear (work, rows, 4 * channels, channels);
    }
}

PdWork
pd_work_of_unet (const PdUNetConfig *config, guint n, guint h, guint w, guint tokens)
{
  PdWork work = { 0 };
  guint skips[PD_CONFIG_MAX_BLOCKS * 18], n_skips = 0;
  double pixels[PD_CONFIG_MAX_BLOCKS];
  guint last = config->n_blocks - 1, channels = config->block_out_channels[0];
  guint time = config->time_embed_dim, context = config->cross_attention_dim;

  for (guint level = 0; level <= last; level++)
    {
      pixels[level] = (double) h * w;
      h = (h + 1) / 2;
      w = (w + 1) / 2;
    }
  add_linear (&work, n, channels, time);
  add_linear (&work, n, time, time);
  add_conv (&work, n * pixels[0], config->in_channels, channels);
  skips[n_skips++] = channels;
  for (guint level = 0; level <= last; level++)
    {
      guint out = config->block_out_channels[level];

      for (int i = 0; i < config->layers_per_block[level]; i++)
        {
          add_resnet (&work, n, pixels[level], channels, out, time);
          if (config->down_attention[level])
            add_transformer (&work, n, pixels[level], out, context, tokens,
                             config->transformer_layers[level]);
          skips[n_skips++] = channels = out;
        }
      if (level < last)
        {
          add_conv (&work, n * pixels[level + 1], out, out);
          skips[n_skips++] = out;
        }
    }
  add_resnet (&work, n, pixels[last], channels, channels, time);
  if (config->mid_attention)
    {
      add_transformer (&work, n, pixels[last], channels, context, tokens,
                       config->transformer_layers[last]);
      add_resnet (&work, n, pixels[last], channels, channels, time);
    }
  for (guint block = 0; block <= last; block++)
    {
      guint level = last - block, out = config->block_out_channels[level];

      for (int i = 0; i <= config->layers_per_block[level]; i++)
        {
          add_resnet (&work, n, pixels[level], channels + skips[--n_skips], out, time);
          if (config->up_attention[block])
            add_transformer (&work, n, pixels[level], out, context, tokens,
                             config->transformer_layers[level]);
          channels = out;
        }
      if (level > 0)
        add_conv (&work, n * pixels[level - 1], out, out);
    }
  add_conv (&work, n * pixels[0], channels, config->out_channels);
  return work;
}

PdWork
pd_work_of_vae_decoder (const PdVaeConfig *config, guint h, guint w)
{
  PdWork work = { 0 };
  double pixels = (double) h * w;
  guint channels = config->block_out_channels[config->n_blocks - 1];

  if (config->use_post_quant_conv)
    add_linear (&work, pixels, config->latent_channels, config->latent_channels);
  add_conv (&work, pixels, config->latent_channels, channels);
  add_resnet (&work, 1, pixels, channels, channels, 0);
  add_resnet (&work, 1, pixels, channels, channels, 0);
  if (config->mid_attention)
    {
      for (guint projection = 0; projection < 4; projection++)
        add_linear (&work, pixels, channels, channels);
      add_attention (&work, pixels, pixels, channels);
    }
  for (int block = config->n_blocks - 1; block >= 0; block--)
    {
      guint out = config->block_out_channels[block];

      for (int i = 0; i <= config->layers_per_block; i++)
        {
          add_resnet (&work, 1, pixels, channels, out, 0);
          channels = out;
        }
      if (block > 0)
        {
          pixels *= 4;
          add_conv (&work, pixels, out, out);
        }
    }
  add_conv (&work, pixels, channels, config->out_channels);
  return work;
}

PdWork
pd_work_of_tiny_vae_decoder (const PdTinyVaeConfig *config, guint h, guint w)
{
  PdWork work = { 0 };
  double pixels = (double) h * w;
  int last = config->n_decoder_stages - 1;

  add_conv (&work, pixels, config->latent_channels, config->decoder_channels[0]);
  for (int stage = 0; stage <= last; stage++)
    {
      guint channels = config->decoder_channels[stage];

      for (int i = 0; i < 3 * config->decoder_blocks[stage]; i++)
        add_conv (&work, pixels, channels, channels);
      if (stage < last)
        pixels *= (double) config->upsampling_factor * config->upsampling_factor;
      add_conv (&work, pixels, channels, stage < last ? channels : (guint) config->out_channels);
    }
  return work;
}

PdWork
pd_work_of_text_encoder (const PdTextConfig *config, guint tokens)
{
  PdWork work = { 0 };

  for (int i = 0; i < config->n_layers; i++)
    {
      for (guint projection = 0; projection < 4; projection++)
        add_linear (&work, tokens, config->hidden_size, config->hidden_size);
      add_linear (&work, tokens, config->hidden_size, config->intermediate_size);
      add_linear (&work, tokens, config->intermediate_size, config->hidden_size);
      add_attention (&work, tokens, tokens, config->hidden_size);
    }
  return work;
}
