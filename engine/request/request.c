// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/request.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

G_DEFINE_ENUM_TYPE (PdSolverType,
                    pd_request_solver,
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_DDIM, "ddim"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_EULER, "euler"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_EULER_A, "euler_a"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_HEUN, "heun"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_DPMPP_2M, "dpm++2m"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_DPMPP_SDE, "dpm++sde"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_UNIPC, "unipc"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_LCM, "lcm"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_DDPM, "ddpm"),
                    G_DEFINE_ENUM_VALUE (PD_SOLVER_PNDM, "pndm"))

G_DEFINE_ENUM_TYPE (PdSync,
                    pd_request_sync,
                    G_DEFINE_ENUM_VALUE (PD_SYNC_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PD_SYNC_FUSION, "fusion"),
                    G_DEFINE_ENUM_VALUE (PD_SYNC_ATTENTION, "attention"))

G_DEFINE_ENUM_TYPE (PdBlend,
                    pd_request_blend,
                    G_DEFINE_ENUM_VALUE (PD_BLEND_RAMP, "ramp"),
                    G_DEFINE_ENUM_VALUE (PD_BLEND_GAUSSIAN, "gaussian"))

G_DEFINE_ENUM_TYPE (PdTorus,
                    pd_request_seamless,
                    G_DEFINE_ENUM_VALUE (PD_TORUS_NONE, "none"),
                    G_DEFINE_ENUM_VALUE (PD_TORUS_X, "x"),
                    G_DEFINE_ENUM_VALUE (PD_TORUS_Y, "y"),
                    G_DEFINE_ENUM_VALUE (PD_TORUS_XY, "xy"))

G_DEFINE_ENUM_TYPE (PdRequestScale,
                    pd_request_scale,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_2, "2"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_4, "4"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SCALE_8, "8"))

G_DEFINE_ENUM_TYPE (PdProgressive,
                    pd_request_progressive,
                    G_DEFINE_ENUM_VALUE (PD_PROGRESSIVE_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_PROGRESSIVE_OFF, "off"),
                    G_DEFINE_ENUM_VALUE (PD_PROGRESSIVE_ON, "on"))

G_DEFINE_ENUM_TYPE (PdPrecision,
                    pd_request_precision,
                    G_DEFINE_ENUM_VALUE (PD_PRECISION_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_PRECISION_F32, "f32"),
                    G_DEFINE_ENUM_VALUE (PD_PRECISION_F16, "f16"))

G_DEFINE_ENUM_TYPE (PdKernels,
                    pd_request_kernels,
                    G_DEFINE_ENUM_VALUE (PD_KERNELS_AUTO, "auto"),
                    G_DEFINE_ENUM_VALUE (PD_KERNELS_GENERAL, "general"),
                    G_DEFINE_ENUM_VALUE (PD_KERNELS_UNIFORM, "uniform"),
                    G_DEFINE_ENUM_VALUE (PD_KERNELS_COOPERATIVE, "cooperative"))

G_DEFINE_ENUM_TYPE (PdRequestSource,
                    pd_request_source,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOURCE_VISIBLE, "visible"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_SOURCE_LAYER, "layer"))

G_DEFINE_ENUM_TYPE (PdRequestDepth,
                    pd_request_depth,
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_DEPTH_8, "8"),
                    G_DEFINE_ENUM_VALUE (PD_REQUEST_DEPTH_16, "16"))

/* A parameter: a property of PdRequest. Their order is that of JSON and of --help. */
typedef struct
{
  const char *name, *nick, *blurb;
  GType type;                     /* of the field; what is a choice is G_TYPE_ENUM */
  gsize offset;                   /* of the field in PdRequest, bytes */
  double minimum, maximum, value; /* of numbers; the last one is the default */
  guint flags;
  const char *text;        /* default of a text; NULL: "" */
  GType (*choices) (void); /* of an enumeration */
} Parameter;

#define FIELD(member) G_STRUCT_OFFSET (PdRequest, member)
#define CHOICE(member, value)                                                                      \
  G_TYPE_ENUM, FIELD (member), 0, 0, value, .choices = pd_request_##member##_get_type

static const Parameter parameters[] = {
  { "mode", N_ ("Mode"), N_ ("What to do: make a picture, or something with the input"),
    CHOICE (mode, PD_REQUEST_MODE_GENERATE) },
  { "prompt", N_ ("Prompt"), N_ ("What the picture should show"), G_TYPE_STRING, FIELD (prompt) },
  { "negative", N_ ("Negative prompt"), N_ ("What the picture should not show"), G_TYPE_STRING,
    FIELD (negative) },
  { "model", N_ ("Model"), N_ ("Name of a model, or its folder or .safetensors file"),
    G_TYPE_STRING, FIELD (model), .text = "default" },
  { "vae", N_ ("VAE"),
    N_ ("Autoencoder to take instead of the model's: a .safetensors file or a folder"),
    G_TYPE_STRING, FIELD (vae), .flags = PD_REQUEST_PARAM_FILE },
  { "text-encoder", N_ ("Text encoder"),
    N_ ("Text encoder to take instead of the model's: a .safetensors file or a folder"),
    G_TYPE_STRING, FIELD (text_encoder), .flags = PD_REQUEST_PARAM_FILE },
  { "width", N_ ("Width"), N_ ("Width of the picture in pixels"), G_TYPE_UINT, FIELD (width), 1,
    65536, 512, PD_REQUEST_PARAM_IMAGE | PD_REQUEST_PARAM_SOME },
  { "height", N_ ("Height"), N_ ("Height of the picture in pixels"), G_TYPE_UINT, FIELD (height), 1,
    65536, 512, PD_REQUEST_PARAM_IMAGE | PD_REQUEST_PARAM_SOME },
  { "seed", N_ ("Seed"),
    N_ ("Number the noise is drawn from: the same seed gives the same picture; -1 takes a new one "
        "each time"),
    G_TYPE_STRING, FIELD (seed), .flags = PD_REQUEST_PARAM_SEED, .text = "-1" },
  { "steps", N_ ("Steps"), N_ ("Number of denoising steps"), G_TYPE_UINT, FIELD (steps), 1, 1000,
    30 },
  { "guidance", N_ ("Guidance"), N_ ("How closely to follow the prompt; 1 turns guidance off"),
    G_TYPE_DOUBLE, FIELD (guidance), 0.0, 100.0, 4.0 },
  { "guidance-rescale", N_ ("Guidance rescale"),
    N_ ("How far to bring the contrast that guidance adds back down"), G_TYPE_DOUBLE,
    FIELD (guidance_rescale), 0.0, 1.0, 0.0 },
  { "solver", N_ ("Solver"), N_ ("Method that leads from noise to picture"),
    CHOICE (solver, PD_SOLVER_AUTO) },
  { "karras", N_ ("Karras spacing"), N_ ("Space the noise levels of the steps as Karras et al. do"),
    G_TYPE_BOOLEAN, FIELD (karras) },
  { "eta", N_ ("Eta"), N_ ("Share of fresh noise in each step of the ddim solver"), G_TYPE_DOUBLE,
    FIELD (eta), 0.0, 1.0, 0.0 },
  { "strength", N_ ("Strength"), N_ ("How far to depart from the input: 0 keeps it, 1 ignores it"),
    G_TYPE_DOUBLE, FIELD (strength), 0.0, 1.0, 0.6, PD_REQUEST_PARAM_SOME },
  { "style-strength", N_ ("Style strength"),
    N_ ("How much of the style's look to take: 0 none of it, 1 all"), G_TYPE_DOUBLE,
    FIELD (style_strength), 0.0, 1.0, 1.0, PD_REQUEST_PARAM_SOME },
  { "padding", N_ ("Padding"),
    N_ ("Pixels around the mask that the new content continues; -1 is what the model needs to see"),
    G_TYPE_INT64, FIELD (padding), -1, 65535, -1, PD_REQUEST_PARAM_SOME },
  { "tile", N_ ("Tile"), N_ ("Side of the tiles in pixels; 0 is the size the model was trained at"),
    G_TYPE_UINT, FIELD (tile), 0, 65536, 0 },
  { "overlap", N_ ("Overlap"),
    N_ ("Pixels that neighbouring tiles share at least; -1 is an eighth of the tile"), G_TYPE_INT64,
    FIELD (overlap), -1, 65535, -1 },
  { "batch", N_ ("Batch"),
    N_ ("Tiles denoised at once; 0 is what the memory allows. The picture does not depend on it"),
    G_TYPE_UINT, FIELD (batch), 0, 64, 0, PD_REQUEST_PARAM_LOCAL },
  { "sync", N_ ("Sync"),
    N_ ("What tiles know of each other: nothing, their colours and fused pictures, or also, "
        "through "
        "attention, what some of them show"),
    CHOICE (sync, PD_SYNC_ATTENTION) },
  { "blend", N_ ("Blend"), N_ ("How overlapping tiles are weighted"),
    CHOICE (blend, PD_BLEND_RAMP) },
  { "fixed-grid", N_ ("Fixed grid"),
    N_ ("Keep the tiles where they are instead of moving them a little from step to step"),
    G_TYPE_BOOLEAN, FIELD (fixed_grid) },
  { "seamless", N_ ("Seamless"),
    N_ ("Directions in which the picture can be repeated without a seam"),
    CHOICE (seamless, PD_TORUS_NONE) },
  { "regions", N_ ("Regions"),
    N_ ("Parts of the picture with prompts of their own, one a line: x,y,width,height:prompt in "
        "pixels, or mask=FILE:prompt"),
    G_TYPE_STRING, FIELD (regions) },
  { "progressive", N_ ("Progressive"),
    N_ ("Make a small picture first and enlarge it step by step, so that it stays one composition; "
        "auto: above twice the model's size"),
    CHOICE (progressive, PD_PROGRESSIVE_AUTO), .flags = PD_REQUEST_PARAM_SOME },
  { "level-strength", N_ ("Level strength"),
    N_ ("How much each enlargement may add: 0 only enlarges, 1 ignores the smaller picture; -1 is "
        "what suits the model"),
    G_TYPE_DOUBLE, FIELD (level_strength), -1.0, 1.0, -1.0, PD_REQUEST_PARAM_SOME },
  { "level-steps", N_ ("Level steps"),
    N_ ("Denoising steps of each enlargement: few are quick; 0 is the share of all steps that its "
        "strength asks for, or two with a model of few steps"),
    G_TYPE_UINT, FIELD (level_steps), 0, 1000, 0, PD_REQUEST_PARAM_SOME },
  { "scale", N_ ("Scale"), N_ ("How many times as large to make a picture"),
    CHOICE (scale, PD_REQUEST_SCALE_2), .flags = PD_REQUEST_PARAM_SOME },
  { "inversion", N_ ("Inversion"),
    N_ ("Share of the noise that is derived from the picture itself instead of drawn at random"),
    G_TYPE_DOUBLE, FIELD (inversion), 0.0, 1.0, 0.0, PD_REQUEST_PARAM_SOME },
  { "precision", N_ ("Precision"), N_ ("How numbers are stored on the device"),
    CHOICE (precision, PD_PRECISION_AUTO) },
  { "kernels", N_ ("Kernels"), N_ ("Variant of the compute shaders"),
    CHOICE (kernels, PD_KERNELS_AUTO) },
  { "device", N_ ("Device"),
    N_ ("Vulkan device: its number or UUID in the list that 'devices' prints, or part of its name; "
        "several that share the work as 0,1, or all"),
    G_TYPE_STRING, FIELD (device), .flags = PD_REQUEST_PARAM_LOCAL },
  { "memory", N_ ("Memory"), N_ ("Device memory to stay below; 0 is all there is"), G_TYPE_UINT64,
    FIELD (memory), .flags = PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_BYTES },
  { "source", N_ ("Source"),
    N_ ("Whose pixels to start from in an image of layers: what is visible or the active layer "
        "alone"),
    CHOICE (source, PD_REQUEST_SOURCE_VISIBLE), .flags = PD_REQUEST_PARAM_SOME },
  { "input", N_ ("Input"), N_ ("Picture to start from"), G_TYPE_STRING, FIELD (input),
    .flags = PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE | PD_REQUEST_PARAM_SOME },
  { "mask", N_ ("Mask"), N_ ("Picture of the input's size: white is repainted, black stays"),
    G_TYPE_STRING, FIELD (mask),
    .flags = PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE | PD_REQUEST_PARAM_SOME },
  { "style", N_ ("Style"),
    N_ ("Picture of any size whose look the result takes: its colours, strokes and textures"),
    G_TYPE_STRING, FIELD (style), .flags = PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_SOME },
  { "output", N_ ("Output"), N_ ("PNG file to write"), G_TYPE_STRING, FIELD (output),
    .flags = PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE },
  { "preview", N_ ("Preview"), N_ ("PNG file that shows the picture while it is made"),
    G_TYPE_STRING, FIELD (preview),
    .flags = PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE | PD_REQUEST_PARAM_IMAGE },
  { "preview-every", N_ ("Preview every"),
    N_ ("Steps from preview to preview; 0 is as often as a tenth of the time allows"), G_TYPE_UINT,
    FIELD (preview_every), 0, 1000, 0, PD_REQUEST_PARAM_LOCAL },
  { "resume", N_ ("Resume"), N_ ("Go on where the same run was interrupted"), G_TYPE_BOOLEAN,
    FIELD (resume), .flags = PD_REQUEST_PARAM_LOCAL },
  { "depth", N_ ("Depth"), N_ ("Bits per colour channel of the output"),
    CHOICE (depth, PD_REQUEST_DEPTH_8), .flags = PD_REQUEST_PARAM_IMAGE },
};

#undef FIELD
#undef CHOICE

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
  gpointer field = G_STRUCT_MEMBER_P (object, parameters[id - 1].offset);

  if (pspec->flags & PD_REQUEST_PARAM_SEED)
    {
      set_seed (PD_REQUEST (object), g_value_get_string (value));
      return;
    }
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_STRING:
      g_free (*(char **) field);
      *(char **) field =
          g_strdup (g_value_get_string (value) != NULL ? g_value_get_string (value) : "");
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
  gconstpointer field = G_STRUCT_MEMBER_P (object, parameters[id - 1].offset);

  if (pspec->flags & PD_REQUEST_PARAM_SEED)
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
  for (guint i = 0; i < G_N_ELEMENTS (parameters); i++)
    if (parameters[i].type == G_TYPE_STRING && !(parameters[i].flags & PD_REQUEST_PARAM_SEED))
      g_free (*(char **) G_STRUCT_MEMBER_P (object, parameters[i].offset));
  G_OBJECT_CLASS (pd_request_parent_class)->finalize (object);
}

static GParamSpec *
make_param (const Parameter *row)
{
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS | row->flags;
  const char *name = row->name, *nick = _ (row->nick), *blurb = _ (row->blurb);

  switch (row->type)
    {
    case G_TYPE_STRING:
      return g_param_spec_string (name, nick, blurb, row->text != NULL ? row->text : "", flags);
    case G_TYPE_ENUM:
      return g_param_spec_enum (name, nick, blurb, row->choices (), (int) row->value, flags);
    case G_TYPE_BOOLEAN:
      return g_param_spec_boolean (name, nick, blurb, FALSE, flags);
    case G_TYPE_UINT:
      return g_param_spec_uint (name, nick, blurb, (guint) row->minimum, (guint) row->maximum,
                                (guint) row->value, flags);
    case G_TYPE_INT64:
      return g_param_spec_int64 (name, nick, blurb, (gint64) row->minimum, (gint64) row->maximum,
                                 (gint64) row->value, flags);
    case G_TYPE_UINT64:
      return g_param_spec_uint64 (name, nick, blurb, 0, G_MAXINT64, 0, flags);
    default:
      return g_param_spec_double (name, nick, blurb, row->minimum, row->maximum, row->value, flags);
    }
}

static void
pd_request_class_init (PdRequestClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = pd_request_set_property;
  object_class->get_property = pd_request_get_property;
  object_class->finalize = pd_request_finalize;
  for (guint i = 0; i < G_N_ELEMENTS (parameters); i++)
    g_object_class_install_property (object_class, i + 1, make_param (&parameters[i]));
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
pd_request_assign (PdRequest *self, PdRequest *from)
{
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (from), &n_params);
  for (guint i = 0; i < n_params; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (from), params[i]->name, &value);
      g_object_set_property (G_OBJECT (self), params[i]->name, &value);
    }
}

PdRequest *
pd_request_copy (PdRequest *self)
{
  PdRequest *copy = pd_request_new ();

  pd_request_assign (copy, self);
  return copy;
}
