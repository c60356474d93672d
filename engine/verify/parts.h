// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/verify/file.h"

/* The kinds of files of reference tensors. Each computes what its file expects and checks it; an
 * error makes all that has no verdict yet fail. What a function does not know it leaves alone, and
 * it is counted as not covered. @model: a folder of models/. */

/* OP.x etc. → OP.y, where the first part of OP names the operator. */
gboolean pd_verify_ops (PdVerifyFile *file, GError **error);

/* raw.N, ids.N, ids_pad0.N: the ids of prompt N of data/prompts.json. */
gboolean pd_verify_tokenizer (PdVerifyFile *file, GError **error);

/* Cases of data/schedulers.json, with the stand-in model. */
gboolean pd_verify_schedulers (PdVerifyFile *file, GError **error);

/* last.N, pooled.N, hidden.N.J for the ids of data/tokenizer.safetensors. */
gboolean pd_verify_text (PdVerifyFile *file, const char *model, GError **error);

/* caseN.sample, .timestep, .context → caseN.noise_pred; blocks.MODULE; time_proj.T and
 * time_embedding.T. */
gboolean pd_verify_unet (PdVerifyFile *file, const char *model, GError **error);

/* encN.image → encN.mean, encN.logvar; decN.latent → decN.image, decN.MODULE. */
gboolean pd_verify_vae (PdVerifyFile *file, const char *model, GError **error);

/* encN.image → encN.latent; decN.latent → decN.image. */
gboolean pd_verify_tiny_vae (PdVerifyFile *file, const char *model, GError **error);

/* RUN.noise.J → RUN.unet_input0, RUN.unet_output0, RUN.latents, RUN.image; with init_image for
 * image to image, and mask for inpainting. */
gboolean pd_verify_pipeline (PdVerifyFile *file, const char *model, GError **error);
gboolean pd_verify_img2img (PdVerifyFile *file, const char *model, GError **error);
gboolean pd_verify_inpaint (PdVerifyFile *file, const char *model, GError **error);

/* start → KIND.noise0, KIND.mass, KIND.latents of a canvas of overlapping windows; spots,
 * gaussian.weight. */
gboolean pd_verify_windows (PdVerifyFile *file, const char *model, GError **error);

/* gridN.hidden → gridN.norm1 and a self-attention layer's output: full, or in tiles that see none,
 * four, eight or all of the others. */
gboolean pd_verify_tile_attention (PdVerifyFile *file, const char *model, GError **error);

/* content and style → both inverted, in both orders of timesteps; queries, keys and values of
 * self-attention layers; start; and the content drawn again in the look of the style. */
gboolean pd_verify_inversion (PdVerifyFile *file, const char *model, GError **error);

/* block.x → a self-attention layer's output; unet.sample → the network's: plain, and with the first
 * image as the reference of all. */
gboolean pd_verify_style_aligned (PdVerifyFile *file, const char *model, GError **error);

/* The text of prompt @index of data/prompts.json; owned by @prompts, which
 * pd_verify_load_prompts made. */
JsonArray *pd_verify_load_prompts (const PdVerify *verify, GError **error);
const char *pd_verify_prompt (JsonArray *prompts, guint index, GError **error);
