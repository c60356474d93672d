// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/request.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

enum
{
  PROP_MODE = 1,
  PROP_PROMPT,
  PROP_NEGATIVE,
  PROP_MODEL,
  PROP_VAE,
  PROP_TEXT_ENCODER,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_SEED,
  PROP_STEPS,
  PROP_GUIDANCE,
  PROP_GUIDANCE_RESCALE,
  PROP_SOLVER,
  PROP_KARRAS,
  PROP_ETA,
  PROP_STRENGTH,
  PROP_PADDING,
  PROP_TILE,
  PROP_OVERLAP,
  PROP_BATCH,
  PROP_SYNC,
  PROP_BLEND,
  PROP_FIXED_GRID,
  PROP_SEAMLESS,
  PROP_BANK_TOKENS,
  PROP_BANK_LEVEL,
  PROP_BANK_STRENGTH,
  PROP_BANK_UNTIL,
  PROP_REGIONS,
  PROP_PROGRESSIVE,
  PROP_LEVEL_STRENGTH,
  PROP_SCALE,
  PROP_INVERSION,
  PROP_PRECISION,
  PROP_KERNELS,
  PROP_DEVICE,
  PROP_MEMORY,
  PROP_SOURCE,
  PROP_INPUT,
  PROP_MASK,
  PROP_OUTPUT,
  PROP_PREVIEW,
  PROP_PREVIEW_EVERY,
  PROP_RESUME,
  PROP_DEPTH,
  N_PROPS,
};

G_DEFINE_ENUM_TYPE (PdRequestMode,
                    pd_request_mode,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_MODE_GENERATE, "generate"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_MODE_RESTYLE, "restyle"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_MODE_INPAINT, "inpaint"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_MODE_UPSCALE, "upscale"))

G_DEFINE_ENUM_TYPE (PdRequestSolver,
                    pd_request_solver,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_DDIM, "ddim"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_EULER, "euler"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_EULER_A, "euler_a"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_HEUN, "heun"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_DPMPP_2M, "dpm++2m"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_DPMPP_SDE, "dpm++sde"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_UNIPC, "unipc"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_LCM, "lcm"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_DDPM, "ddpm"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOLVER_PNDM, "pndm"))

G_DEFINE_ENUM_TYPE (PdRequestSync,
                    pd_request_sync,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SYNC_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SYNC_FUSION, "fusion"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SYNC_ATTENTION, "attention"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SYNC_EXACT, "exact"))

G_DEFINE_ENUM_TYPE (PdRequestBlend,
                    pd_request_blend,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_BLEND_RAMP, "ramp"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_BLEND_GAUSSIAN, "gaussian"))

G_DEFINE_ENUM_TYPE (PdRequestSeamless,
                    pd_request_seamless,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SEAMLESS_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SEAMLESS_X, "x"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SEAMLESS_Y, "y"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SEAMLESS_XY, "xy"))

G_DEFINE_ENUM_TYPE (PdRequestScale,
                    pd_request_scale,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_2, "2"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_4, "4"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_8, "8"))

G_DEFINE_ENUM_TYPE (PdRequestProgressive,
                    pd_request_progressive,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PROGRESSIVE_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PROGRESSIVE_OFF, "off"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PROGRESSIVE_ON, "on"))

G_DEFINE_ENUM_TYPE (PdRequestPrecision,
                    pd_request_precision,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PRECISION_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PRECISION_F32, "f32"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_PRECISION_F16, "f16"))

G_DEFINE_ENUM_TYPE (PdRequestKernels,
                    pd_request_kernels,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_KERNELS_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_KERNELS_GENERAL, "general"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_KERNELS_UNIFORM, "uniform"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_KERNELS_COOPERATIVE, "cooperative"))

G_DEFINE_ENUM_TYPE (PdRequestSource,
                    pd_request_source,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOURCE_VISIBLE, "visible"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOURCE_LAYER, "layer"))

G_DEFINE_ENUM_TYPE (PdRequestDepth,
                    pd_request_depth,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_DEPTH_8, "8"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_DEPTH_16, "16"))

/* Where in PdRequest each property lives, bytes. */
static gsize offsets[N_PROPS];

static void pd_request_serializable_init (JsonSerializableIface *iface);

G_DEFINE_TYPE_WITH_CODE (PdRequest,
                         pd_request,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (JSON_TYPE_SERIALIZABLE,
                                                pd_request_serializable_init))

static void
set_seed (PdRequest *self, const char *text)
{
  guint64 seed;
  gboolean draws;

  g_return_if_fail (pd_request_parse_seed (text, &seed, &draws));
  self->seed = seed;
  self->draws_seed = draws;
}

static char *
seed_text (const PdRequest *self)
{
  return self->draws_seed ? g_strdup ("-1") : g_strdup_printf ("%" G_GUINT64_FORMAT, self->seed);
}

static void
pd_request_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  gpointer field = G_STRUCT_MEMBER_P (object, offsets[id]);

  if (id == PROP_SEED)
    {
      set_seed (PD_REQUEST (object), g_value_get_string (value));
      return;
    }
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_STRING:
      g_free (*(char **) field);
      *(char **) field = g_strdup (g_value_get_string (value) ? g_value_get_string (value) : "");
      break;
    case G_TYPE_ENUM:
      *(int *) field = g_value_get_enum (value);
      break;
    case G_TYPE_BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;
    case G_TYPE_UINT:
      *(guint *) field = g_value_get_uint (value);
      break;
    case G_TYPE_INT64:
      *(gint64 *) field = g_value_get_int64 (value);
      break;
    case G_TYPE_UINT64:
      *(guint64 *) field = g_value_get_uint64 (value);
      break;
    case G_TYPE_DOUBLE:
      *(double *) field = g_value_get_double (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pd_request_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  gconstpointer field = G_STRUCT_MEMBER_P (object, offsets[id]);

  if (id == PROP_SEED)
    {
      g_value_take_string (value, seed_text (PD_REQUEST (object)));
      return;
    }
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_STRING:
      g_value_set_string (value, *(char *const *) field);
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, *(const int *) field);
      break;
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, *(const gboolean *) field);
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, *(const guint *) field);
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, *(const gint64 *) field);
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, *(const guint64 *) field);
      break;
    case G_TYPE_DOUBLE:
      g_value_set_double (value, *(const double *) field);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pd_request_finalize (GObject *object)
{
  PdRequest *self = PD_REQUEST (object);

  g_free (self->prompt);
  g_free (self->negative);
  g_free (self->model);
  g_free (self->vae);
  g_free (self->text_encoder);
  g_free (self->device);
  g_free (self->input);
  g_free (self->mask);
  g_free (self->output);
  g_free (self->preview);
  g_free (self->regions);
  G_OBJECT_CLASS (pd_request_parent_class)->finalize (object);
}

static void
install (PdRequestClass *class, guint id, gsize offset, GParamSpec *pspec)
{
  offsets[id] = offset;
  g_object_class_install_property (G_OBJECT_CLASS (class), id, pspec);
}

static void
install_what (PdRequestClass *class, GParamFlags flags)
{
  install (class, PROP_MODE, G_STRUCT_OFFSET (PdRequest, mode),
           g_param_spec_enum (
               "mode", _ ("Mode"),
               _ ("What to do: a new picture, a new version of one, fill a part of one, or "
                  "enlarge one"),
               PD_TYPE_REQUEST_MODE, PD_REQUEST_MODE_GENERATE, flags));
  install (
      class, PROP_PROMPT, G_STRUCT_OFFSET (PdRequest, prompt),
      g_param_spec_string ("prompt", _ ("Prompt"), _ ("What the picture should show"), "", flags));
  install (class, PROP_NEGATIVE, G_STRUCT_OFFSET (PdRequest, negative),
           g_param_spec_string ("negative", _ ("Negative prompt"),
                                _ ("What the picture should not show"), "", flags));
  install (class, PROP_MODEL, G_STRUCT_OFFSET (PdRequest, model),
           g_param_spec_string ("model", _ ("Model"),
                                _ ("Name of a model, or its folder or .safetensors file"),
                                "default", flags));
  install (
      class, PROP_VAE, G_STRUCT_OFFSET (PdRequest, vae),
      g_param_spec_string ("vae", _ ("VAE"),
                           _ ("Autoencoder to take instead of the model's: a .safetensors file "
                              "or a folder"),
                           "", flags | PD_REQUEST_PARAM_FILE));
  install (class, PROP_TEXT_ENCODER, G_STRUCT_OFFSET (PdRequest, text_encoder),
           g_param_spec_string ("text-encoder", _ ("Text encoder"),
                                _ ("Text encoder to take instead of the model's: a .safetensors "
                                   "file or a folder"),
                                "", flags | PD_REQUEST_PARAM_FILE));
  install (class, PROP_WIDTH, G_STRUCT_OFFSET (PdRequest, width),
           g_param_spec_uint ("width", _ ("Width"), _ ("Width of the picture in pixels"), 1, 65536,
                              512, flags | PD_REQUEST_PARAM_IMAGE));
  install (class, PROP_HEIGHT, G_STRUCT_OFFSET (PdRequest, height),
           g_param_spec_uint ("height", _ ("Height"), _ ("Height of the picture in pixels"), 1,
                              65536, 512, flags | PD_REQUEST_PARAM_IMAGE));
}

static void
install_how (PdRequestClass *class, GParamFlags flags)
{
  install (class, PROP_SEED, G_STRUCT_OFFSET (PdRequest, seed),
           g_param_spec_string ("seed", _ ("Seed"),
                                _ ("Number the noise is drawn from: the same seed gives the same "
                                   "picture; -1 takes a new one each time"),
                                "-1", flags | PD_REQUEST_PARAM_SEED));
  install (class, PROP_STEPS, G_STRUCT_OFFSET (PdRequest, steps),
           g_param_spec_uint ("steps", _ ("Steps"), _ ("Number of denoising steps"), 1, 1000, 30,
                              flags));
  install (class, PROP_GUIDANCE, G_STRUCT_OFFSET (PdRequest, guidance),
           g_param_spec_double ("guidance", _ ("Guidance"),
                                _ ("How closely to follow the prompt; 1 turns guidance off"), 0.0,
                                100.0, 4.0, flags));
  install (class, PROP_GUIDANCE_RESCALE, G_STRUCT_OFFSET (PdRequest, guidance_rescale),
           g_param_spec_double ("guidance-rescale", _ ("Guidance rescale"),
                                _ ("How far to bring the contrast that guidance adds back down"),
                                0.0, 1.0, 0.0, flags));
  install (class, PROP_SOLVER, G_STRUCT_OFFSET (PdRequest, solver),
           g_param_spec_enum ("solver", _ ("Solver"), _ ("Method that leads from noise to picture"),
                              PD_TYPE_REQUEST_SOLVER, PD_REQUEST_SOLVER_AUTO, flags));
  install (class, PROP_KARRAS, G_STRUCT_OFFSET (PdRequest, karras),
           g_param_spec_boolean ("karras", _ ("Karras spacing"),
                                 _ ("Space the noise levels of the steps as Karras et al. do"),
                                 FALSE, flags));
  install (class, PROP_ETA, G_STRUCT_OFFSET (PdRequest, eta),
           g_param_spec_double ("eta", _ ("Eta"),
                                _ ("Share of fresh noise in each step of the ddim solver"), 0.0,
                                1.0, 0.0, flags));
  install (class, PROP_STRENGTH, G_STRUCT_OFFSET (PdRequest, strength),
           g_param_spec_double ("strength", _ ("Strength"),
                                _ ("How far to depart from the input: 0 keeps it, 1 ignores it"),
                                0.0, 1.0, 0.6, flags));
  install (class, PROP_PADDING, G_STRUCT_OFFSET (PdRequest, padding),
           g_param_spec_int64 ("padding", _ ("Padding"),
                               _ ("Pixels around the mask that the new content continues; -1 is "
                                  "what the model needs to see"),
                               -1, 65535, -1, flags));
}

static void
install_tiles (PdRequestClass *class, GParamFlags flags)
{
  install (class, PROP_TILE, G_STRUCT_OFFSET (PdRequest, tile),
           g_param_spec_uint ("tile", _ ("Tile"),
                              _ ("Side of the tiles in pixels; 0 is the size the model was trained "
                                 "at"),
                              0, 65536, 0, flags));
  install (
      class, PROP_OVERLAP, G_STRUCT_OFFSET (PdRequest, overlap),
      g_param_spec_int64 ("overlap", _ ("Overlap"),
                          _ ("Pixels that neighbouring tiles share at least; -1 is a quarter of "
                             "the tile"),
                          -1, 65535, -1, flags));
  install (class, PROP_BATCH, G_STRUCT_OFFSET (PdRequest, batch),
           g_param_spec_uint ("batch", _ ("Batch"),
                              _ ("Tiles denoised at once; 0 is what the memory allows. The picture "
                                 "does not depend on it"),
                              0, 64, 0, flags | PD_REQUEST_PARAM_LOCAL));
  install (
      class, PROP_SYNC, G_STRUCT_OFFSET (PdRequest, sync),
      g_param_spec_enum ("sync", _ ("Sync"),
                         _ ("What tiles know of each other: nothing, their fused pictures, the "
                            "whole canvas through attention, or all of each other"),
                         PD_TYPE_REQUEST_SYNC, PD_REQUEST_SYNC_ATTENTION, flags));
  install (class, PROP_BLEND, G_STRUCT_OFFSET (PdRequest, blend),
           g_param_spec_enum ("blend", _ ("Blend"), _ ("How overlapping tiles are weighted"),
                              PD_TYPE_REQUEST_BLEND, PD_REQUEST_BLEND_RAMP, flags));
  install (class, PROP_FIXED_GRID, G_STRUCT_OFFSET (PdRequest, fixed_grid),
           g_param_spec_boolean ("fixed-grid", _ ("Fixed grid"),
                                 _ ("Keep the tiles where they are instead of moving them a little "
                                    "from step to step"),
                                 FALSE, flags));
  install (class, PROP_SEAMLESS, G_STRUCT_OFFSET (PdRequest, seamless),
           g_param_spec_enum ("seamless", _ ("Seamless"),
                              _ ("Directions in which the picture can be repeated without a seam"),
                              PD_TYPE_REQUEST_SEAMLESS, PD_REQUEST_SEAMLESS_NONE, flags));
  install (class, PROP_BANK_TOKENS, G_STRUCT_OFFSET (PdRequest, bank_tokens),
           g_param_spec_uint ("bank-tokens", _ ("Bank tokens"),
                              _ ("Tokens of the canvas's thumbnail that each attention layer of a "
                                 "tile sees"),
                              1, 4096, 256, flags));
  install (class, PROP_BANK_LEVEL, G_STRUCT_OFFSET (PdRequest, bank_level),
           g_param_spec_uint ("bank-level", _ ("Bank level"),
                              _ ("Finest level of the UNet whose layers see the thumbnail; 0 is "
                                 "all of them"),
                              0, 7, 0, flags));
  install (class, PROP_BANK_STRENGTH, G_STRUCT_OFFSET (PdRequest, bank_strength),
           g_param_spec_double ("bank-strength", _ ("Bank strength"),
                                _ ("How much the thumbnail counts beside the tile itself: 1 is as "
                                   "much as one more tile"),
                                0.0, 100.0, 0.25, flags));
  install (class, PROP_BANK_UNTIL, G_STRUCT_OFFSET (PdRequest, bank_until),
           g_param_spec_double ("bank-until", _ ("Bank until"),
                                _ ("Share of the steps at the end that do without the thumbnail"),
                                0.0, 1.0, 0.0, flags));
  install (class, PROP_REGIONS, G_STRUCT_OFFSET (PdRequest, regions),
           g_param_spec_string ("regions", _ ("Regions"),
                                _ ("Parts of the picture with prompts of their own, one a line: "
                                   "x,y,width,height:prompt in pixels, or mask=FILE:prompt"),
                                "", flags));
}

static void
install_levels (PdRequestClass *class, GParamFlags flags)
{
  install (class, PROP_PROGRESSIVE, G_STRUCT_OFFSET (PdRequest, progressive),
           g_param_spec_enum ("progressive", _ ("Progressive"),
                              _ ("Make a small picture first and enlarge it step by step, so that "
                                 "it stays one composition; auto: above twice the model's size"),
                              PD_TYPE_REQUEST_PROGRESSIVE, PD_REQUEST_PROGRESSIVE_AUTO, flags));
  install (class, PROP_LEVEL_STRENGTH, G_STRUCT_OFFSET (PdRequest, level_strength),
           g_param_spec_double ("level-strength", _ ("Level strength"),
                                _ ("How much each enlargement may add: 0 only enlarges, 1 ignores "
                                   "the smaller picture"),
                                0.0, 1.0, 0.5, flags));
  install (class, PROP_SCALE, G_STRUCT_OFFSET (PdRequest, scale),
           g_param_spec_enum ("scale", _ ("Scale"), _ ("How many times as large to make a picture"),
                              PD_TYPE_REQUEST_SCALE, PD_REQUEST_SCALE_2, flags));
  install (class, PROP_INVERSION, G_STRUCT_OFFSET (PdRequest, inversion),
           g_param_spec_double ("inversion", _ ("Inversion"),
                                _ ("Share of the noise that is derived from the picture itself "
                                   "instead of drawn at random"),
                                0.0, 1.0, 0.0, flags));
}

static void
install_where (PdRequestClass *class, GParamFlags flags)
{
  install (class, PROP_PRECISION, G_STRUCT_OFFSET (PdRequest, precision),
           g_param_spec_enum ("precision", _ ("Precision"),
                              _ ("How numbers are stored on the device"), PD_TYPE_REQUEST_PRECISION,
                              PD_REQUEST_PRECISION_AUTO, flags));
  install (class, PROP_KERNELS, G_STRUCT_OFFSET (PdRequest, kernels),
           g_param_spec_enum ("kernels", _ ("Kernels"), _ ("Variant of the compute shaders"),
                              PD_TYPE_REQUEST_KERNELS, PD_REQUEST_KERNELS_AUTO, flags));
  install (class, PROP_DEVICE, G_STRUCT_OFFSET (PdRequest, device),
           g_param_spec_string ("device", _ ("Device"),
                                _ ("Vulkan device: its number or UUID in the list that 'devices' "
                                   "prints, or part of its name"),
                                "", flags | PD_REQUEST_PARAM_LOCAL));
  install (class, PROP_MEMORY, G_STRUCT_OFFSET (PdRequest, memory),
           g_param_spec_uint64 ("memory", _ ("Memory"),
                                _ ("Device memory to stay below; 0 is all there is"), 0, G_MAXINT64,
                                0, flags | PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_BYTES));
  install (
      class, PROP_SOURCE, G_STRUCT_OFFSET (PdRequest, source),
      g_param_spec_enum ("source", _ ("Source"),
                         _ ("Whose pixels to start from in an image of layers: what is visible "
                            "or the active layer alone"),
                         PD_TYPE_REQUEST_SOURCE, PD_REQUEST_SOURCE_VISIBLE, flags));
  install (class, PROP_INPUT, G_STRUCT_OFFSET (PdRequest, input),
           g_param_spec_string ("input", _ ("Input"), _ ("Picture to start from"), "",
                                flags | PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE));
  install (class, PROP_MASK, G_STRUCT_OFFSET (PdRequest, mask),
           g_param_spec_string ("mask", _ ("Mask"),
                                _ ("Picture of the input's size: white is made anew, black stays"),
                                "", flags | PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE));
  install (class, PROP_OUTPUT, G_STRUCT_OFFSET (PdRequest, output),
           g_param_spec_string ("output", _ ("Output"), _ ("PNG file to write"), "",
                                flags | PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE |
                                    PD_REQUEST_PARAM_IMAGE));
  install (class, PROP_PREVIEW, G_STRUCT_OFFSET (PdRequest, preview),
           g_param_spec_string (
               "preview", _ ("Preview"), _ ("PNG file that shows the picture while it is made"), "",
               flags | PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE));
  install (class, PROP_PREVIEW_EVERY, G_STRUCT_OFFSET (PdRequest, preview_every),
           g_param_spec_uint ("preview-every", _ ("Preview every"),
                              _ ("Steps from preview to preview; 0 is as often as a tenth of the "
                                 "time allows"),
                              0, 1000, 0, flags | PD_REQUEST_PARAM_LOCAL));
  install (class, PROP_RESUME, G_STRUCT_OFFSET (PdRequest, resume),
           g_param_spec_boolean ("resume", _ ("Resume"),
                                 _ ("Go on where the same run was interrupted"), FALSE,
                                 flags | PD_REQUEST_PARAM_LOCAL));
  install (class, PROP_DEPTH, G_STRUCT_OFFSET (PdRequest, depth),
           g_param_spec_enum ("depth", _ ("Depth"), _ ("Bits per colour channel of the output"),
                              PD_TYPE_REQUEST_DEPTH, PD_REQUEST_DEPTH_8,
                              flags | PD_REQUEST_PARAM_IMAGE));
}

static void
pd_request_class_init (PdRequestClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  object_class->set_property = pd_request_set_property;
  object_class->get_property = pd_request_get_property;
  object_class->finalize = pd_request_finalize;
  install_what (class, flags);
  install_how (class, flags);
  install_tiles (class, flags);
  install_levels (class, flags);
  install_where (class, flags);
}

/* G_PARAM_CONSTRUCT has set every default by the time anyone sees the object. */
static void
pd_request_init (PdRequest *self)
{
}

/* Returns: (transfer full) UTF-8; bytes of a path that are none as \xff. */
static char *
readable (const char *bytes)
{
  GString *text = g_string_new (NULL);

  for (const char *at = bytes, *end; *at; at = end)
    {
      g_utf8_validate (at, -1, &end);
      g_string_append_len (text, at, end - at);
      if (*end)
        g_string_append_printf (text, "\\x%02x", (guint8) *end++);
    }
  return g_string_free (text, FALSE);
}

/* As json-glib does it, but enumerations as words and defaults included, so that a stored request
 * keeps its meaning when a default changes. */
static JsonNode *
pd_request_serialize_property (JsonSerializable *serializable,
                               const char *name,
                               const GValue *value,
                               GParamSpec *pspec)
{
  JsonNode *node = json_node_new (JSON_NODE_VALUE);
  gint64 seed;

  if (G_VALUE_HOLDS_ENUM (value))
    json_node_set_string (node, pd_request_nick (pspec->value_type, g_value_get_enum (value)));
  else if (pspec->flags & PD_REQUEST_PARAM_SEED &&
           g_ascii_string_to_signed (g_value_get_string (value), 10, -1, G_MAXINT64, &seed, NULL))
    json_node_set_int (node, seed);
  else if (G_VALUE_HOLDS_UINT (value))
    json_node_set_int (node, g_value_get_uint (value));
  else if (G_VALUE_HOLDS_UINT64 (value))
    json_node_set_int (node, (gint64) g_value_get_uint64 (value));
  else if (G_VALUE_HOLDS_STRING (value))
    {
      g_autofree char *text = readable (g_value_get_string (value));

      json_node_set_string (node, text);
    }
  else
    json_node_set_value (node, value);
  return node;
}

static void
pd_request_serializable_init (JsonSerializableIface *iface)
{
  iface->serialize_property = pd_request_serialize_property;
}

PdRequest *
pd_request_new (void)
{
  return g_object_new (PD_TYPE_REQUEST, NULL);
}

void
pd_request_assign (PdRequest *request, PdRequest *from)
{
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (from), &n_params);
  for (guint i = 0; i < n_params; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (from), params[i]->name, &value);
      g_object_set_property (G_OBJECT (request), params[i]->name, &value);
    }
}

PdRequest *
pd_request_copy (PdRequest *request)
{
  PdRequest *copy = pd_request_new ();

  pd_request_assign (copy, request);
  return copy;
}
