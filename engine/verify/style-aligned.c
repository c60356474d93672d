// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/networks/bank-writer.h"
#include "engine/networks/blocks.h"
#include "engine/networks/style-align.h"
#include "engine/verify/style.h"

/* Images that take on the look of a reference. */

enum
{
  IMAGES = 3, /* the reference first */
  LEVEL = 1,  /* of the UNet, whose block is looked at alone */
};

/* A reference, which the first image is, and what takes part in passes over it and over others. */
typedef struct
{
  PdBank *bank;
  PdBankWriter *writer;
  PdStyleAlign *align;
  PdHook *writers[3], *readers[2];
} Reference;

static void
reference_clear (Reference *self)
{
  pd_style_align_free (self->align);
  pd_bank_writer_free (self->writer);
  pd_bank_free (self->bank);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reference, reference_clear)

static gboolean
make_reference (const PdVerifyStyle *self,
                const GArray *survey,
                guint branches,
                Reference *reference,
                GError **error)
{
  const PdBackend *backend = self->unet->backend;
  const PdBankOptions options = { .branches = branches, .parts = 1, .every = 1 };

  if ((reference->bank = pd_bank_new (backend, survey, &options, error)) == NULL ||
      (reference->align =
           pd_style_align_new (backend, reference->bank, survey, branches, 1, error)) == NULL)
    return FALSE;
  reference->writer = pd_bank_writer_new (reference->bank, 1);
  pd_bank_writer_choose (reference->writer, 0, 0, NULL);
  reference->writers[0] = pd_bank_writer_hook (reference->writer);
  reference->writers[1] = pd_style_align_writer (reference->align);
  reference->readers[0] = pd_style_align_reader (reference->align);
  return TRUE;
}

static const char attention_path[] = "down_blocks.1.attentions.0.transformer_blocks.0.attn1";

typedef struct
{
  guint channels, heads;
  PdAttentionLayer attention;
} Layer;

static void
read_layer (PdLayerReader *reader, gpointer part)
{
  Layer *self = part;

  self->attention = pd_blocks_read_attention (reader, self->channels, self->channels, self->heads,
                                              FALSE, "%s", attention_path);
}

/* The layer alone, over @n images of @x, [n][tokens][channels]. */
static gboolean
run_layer (const PdVerifyStyle *self,
           const Layer *layer,
           PdHook *const *hooks,
           guint n,
           guint tokens,
           const float *x,
           float *y,
           GError **error)
{
  const gsize count = (gsize) n * tokens * layer->channels;
  g_autoptr (PdGraph) graph = pd_graph_new (self->unet->backend);
  PdSites sites = { .hooks = hooks };
  const PdBuilder builder = { .graph = graph, .sites = &sites };
  PdTensor *input = pd_graph_input (graph, n, 1, tokens, layer->channels, 0);
  PdTensor *output = pd_graph_output (
      graph, pd_blocks_build_attention (&builder, input, input, NULL, &layer->attention));

  return pd_graph_compile (graph, FALSE, error) && pd_tensor_write (input, x, count, error) &&
         pd_sites_before_run (hooks, error) && pd_graph_run (graph, NULL, error) &&
         pd_tensor_read (output, y, count, error);
}

static gboolean
check_layer (PdVerifyStyle *self, const Layer *layer, GError **error)
{
  const PdTensorInfo *info;
  g_autofree float *x = pd_verify_file_values (self->file, "block.x", &info, error), *y = NULL;
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_auto (Reference) reference = { 0 };
  PdSite site = { .kind = PD_SITE_ATTENTION, .channels = layer->channels, .h = 1 };
  guint tokens;
  gsize n;

  if (x == NULL)
    return FALSE;
  if (info->n_dims != 3 || info->dims[0] != IMAGES || info->dims[2] != (gint64) layer->channels)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s does not fit the UNet"),
                   info->name);
      return FALSE;
    }
  site.w = tokens = (guint) info->dims[1];
  n = (gsize) tokens * layer->channels;
  y = g_new (float, IMAGES *n);
  g_array_append_val (survey, site);
  if (!make_reference (self, survey, 1, &reference, error) ||
      !run_layer (self, layer, NULL, IMAGES, tokens, x, y, error))
    return FALSE;
  pd_verify_file_check (self->file, "block.plain", y, IMAGES * n);
  if (!run_layer (self, layer, reference.writers, 1, tokens, x, y, error) ||
      !run_layer (self, layer, reference.readers, IMAGES - 1, tokens, x + n, y + n, error))
    return FALSE;
  pd_verify_file_check (self->file, "block.out", y, IMAGES * n);
  return TRUE;
}

/* The whole network: @branches times the same images, each with its condition. */
static gboolean
check_network (PdVerifyStyle *self,
               const char *stem,
               guint branches,
               const PdCondition *const *conditions,
               GError **error)
{
  const guint others = IMAGES - 1;
  g_autofree float *timestep = pd_verify_file_values (self->file, "unet.timestep", NULL, error);
  g_autofree float *sample = pd_verify_style_latents (self, "unet.sample", IMAGES, error);
  g_autoptr (GArray) survey = pd_denoiser_survey (self->unet, self->h, self->w);
  g_autofree float *first = g_new (float, branches * self->n), *first_out = NULL;
  g_autofree float *rest = g_new (float, branches *others * self->n), *rest_out = NULL;
  g_autofree float *all = g_new (float, branches *IMAGES * self->n);
  g_autofree const PdCondition **of_first = g_new (const PdCondition *, branches);
  g_autofree const PdCondition **of_rest = g_new (const PdCondition *, branches *others);
  g_auto (Reference) reference = { 0 };
  g_autoptr (PdDenoiserPass) writer = NULL, reader = NULL;
  const gsize n = self->n;

  if (sample == NULL || timestep == NULL ||
      !make_reference (self, survey, branches, &reference, error) ||
      (writer = pd_verify_style_pass (self, branches, reference.writers, NULL, error)) == NULL ||
      (reader = pd_verify_style_pass (self, branches * others, reference.readers, NULL, error)) ==
          NULL)
    return FALSE;
  first_out = g_new (float, branches *n);
  rest_out = g_new (float, branches *others *n);
  for (guint branch = 0; branch < branches; branch++)
    {
      memcpy (first + branch * n, sample, n * sizeof *first);
      memcpy (rest + branch * others * n, sample + n, others * n * sizeof *rest);
      of_first[branch] = conditions[branch * IMAGES];
      for (guint i = 0; i < others; i++)
        of_rest[branch * others + i] = conditions[branch * IMAGES + 1 + i];
    }
  if (!pd_verify_style_run (self, writer, timestep[0], of_first, first, first_out, error) ||
      !pd_verify_style_run (self, reader, timestep[0], of_rest, rest, rest_out, error))
    return FALSE;
  for (guint branch = 0; branch < branches; branch++)
    {
      memcpy (all + branch * IMAGES * n, first_out + branch * n, n * sizeof *all);
      memcpy (all + (branch * IMAGES + 1) * n, rest_out + branch * others * n,
              others * n * sizeof *all);
    }
  pd_verify_file_check_in (self->file, stem, "noise_pred", all, branches * IMAGES * n);
  return TRUE;
}

static gboolean
check_plain (PdVerifyStyle *self, const PdCondition *const *conditions, GError **error)
{
  g_autofree float *timestep = pd_verify_file_values (self->file, "unet.timestep", NULL, error);
  g_autofree float *sample = pd_verify_style_latents (self, "unet.sample", IMAGES, error);
  g_autoptr (PdDenoiserPass) pass = pd_verify_style_pass (self, IMAGES, NULL, NULL, error);
  g_autofree float *output = g_new (float, IMAGES * self->n);

  if (sample == NULL || timestep == NULL || pass == NULL ||
      !pd_verify_style_run (self, pass, timestep[0], conditions, sample, output, error))
    return FALSE;
  pd_verify_file_check (self->file, "unet.plain", output, IMAGES * self->n);
  return TRUE;
}

gboolean
pd_verify_style_aligned (PdVerifyFile *file, const char *model, GError **error)
{
  g_auto (PdVerifyStyle) self = { 0 };
  g_autoptr (GStringChunk) paths = g_string_chunk_new (256);
  g_autoptr (GPtrArray) owned = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);
  const PdCondition *conditions[2 * IMAGES];
  g_autofree float *sample = NULL;
  const PdUNetConfig *config;
  PdWeights *weights;
  gboolean done;
  Layer layer;

  if (!pd_verify_style_open (&self, file, model, error) ||
      (sample = pd_verify_style_latents (&self, "unet.sample", IMAGES, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < IMAGES; i++)
    {
      PdCondition *condition = pd_verify_style_condition (&self, "unet.context", i, error);

      if (condition == NULL)
        return FALSE;
      g_ptr_array_add (owned, condition);
      conditions[i] = self.empty;
      conditions[IMAGES + i] = condition;
    }
  config = self.files->parts[PD_PART_UNET].config;
  layer = (Layer){ .channels = config->block_out_channels[LEVEL], .heads = config->heads[LEVEL] };
  weights = pd_layer_read_part (self.files->parts[PD_PART_UNET].checkpoint, file->verify->backend,
                                paths, read_layer, &layer, error);
  if (weights == NULL)
    return FALSE;
  done = check_layer (&self, &layer, error) && check_plain (&self, conditions + IMAGES, error) &&
         check_network (&self, "unet", 1, conditions + IMAGES, error) &&
         check_network (&self, "cfg", 2, conditions, error);
  pd_weights_free (weights);
  return done;
}
