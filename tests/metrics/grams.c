// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/grams.h"

#include "engine/base/error.h"

enum
{
  COLORS = 3,
  BATCH = 8, /* windows per pass */
};

static const char *const blocks[PD_GRAM_LEVELS] = { "encoder.down_blocks.0",
                                                    "encoder.down_blocks.1" };

/* Windows on their way through the encoder. */
typedef struct
{
  PdAutoencoderPass *pass;
  GHashTable *wanted;
  float *pixels; /* [BATCH][PD_GRAM_WINDOW][PD_GRAM_WINDOW][COLORS] */
  float *features;
  PdMoments moments;
} Encoding;

static void
encoding_clear (Encoding *self)
{
  g_clear_pointer (&self->pass, pd_autoencoder_pass_free);
  g_clear_pointer (&self->wanted, g_hash_table_unref);
  g_free (self->pixels);
  g_free (self->features);
  g_free (self->moments.mean);
  g_free (self->moments.log_variance);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Encoding, encoding_clear)

static gsize
window_values (void)
{
  return (gsize) PD_GRAM_WINDOW * PD_GRAM_WINDOW * COLORS;
}

static gboolean
encoding_init (Encoding *self, PdAutoencoder *autoencoder, GError **error)
{
  const PdAutoencoderInfo *info = &autoencoder->info;
  const guint side = PD_GRAM_WINDOW / info->scale;
  PdProbes probes;

  self->wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < PD_GRAM_LEVELS; i++)
    g_hash_table_insert (self->wanted, g_strdup (blocks[i]), NULL);
  probes.wanted = self->wanted;
  if (!autoencoder->has_encoder)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, "The model has no encoder");
      return FALSE;
    }
  self->pass = pd_autoencoder_pass_new (
      autoencoder,
      &(PdAutoencoderPassOptions){ .n = BATCH, .h = side, .w = side, .probes = &probes }, error);
  if (self->pass == NULL)
    return FALSE;
  for (guint i = 0; i < PD_GRAM_LEVELS; i++)
    if (g_hash_table_lookup (self->wanted, blocks[i]) == NULL)
      {
        g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, "The encoder has no %s", blocks[i]);
        return FALSE;
      }
  self->moments.n = (gsize) BATCH * info->channels * side * side;
  self->moments.mean = g_new (float, self->moments.n);
  self->moments.log_variance = g_new (float, self->moments.n);
  self->pixels = g_new0 (float, BATCH *window_values ());
  return TRUE;
}

static void
put_window (const PdPixels *picture, guint row, guint column, float *window)
{
  for (guint y = 0; y < PD_GRAM_WINDOW; y++)
    {
      const float *from = picture->pixels + ((gsize) (row * PD_GRAM_WINDOW + y) * picture->width +
                                             (gsize) column * PD_GRAM_WINDOW) *
                                                COLORS;

      for (guint i = 0; i < PD_GRAM_WINDOW * COLORS; i++)
        *window++ = 2 * from[i] - 1;
    }
}

/* @features: [pixels][channels]. */
static void
gram (const float *features, gsize pixels, guint channels, double *result)
{
  for (guint a = 0; a < channels; a++)
    for (guint b = 0; b <= a; b++)
      {
        double sum = 0;

        for (gsize i = 0; i < pixels; i++)
          sum += (double) features[i * channels + a] * features[i * channels + b];
        result[a * channels + b] = result[b * channels + a] = sum / (double) pixels;
      }
}

/* Windows @first to @first + @count - 1 are in the batch. */
static gboolean
run_batch (Encoding *self, PdGrams *grams, guint first, guint count, GError **error)
{
  if (!pd_autoencoder_encode (self->pass, self->pixels, BATCH * window_values (), &self->moments,
                              NULL, error))
    return FALSE;
  for (guint level = 0; level < PD_GRAM_LEVELS; level++)
    {
      const PdTensor *tensor = g_hash_table_lookup (self->wanted, blocks[level]);
      const gsize n = pd_tensor_n_values (tensor), pixels = (gsize) tensor->h * tensor->w;
      const gsize pairs = (gsize) tensor->c * tensor->c;
      gsize all = (gsize) grams->rows * grams->columns * pairs;

      if (grams->values[level] == NULL)
        {
          grams->channels[level] = tensor->c;
          grams->values[level] = g_new (double, all);
        }
      self->features = g_renew (float, self->features, n);
      if (!pd_tensor_read (tensor, self->features, n, error))
        return FALSE;
      for (guint i = 0; i < count; i++)
        gram (self->features + i * pixels * tensor->c, pixels, tensor->c,
              grams->values[level] + (first + i) * pairs);
    }
  return TRUE;
}

PdGrams *
pd_grams_new (PdAutoencoder *autoencoder, const PdPixels *picture, GError **error)
{
  g_auto (Encoding) encoding = { 0 };
  g_autoptr (PdGrams) self = g_new0 (PdGrams, 1);
  guint n;

  self->rows = picture->height / PD_GRAM_WINDOW;
  self->columns = picture->width / PD_GRAM_WINDOW;
  n = self->rows * self->columns;
  if (n == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   "A picture of %u × %u pixels is smaller than %d × %d", picture->width,
                   picture->height, PD_GRAM_WINDOW, PD_GRAM_WINDOW);
      return NULL;
    }
  if (!encoding_init (&encoding, autoencoder, error))
    return NULL;
  for (guint first = 0; first < n; first += BATCH)
    {
      guint count = MIN (BATCH, n - first);

      for (guint i = 0; i < count; i++)
        put_window (picture, (first + i) / self->columns, (first + i) % self->columns,
                    encoding.pixels + i * window_values ());
      if (!run_batch (&encoding, self, first, count, error))
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
pd_grams_free (PdGrams *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < PD_GRAM_LEVELS; i++)
    g_free (self->values[i]);
  g_free (self);
}

double *
pd_grams_mean (const PdGrams *self, guint level)
{
  const gsize pairs = (gsize) self->channels[level] * self->channels[level];
  const guint n = self->rows * self->columns;
  double *mean = g_new0 (double, pairs);

  for (guint i = 0; i < n; i++)
    for (gsize e = 0; e < pairs; e++)
      mean[e] += self->values[level][i * pairs + e] / n;
  return mean;
}
