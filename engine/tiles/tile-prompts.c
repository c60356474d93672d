// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/tile-prompts.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/debug.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/noise.h"
#include "engine/networks/prompt-words.h"
#include "engine/networks/word-maps.h"
#include "engine/tiles/word-places.h"

/* The noise of the first run, a draw that no solver reaches. */
static const guint32 FIRST_DRAW = G_MAXUINT32 - 16;

enum
{
  RUNS = 3,          /* of the denoiser, at levels of the run's first to … */
  MOST_PROMPTS = 64, /* each is encoded; further ones are the whole prompt */
  MOST_PLACES = 128, /* along an axis, unless a quarter of a tile is more */
};

/* Where tiles along one axis may begin: each is taken for the nearest of these places, which has
 * half the distance between two as a margin. */
typedef struct
{
  guint canvas, tile, step, n;
  gboolean wrap;
} Axis;

struct _PdTilePrompts
{
  PdTilePromptsOptions options;
  Axis y, x;
  guint forwards;
  GPtrArray *names;      /* of the words that have a place */
  guint8 *prompts;       /* of every place, [y.n][x.n]: 0 is the whole, others are … */
  GPtrArray *conditions; /* … conditions 0, 1 …; owned */
};

/* What finding the words needs. */
typedef struct
{
  const PdTilePromptsOptions *options;
  PdSize size; /* of the small picture */
  gsize n;     /* numbers of its latent */
  guint runs;
  PdPromptWords *words;
  PdWordMaps *maps;
  PdHook *hooks[2];
  PdDenoiserPass *pass; /* NULL: there is nothing to be found */
} Finder;

static void
finder_clear (Finder *self)
{
  pd_denoiser_pass_free (self->pass);
  pd_word_maps_free (self->maps);
  pd_prompt_words_free (self->words);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Finder, finder_clear)

static guint
n_tokens (const PdTilePromptsOptions *options)
{
  return pd_condition_find (options->condition, PD_CONDITION_CONTEXT)->tokens;
}

/* Records the pass, if model and prompt are such that something can be found. */
static gboolean
finder_init (Finder *self, const PdTilePromptsOptions *options, GError **error)
{
  const PdSize canvas = options->canvas;
  PdDenoiser *denoiser = options->denoiser;
  const double scale = MIN (1, (double) options->tile / MAX (canvas.h, canvas.w));
  g_autoptr (GArray) survey = NULL;
  PdDenoiserPassOptions pass = { .n = 1, .like = options->condition, .hooks = self->hooks };
  PdWordTokens tokens;

  self->options = options;
  self->runs = MIN (RUNS, pd_schedule_n_calls (options->schedule));
  pass.h = self->size.h = MAX ((guint) lround (canvas.h * scale), 1);
  pass.w = self->size.w = MAX ((guint) lround (canvas.w * scale), 1);
  self->n = denoiser->info.channels * pd_size_area (self->size);
  if (denoiser->info.map_channels > 0 || self->runs == 0)
    return TRUE;
  self->words = pd_prompt_words_new (options->conditioner->tokenizer, options->prompt,
                                     n_tokens (options), error);
  if (self->words == NULL)
    return FALSE;
  if (self->words->n < 2)
    return TRUE;
  tokens = (PdWordTokens){ self->words->n, self->words->n_tokens, self->words->of_token };
  survey = pd_denoiser_survey (denoiser, self->size.h, self->size.w);
  self->maps = pd_word_maps_new (survey, &tokens, error);
  if (self->maps == NULL)
    return FALSE;
  if (pd_size_area (pd_word_maps_size (self->maps)) < 2)
    return TRUE;
  self->hooks[0] = pd_word_maps_hook (self->maps);
  self->pass = pd_denoiser_pass_new (denoiser, &pass, error);
  return self->pass != NULL;
}

/* Mean of a part of one plane of the canvas. */
static float
mean_of (const float *plane, guint pitch, const PdRect *rect)
{
  double sum = 0;

  for (guint y = rect->y; y < rect->y + rect->h; y++)
    for (guint x = rect->x; x < rect->x + rect->w; x++)
      sum += plane[(gsize) y * pitch + x];
  return (float) (sum / (double) pd_rect_area (rect));
}

static void
shrink (const Finder *self, float *small)
{
  const PdSize canvas = self->options->canvas;
  const guint channels = self->options->denoiser->info.channels;

  for (guint c = 0; c < channels; c++)
    for (guint y = 0; y < self->size.h; y++)
      for (guint x = 0; x < self->size.w; x++)
        {
          const PdRect cell = pd_rect_cell (canvas, self->size, y, x);

          *small++ = mean_of (self->options->clean + c * pd_size_area (canvas), canvas.w, &cell);
        }
}

/* The denoiser looks at the picture, at several levels of noise of the run. */
static gboolean
look (Finder *self, GCancellable *cancellable, GError **error)
{
  const PdSchedule *schedule = self->options->schedule;
  const char *what = _ ("the places of the words");
  g_autofree float *small = pd_try_new (float, self->n, what, error), *input = NULL;
  g_autofree float *prediction = NULL;

  if (small == NULL || (input = pd_try_new (float, self->n, what, error)) == NULL ||
      (prediction = pd_try_new (float, self->n, what, error)) == NULL)
    return FALSE;
  shrink (self, small);
  for (guint run = 0; run < self->runs; run++)
    {
      const guint i = run * pd_schedule_n_calls (schedule) / self->runs;
      const PdNoiseLevel level = pd_schedule_level (schedule, i);

      pd_noise_normal (self->options->seed, FIRST_DRAW + run, 0, self->n, input);
      for (gsize e = 0; e < self->n; e++)
        input[e] = (float) (level.alpha * small[e] + level.sigma * input[e]);
      if (!pd_denoiser_pass_run (self->pass,
                                 &(PdDenoiserRun){ .latents = input,
                                                   .n_latents = self->n,
                                                   .timestep = pd_schedule_timestep (schedule, i),
                                                   .conditions = &self->options->condition,
                                                   .prediction = prediction,
                                                   .n_prediction = self->n },
                                 cancellable, error) ||
          !pd_word_maps_add (self->maps, error))
        return FALSE;
    }
  return TRUE;
}

static void
init_axis (Axis *axis, guint canvas, guint tile, gboolean wrap)
{
  *axis = (Axis){ .canvas = canvas, .tile = wrap ? tile : MIN (tile, canvas), .wrap = wrap };
  axis->step = MAX (1, MAX (axis->tile / 4, canvas / MOST_PLACES));
  axis->n = wrap ? (canvas + axis->step - 1) / axis->step
                 : (canvas - axis->tile + axis->step - 1) / axis->step + 1;
}

/* What tiles that are taken for place @i may show. */
static void
extent_of (const Axis *axis, guint i, guint *start, guint *length)
{
  const guint margin = (axis->step + 1) / 2, first = i * axis->step;

  if (axis->wrap)
    {
      *start = (first + axis->canvas - margin % axis->canvas) % axis->canvas;
      *length = MIN (axis->tile + 2 * margin, axis->canvas);
      return;
    }
  *start = first - MIN (first, margin);
  *length = MIN (first + axis->tile + margin, axis->canvas) - *start;
}

static guint
nearest (const Axis *axis, guint start)
{
  const guint i = (start + axis->step / 2) / axis->step;

  return axis->wrap ? i % axis->n : MIN (i, axis->n - 1);
}

/* The masks of the words that have a place, NULL for others. */
static GPtrArray *
make_masks (PdTilePrompts *self, Finder *finder, GError **error)
{
  const PdSize size = pd_word_maps_size (finder->maps);
  g_autoptr (GPtrArray) masks = g_ptr_array_new_with_free_func (g_free);

  for (guint word = 0; word < finder->words->n; word++)
    {
      guint8 *mask = pd_try_new (guint8, pd_size_area (size), _ ("the places of the words"), error);
      const double agreement = pd_word_maps_agreement (finder->maps, word);
      g_autofree char *name = pd_prompt_words_get (finder->words, word);
      double contrast;

      g_ptr_array_add (masks, mask);
      if (mask == NULL || !pd_word_places_mask (pd_word_maps_get (finder->maps, word), size,
                                                self->options.wrap, mask, &contrast, error))
        return NULL;
      pd_debug (PD_DEBUG_PLAN, "\"%s\": heads agree %.1f, contrast %.2f", name, agreement,
                contrast);
      if (pd_word_places_is_placed (mask, size, contrast, agreement))
        g_ptr_array_add (self->names, g_steal_pointer (&name));
      else
        {
          g_free (mask);
          masks->pdata[word] = NULL;
        }
    }
  return g_steal_pointer (&masks);
}

/* The prompt for what @place shows; the whole one if nothing were left. */
static char *
prompt_of (const PdTilePrompts *self, const Finder *finder, const GPtrArray *masks, PdRect place)
{
  const PdTilePromptsOptions *options = &self->options;
  const PdSize tile = { self->y.tile, self->x.tile };
  g_autofree gboolean *kept = g_new (gboolean, masks->len);
  gboolean some = FALSE;

  for (guint word = 0; word < masks->len; word++)
    {
      kept[word] = masks->pdata[word] == NULL ||
                   pd_word_places_shown (masks->pdata[word], pd_word_maps_size (finder->maps),
                                         options->canvas, tile, &place);
      some = some || kept[word];
    }
  if (!some)
    memset (kept, TRUE, masks->len * sizeof *kept);
  return pd_prompt_words_keep (finder->words, kept);
}

/* The number of @prompt, which is encoded if it is new. */
static gboolean
number_of (PdTilePrompts *self,
           GHashTable *numbers,
           char *prompt,
           guint8 *number,
           GCancellable *cancellable,
           GError **error)
{
  const PdTilePromptsOptions *options = &self->options;
  gpointer known;
  g_autoptr (GPtrArray) encoded = NULL;

  *number = 0;
  if (g_hash_table_lookup_extended (numbers, prompt, NULL, &known))
    {
      *number = (guint8) GPOINTER_TO_UINT (known);
      g_free (prompt);
      return TRUE;
    }
  if (self->conditions->len < MOST_PROMPTS)
    {
      encoded = pd_conditioner_encode (options->conditioner, (const char *const *) &prompt, 1,
                                       n_tokens (options), cancellable, error);
      if (encoded == NULL)
        {
          g_free (prompt);
          return FALSE;
        }
      g_ptr_array_add (self->conditions, g_ptr_array_steal_index (encoded, 0));
      *number = (guint8) self->conditions->len;
      pd_debug (PD_DEBUG_PLAN, "tiles without some words: \"%s\"", prompt);
    }
  g_hash_table_insert (numbers, prompt, GUINT_TO_POINTER (*number));
  return TRUE;
}

static gboolean
choose_prompts (PdTilePrompts *self,
                const Finder *finder,
                const GPtrArray *masks,
                GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint8 *number;

  g_hash_table_insert (numbers, g_strdup (finder->words->text), GUINT_TO_POINTER (0));
  number = self->prompts =
      pd_try_new (guint8, (gsize) self->y.n * self->x.n, _ ("the tiles"), error);
  if (number == NULL)
    return FALSE;
  for (guint i = 0; i < self->y.n; i++)
    for (guint j = 0; j < self->x.n; j++)
      {
        PdRect place;

        extent_of (&self->y, i, &place.y, &place.h);
        extent_of (&self->x, j, &place.x, &place.w);
        if (!number_of (self, numbers, prompt_of (self, finder, masks, place), number++,
                        cancellable, error))
          return FALSE;
      }
  return TRUE;
}

PdTilePrompts *
pd_tile_prompts_new (const PdTilePromptsOptions *options, GCancellable *cancellable, GError **error)
{
  g_autoptr (PdTilePrompts) self = g_new0 (PdTilePrompts, 1);
  g_autoptr (GPtrArray) masks = NULL;
  g_auto (Finder) finder = { 0 };

  self->options = *options;
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->conditions = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);
  init_axis (&self->y, options->canvas.h, options->tile, (options->wrap & PD_TORUS_Y) != 0);
  init_axis (&self->x, options->canvas.w, options->tile, (options->wrap & PD_TORUS_X) != 0);
  if (!finder_init (&finder, options, error))
    return NULL;
  if (finder.pass == NULL)
    return g_steal_pointer (&self);
  self->forwards = finder.runs;
  if (!look (&finder, cancellable, error) || (masks = make_masks (self, &finder, error)) == NULL)
    return NULL;
  return self->names->len == 0 || choose_prompts (self, &finder, masks, cancellable, error)
             ? g_steal_pointer (&self)
             : NULL;
}

void
pd_tile_prompts_free (PdTilePrompts *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->names);
  g_ptr_array_unref (self->conditions);
  g_free (self->prompts);
  g_free (self);
}

gboolean
pd_tile_prompts_rehearse (const PdTilePromptsOptions *options, guint *forwards, GError **error)
{
  g_auto (Finder) finder = { 0 };

  if (!finder_init (&finder, options, error))
    return FALSE;
  *forwards = finder.pass != NULL ? finder.runs : 0;
  return TRUE;
}

guint
pd_tile_prompts_forwards (const PdTilePrompts *self)
{
  return self->forwards;
}

const GPtrArray *
pd_tile_prompts_words (const PdTilePrompts *self)
{
  return self->names;
}

char *
pd_tile_prompts_describe (const PdTilePrompts *self)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->names->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", (char *) self->names->pdata[i]);
  return g_string_free (text, FALSE);
}

const PdCondition *
pd_tile_prompts_at (const PdTilePrompts *self, const PdRect *rect)
{
  guint number = 0;

  if (self->prompts != NULL)
    number = self->prompts[(gsize) nearest (&self->y, rect->y) * self->x.n +
                           nearest (&self->x, rect->x)];
  return number > 0 ? self->conditions->pdata[number - 1] : self->options.condition;
}
