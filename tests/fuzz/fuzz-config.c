// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/diffusion/schedule-json.h"
#include "engine/diffusion/solver.h"
#include "engine/files/config.h"
#include "engine/base/json.h"
#include "tests/fuzz/fuzz.h"

/* config.json of every part, and the scheduler's, whose solver then makes a run. The input begins
 * with a Head. */
typedef struct
{
  guint8 type;     /* of the solver */
  guint8 own;      /* 1: the class that the file names instead */
  guint8 steps;    /* less 1 */
  guint8 strength; /* percent */
} Head;

enum
{
  MAX_STEPS = 60,
  MAX_TRAIN = 5000, /* timesteps of a schedule of which a run is made; more takes longer */
  N = 4,            /* elements of the latent */
};

static const char *const words[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "false",
  "0",
  "-1",
  "1e308",
  "1e-308",
  "3.5",
  "2147483648",
  "9223372036854775807",
  "-9223372036854775808",
  "\"\"",
  "\\u00e9",
  "\\ud83d\\ude00",
  "-Infinity",
  "[1,2]",
  "\"silu\"",
  "\"AutoencoderTiny\"",
  "\"UNet2DConditionModel\"",
  "\"CLIPTextModel\"",
  "16384",
  "\"norm_num_groups\":",
  "\"block_out_channels\":",
  "\"attention_head_dim\":",
  "\"trained_betas\":[0.1,0.2]",
  "\"timestep_spacing\":\"trailing\"",
  "\"prediction_type\":\"v_prediction\"",
  "\"beta_schedule\":\"squaredcos_cap_v2\"",
  "\"rescale_betas_zero_snr\":true",
  "\"use_karras_sigmas\":true",
  "\"use_lu_lambdas\":true",
  "\"final_sigmas_type\":\"sigma_min\"",
  "\"euler_at_final\":true",
  "\"lambda_min_clipped\":",
  "\"disable_corrector\":[0]",
  "\"solver_type\":\"bh1\"",
  "\"solver_order\":3",
  "\"thresholding\":true",
  "\"sigma_min\":",
  "\"sigma_max\":",
  "\"original_inference_steps\":",
  "\"variance_type\":\"fixed_large\"",
  "\"interpolation_type\":\"log_linear\"",
  "\"algorithm_type\":\"sde-dpmsolver++\"",
  "\"transformer_layers_per_block\":",
  "\"addition_embed_type\":\"text_time\"",
  NULL,
};

static const char *const seeds[] = {
  "{\"_class_name\":\"UNet2DConditionModel\",\"act_fn\":\"silu\",\"attention_head_dim\":[2,4],"
  "\"block_out_channels\":[32,64],\"cross_attention_dim\":32,\"down_block_types\":["
  "\"CrossAttnDownBlock2D\",\"DownBlock2D\"],\"downsample_padding\":1,\"flip_sin_to_cos\":true,"
  "\"freq_shift\":0,\"in_channels\":4,\"layers_per_block\":2,\"mid_block_scale_factor\":1,"
  "\"mid_block_type\":\"UNetMidBlock2DCrossAttn\",\"norm_eps\":1e-05,\"norm_num_groups\":32,"
  "\"only_cross_attention\":false,\"out_channels\":4,\"sample_size\":16,"
  "\"transformer_layers_per_block\":[1,2],\"up_block_types\":[\"UpBlock2D\",\"CrossAttnUpBlock2D\"]"
  ","
  "\"use_linear_projection\":true,\"time_embedding_dim\":null}",
  "{\"_class_name\":\"AutoencoderKL\",\"act_fn\":\"silu\",\"block_out_channels\":[16,32],"
  "\"down_block_types\":[\"DownEncoderBlock2D\",\"DownEncoderBlock2D\"],\"force_upcast\":true,"
  "\"in_channels\":3,\"latent_channels\":4,\"layers_per_block\":2,\"norm_num_groups\":16,"
  "\"sample_size\":128,\"scaling_factor\":0.18215}",
  ("{\"_class_name\":\"AutoencoderTiny\",\"act_fn\":\"relu\",\"decoder_block_out_channels\":[16,16]"
   ","
   "\"encoder_block_out_channels\":[16,16],\"num_decoder_blocks\":[3,1],\"num_encoder_blocks\":[1,"
   "3]"
   ","
   "\"latent_magnitude\":3,\"latent_shift\":0.5,\"upsampling_scaling_factor\":2}"),
  "{\"architectures\":[\"CLIPTextModel\"],\"hidden_act\":\"quick_gelu\",\"hidden_size\":32,"
  "\"intermediate_size\":64,\"num_attention_heads\":4,\"num_hidden_layers\":3,\"vocab_size\":814,"
  "\"layer_norm_eps\":1e-05,\"eos_token_id\":2,\"max_position_embeddings\":77}",
  "{\"_class_name\":\"StableDiffusionPipeline\",\"unet\":[\"diffusers\",\"UNet2DConditionModel\"],"
  "\"vae\":[\"diffusers\",\"AutoencoderKL\"],\"safety_checker\":[null,null]}",
};

static void
add_seeds (GPtrArray *inputs)
{
  static const char *const classes[] = {
    "EulerDiscreteScheduler",  "HeunDiscreteScheduler", "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler", "LCMScheduler",          "DDPMScheduler",
    "PNDMScheduler",
  };
  static const char *const spacings[] = { "leading", "trailing", "linspace" };

  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    pd_fuzz_add_seed (inputs, "\0\1\5\144", sizeof (Head), seeds[i], -1);
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    {
      const char head[sizeof (Head)] = { (char) (i + 1), (char) (i % 2), 5, 90 };
      g_autofree char *json = g_strdup_printf (
          "{\"_class_name\":\"%s\",\"beta_end\":0.012,\"beta_start\":0.00085,\"beta_schedule\":"
          "\"scaled_linear\",\"num_train_timesteps\":1000,\"steps_offset\":1,\"timestep_spacing\":"
          "\"%s\",\"skip_prk_steps\":true,\"solver_order\":%u,\"use_karras_sigmas\":%s,"
          "\"trained_betas\":null,\"prediction_type\":\"epsilon\",\"clip_sample\":%s,"
          "\"thresholding\":%s}",
          classes[i], spacings[i % G_N_ELEMENTS (spacings)], 2 + i % 2,
          i % 2 == 1 && i < 4 ? "true" : "false", i > 3 ? "true" : "false",
          i % 2 == 0 ? "true" : "false");

      pd_fuzz_add_seed (inputs, head, sizeof head, json, -1);
    }
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

/* A UNet that reads without error can be built: nothing divides by zero, nothing is out of range.
 */
static void
check_unet (const PdUNetConfig *c)
{
  g_assert_true (c->n_blocks >= 1 && c->n_blocks <= PD_CONFIG_MAX_BLOCKS);
  for (int i = 0; i < c->n_blocks; i++)
    {
      gboolean attends = c->down_attention[i] || c->up_attention[c->n_blocks - 1 - i] ||
                         (c->mid_attention && i == c->n_blocks - 1);
      g_assert_true (c->block_out_channels[i] >= 1 && c->block_out_channels[i] <= 16384);
      g_assert_true (c->layers_per_block[i] >= 1 && c->transformer_layers[i] >= 1);
      g_assert_cmpint (c->block_out_channels[i] % c->norm_num_groups, ==, 0);
      g_assert_cmpint (c->heads[i], >=, 1);
      g_assert_true (!attends || c->block_out_channels[i] % c->heads[i] == 0);
    }
  g_assert_true (c->cross_attention_dim >= 1 && c->time_embed_dim >= 1 && c->in_channels >= 1);
  g_assert_true (c->norm_eps > 0 && c->block_out_channels[0] % 2 == 0);
}

static void
read_parts (JsonObject *object)
{
  static const char name[] = "config.json";
  PdUNetConfig unet;
  PdVaeConfig vae;
  PdTinyVaeConfig tiny;
  PdTextConfig text;
  PdPipelineConfig pipeline;
  GError *errors[5] = { NULL };
  const gboolean is_unet = pd_unet_config_read (&unet, object, name, &errors[0]);
  const gboolean is_vae = pd_vae_config_read (&vae, object, name, &errors[1]);
  const gboolean is_tiny = pd_tiny_vae_config_read (&tiny, object, name, &errors[2]);
  const gboolean is_text = pd_text_config_read (&text, object, name, &errors[3]);
  const gboolean is_pipeline = pd_pipeline_config_read (&pipeline, object, name, &errors[4]);
  const gboolean results[5] = { is_unet, is_vae, is_tiny, is_text, is_pipeline };

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    pd_fuzz_check_line (results[i], errors[i]);
  if (is_unet)
    check_unet (&unet);
  for (int i = 0; is_vae && i < vae.n_blocks; i++)
    g_assert_cmpint (vae.block_out_channels[i] % vae.norm_num_groups, ==, 0);
  for (int i = 0; is_tiny && i < tiny.n_encoder_stages; i++)
    g_assert_true (tiny.encoder_blocks[i] >= 1 && tiny.encoder_channels[i] >= 1);
  if (is_text)
    g_assert_cmpint (text.hidden_size % text.n_heads, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    g_clear_error (&errors[i]);
}

/* Takes the steps from the solver's position up to @end. */
static void
take_steps (const PdSchedule *schedule, PdSolver *solver, guint end, float *latent)
{
  static const float output[N] = { 0.5f, -0.1f, 0, 1 }, noise[N] = { 0.3f, 0.2f, 0.1f, 0 };

  for (guint i = pd_solver_position (solver); i < end; i++)
    {
      g_assert_true (isfinite (pd_schedule_timestep (schedule, i)));
      g_assert_cmpuint (pd_schedule_noise_draws (schedule, i), <=, 1);
      pd_solver_step (solver, output, noise, latent);
    }
}

/* A run, of which the second half is taken by another solver that goes on. */
static void
run_solver (PdSolverType type, const PdScheduleConfig *config, const Head *head)
{
  const guint steps = 1 + head->steps % MAX_STEPS;
  const double strength = head->strength % 101 / 100.0;
  float latent[N] = { 0.1f, 0.2f, -0.3f, 0.4f };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = pd_schedule_new (config, type, steps, strength, &error);
  g_autoptr (PdSolver) solver = NULL, other = NULL;
  g_autoptr (GBytes) state = NULL;

  pd_fuzz_check (schedule != NULL, error);
  if (schedule == NULL)
    return;
  solver = pd_solver_new (schedule, N, &error);
  other = pd_solver_new (schedule, N, &error);
  pd_fuzz_check (solver != NULL && other != NULL, error);
  take_steps (schedule, solver, pd_schedule_n_calls (schedule) / 2, latent);
  state = pd_solver_save (solver, &error);
  pd_fuzz_check (state != NULL, error);
  if (!pd_solver_load (other, state, &error))
    {
      pd_fuzz_check (FALSE, error);
      return;
    }
  g_assert_cmpuint (pd_solver_position (other), ==, pd_solver_position (solver));
  take_steps (schedule, other, pd_schedule_n_calls (schedule), latent);
}

static void
read_scheduler (JsonObject *object, const Head *head)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  PdScheduleConfig config;
  PdSolverType type = head->type % PD_SOLVER_AUTO;
  const gboolean loaded = head->own & 1
                              ? pd_schedule_json_load (object, NULL, &type, &config, notes, &error)
                              : pd_schedule_json_load_for (object, type, &config, notes, &error);

  pd_fuzz_check (loaded, error);
  for (guint i = 0; i < notes->len; i++)
    g_assert_true (g_utf8_validate (notes->pdata[i], -1, NULL));
  if (!loaded)
    return;
  if (config.num_train_timesteps <= MAX_TRAIN)
    run_solver (type, &config, head);
  pd_schedule_config_finish (&config);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const Head *head = (const Head *) data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = NULL;

  if (size < sizeof *head)
    return 0;
  root = pd_json_parse ((const char *) (head + 1), size - sizeof *head, "config.json", &error);
  pd_fuzz_check_line (root != NULL, error);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    return 0;
  read_parts (json_node_get_object (root));
  read_scheduler (json_node_get_object (root), head);
  return 0;
}
