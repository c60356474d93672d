// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/autoencoder.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  COLORS = 3,
};

struct _PdAutoencoderPass
{
  const PdAutoencoder *autoencoder;
  gboolean decode;
  PdGraph *graph;
  PdTensor *input, *output;
  float *values; /* what goes into the network */
  gsize n_values;
};

void
pd_autoencoder_free (PdAutoencoder *self)
{
  if (self != NULL)
    self->class->free (self);
}

float
pd_autoencoder_latent (const PdAutoencoder *self, float mean, float log_variance, float noise)
{
  double value = mean + exp (0.5 * log_variance) * noise;

  return (float) ((value - self->info.shift) * self->info.scaling);
}

/* The network, appended to @graph. */
static PdTensor *
build (PdAutoencoder *self,
       const PdAutoencoderPassOptions *options,
       PdGraph *graph,
       GArray *survey,
       PdTensor **input)
{
  PdSites sites = { .hooks = options->hooks, .survey = survey };
  const PdBuilder builder = { .graph = graph,
                              .probes = options->probes,
                              .sites = &sites,
                              .groups = self->groups,
                              .eps = self->eps };
  guint scale = options->decode ? 1 : self->info.scale;

  *input = pd_graph_input (graph, options->n, options->h * scale, options->w * scale,
                           options->decode ? self->info.channels : COLORS, 1);
  return self->class->build (self, &builder, options->decode, *input);
}

PdAutoencoderPass *
pd_autoencoder_pass_new (PdAutoencoder *autoencoder,
                         const PdAutoencoderPassOptions *options,
                         GError **error)
{
  g_autoptr (PdAutoencoderPass) self = g_new0 (PdAutoencoderPass, 1);

  self->autoencoder = autoencoder;
  self->decode = options->decode;
  self->graph = pd_graph_new (autoencoder->backend);
  self->output =
      pd_graph_output (self->graph, build (autoencoder, options, self->graph, NULL, &self->input));
  self->n_values = pd_tensor_n_values (self->input);
  self->values = pd_try_new (float, self->n_values, _ ("the autoencoder's windows"), error);
  return self->values != NULL && pd_graph_compile (self->graph, options->timestamps, error)
             ? g_steal_pointer (&self)
             : NULL;
}

void
pd_autoencoder_pass_free (PdAutoencoderPass *self)
{
  if (self == NULL)
    return;
  pd_graph_free (self->graph);
  g_free (self->values);
  g_free (self);
}

PdGraph *
pd_autoencoder_pass_graph (PdAutoencoderPass *self)
{
  return self->graph;
}

GArray *
pd_autoencoder_survey (PdAutoencoder *self, gboolean decode, guint h, guint w)
{
  const PdAutoencoderPassOptions options = { .decode = decode, .n = 1, .h = h, .w = w };
  GArray *survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_autoptr (PdGraph) graph = pd_graph_new (self->backend);
  PdTensor *input;

  build (self, &options, graph, survey, &input);
  return survey;
}

static void
map (void (*function) (gboolean decode, float *values, gsize n),
     gboolean decode,
     float *values,
     gsize n)
{
  if (function != NULL)
    function (decode, values, n);
}

gboolean
pd_autoencoder_decode (PdAutoencoderPass *self,
                       const float *latents,
                       gsize n_latents,
                       float *picture,
                       gsize n_picture,
                       GCancellable *cancellable,
                       GError **error)
{
  const PdAutoencoder *autoencoder = self->autoencoder;

  if (!pd_tensor_check_length (self->input, n_latents, error) ||
      !pd_tensor_check_length (self->output, n_picture, error))
    return FALSE;
  for (gsize i = 0; i < n_latents; i++)
    self->values[i] = (float) (latents[i] / autoencoder->info.scaling + autoencoder->info.shift);
  map (autoencoder->class->map_input, TRUE, self->values, n_latents);
  if (!pd_tensor_write_nchw (self->input, self->values, n_latents, error) ||
      !pd_graph_run (self->graph, cancellable, error) ||
      !pd_tensor_read (self->output, picture, n_picture, error))
    return FALSE;
  map (autoencoder->class->map_output, TRUE, picture, n_picture);
  return TRUE;
}

/* Takes apart what an encoder with a distribution gives. */
static gboolean
read_moments (const PdAutoencoderPass *self, const PdMoments *moments, GError **error)
{
  const PdTensor *output = self->output;
  gsize latent = (gsize) self->autoencoder->info.channels * output->h * output->w;
  g_autofree float *values =
      pd_try_new (float, 2 * moments->n, _ ("the autoencoder's windows"), error);

  if (values == NULL || !pd_tensor_read_nchw (output, values, 2 * moments->n, error))
    return FALSE;
  for (guint n = 0; n < output->n; n++)
    for (gsize i = 0; i < latent; i++)
      {
        moments->mean[n * latent + i] = values[2 * n * latent + i];
        moments->log_variance[n * latent + i] =
            CLAMP (values[(2 * n + 1) * latent + i], -30.0f, 20.0f);
      }
  return TRUE;
}

gboolean
pd_autoencoder_encode (PdAutoencoderPass *self,
                       const float *picture,
                       gsize n_picture,
                       const PdMoments *moments,
                       GCancellable *cancellable,
                       GError **error)
{
  const PdAutoencoder *autoencoder = self->autoencoder;
  gboolean sampled = self->output->c > autoencoder->info.channels;

  if (!pd_tensor_check_length (self->input, n_picture, error) ||
      !pd_tensor_check_length (self->output, sampled ? 2 * moments->n : moments->n, error))
    return FALSE;
  memcpy (self->values, picture, n_picture * sizeof *picture);
  map (autoencoder->class->map_input, FALSE, self->values, n_picture);
  if (!pd_tensor_write (self->input, self->values, n_picture, error) ||
      !pd_graph_run (self->graph, cancellable, error))
    return FALSE;
  if (sampled)
    return read_moments (self, moments, error);
  if (!pd_tensor_read_nchw (self->output, moments->mean, moments->n, error))
    return FALSE;
  for (gsize i = 0; i < moments->n; i++)
    moments->log_variance[i] = -INFINITY;
  return TRUE;
}
