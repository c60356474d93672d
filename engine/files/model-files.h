// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/checkpoint.h"
#include "engine/files/config.h"
#include "engine/files/tokenizer.h"

typedef enum
{
  PD_LAYOUT_DIFFUSERS,   /* a pipeline's folder, or the folder of one part */
  PD_LAYOUT_SINGLE_FILE, /* one .safetensors file with CompVis/LDM names, SD 1.x */
} PdModelLayout;

/* Where parts are that the model does not have, or has others of: a .safetensors file with tensors
 * under the names of diffusers or of CompVis, with or without what whole files put before them; a
 * folder with config.json and weights; or a whole model. NULL or "": the model's own. Borrowed. */
typedef struct
{
  const char *vae, *text_encoder;
} PdModelParts;

/* What a part is; it tells the type of its config. */
typedef enum
{
  PD_CLASS_NONE,
  PD_CLASS_UNET_2D_CONDITION, /* PdUNetConfig */
  PD_CLASS_AUTOENCODER_KL,    /* PdVaeConfig */
  PD_CLASS_AUTOENCODER_TINY,  /* PdTinyVaeConfig */
  PD_CLASS_CLIP_TEXT,         /* PdTextConfig */
} PdNetworkClass;

/* A network of a model. All members are zero if the model does not have it. */
typedef struct
{
  PdNetworkClass class;
  PdCheckpoint *checkpoint;
  gconstpointer config;
  gboolean is_other; /* it comes from elsewhere than the model's path */
} PdPartFiles;

/* What a model on disk holds, whatever its layout. Read-only for users. */
typedef struct
{
  char *path;
  PdModelLayout layout;
  PdPipelineConfig pipeline;

  PdPartFiles parts[PD_N_PARTS];

  struct _JsonNode *scheduler; /* the object of scheduler_config.json; NULL: none */

  GPtrArray *notes; /* of char *: what is worth knowing and no failure */

  char *tokenizer_folder; /* NULL: none; CLIP's vocabulary is then used if it suits */
} PdModelFiles;

/* Opens
 *   the folder of a repository in the hub's cache (hub-cache.h), which stands for what follows;
 *   a folder with model_index.json and/or unet/, vae/, text_encoder/, scheduler/, tokenizer/;
 *   a folder with config.json and weights: one part (a UNet, an AutoencoderKL, an AutoencoderTiny
 *   or a CLIP text encoder);
 *   NAME.safetensors in the CompVis/LDM layout of SD 1.x. Sizes come from its tensors. What they do
 *   not tell (head counts, groups of the group norms, schedule) comes from the config.json files of
 *   @config_folder, or if that is NULL of the folder NAME/ beside the file, both laid out as a
 *   pipeline's folder, or else is what was published for SD 1.x. A VAE or text encoder that the
 * file lacks is taken from beside it: NAME.vae.safetensors (NAME.text_encoder.safetensors), or the
 *   folder NAME/vae/ (NAME/text_encoder/) if it has weights.
 * Can be cancelled by the thread's current cancellable (g_cancellable_push_current). Fails with
 * PD_ERROR_BAD_MODEL, G_IO_ERROR_CANCELLED. */
PdModelFiles *pd_model_files_open (const char *path, const char *config_folder, GError **error);

/* The same with @parts (may be NULL) from elsewhere; those of the model itself are not looked at.
 */
PdModelFiles *
pd_model_files_open_with_parts (const char *path, const PdModelParts *parts, GError **error);

void pd_model_files_free (PdModelFiles *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdModelFiles, pd_model_files_free)

/* Whether the autoencoder can take pictures in; some files leave that half out. */
gboolean pd_model_files_has_encoder (const PdModelFiles *self);

/* Adds a note for each file of weights in which tensors that training changes are all zero, as in a
 * file that was not written to its end. Reads the first values of those that are not. */
void pd_model_files_note_zeros (PdModelFiles *self);

/* FALSE with a clear error if the part is not there. Either kind of VAE counts. */
gboolean pd_model_files_require (const PdModelFiles *self, PdPart part, GError **error);

/* The model's tokenizer. pd_model_check compares it with the text encoder. */
PdTokenizer *pd_model_files_load_tokenizer (const PdModelFiles *self, GError **error);
