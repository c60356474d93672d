// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/word-maps.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/networks/unet.h"
#include "tests/fixtures/sd1-fixture.h"

/* The maps of words against softmax (q · k) of what the layers' own queries and keys are. */

enum
{
  WORDS = 3,
  TOKENS = 77,
};

static Sd1Fixture sd1;

static const PdSize odd = { 13, 22 }; /* latent pixels: odd at every depth */

/* Two tokens of the first word, one of the second, three of the third; the others are no word's. */
static const gint first_tokens[] = { -1, 0, 0, -1, 1, 2, 2, -1, 2 };

/* What the program's maps are compared with. */
typedef struct
{
  PdSize size;
  double *shares;   /* [WORDS][size], summed over heads */
  double *standard; /* likewise, of maps with mean 0 and variance 1 */
  guint heads;
} Twin;

/* The share of @word at one place, from the head's part of query and keys. */
static double
share_of (
    const float *q, const float *k, guint channels, guint depth, const gint *word_of, gint word)
{
  double of_word = 0, of_all = 0;

  for (guint t = 0; t < TOKENS; t++)
    {
      double product = 0;

      if (word_of[t] < 0)
        continue;
      for (guint c = 0; c < depth; c++)
        product += (double) q[c] * k[(gsize) t * channels + c];
      product = exp (product / sqrt (depth));
      of_all += product;
      of_word += word_of[t] == word ? product : 0;
    }
  return of_word / of_all;
}

static void
add_layer (Twin *self, PdTensor *q, PdTensor *k, guint heads, const gint *word_of)
{
  const gsize n_q = pd_tensor_n_values (q), n_k = pd_tensor_n_values (k), n = (gsize) q->h * q->w;
  const guint depth = q->c / heads;
  g_autofree float *queries = g_new (float, n_q), *keys = g_new (float, n_k);
  g_autofree double *map = g_new (double, n);

  g_assert_true (pd_tensor_read (q, queries, n_q, NULL));
  g_assert_true (pd_tensor_read (k, keys, n_k, NULL));
  for (guint head = 0; head < heads; head++)
    for (gint word = 0; word < WORDS; word++)
      {
        double mean = 0, squares = 0;

        for (gsize i = 0; i < n; i++)
          {
            map[i] = share_of (queries + i * q->c + head * depth, keys + head * depth, q->c, depth,
                               word_of, word);
            mean += map[i] / (double) n;
          }
        for (gsize i = 0; i < n; i++)
          squares += (map[i] - mean) * (map[i] - mean) / (double) n;
        for (guint y = 0; y < self->size.h; y++)
          for (guint x = 0; x < self->size.w; x++)
            {
              const gsize at = ((gsize) word * self->size.h + y) * self->size.w + x;
              const double value =
                  map[(gsize) (y * q->h / self->size.h) * q->w + x * q->w / self->size.w];

              self->shares[at] += value;
              self->standard[at] += (value - mean) / sqrt (squares);
            }
      }
  self->heads += heads;
}

static double
twin_agreement (const Twin *self, guint word)
{
  const gsize n = pd_size_area (self->size);
  double squares = 0;

  for (gsize i = 0; i < n; i++)
    squares += self->standard[word * n + i] * self->standard[word * n + i];
  return squares / (double) n / self->heads;
}

/* The largest of its layers' sizes is the maps'. */
static PdSize
size_of (const GArray *survey)
{
  PdSize size = { 0, 0 };

  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind == PD_SITE_CROSS_ATTENTION && site->depth > 0)
        size = (PdSize){ MAX (size.h, site->h), MAX (size.w, site->w) };
    }
  return size;
}

static void
check (PdKernels kernels, PdPrecision precision, PdSize latent)
{
  const double tolerance = 2e-5;
  const PdPartFiles *unet = &sd1.files->parts[PD_PART_UNET];
  g_autoptr (GError) error = NULL;
  PdBackend backend;
  g_autoptr (PdDenoiser) denoiser = NULL;
  g_autoptr (PdCondition) prompt = sd1_fixture_condition (&sd1, "context");
  const PdCondition *conditions[] = { prompt };
  const gsize n = (gsize) sd1.denoiser->info.channels * pd_size_area (latent);
  g_autofree float *latents = g_new (float, n), *prediction = g_new (float, n);
  gint word_of[TOKENS];
  const PdWordTokens tokens = { WORDS, TOKENS, word_of };
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PdProbes probes = { wanted };
  g_autoptr (GArray) survey = NULL;
  g_autoptr (PdWordMaps) maps = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL;
  PdHook *hooks[2] = { NULL, NULL };
  Twin twin = { 0 };
  guint layers = 0;

  g_assert_true (pd_backend_init (&backend, sd1.device, kernels, precision, &error));
  denoiser = pd_unet_new (&backend, unet->config, unet->checkpoint, &error);
  g_assert_no_error (error);
  for (guint t = 0; t < TOKENS; t++)
    word_of[t] = t < G_N_ELEMENTS (first_tokens) ? first_tokens[t] : -1;
  survey = pd_denoiser_survey (denoiser, latent.h, latent.w);
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind != PD_SITE_CROSS_ATTENTION || site->depth == 0)
        continue;
      g_hash_table_insert (wanted, g_strconcat (site->path, ".to_q", NULL), NULL);
      g_hash_table_insert (wanted, g_strconcat (site->path, ".to_k", NULL), NULL);
      layers++;
    }
  g_assert_cmpuint (layers, ==, 11);
  maps = pd_word_maps_new (survey, &tokens, &error);
  g_assert_no_error (error);
  hooks[0] = pd_word_maps_hook (maps);
  pass = pd_denoiser_pass_new (
      denoiser,
      &(PdDenoiserPassOptions){
          .n = 1, .h = latent.h, .w = latent.w, .like = prompt, .hooks = hooks, .probes = &probes },
      &error);
  g_assert_no_error (error);
  pd_noise_normal (3, 0, 0, n, latents);
  g_assert_true (pd_denoiser_pass_run (pass,
                                       &(PdDenoiserRun){ .latents = latents,
                                                         .n_latents = n,
                                                         .timestep = 400,
                                                         .conditions = conditions,
                                                         .prediction = prediction,
                                                         .n_prediction = n },
                                       NULL, &error));
  g_assert_true (pd_word_maps_add (maps, &error));

  twin.size = size_of (survey);
  g_assert_cmpuint (twin.size.h, ==, (latent.h + 1) / 2);
  g_assert_cmpuint (twin.size.w, ==, (latent.w + 1) / 2);
  twin.shares = g_new0 (double, WORDS *pd_size_area (twin.size));
  twin.standard = g_new0 (double, WORDS *pd_size_area (twin.size));
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);
      g_autofree char *q = g_strconcat (site->path, ".to_q", NULL);
      g_autofree char *k = g_strconcat (site->path, ".to_k", NULL);

      if (g_hash_table_contains (wanted, q))
        add_layer (&twin, g_hash_table_lookup (wanted, q), g_hash_table_lookup (wanted, k),
                   site->parts, word_of);
    }
  g_assert_cmpuint (pd_word_maps_size (maps).h, ==, twin.size.h);
  g_assert_cmpuint (pd_word_maps_size (maps).w, ==, twin.size.w);
  for (guint word = 0; word < WORDS; word++)
    {
      const float *map = pd_word_maps_get (maps, word);
      const double agreement = twin_agreement (&twin, word);

      g_test_message ("word %u: agreement %.2f", word, agreement);
      for (gsize i = 0; i < pd_size_area (twin.size); i++)
        g_assert_cmpfloat_with_epsilon (
            map[i], twin.shares[word * pd_size_area (twin.size) + i] / twin.heads, tolerance);
      g_assert_cmpfloat_with_epsilon (pd_word_maps_agreement (maps, word), agreement,
                                      100 * tolerance * agreement);
    }
  g_free (twin.shares);
  g_free (twin.standard);
}

/* Queries and keys are what they are; only what is made of them is compared. */
static void
test_general (gconstpointer precision)
{
  check (PD_KERNELS_GENERAL, GPOINTER_TO_UINT (precision), odd);
}

/* Of a size of which other tests have the kernels. */
static void
test_uniform (void)
{
  check (PD_KERNELS_UNIFORM, PD_PRECISION_F32, (PdSize){ 16, 16 });
}

/* A network without such layers, or none but at the latent's size, gives no maps. */
static void
test_none (void)
{
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  const gint word_of[] = { 0, 1 };
  const PdWordTokens tokens = { 2, 2, word_of };
  g_autoptr (PdWordMaps) maps = NULL;
  PdSite site = { .kind = PD_SITE_CROSS_ATTENTION, .h = 8, .w = 8, .parts = 2 };

  g_array_append_val (survey, site);
  site.kind = PD_SITE_ATTENTION;
  site.depth = 1;
  g_array_append_val (survey, site);
  maps = pd_word_maps_new (survey, &tokens, NULL);
  g_assert_nonnull (maps);
  g_assert_cmpuint (pd_size_area (pd_word_maps_size (maps)), ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  if (!sd1_fixture_open (&sd1, "sd1_windows"))
    return 0;
  g_test_add_data_func ("/word-maps/general/f32", GUINT_TO_POINTER (PD_PRECISION_F32),
                        test_general);
  g_test_add_data_func ("/word-maps/general/f16", GUINT_TO_POINTER (PD_PRECISION_F16),
                        test_general);
  if (pd_device_info (sd1.device)->is_cpu)
    g_test_add_func ("/word-maps/uniform", test_uniform);
  g_test_add_func ("/word-maps/none", test_none);
  status = g_test_run ();
  sd1_fixture_close (&sd1);
  return status;
}
