// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/networks/bank-writer.h"
#include "engine/networks/style-transfer.h"
#include "tests/fixtures/reference.h"

/* The hooks of a style against plain twins. */

enum
{
  IMAGES = 2, /* of a branch */
  BRANCHES = 3,
  HEADS = 2,
  CHANNELS = 40,
};

static PdDevice *device;

static RefTensor *
random_tensor (guint n, guint h, guint w, guint seed)
{
  RefTensor *tensor = ref_tensor_new (n, h, w, CHANNELS);
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < ref_tensor_count (tensor); i++)
    tensor->values[i] = (float) g_rand_double_range (random, -2, 2);
  return tensor;
}

static PdTensor *
input_of (PdGraph *graph, const RefTensor *values)
{
  return pd_graph_input (graph, values->n, values->h, values->w, values->c, 0);
}

static void
write_tensor (PdTensor *tensor, const RefTensor *values)
{
  g_autoptr (GError) error = NULL;

  pd_tensor_write (tensor, values->values, ref_tensor_count (values), &error);
  g_assert_no_error (error);
}

/* Queries, keys and values of a site. */
typedef struct
{
  RefTensor *q, *k, *v;
} Tokens;

static void
tokens_clear (Tokens *self)
{
  ref_tensor_free (self->q);
  ref_tensor_free (self->k);
  ref_tensor_free (self->v);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Tokens, tokens_clear)

static Tokens
random_tokens (guint n, guint h, guint w, guint seed)
{
  return (Tokens){ random_tensor (n, h, w, seed), random_tensor (n, h, w, seed + 1),
                   random_tensor (n, h, w, seed + 2) };
}

/* What @hooks make of @tokens; NULL: they leave the site to others. */
static RefTensor *
run_hooks (const PdBackend *backend, PdHook *const *hooks, PdSite site, const Tokens *tokens)
{
  g_autoptr (PdGraph) graph = pd_graph_new (backend);
  PdSites sites = { .hooks = hooks };
  PdTensor *q = input_of (graph, tokens->q), *k = input_of (graph, tokens->k);
  PdTensor *v = input_of (graph, tokens->v), *y;
  RefTensor *result;
  g_autoptr (GError) error = NULL;

  y = pd_sites_attention (&sites, graph, site, q, k, v);
  if (y != NULL)
    pd_graph_output (graph, y);
  pd_graph_compile (graph, FALSE, &error);
  g_assert_no_error (error);
  write_tensor (q, tokens->q);
  write_tensor (k, tokens->k);
  write_tensor (v, tokens->v);
  g_assert_true (pd_sites_before_run (hooks, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
  if (y == NULL)
    return NULL;
  result = ref_tensor_new (y->n, y->h, y->w, y->c);
  g_assert_true (pd_tensor_read (y, result->values, ref_tensor_count (result), &error));
  return result;
}

static void
assert_close (const RefTensor *found, const RefTensor *expected)
{
  for (gsize i = 0; i < ref_tensor_count (expected); i++)
    g_assert_cmpfloat_with_epsilon (found->values[i], expected->values[i], 1e-4);
}

static RefTensor *
image_of (const RefTensor *all, guint image)
{
  RefTensor *one = ref_tensor_new (1, all->h, all->w, all->c);
  gsize n = ref_tensor_count (one);

  memcpy (one->values, all->values + image * n, n * sizeof *one->values);
  return one;
}

static void
check_image (const Tokens *tokens,
             const Tokens *style,
             const PdStyleTransferOptions *options,
             guint image,
             const RefTensor *found)
{
  g_autoptr (RefTensor) q = image_of (tokens->q, image), k = image_of (tokens->k, image);
  g_autoptr (RefTensor) v = image_of (tokens->v, image), content = NULL, mixed = NULL;
  g_autoptr (RefTensor) own = ref_attention (q, k, v, HEADS, NULL, FALSE), drawn = NULL;
  g_autoptr (RefTensor) expected = NULL, result = image_of (found, image);

  if (image < IMAGES)
    {
      assert_close (result, own);
      return;
    }
  content = image_of (tokens->q, image % IMAGES);
  mixed = ref_add (content, options->focus * options->content, q,
                   options->focus * (1 - options->content));
  drawn = ref_attention (mixed, style->k, style->v, HEADS, NULL, FALSE);
  expected = ref_add (drawn, options->share, own, 1 - options->share);
  assert_close (result, expected);
}

static void
check_transfer (const PdBackend *backend, double share)
{
  const PdStyleTransferOptions options = { .content = 0.7, .focus = 1.4, .share = share };
  PdSite site = { .kind = PD_SITE_ATTENTION,
                  .decoder = TRUE,
                  .depth = 1,
                  .h = 4,
                  .w = 7,
                  .channels = CHANNELS,
                  .parts = HEADS };
  const PdBankOptions bank_options = {
    .branches = 1, .parts = 1, .every = 1, .takes = pd_style_transfer_takes
  };
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_auto (Tokens) style = random_tokens (1, 4, 7, 1), tokens = random_tokens (6, 5, 3, 7);
  g_autoptr (GError) error = NULL;
  g_autoptr (PdBank) bank = NULL;
  g_autoptr (PdBankWriter) writer = NULL;
  g_autoptr (PdStyleTransfer) transfer = NULL;
  const PdBankDraw draw = { 0, 0 };
  g_autoptr (RefTensor) written = NULL, found = NULL, coarse = NULL;
  PdHook *writers[2] = { NULL }, *readers[2] = { NULL };

  g_array_append_val (survey, site);
  bank = pd_bank_new (backend, survey, &bank_options, &error);
  g_assert_no_error (error);
  transfer = pd_style_transfer_new (bank, IMAGES, &options);
  writer = pd_bank_writer_new (bank, 1);
  pd_bank_writer_choose (writer, 0, 0, &draw);
  writers[0] = pd_bank_writer_hook (writer);
  readers[0] = pd_style_transfer_hook (transfer);
  written = run_hooks (backend, writers, site, &style);
  g_assert_null (written);
  found = run_hooks (backend, readers, site, &tokens);
  g_assert_nonnull (found);
  for (guint image = 0; image < IMAGES * BRANCHES; image++)
    check_image (&tokens, &style, &options, image, found);
  site.depth = 2;
  coarse = run_hooks (backend, readers, site, &tokens);
  g_assert_null (coarse);
}

static void
test_transfer (gconstpointer kernels)
{
  static const double shares[] = { 1, 0.3 };
  g_autoptr (GError) error = NULL;
  PdBackend backend;

  g_assert_true (
      pd_backend_init (&backend, device, GPOINTER_TO_UINT (kernels), PD_PRECISION_F32, &error));
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    check_transfer (&backend, shares[i]);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/style-transfer/general", GUINT_TO_POINTER (PD_KERNELS_GENERAL),
                        test_transfer);
  if (pd_device_info (device)->is_cpu)
    g_test_add_data_func ("/style-transfer/uniform", GUINT_TO_POINTER (PD_KERNELS_UNIFORM),
                          test_transfer);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
