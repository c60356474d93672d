// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/tile-prompts.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/networks/model.h"
#include "engine/networks/prompt-words.h"
#include "engine/tiles/canvas.h"
#include "tests/fixtures/model-fixture.h"

/* What tiles are told, by a model that is made to know where things are: the reference model, whose
 * cross-attention below the latent's size is given queries that tell bright latents from dark ones
 * and keys that tell "moss" from "sand". Only its last layer lets the text into the prediction, so
 * that nothing else depends on it. */

enum
{
  SIDE = 32, /* of a tile, latent pixels */
  WIDTH = 3 * SIDE,
  MAX_TOKENS = 24,
};

static const char prompt[] = "moss sand fog";

/* How much more the words weigh where they are, as the difference of two logits' halves. */
static const double LOGIT = 1;

static PdDevice *device;
static PdBackend backend;
static PdModel *model;
static PdSafetensors *weights; /* of the UNet */
static GPtrArray *patches;     /* PdPatch */
static PdCondition *condition; /* of the prompt */
static GPtrArray *others;      /* PdCondition of another prompt */
static PdSchedule *schedule;
static float *clean; /* bright on the left, dark on the right, [channels][SIDE][WIDTH] */

static PdTensorInfo
matrix_info (const float *values, guint rows, guint columns)
{
  return (PdTensorInfo){ .name = "factor",
                         .dtype = PD_DTYPE_F32,
                         .dtype_name = "F32",
                         .n_dims = 2,
                         .dims = { rows, columns },
                         .data = (const guint8 *) values,
                         .size = (gsize) rows * columns * sizeof (float) };
}

/* Makes the weight of a layer @target, [out][in]; NULL: 0. */
static void
set_weight (const char *layer, const char *suffix, guint out, guint in, const float *target)
{
  g_autofree char *path = g_strconcat (layer, suffix, NULL);
  g_autofree char *name = g_strconcat (path, ".weight", NULL);
  g_autofree float *up = g_new (float, (gsize) out *in), *one = g_new0 (float, (gsize) in *in);
  const PdTensorInfo *info = pd_safetensors_find (weights, name);
  const PdTensorInfo up_info = matrix_info (up, out, in), one_info = matrix_info (one, in, in);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (info);
  g_assert_cmpuint (pd_tensor_info_count (info), ==, out * in);
  g_assert_true (pd_tensor_info_to_f32 (info, up, NULL));
  for (guint i = 0; i < out * in; i++)
    up[i] = (target != NULL ? target[i] : 0) - up[i];
  for (guint i = 0; i < in; i++)
    one[i * in + i] = 1;
  g_ptr_array_add (patches, pd_patch_new (path, &up_info, &one_info, 1, &error));
  g_assert_no_error (error);
}

static void
put_patches (void)
{
  g_autoptr (GError) error = NULL;

  pd_layer_patch_part (model->denoiser->weights, model->files->parts[PD_PART_UNET].checkpoint,
                       patches, &error);
  g_assert_no_error (error);
}

/* x of A x = b by elimination; A is [n][n], both are spoilt. */
static void
solve (double *a, double *b, guint n)
{
  for (guint i = 0; i < n; i++)
    for (guint row = 0; row < n; row++)
      {
        const double factor = row == i ? 0 : a[row * n + i] / a[i * n + i];

        for (guint j = i; j < n; j++)
          a[row * n + j] -= factor * a[i * n + j];
        b[row] -= factor * b[i];
      }
  for (guint i = 0; i < n; i++)
    b[i] /= a[i * n + i];
}

/* The shortest direction in which the tokens of "moss" are at 1, those of "sand" at -1 and those of
 * "fog" at 0. */
static float *
direction_of_words (guint *width)
{
  const PdConditionTensor *context = pd_condition_find (condition, PD_CONDITION_CONTEXT);
  g_autoptr (PdPromptWords) words =
      pd_prompt_words_new (model->conditioner->tokenizer, prompt, context->tokens, NULL);
  double gram[MAX_TOKENS * MAX_TOKENS], target[MAX_TOKENS];
  static const double targets[] = { 1, -1, 0 };
  const float *tokens[MAX_TOKENS];
  float *direction = g_new0 (float, context->width);
  guint n = 0;

  *width = context->width;
  for (guint t = 0; t < context->tokens; t++)
    if (words->of_token[t] >= 0)
      {
        g_assert_cmpuint (n, <, MAX_TOKENS);
        tokens[n] = context->values + (gsize) t * context->width;
        target[n++] = targets[words->of_token[t]];
      }
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n; j++)
      {
        gram[i * n + j] = 0;
        for (guint c = 0; c < context->width; c++)
          gram[i * n + j] += (double) tokens[i][c] * tokens[j][c];
      }
  solve (gram, target, n);
  for (guint i = 0; i < n; i++)
    for (guint c = 0; c < context->width; c++)
      direction[c] += (float) (target[i] * tokens[i][c]);
  return direction;
}

/* The direction in which hidden values on the left, @h being [rows][columns][channels], are at 1
 * and those on the right at -1, on average. */
static float *
direction_of_sides (const float *h, guint rows, guint columns, guint channels)
{
  g_autofree double *left = g_new0 (double, channels), *right = g_new0 (double, channels);
  float *direction = g_new (float, channels);
  double shared = 0, norm = 0, at = 0;

  for (guint y = 0; y < rows; y++)
    for (guint x = 0; x < columns; x++)
      for (guint c = 0; c < channels; c++)
        (2 * x < columns ? left : right)[c] += h[((gsize) y * columns + x) * channels + c];
  for (guint c = 0; c < channels; c++)
    {
      left[c] /= (double) rows * columns / 2;
      right[c] /= (double) rows * columns / 2;
      shared += (left[c] - right[c]) * (left[c] + right[c]);
      norm += (left[c] + right[c]) * (left[c] + right[c]);
    }
  for (guint c = 0; c < channels; c++)
    {
      direction[c] = (float) (left[c] - right[c] - shared / norm * (left[c] + right[c]));
      at += direction[c] * left[c];
    }
  for (guint c = 0; c < channels; c++)
    direction[c] /= (float) at;
  return direction;
}

/* Every head of the layer compares place and token by its first channel. */
static void
set_layer (const PdSite *site, const float *of_places, const float *of_words, guint width)
{
  const guint n = site->channels, depth = n / site->parts;
  g_autofree float *q = g_new0 (float, (gsize) n *n), *k = g_new0 (float, (gsize) n *width);

  for (guint row = 0; row < n; row += depth)
    {
      for (guint c = 0; c < n; c++)
        q[row * n + c] = (float) (LOGIT * sqrt (depth)) * of_places[c];
      memcpy (k + row * width, of_words, width * sizeof *k);
    }
  set_weight (site->path, ".to_q", n, n, q);
  set_weight (site->path, ".to_k", n, width, k);
}

/* What the layers see of the picture, at one level of noise, once no text comes in between. */
static void
teach (const GArray *survey, guint h, guint w)
{
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PdProbes probes = { wanted };
  const gsize n = (gsize) model->denoiser->info.channels * h * w;
  g_autofree float *latents = g_new (float, n), *of_words = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL;
  guint width;

  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind == PD_SITE_CROSS_ATTENTION && site->depth > 0)
        g_hash_table_insert (
            wanted, g_strdup_printf ("%.*s.norm2", (int) strlen (site->path) - 6, site->path),
            NULL);
    }
  pass = pd_denoiser_pass_new (
      model->denoiser,
      &(PdDenoiserPassOptions){ .n = 1, .h = h, .w = w, .like = condition, .probes = &probes },
      &error);
  g_assert_no_error (error);
  pd_noise_normal (11, 0, 0, n, latents);
  for (gsize i = 0; i < n; i++)
    latents[i] = (float) (0.8 * (i % w < w / 2 ? 1.5 : -1.5) + 0.6 * latents[i]);
  g_assert_true (
      pd_denoiser_pass_run (pass,
                            &(PdDenoiserRun){ .latents = latents,
                                              .n_latents = n,
                                              .timestep = 300,
                                              .conditions = (const PdCondition *const *) &condition,
                                              .prediction = latents,
                                              .n_prediction = n },
                            NULL, &error));
  of_words = direction_of_words (&width);
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);
      g_autofree char *path =
          g_strdup_printf ("%.*s.norm2", (int) strlen (site->path) - 6, site->path);
      const PdTensor *hidden = g_hash_table_lookup (wanted, path);
      g_autofree float *values = NULL, *of_places = NULL;

      if (site->kind != PD_SITE_CROSS_ATTENTION || hidden == NULL)
        continue;
      values = g_new (float, pd_tensor_n_values (hidden));
      g_assert_true (pd_tensor_read (hidden, values, pd_tensor_n_values (hidden), NULL));
      of_places = direction_of_sides (values, hidden->h, hidden->w, hidden->c);
      set_layer (site, of_places, of_words, width);
    }
}

static void
make_model (void)
{
  const guint h = SIDE / 3 + 1, w = SIDE; /* about what it will look at */
  g_autoptr (GArray) survey = pd_denoiser_survey (model->denoiser, h, w);
  const guint width = pd_condition_find (condition, PD_CONDITION_CONTEXT)->width;
  const PdSite *last = NULL;

  for (guint i = 0; i < survey->len; i++)
    if (g_array_index (survey, PdSite, i).kind == PD_SITE_CROSS_ATTENTION)
      last = &g_array_index (survey, PdSite, i);
  g_assert_true (last != NULL && last->depth == 0);
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind == PD_SITE_CROSS_ATTENTION && site != last)
        set_weight (site->path, ".to_v", site->channels, width, NULL);
    }
  put_patches ();
  teach (survey, h, w);
  put_patches ();
}

/* @seed: of the noise. Conditions of other prompts than the usual one live until the next call. */
static PdTilePrompts *
find (const char *text, PdTorus wrap, guint64 seed)
{
  const char *const texts[] = { text };
  g_autoptr (GError) error = NULL;
  GPtrArray *own = pd_conditioner_encode (model->conditioner, texts, 1, 0, NULL, &error);
  const PdTilePromptsOptions options = { .denoiser = model->denoiser,
                                         .conditioner = model->conditioner,
                                         .prompt = text,
                                         .condition = text == prompt ? condition : own->pdata[0],
                                         .canvas = { SIDE, WIDTH },
                                         .tile = SIDE,
                                         .wrap = wrap,
                                         .clean = clean,
                                         .schedule = schedule,
                                         .seed = seed };
  PdTilePrompts *prompts = pd_tile_prompts_new (&options, NULL, &error);

  g_assert_no_error (error);
  g_clear_pointer (&others, g_ptr_array_unref);
  others = own;
  return prompts;
}

/* Asserts that a tile at column @x is told @text. */
static void
assert_told (const PdTilePrompts *prompts, guint x, const char *text)
{
  const char *const texts[] = { text };
  g_autoptr (GPtrArray) encoded =
      pd_conditioner_encode (model->conditioner, texts, 1, 0, NULL, NULL);
  const PdConditionTensor *expected = pd_condition_find (encoded->pdata[0], PD_CONDITION_CONTEXT);
  const PdRect rect = { 0, x, SIDE, SIDE };
  const PdConditionTensor *told =
      pd_condition_find (pd_tile_prompts_at (prompts, &rect), PD_CONDITION_CONTEXT);
  const gsize n = (gsize) expected->tokens * expected->width;

  g_assert_cmpuint (told->tokens, ==, expected->tokens);
  g_assert_cmpmem (told->values, n * sizeof (float), expected->values, n * sizeof (float));
}

/* Tiles are told of the side that they show, and of what is on neither. */
static void
test_sides (void)
{
  g_autoptr (PdTilePrompts) prompts = NULL;
  const GPtrArray *words;

  make_model ();
  prompts = find (prompt, PD_TORUS_NONE, 1);
  words = pd_tile_prompts_words (prompts);
  g_assert_cmpuint (words->len, ==, 2);
  g_assert_cmpstr (words->pdata[0], ==, "moss");
  g_assert_cmpstr (words->pdata[1], ==, "sand");
  assert_told (prompts, 0, "moss fog");
  assert_told (prompts, SIDE / 8, "moss fog");
  assert_told (prompts, SIDE, "moss sand fog");
  assert_told (prompts, 2 * SIDE, "sand fog");
}

/* On a torus the sides meet at the edge, too. */
static void
test_torus (void)
{
  g_autoptr (PdTilePrompts) prompts = find (prompt, PD_TORUS_XY, 1);

  assert_told (prompts, SIDE / 4, "moss fog");
  assert_told (prompts, SIDE, "moss sand fog");
  assert_told (prompts, WIDTH / 2 + SIDE / 4, "sand fog");
  assert_told (prompts, WIDTH - SIDE / 2, "moss sand fog");
}

/* The prediction of a canvas of overlapping tiles, all of them told @text, or as @prompts says. */
static float *
predict (const char *text, const PdTilePrompts *prompts)
{
  const char *const texts[] = { text };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) told =
      pd_conditioner_encode (model->conditioner, texts, 1, 0, NULL, &error);
  const PdCanvasOptions options = { .denoiser = model->denoiser,
                                    .height = SIDE,
                                    .width = WIDTH,
                                    .tile = SIDE,
                                    .overlap = SIDE / 4,
                                    .batch = 1,
                                    .sync = PD_SYNC_FUSION,
                                    .branches = 1,
                                    .conditions = (const PdCondition *const *) told->pdata,
                                    .tile_prompts = prompts,
                                    .guidance = 1 };
  g_autoptr (PdCanvas) canvas = pd_canvas_new (&options, &error);
  float *prediction = g_new (float, (gsize) model->denoiser->info.channels *SIDE *WIDTH);

  g_assert_no_error (error);
  g_assert_true (pd_canvas_predict (canvas, schedule, 0, clean, prediction, NULL, &error));
  return prediction;
}

/* Whether two predictions are the same in columns @first … @last - 1. */
static gboolean
same (const float *a, const float *b, guint first, guint last)
{
  for (guint row = 0; row < model->denoiser->info.channels * SIDE; row++)
    if (memcmp (a + (gsize) row * WIDTH + first, b + (gsize) row * WIDTH + first,
                (last - first) * sizeof *a) != 0)
      return FALSE;
  return TRUE;
}

/* A canvas tells its tiles: 0 … 31 and 64 … 95 show one side each, those between both. */
static void
test_canvas (void)
{
  g_autoptr (PdTilePrompts) prompts = find (prompt, PD_TORUS_NONE, 1);
  g_autofree float *told = predict (prompt, prompts), *whole = predict (prompt, NULL);
  g_autofree float *left = predict ("moss fog", NULL), *right = predict ("sand fog", NULL);

  g_assert_true (same (told, left, 0, 21));
  g_assert_true (same (told, whole, 32, 64));
  g_assert_true (same (told, right, 75, WIDTH));
  g_assert_false (same (left, whole, 0, 21));
  g_assert_false (same (right, whole, 75, WIDTH));
  g_assert_false (same (left, right, 32, 64));
}

/* A prompt of one word has nothing to leave out, and the model is not asked. */
static void
test_one_word (void)
{
  g_autoptr (PdTilePrompts) prompts = find ("moss", PD_TORUS_NONE, 1);

  g_assert_cmpuint (pd_tile_prompts_words (prompts)->len, ==, 0);
  g_assert_cmpuint (pd_tile_prompts_forwards (prompts), ==, 0);
  assert_told (prompts, 0, "moss");
}

/* A model that knows no words, whatever it is asked. */
static void
test_random (void)
{
  static const char *const texts[] = { "moss sand fog", "a red house by the sea", "cat dog",
                                       "an old tree and a stone wall, oil painting, 8k" };

  g_ptr_array_set_size (patches, 0);
  put_patches ();
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    for (guint64 seed = 1; seed <= 3; seed++)
      {
        g_autoptr (PdTilePrompts) prompts = find (texts[i], PD_TORUS_NONE, seed);

        g_assert_cmpuint (pd_tile_prompts_forwards (prompts), >, 0);
        g_assert_cmpuint (pd_tile_prompts_words (prompts)->len, ==, 0);
      }
}

static void
open_model (const char *path)
{
  const char *const texts[] = { prompt };
  g_autoptr (GError) error = NULL;
  g_autofree char *file =
      g_build_filename (path, "unet", "diffusion_pytorch_model.safetensors", NULL);
  g_autoptr (GPtrArray) encoded = NULL;
  g_auto (PdScheduleConfig) config = { 0 };
  gsize n;

  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, &error));
  model = pd_model_load (&backend, path, NULL, &error);
  g_assert_no_error (error);
  weights = pd_safetensors_open (file, &error);
  g_assert_no_error (error);
  patches = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_patch_free);
  encoded = pd_conditioner_encode (model->conditioner, texts, 1, 0, NULL, &error);
  g_assert_no_error (error);
  condition = g_ptr_array_steal_index (encoded, 0);
  pd_schedule_config_init (&config);
  schedule = pd_schedule_new (&config, PD_SOLVER_DDIM, 10, 0.5, &error);
  g_assert_no_error (error);
  n = (gsize) model->denoiser->info.channels * SIDE * WIDTH;
  clean = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    clean[i] = i % WIDTH < WIDTH / 2 ? 1.5f : -1.5f;
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  path = pd_fixture_shared ("goldens/models/sd1");
  if (path == NULL)
    {
      g_print ("1..0 # SKIP the reference model is not there\n");
      return 0;
    }
  open_model (path);
  g_test_add_func ("/tile-prompts/sides", test_sides);
  g_test_add_func ("/tile-prompts/torus", test_torus);
  g_test_add_func ("/tile-prompts/canvas", test_canvas);
  g_test_add_func ("/tile-prompts/one-word", test_one_word);
  g_test_add_func ("/tile-prompts/random", test_random);
  status = g_test_run ();
  g_free (clean);
  pd_schedule_free (schedule);
  pd_condition_free (condition);
  g_clear_pointer (&others, g_ptr_array_unref);
  g_ptr_array_unref (patches);
  pd_safetensors_unref (weights);
  pd_model_free (model);
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
