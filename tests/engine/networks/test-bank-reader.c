// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/networks/bank-reader.h"
#include "engine/networks/bank-writer.h"

/* Attention over keys of one's own and further ones, and the bank that the further ones come from,
 * written and read. */

static PdDevice *device;

typedef struct
{
  guint heads, depth; /* channels of a head */
  guint images, h, w;
  guint more_images, more_h, more_w;
} Shape;

static const Shape shapes[] = {
  { 4, 32, 4, 6, 7, 2, 3, 5 },
  { 2, 40, 2, 16, 16, 2, 8, 8 },
  { 3, 20, 2, 5, 9, 1, 1, 1 },  /* parts of a head that are not whole */
  { 1, 168, 2, 4, 4, 1, 2, 3 }, /* a head too deep for the kernel */
};

static PdTensor *
random_input (PdGraph *graph, guint n, guint h, guint w, guint c, GArray *inputs)
{
  PdTensor *tensor = pd_graph_input (graph, n, h, w, c, 0);

  g_array_append_val (inputs, tensor);
  return tensor;
}

static void
check_more (PdKernels kernels, const Shape *shape)
{
  guint c = shape->heads * shape->depth, keys = shape->h * shape->w + shape->more_h * shape->more_w;
  gsize count = (gsize) shape->images * shape->h * shape->w * c;
  g_autofree float *split = g_new (float, count), *joined = g_new (float, count);
  g_autofree float *bias_values = g_new (float, (gsize) shape->images *keys);
  g_autoptr (GArray) inputs = g_array_new (FALSE, FALSE, sizeof (PdTensor *));
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  PdTensor *q, *k, *v, *more_k, *more_v, *bias, *one, *other;
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, kernels, PD_PRECISION_F32, &error));
  graph = pd_graph_new (&backend);
  q = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  k = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  v = random_input (graph, shape->images, shape->h, shape->w, c, inputs);
  more_k = random_input (graph, shape->more_images, shape->more_h, shape->more_w, c, inputs);
  more_v = random_input (graph, shape->more_images, shape->more_h, shape->more_w, c, inputs);
  bias = pd_graph_input_f32 (graph, shape->images, 1, 1, keys);
  one = pd_graph_output (graph, pd_attention (graph, &(PdAttention){ .q = q,
                                                                     .k = k,
                                                                     .v = v,
                                                                     .heads = shape->heads,
                                                                     .key_bias = bias,
                                                                     .more_k = more_k,
                                                                     .more_v = more_v }));
  other = pd_graph_output (
      graph, pd_attention (graph, &(PdAttention){ .q = q,
                                                  .k = pd_concat_tokens (graph, k, more_k),
                                                  .v = pd_concat_tokens (graph, v, more_v),
                                                  .heads = shape->heads,
                                                  .key_bias = bias }));
  pd_graph_compile (graph, FALSE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < inputs->len; i++)
    {
      PdTensor *tensor = g_array_index (inputs, PdTensor *, i);
      gsize n = (gsize) tensor->n * tensor->h * tensor->w * tensor->c;
      g_autofree float *values = g_new (float, n);

      for (gsize e = 0; e < n; e++)
        values[e] = (float) g_rand_double_range (random, -1, 1);
      g_assert_true (pd_tensor_write (tensor, values, n, &error));
    }
  for (guint e = 0; e < shape->images * keys; e++)
    bias_values[e] = (float) g_rand_double_range (random, -2, 2);
  g_assert_true (pd_tensor_write (bias, bias_values, (gsize) shape->images * keys, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
  g_assert_true (pd_tensor_read (one, split, count, &error));
  g_assert_true (pd_tensor_read (other, joined, count, &error));
  for (gsize e = 0; e < count; e++)
    g_assert_cmpfloat_with_epsilon (split[e], joined[e], 1e-6);
}

static void
test_more (gconstpointer kernels)
{
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_more (GPOINTER_TO_UINT (kernels), &shapes[i]);
}

/* Two images of a branch of the simplest network there is: attention over what it is given. */
enum
{
  SIDE = 4,
  TOKENS = SIDE * SIDE,
  WIDTH = 32,
  HEADS = 2,
};

typedef struct
{
  PdGraph *graph;
  PdTensor *qkv[3];
  PdTensor *result;
  PdHook *hooks[3];
} Pass;

static void
pass_clear (Pass *self)
{
  pd_graph_free (self->graph);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pass, pass_clear)

/* @writer, @reader: hooks, may be NULL. */
static void
record (Pass *self, const PdBackend *backend, guint images, PdHook *writer, PdHook *reader)
{
  g_autoptr (GError) error = NULL;
  PdHook **hook = self->hooks;
  PdSites sites = { .hooks = self->hooks };
  const PdSite site = {
    .kind = PD_SITE_ATTENTION, .h = SIDE, .w = SIDE, .channels = WIDTH, .parts = HEADS
  };

  if (writer != NULL)
    *hook++ = writer;
  if (reader != NULL)
    *hook++ = reader;
  self->graph = pd_graph_new (backend);
  for (guint i = 0; i < 3; i++)
    self->qkv[i] = pd_graph_input (self->graph, images, SIDE, SIDE, WIDTH, 0);
  self->result =
      pd_sites_attention (&sites, self->graph, site, self->qkv[0], self->qkv[1], self->qkv[2]);
  if (self->result == NULL)
    self->result = pd_attention (
        self->graph,
        &(PdAttention){ .q = self->qkv[0], .k = self->qkv[1], .v = self->qkv[2], .heads = HEADS });
  pd_graph_output (self->graph, self->result);
  pd_graph_compile (self->graph, FALSE, &error);
  g_assert_no_error (error);
}

/* With random queries, keys and values, of @seed. Returns: (transfer full) the result. */
static float *
run (Pass *self, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GError) error = NULL;
  gsize n = pd_tensor_n_values (self->result);
  float *values = g_new (float, n);

  for (guint i = 0; i < 3; i++)
    {
      for (gsize e = 0; e < n; e++)
        values[e] = (float) g_rand_double_range (random, -2, 2);
      g_assert_true (pd_tensor_write (self->qkv[i], values, n, &error));
    }
  g_assert_true (pd_sites_before_run (self->hooks, &error) &&
                 pd_graph_run (self->graph, NULL, &error) &&
                 pd_tensor_read (self->result, values, n, &error));
  return values;
}

static void
assert_close (const float *a, const float *b, gsize n)
{
  for (gsize e = 0; e < n; e++)
    g_assert_cmpfloat_with_epsilon (a[e], b[e], 1e-5);
}

/* Makes a bank for one site of the pass above. */
static PdBank *
make_bank (const PdBackend *backend, PdBankOptions options)
{
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_autoptr (GError) error = NULL;
  PdSite site = { .kind = PD_SITE_NORM, .h = SIDE, .w = SIDE, .channels = WIDTH, .parts = HEADS };
  PdBank *bank;

  g_array_append_val (survey, site);
  site.kind = PD_SITE_ATTENTION;
  g_array_append_val (survey, site);
  bank = pd_bank_new (backend, survey, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_bank_bytes (bank), ==, pd_bank_measure (backend, survey, &options));
  g_assert_cmpuint (pd_bank_layer (bank, 0)->sources, ==, TOKENS);
  g_assert_cmpuint (pd_bank_layer (bank, 0)->tokens, ==, MAX (1, TOKENS / options.every));
  return bank;
}

/* An image that reads all tokens of another is one that attends to both; one that reads none, or of
 * a bank in which nothing is written, attends to itself, whatever lies there; branches are apart.
 */
static void
test_all (void)
{
  static const PdBankDraw draw = { 1, 2 };
  const gsize n = TOKENS * WIDTH;
  g_auto (Pass) plain = { 0 }, writing = { 0 }, reading = { 0 };
  g_autofree float *alone = NULL, *unwritten = NULL, *unread = NULL, *read = NULL, *wrote = NULL;
  g_autofree float *expected = g_new0 (float, 2 * n);
  g_autoptr (PdBank) bank = NULL;
  g_autoptr (PdBankWriter) writer = NULL;
  g_autoptr (PdBankReader) reader = NULL;
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, NULL));
  bank = make_bank (&backend, (PdBankOptions){ .branches = 2, .parts = 2, .every = 1 });
  writer = pd_bank_writer_new (bank, 1);
  reader = pd_bank_reader_new (bank, 1);
  record (&plain, &backend, 2, NULL, NULL);
  record (&writing, &backend, 2, pd_bank_writer_hook (writer), NULL);
  record (&reading, &backend, 2, NULL, pd_bank_reader_hook (reader));
  alone = run (&plain, 5);

  pd_bank_reader_set_weight (reader, 0, 2);
  unwritten = run (&reading, 5);
  assert_close (unwritten, alone, 2 * n);

  /* The first part is what one pass has, which is not changed by it, and the second, which is not
   * read, what another has. */
  pd_bank_writer_choose (writer, 0, 1, &draw);
  g_free (run (&writing, 7));
  pd_bank_writer_choose (writer, 0, 0, &draw);
  wrote = run (&writing, 6);
  pd_bank_reader_set_parts (reader, 1);
  {
    g_autofree float *same = run (&plain, 6);

    assert_close (wrote, same, 2 * n);
  }
  /* A part of two, at twice the weight of the image: each token counts as one of its own. */
  read = run (&reading, 5);
  {
    g_autoptr (GRand) own = g_rand_new_with_seed (5), other = g_rand_new_with_seed (6);
    g_autofree float *q = g_new (float, 6 * n), *p = g_new (float, 6 * n);

    for (gsize e = 0; e < 6 * n; e++)
      {
        q[e] = (float) g_rand_double_range (own, -2, 2);
        p[e] = (float) g_rand_double_range (other, -2, 2);
      }
    for (guint branch = 0; branch < 2; branch++)
      for (guint head = 0; head < HEADS; head++)
        for (guint t = 0; t < TOKENS; t++)
          {
            double weights[2 * TOKENS], sum = 0;
            gsize depth = WIDTH / HEADS, first = branch * n + head * depth;

            for (guint key = 0; key < 2 * TOKENS; key++)
              {
                const float *k = (key < TOKENS ? q : p) + 2 * n + first + key % TOKENS * WIDTH;
                double dot = 0;

                for (gsize c = 0; c < depth; c++)
                  dot += (double) q[first + t * WIDTH + c] * k[c];
                sum += weights[key] = exp (dot / sqrt ((double) depth));
              }
            for (guint key = 0; key < 2 * TOKENS; key++)
              for (gsize c = 0; c < depth; c++)
                expected[first + t * WIDTH + c] +=
                    (float) (weights[key] / sum *
                             ((key < TOKENS ? q : p) + 4 * n)[first + key % TOKENS * WIDTH + c]);
          }
  }
  assert_close (read, expected, 2 * n);

  pd_bank_reader_set_weight (reader, 0, 0);
  unread = run (&reading, 5);
  assert_close (unread, alone, 2 * n);
  g_free (g_steal_pointer (&unread));
  pd_bank_reader_set_weight (reader, 0, 2);
  pd_bank_reader_set_parts (reader, 0);
  unread = run (&reading, 5);
  assert_close (unread, alone, 2 * n);
}

/* The choice of tokens depends on what it is drawn from, and on nothing else. */
static void
test_draw (void)
{
  static const PdBankDraw draws[] = { { 1, 2 }, { 1, 2 }, { 1, 3 }, { 2, 2 } };
  const gsize n = TOKENS * WIDTH;
  float *read[G_N_ELEMENTS (draws)];
  g_auto (Pass) writing = { 0 }, reading = { 0 };
  g_autoptr (PdBank) bank = NULL;
  g_autoptr (PdBankWriter) writer = NULL;
  g_autoptr (PdBankReader) reader = NULL;
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, NULL));
  bank = make_bank (&backend, (PdBankOptions){ .branches = 1, .parts = 1, .every = 4 });
  writer = pd_bank_writer_new (bank, 1);
  reader = pd_bank_reader_new (bank, 1);
  record (&writing, &backend, 1, pd_bank_writer_hook (writer), NULL);
  record (&reading, &backend, 1, NULL, pd_bank_reader_hook (reader));
  pd_bank_reader_set_weight (reader, 0, 4);
  pd_bank_reader_set_parts (reader, 1);
  for (guint i = 0; i < G_N_ELEMENTS (draws); i++)
    {
      g_autofree float *unused = NULL;

      pd_bank_writer_choose (writer, 0, 0, &draws[i]);
      unused = run (&writing, 6);
      read[i] = run (&reading, 5);
    }
  g_assert_cmpmem (read[0], n * sizeof (float), read[1], n * sizeof (float));
  g_assert_cmpint (memcmp (read[0], read[2], n * sizeof (float)), !=, 0);
  g_assert_cmpint (memcmp (read[0], read[3], n * sizeof (float)), !=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (draws); i++)
    g_free (read[i]);
}

/* Parts that another bank wrote are read as there, however they came. */
static void
test_load (void)
{
  enum
  {
    PARTS = 3,
  };
  static const PdBankDraw draw = { 1, 2 };
  const PdBankOptions options = { .branches = 2, .parts = PARTS, .every = 4 };
  const gsize n = TOKENS * WIDTH;
  g_auto (Pass) writing = { 0 }, reading = { 0 }, elsewhere = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree float *expected = NULL, *read = NULL;
  g_autofree guint8 *bytes = NULL;
  g_autoptr (PdBank) bank = NULL, other = NULL;
  g_autoptr (PdBankWriter) writer = NULL;
  g_autoptr (PdBankReader) reader = NULL, other_reader = NULL;
  gsize part_bytes;
  PdBackend backend;

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_PRECISION_F32, NULL));
  bank = make_bank (&backend, options);
  other = make_bank (&backend, options);
  writer = pd_bank_writer_new (bank, 1);
  reader = pd_bank_reader_new (bank, 1);
  other_reader = pd_bank_reader_new (other, 1);
  record (&writing, &backend, 2, pd_bank_writer_hook (writer), NULL);
  record (&reading, &backend, 2, NULL, pd_bank_reader_hook (reader));
  record (&elsewhere, &backend, 2, NULL, pd_bank_reader_hook (other_reader));
  part_bytes = pd_bank_part_bytes (bank);
  g_assert_cmpuint (PARTS * part_bytes, <=, pd_bank_bytes (bank));
  bytes = g_malloc (PARTS * part_bytes);
  for (guint part = 0; part < PARTS; part++)
    {
      pd_bank_writer_choose (writer, 0, (gint) part, &draw);
      g_free (run (&writing, 6 + part));
      g_assert_true (pd_bank_save (bank, part, bytes + part * part_bytes, &error));
    }
  pd_bank_reader_set_weight (reader, 0, 4);
  pd_bank_reader_set_parts (reader, PARTS);
  expected = run (&reading, 5);

  g_assert_true (pd_bank_load (other, 0, 1, bytes, &error));
  g_assert_true (pd_bank_load (other, 1, PARTS - 1, bytes + part_bytes, &error));
  g_assert_no_error (error);
  pd_bank_reader_set_weight (other_reader, 0, 4);
  pd_bank_reader_set_parts (other_reader, PARTS);
  read = run (&elsewhere, 5);
  g_assert_cmpmem (read, 2 * n * sizeof (float), expected, 2 * n * sizeof (float));
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
  g_test_add_data_func ("/bank-reader/more/general", GUINT_TO_POINTER (PD_KERNELS_GENERAL),
                        test_more);
  if (pd_device_info (device)->is_cpu)
    g_test_add_data_func ("/bank-reader/more/uniform", GUINT_TO_POINTER (PD_KERNELS_UNIFORM),
                          test_more);
  g_test_add_func ("/bank-reader/all", test_all);
  g_test_add_func ("/bank-reader/draw", test_draw);
  g_test_add_func ("/bank-reader/load", test_load);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
