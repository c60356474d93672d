// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "engine/networks/tiny-vae.h"
#include "engine/networks/vae.h"
#include "engine/verify/parts.h"

enum
{
  COLORS = 3,
};

/* The n × channels × h × w values of STEM.SUFFIX. */
typedef struct
{
  guint n, channels, h, w;
  float *values; /* owned */
} Picture;

static void
picture_clear (Picture *self)
{
  g_clear_pointer (&self->values, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

static gboolean
read_picture (PdVerifyFile *file,
              const char *stem,
              const char *suffix,
              guint channels,
              guint scale,
              Picture *picture,
              GError **error)
{
  const PdTensorInfo *info;
  float *values = pd_verify_file_values_in (file, stem, suffix, &info, error);

  if (values == NULL)
    return FALSE;
  *picture = (Picture){ .values = values };
  if (info->n_dims != 4 || info->dims[1] != channels || info->dims[2] % scale != 0 ||
      info->dims[3] % scale != 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s is not a picture of %u channels whose sides are multiples of %u"),
                   info->name, channels, scale);
      return FALSE;
    }
  picture->n = (guint) info->dims[0];
  picture->channels = channels;
  picture->h = (guint) info->dims[2];
  picture->w = (guint) info->dims[3];
  return TRUE;
}

static void
check_picture (PdVerifyFile *file,
               const char *stem,
               const float *values, /* [n][h][w][channels] */
               guint n,
               gsize pixels,
               guint channels)
{
  g_autofree float *nchw = pd_verify_to_nchw (values, n, pixels, channels);

  pd_verify_file_check_in (file, stem, "image", nchw, n * pixels * channels);
}

static gboolean
verify_encoder (PdVerifyFile *file, PdAutoencoder *autoencoder, guint number, GError **error)
{
  const PdAutoencoderInfo *info = &autoencoder->info;
  g_autofree char *stem = g_strdup_printf ("enc%u", number);
  guint scale = info->scale;
  PdAutoencoderPassOptions options = { 0 };
  g_auto (Picture) image = { 0 };
  g_autofree float *nhwc = NULL, *mean = NULL, *log_variance = NULL;
  g_autoptr (PdAutoencoderPass) pass = NULL;
  gsize count, n_image;

  if (!read_picture (file, stem, "image", COLORS, scale, &image, error))
    return FALSE;
  options.n = image.n;
  options.h = image.h / scale;
  options.w = image.w / scale;
  pass = pd_autoencoder_pass_new (autoencoder, &options, error);
  if (pass == NULL)
    return FALSE;
  n_image = (gsize) image.n * image.channels * image.h * image.w;
  nhwc = pd_verify_to_nhwc (image.values, image.n, image.channels, (gsize) image.h * image.w);
  count = (gsize) image.n * info->channels * options.h * options.w;
  mean = g_new (float, count);
  log_variance = g_new (float, count);
  if (!pd_autoencoder_encode (pass, nhwc, n_image, &(PdMoments){ mean, log_variance, count }, NULL,
                              error))
    return FALSE;
  if (isinf (log_variance[0]))
    {
      pd_verify_file_check_in (file, stem, "latent", mean, count);
      return TRUE;
    }
  pd_verify_file_check_in (file, stem, "mean", mean, count);
  pd_verify_file_check_in (file, stem, "logvar", log_variance, count);
  return TRUE;
}

/* decN.MODULE of one case, as probes. */
static GHashTable *
wanted_modules (const PdVerifyFile *file, const char *stem)
{
  GHashTable *wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *prefix = g_strconcat (stem, ".decoder.", NULL);

  for (guint i = 0; i < file->names->len; i++)
    {
      const char *name = g_ptr_array_index (file->names, i);

      if (g_str_has_prefix (name, prefix))
        g_hash_table_insert (wanted, g_strdup (name + strlen (stem) + 1), NULL);
    }
  return wanted;
}

static gboolean
check_modules (PdVerifyFile *file, const char *stem, GHashTable *wanted, GError **error)
{
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, wanted);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      const PdTensor *tensor = value;
      g_autofree float *values = NULL;
      gsize count;

      if (tensor == NULL)
        continue;
      count = pd_tensor_n_values (tensor);
      values = g_new (float, count);
      if (!pd_tensor_read_nchw (tensor, values, count, error))
        return FALSE;
      pd_verify_file_check_in (file, stem, path, values, count);
    }
  return TRUE;
}

/* The file's latents are raw, those of the pipeline scaled. */
static gboolean
verify_decoder (PdVerifyFile *file, PdAutoencoder *autoencoder, guint number, GError **error)
{
  const PdAutoencoderInfo *info = &autoencoder->info;
  g_autofree char *stem = g_strdup_printf ("dec%u", number);
  PdAutoencoderPassOptions options = { .decode = TRUE };
  g_auto (Picture) latent = { 0 };
  g_autoptr (GHashTable) wanted = wanted_modules (file, stem);
  PdProbes probes = { .wanted = wanted };
  g_autofree float *picture = NULL;
  g_autoptr (PdAutoencoderPass) pass = NULL;
  gsize pixels, n_latent, n_picture;

  if (!read_picture (file, stem, "latent", info->channels, 1, &latent, error))
    return FALSE;
  options.n = latent.n;
  options.h = latent.h;
  options.w = latent.w;
  options.probes = &probes;
  pass = pd_autoencoder_pass_new (autoencoder, &options, error);
  if (pass == NULL)
    return FALSE;
  pixels = (gsize) latent.h * info->scale * latent.w * info->scale;
  n_latent = (gsize) latent.n * latent.channels * latent.h * latent.w;
  n_picture = latent.n * pixels * COLORS;
  picture = g_new (float, n_picture);
  for (gsize i = 0; i < n_latent; i++)
    latent.values[i] = (float) ((latent.values[i] - info->shift) * info->scaling);
  if (!pd_autoencoder_decode (pass, latent.values, n_latent, picture, n_picture, NULL, error))
    return FALSE;
  check_picture (file, stem, picture, latent.n, pixels, COLORS);
  return check_modules (file, stem, wanted, error);
}

static gboolean
verify_autoencoder (PdVerifyFile *file, PdAutoencoder *autoencoder, GError **error)
{
  g_autoptr (GArray) encodings = pd_verify_file_numbers (file, "enc", ".image");
  g_autoptr (GArray) decodings = pd_verify_file_numbers (file, "dec", ".latent");

  for (guint i = 0; i < encodings->len; i++)
    if (!verify_encoder (file, autoencoder, g_array_index (encodings, guint, i), error))
      return FALSE;
  for (guint i = 0; i < decodings->len; i++)
    if (!verify_decoder (file, autoencoder, g_array_index (decodings, guint, i), error))
      return FALSE;
  return TRUE;
}

gboolean
pd_verify_vae (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, "vae", NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdPartFiles *part;
  g_autoptr (PdAutoencoder) vae = NULL;

  if (files == NULL || !pd_model_files_require (files, PD_PART_VAE, error))
    return FALSE;
  part = &files->parts[PD_PART_VAE];
  if (part->class != PD_CLASS_AUTOENCODER_KL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not an AutoencoderKL"), path);
      return FALSE;
    }
  vae = pd_vae_new (file->verify->backend, part->config, part->checkpoint, error);
  return vae != NULL && verify_autoencoder (file, vae, error);
}

gboolean
pd_verify_tiny_vae (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdPartFiles *part;
  g_autoptr (PdAutoencoder) vae = NULL;

  if (files == NULL || !pd_model_files_require (files, PD_PART_VAE, error))
    return FALSE;
  part = &files->parts[PD_PART_VAE];
  if (part->class != PD_CLASS_AUTOENCODER_TINY)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not an AutoencoderTiny"), path);
      return FALSE;
    }
  vae = pd_tiny_vae_new (file->verify->backend, part->config, part->checkpoint, error);
  return vae != NULL && verify_autoencoder (file, vae, error);
}
