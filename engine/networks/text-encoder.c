// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/networks/text-encoder.h"

typedef struct
{
  PdNorm norm1, norm2;
  PdLayer q, k, v, out, fc1, fc2;
} PdTextLayer;

struct _PdTextEncoder
{
  const PdBackend *backend;
  PdTextConfig config;
  char *file; /* for messages */
  GStringChunk *paths;
  PdWeights *weights;
  PdTensorInfo token_embedding; /* in memory, vocab_size × hidden_size */
  guint8 *token_values;         /* its values as they are stored */
  float *position_embedding;    /* max_positions × hidden_size */
  PdTextLayer *layers;
  PdNorm final_norm;
};

struct _PdTextEncoderPass
{
  PdTextEncoder *encoder; /* not owned */
  PdGraph *graph;
  PdTensor *embeddings, *context;
};

static void
read_text_encoder (PdLayerReader *reader, gpointer part)
{
  PdTextEncoder *self = part;
  guint width = self->config.hidden_size, inner = self->config.intermediate_size;

  for (int i = 0; i < self->config.n_layers; i++)
    {
      g_autofree char *path = g_strdup_printf ("text_model.encoder.layers.%d", i);

      self->layers[i] = (PdTextLayer){
        .norm1 = pd_layer_read_norm (reader, width, "%s.layer_norm1", path),
        .q = pd_layer_read_linear (reader, width, width, TRUE, "%s.self_attn.q_proj", path),
        .k = pd_layer_read_linear (reader, width, width, TRUE, "%s.self_attn.k_proj", path),
        .v = pd_layer_read_linear (reader, width, width, TRUE, "%s.self_attn.v_proj", path),
        .out = pd_layer_read_linear (reader, width, width, TRUE, "%s.self_attn.out_proj", path),
        .norm2 = pd_layer_read_norm (reader, width, "%s.layer_norm2", path),
        .fc1 = pd_layer_read_linear (reader, inner, width, TRUE, "%s.mlp.fc1", path),
        .fc2 = pd_layer_read_linear (reader, width, inner, TRUE, "%s.mlp.fc2", path),
      };
    }
  self->final_norm = pd_layer_read_norm (reader, width, "text_model.final_layer_norm");
}

/* Into memory: a text takes a few rows of them. */
static gboolean
read_embeddings (PdTextEncoder *self, PdCheckpoint *checkpoint, GError **error)
{
  const PdTextConfig *config = &self->config;
  const char *what = _ ("the model's weights");
  const PdTensorInfo *token, *position;
  gsize n_positions = (gsize) config->max_positions * config->hidden_size;

  token = pd_checkpoint_get (checkpoint, "text_model.embeddings.token_embedding.weight", 2,
                             (gint64[]){ config->vocab_size, config->hidden_size }, error);
  if (token == NULL)
    return FALSE;
  position = pd_checkpoint_get (checkpoint, "text_model.embeddings.position_embedding.weight", 2,
                                (gint64[]){ config->max_positions, config->hidden_size }, error);
  if (position == NULL)
    return FALSE;
  if ((self->token_values = pd_try_new (guint8, token->size, what, error)) == NULL ||
      (self->position_embedding = pd_try_new (float, n_positions, what, error)) == NULL)
    return FALSE;
  self->token_embedding = *token;
  self->token_embedding.file = NULL;
  self->token_embedding.data = self->token_values;
  return pd_tensor_info_read (token, 0, pd_tensor_info_count (token), self->token_values, error) &&
         pd_tensor_info_to_f32 (position, self->position_embedding, error);
}

PdTextEncoder *
pd_text_encoder_new (const PdBackend *backend,
                     const PdTextConfig *config,
                     PdCheckpoint *checkpoint,
                     GError **error)
{
  g_autoptr (PdTextEncoder) self = g_new0 (PdTextEncoder, 1);

  self->backend = backend;
  self->config = *config;
  self->file = g_strdup (pd_checkpoint_get_path (checkpoint));
  self->paths = g_string_chunk_new (4096);
  self->layers = pd_try_new0 (PdTextLayer, config->n_layers, _ ("the model's weights"), error);
  if (self->layers == NULL || !read_embeddings (self, checkpoint, error))
    return NULL;
  self->weights =
      pd_layer_read_part (checkpoint, backend, self->paths, read_text_encoder, self, error);
  return self->weights != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_text_encoder_free (PdTextEncoder *self)
{
  if (self == NULL)
    return;
  pd_weights_free (self->weights);
  g_free (self->file);
  g_string_chunk_free (self->paths);
  g_free (self->position_embedding);
  g_free (self->token_values);
  g_free (self->layers);
  g_free (self);
}

static void
probe_hidden (PdGraph *graph, PdProbes *probes, guint index, PdTensor *x)
{
  g_autofree char *path = g_strdup_printf ("hidden.%u", index);

  pd_probes_keep (probes, graph, path, x);
}

static PdTensor *
build_layer (
    PdTextEncoder *self, PdGraph *graph, PdProbes *probes, PdTensor *x, const PdTextLayer *layer)
{
  float eps = (float) self->config.layer_norm_eps;
  PdActivation activation =
      self->config.act == PD_TEXT_ACT_GELU ? PD_ACTIVATION_GELU : PD_ACTIVATION_QUICK_GELU;
  PdTensor *h = pd_layer_apply_layer_norm (graph, probes, x, &layer->norm1, eps);
  PdTensor *q = pd_layer_apply_linear (graph, probes, h, &layer->q, NULL);
  PdTensor *k = pd_layer_apply_linear (graph, probes, h, &layer->k, NULL);
  PdTensor *v = pd_layer_apply_linear (graph, probes, h, &layer->v, NULL);

  h = pd_attention (
      graph,
      &(PdAttention){ .q = q, .k = k, .v = v, .heads = self->config.n_heads, .causal = TRUE });
  x = pd_layer_apply_linear (graph, probes, h, &layer->out, &(PdEpilogue){ .residual = x });
  h = pd_layer_apply_layer_norm (graph, probes, x, &layer->norm2, eps);
  h = pd_layer_apply_linear (graph, probes, h, &layer->fc1,
                             &(PdEpilogue){ .activation = activation });
  return pd_layer_apply_linear (graph, probes, h, &layer->fc2, &(PdEpilogue){ .residual = x });
}

PdTextEncoderPass *
pd_text_encoder_pass_new (
    PdTextEncoder *encoder, guint n, guint tokens, PdProbes *probes, GError **error)
{
  g_autoptr (PdTextEncoderPass) self = g_new0 (PdTextEncoderPass, 1);
  PdTensor *x;

  self->encoder = encoder;
  self->graph = pd_graph_new (encoder->backend);
  x = self->embeddings = pd_graph_input (self->graph, n, 1, tokens, encoder->config.hidden_size, 0);
  probe_hidden (self->graph, probes, 0, x);
  for (int i = 0; i < encoder->config.n_layers; i++)
    {
      x = build_layer (encoder, self->graph, probes, x, &encoder->layers[i]);
      probe_hidden (self->graph, probes, i + 1, x);
    }
  x = pd_layer_apply_layer_norm (self->graph, probes, x, &encoder->final_norm,
                                 (float) encoder->config.layer_norm_eps);
  self->context = pd_graph_output (self->graph, x);
  return pd_graph_compile (self->graph, FALSE, error) ? g_steal_pointer (&self) : NULL;
}

void
pd_text_encoder_pass_free (PdTextEncoderPass *self)
{
  if (self == NULL)
    return;
  pd_graph_free (self->graph);
  g_free (self);
}

/* @row: hidden_size values. */
static gboolean
embed (const PdTextEncoder *encoder, gint32 id, guint position, float *row, GError **error)
{
  const PdTextConfig *config = &encoder->config;
  gsize width = config->hidden_size;

  if (id < 0 || id >= config->vocab_size)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("%s: the tokenizer gives token %d, but the text encoder has %d"),
                   encoder->file, id, config->vocab_size);
      return FALSE;
    }
  if (!pd_tensor_info_read_f32 (&encoder->token_embedding, id * width, width, row, error))
    return FALSE;
  for (gsize i = 0; i < width; i++)
    row[i] += encoder->position_embedding[position * width + i];
  return TRUE;
}

PdGraph *
pd_text_encoder_pass_graph (PdTextEncoderPass *self)
{
  return self->graph;
}

gboolean
pd_text_encoder_pass_run (PdTextEncoderPass *self,
                          const gint32 *ids,
                          gsize n_ids,
                          float *context,
                          gsize n_context,
                          GCancellable *cancellable,
                          GError **error)
{
  guint tokens = self->embeddings->w, width = self->embeddings->c;
  const gsize n = n_ids * width;
  g_autofree float *values = NULL;

  if (!pd_tensor_check_length (self->embeddings, n, error) ||
      (values = pd_try_new (float, n, _ ("the prompt"), error)) == NULL)
    return FALSE;
  for (gsize i = 0; i < n_ids; i++)
    if (!embed (self->encoder, ids[i], i % tokens, values + i * width, error))
      return FALSE;
  return pd_tensor_write (self->embeddings, values, n, error) &&
         pd_graph_run (self->graph, cancellable, error) &&
         pd_tensor_read (self->context, context, n_context, error);
}

guint
pd_text_encoder_pooled_position (const PdTextConfig *config, const gint32 *ids, guint tokens)
{
  guint largest = 0;

  for (guint i = 0; i < tokens; i++)
    {
      if (config->eos_token_id != 2 && ids[i] == config->eos_token_id)
        return i;
      if (ids[i] > ids[largest])
        largest = i;
    }
  return config->eos_token_id == 2 ? largest : tokens - 1;
}
