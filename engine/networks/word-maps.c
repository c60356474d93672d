// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/word-maps.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  FIRST_DEPTH = 1, /* of the layers that are looked at */
};

/* Queries and keys of one layer, which its pass keeps. */
typedef struct
{
  PdTensor *q, *k;
  guint heads;
} Layer;

struct _PdWordMaps
{
  PdHook hook;
  PdWordTokens tokens;
  gint *word;     /* those of tokens */
  GArray *layers; /* Layer */
  PdSize size;
  gsize cells;
  float *sum;          /* of shares, [n_words][cells] */
  float *standard;     /* of one run's maps with mean 0 and variance 1, [n_words][cells] */
  double *agreement;   /* sum over runs, [n_words] */
  float *mean;         /* [cells], what pd_word_maps_get gives */
  guint heads, n_runs; /* of all layers; so far */
};

/* A function of PdHook. */
static PdTensor *
keep (PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  PdWordMaps *self = (PdWordMaps *) hook;
  Layer layer = { .heads = site->parts };

  if (site->depth < FIRST_DEPTH)
    return NULL;
  g_assert (q->n == 1);
  layer.q = pd_graph_output (graph, q);
  layer.k = pd_graph_output (graph, k);
  g_array_append_val (self->layers, layer);
  return NULL;
}

static void
set_size (PdWordMaps *self, const GArray *survey)
{
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind != PD_SITE_CROSS_ATTENTION || site->depth < FIRST_DEPTH)
        continue;
      self->heads += site->parts;
      self->size.h = MAX (self->size.h, site->h);
      self->size.w = MAX (self->size.w, site->w);
    }
  self->cells = pd_size_area (self->size);
}

PdWordMaps *
pd_word_maps_new (const GArray *survey, const PdWordTokens *tokens, GError **error)
{
  g_autoptr (PdWordMaps) self = g_new0 (PdWordMaps, 1);
  const char *what = _ ("the places of the words");
  gsize n;

  self->hook.cross_attention = keep;
  self->layers = g_array_new (FALSE, FALSE, sizeof (Layer));
  set_size (self, survey);
  n = tokens->n_words * self->cells;
  if ((self->word = pd_try_new (gint, tokens->n_tokens, what, error)) == NULL ||
      (self->agreement = pd_try_new0 (double, tokens->n_words, what, error)) == NULL)
    return NULL;
  if (n > 0 && ((self->sum = pd_try_new0 (float, n, what, error)) == NULL ||
                (self->standard = pd_try_new (float, n, what, error)) == NULL ||
                (self->mean = pd_try_new (float, self->cells, what, error)) == NULL))
    return NULL;
  memcpy (self->word, tokens->word, tokens->n_tokens * sizeof *self->word);
  self->tokens = (PdWordTokens){ tokens->n_words, tokens->n_tokens, self->word };
  return g_steal_pointer (&self);
}

void
pd_word_maps_free (PdWordMaps *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->layers);
  g_free (self->word);
  g_free (self->sum);
  g_free (self->standard);
  g_free (self->agreement);
  g_free (self->mean);
  g_free (self);
}

PdHook *
pd_word_maps_hook (PdWordMaps *self)
{
  return &self->hook;
}

PdSize
pd_word_maps_size (const PdWordMaps *self)
{
  return self->size;
}

/* What one layer's run gave, and room for the maps of one of its heads. */
typedef struct
{
  PdSize size;           /* of the layer */
  guint channels, depth; /* of all heads, of one */
  const float *q;        /* [size][channels] */
  const float *k;        /* [channels][tokens] */
  float *logits;         /* [tokens] */
  float *shares;         /* [n_words][size] */
} LayerRun;

/* The softmax of one query, as weights that are not yet divided by their sum. */
static void
attend (const PdWordMaps *self, const LayerRun *run, const float *q, const float *k)
{
  const guint n = self->tokens.n_tokens;
  const float scale = 1 / sqrtf ((float) run->depth);
  float *logits = run->logits, most = -G_MAXFLOAT;

  memset (logits, 0, n * sizeof *logits);
  for (guint c = 0; c < run->depth; c++)
    {
      const float *row = k + (gsize) c * n;
      const float value = q[c] * scale;

      for (guint t = 0; t < n; t++)
        logits[t] += value * row[t];
    }
  for (guint t = 0; t < n; t++)
    most = MAX (most, logits[t]);
  for (guint t = 0; t < n; t++)
    logits[t] = expf (logits[t] - most);
}

/* The shares of the words at all places for head @head. */
static void
share_head (const PdWordMaps *self, const LayerRun *run, guint head)
{
  const gsize places = pd_size_area (run->size);
  const guint words = self->tokens.n_words, first = head * run->depth;

  memset (run->shares, 0, words * places * sizeof *run->shares);
  for (gsize place = 0; place < places; place++)
    {
      float sum = 0;

      attend (self, run, run->q + place * run->channels + first,
              run->k + (gsize) first * self->tokens.n_tokens);
      for (guint t = 0; t < self->tokens.n_tokens; t++)
        if (self->word[t] >= 0)
          {
            run->shares[(gsize) self->word[t] * places + place] += run->logits[t];
            sum += run->logits[t];
          }
      for (guint word = 0; word < words; word++)
        {
          float *share = &run->shares[word * places + place];

          *share = sum > 0 ? *share / sum : 1 / (float) words;
        }
    }
}

/* Adds a head's map of one word, in the size of the largest layer: each place is that of the cell
 * it lies in. */
static void
add_head (PdWordMaps *self, const LayerRun *run, guint word)
{
  const float *share = run->shares + word * pd_size_area (run->size);
  float *sum = self->sum + word * self->cells, *standard = self->standard + word * self->cells;
  double mean = 0, variance = 0, scale;

  for (gsize i = 0; i < pd_size_area (run->size); i++)
    mean += share[i];
  mean /= (double) pd_size_area (run->size);
  for (gsize i = 0; i < pd_size_area (run->size); i++)
    variance += (share[i] - mean) * (share[i] - mean);
  variance /= (double) pd_size_area (run->size);
  scale = variance > 0 ? 1 / sqrt (variance) : 0;
  for (guint y = 0; y < self->size.h; y++)
    for (guint x = 0; x < self->size.w; x++)
      {
        const gsize at = (gsize) y * self->size.w + x;
        const float value = share[(gsize) (y * run->size.h / self->size.h) * run->size.w +
                                  x * run->size.w / self->size.w];

        sum[at] += value;
        standard[at] += (float) ((value - mean) * scale);
      }
}

static gboolean
add_layer (PdWordMaps *self, const Layer *layer, GError **error)
{
  const guint tokens = self->tokens.n_tokens, channels = layer->q->c;
  const char *what = _ ("the places of the words");
  const gsize n_q = pd_tensor_n_values (layer->q), n_k = (gsize) tokens * channels;
  LayerRun run = { .size = { layer->q->h, layer->q->w },
                   .channels = channels,
                   .depth = channels / layer->heads };
  g_autofree float *q = pd_try_new (float, n_q, what, error), *k = NULL, *turned = NULL;
  g_autofree float *logits = NULL, *shares = NULL;

  if (q == NULL || (k = pd_try_new (float, n_k, what, error)) == NULL ||
      (turned = pd_try_new (float, n_k, what, error)) == NULL ||
      (logits = pd_try_new (float, tokens, what, error)) == NULL ||
      (shares = pd_try_new (float, self->tokens.n_words *pd_size_area (run.size), what, error)) ==
          NULL ||
      !pd_tensor_read (layer->q, q, n_q, error) || !pd_tensor_read (layer->k, k, n_k, error))
    return FALSE;
  for (guint t = 0; t < tokens; t++)
    for (guint c = 0; c < channels; c++)
      turned[(gsize) c * tokens + t] = k[(gsize) t * channels + c];
  run.q = q;
  run.k = turned;
  run.logits = logits;
  run.shares = shares;
  for (guint head = 0; head < layer->heads; head++)
    {
      share_head (self, &run, head);
      for (guint word = 0; word < self->tokens.n_words; word++)
        add_head (self, &run, word);
    }
  return TRUE;
}

gboolean
pd_word_maps_add (PdWordMaps *self, GError **error)
{
  memset (self->standard, 0, self->tokens.n_words * self->cells * sizeof *self->standard);
  for (guint i = 0; i < self->layers->len; i++)
    if (!add_layer (self, &g_array_index (self->layers, Layer, i), error))
      return FALSE;
  for (guint word = 0; word < self->tokens.n_words; word++)
    {
      const float *standard = self->standard + word * self->cells;
      double squares = 0;

      for (gsize i = 0; i < self->cells; i++)
        squares += (double) standard[i] * standard[i];
      self->agreement[word] += squares / ((double) self->cells * self->heads);
    }
  self->n_runs++;
  return TRUE;
}

const float *
pd_word_maps_get (PdWordMaps *self, guint word)
{
  const float *sum = self->sum + word * self->cells;
  const float scale = 1 / ((float) self->heads * (float) self->n_runs);

  for (gsize i = 0; i < self->cells; i++)
    self->mean[i] = sum[i] * scale;
  return self->mean;
}

double
pd_word_maps_agreement (const PdWordMaps *self, guint word)
{
  return self->agreement[word] / self->n_runs;
}
