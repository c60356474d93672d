// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib-object.h>

#include "engine/base/choices.h"

/* A picture to be made: the one definition of every parameter. Each is a GObject property, and its
 * GParamSpec gives name, nick, blurb, range and default to the command line, to JSON (wire,
 * presets, the text stored in a picture) and to dialogs.
 *
 * Code that uses a request reads the fields; code that fills one sets the properties, so that
 * ranges hold. Strings are never NULL; "" is the absence of a value. They are UTF-8, but for paths,
 * which are bytes: input, mask, style, output, preview, model, vae, text_encoder and what regions
 * say of their masks. */
#define PD_TYPE_REQUEST (pd_request_get_type ())
G_DECLARE_FINAL_TYPE (PdRequest, pd_request, PD, REQUEST, GObject)

typedef enum
{
  PD_REQUEST_MODE_GENERATE,
  PD_REQUEST_MODE_RESTYLE,
  PD_REQUEST_MODE_STYLE,
  PD_REQUEST_MODE_INPAINT,
  PD_REQUEST_MODE_UPSCALE,
} PdRequestMode;

typedef enum
{
  PD_REQUEST_SCALE_2 = 2,
  PD_REQUEST_SCALE_4 = 4,
  PD_REQUEST_SCALE_8 = 8,
} PdRequestScale;

typedef enum
{
  PD_REQUEST_SOURCE_VISIBLE, /* what the image shows */
  PD_REQUEST_SOURCE_LAYER,   /* the active layer alone */
} PdRequestSource;

typedef enum
{
  PD_REQUEST_DEPTH_8 = 8,
  PD_REQUEST_DEPTH_16 = 16,
} PdRequestDepth;

#define PD_TYPE_REQUEST_MODE (pd_request_mode_get_type ())
#define PD_TYPE_REQUEST_SOLVER (pd_request_solver_get_type ())
#define PD_TYPE_REQUEST_SYNC (pd_request_sync_get_type ())
#define PD_TYPE_REQUEST_BLEND (pd_request_blend_get_type ())
#define PD_TYPE_REQUEST_SEAMLESS (pd_request_seamless_get_type ())
#define PD_TYPE_REQUEST_SCALE (pd_request_scale_get_type ())
#define PD_TYPE_REQUEST_PROGRESSIVE (pd_request_progressive_get_type ())
#define PD_TYPE_REQUEST_PRECISION (pd_request_precision_get_type ())
#define PD_TYPE_REQUEST_KERNELS (pd_request_kernels_get_type ())
#define PD_TYPE_REQUEST_SOURCE (pd_request_source_get_type ())
#define PD_TYPE_REQUEST_DEPTH (pd_request_depth_get_type ())
GType pd_request_mode_get_type (void);
GType pd_request_solver_get_type (void);
GType pd_request_sync_get_type (void);
GType pd_request_blend_get_type (void);
GType pd_request_seamless_get_type (void);
GType pd_request_scale_get_type (void);
GType pd_request_progressive_get_type (void);
GType pd_request_precision_get_type (void);
GType pd_request_kernels_get_type (void);
GType pd_request_source_get_type (void);
GType pd_request_depth_get_type (void);

struct _PdRequest
{
  GObject parent_instance;

  PdRequestMode mode;
  char *prompt;
  char *negative;
  char *model; /* name in the catalog or path of a model */
  char *vae;   /* files or folders to take instead of what the model has; "": its own */
  char *text_encoder;
  guint width; /* pixels */
  guint height;
  guint64 seed;
  gboolean draws_seed; /* instead: at random when the run starts; as text "-1" */
  guint steps;
  double guidance; /* 1: no guidance, the negative prompt has no effect */
  double guidance_rescale;
  PdSolverType solver;
  gboolean karras;
  double eta;
  double strength;       /* of restyle and style: 0 keeps the input, 1 ignores it */
  double style_strength; /* 0: none of the style's look, 1: all of it */
  gint64 padding; /* pixels around the mask that are looked at; -1: by the model's native size */
  guint tile;     /* pixels; 0: the size the model was trained at */
  gint64 overlap; /* pixels that neighbouring tiles share at least; -1: an eighth of the tile */
  guint batch;    /* tiles per UNet call; 0: what the memory allows */
  PdSync sync;
  PdBlend blend;
  gboolean fixed_grid; /* tiles do not move from step to step */
  PdTorus seamless;
  char *regions; /* one a line, see engine/run/regions.h */
  PdProgressive progressive;
  double level_strength; /* of the first level after the base; 0 only enlarges, 1 ignores it, below
                            0 as suits the model */
  guint level_steps;     /* of every level after the base; 0: the strength's share of the steps */
  PdRequestScale scale;  /* of upscale */
  double inversion;      /* of upscale: share of the input's own noise in the noise of a level */
  PdPrecision precision;
  PdKernels kernels;
  char *device;           /* number, UUID or part of a name; "": the best one */
  guint64 memory;         /* bytes of device memory; 0: what the device offers */
  PdRequestSource source; /* of the pixels, where the input is an image of layers */
  char *input;
  char *mask;
  char *style; /* in GIMP also a layer or an image, see plug-in/style-picture.h */
  char *output;
  char *preview;
  guint preview_every; /* steps; 0: as often as time allows */
  gboolean resume;
  PdRequestDepth depth; /* bits per channel of the output */
};

/* Flags of the GParamSpecs, beside GLib's own. */
enum
{
  /* A file name: bytes, which need not be UTF-8. In JSON such bytes are written as \xff. */
  PD_REQUEST_PARAM_FILE = 1 << (G_PARAM_USER_SHIFT + 0),
  /* A number of bytes, which as text may have a unit: K, KiB (1024), kB (1000) and so on. */
  PD_REQUEST_PARAM_BYTES = 1 << (G_PARAM_USER_SHIFT + 1),
  /* Says where a run happens, not what it makes: a repeated run has its own. */
  PD_REQUEST_PARAM_LOCAL = 1 << (G_PARAM_USER_SHIFT + 2),
  /* Text of a whole number from 0 to 2^64 - 1, or "-1". In JSON a number up to 2^63 - 1, above that
   * a string; numbers are read in either form. */
  PD_REQUEST_PARAM_SEED = 1 << (G_PARAM_USER_SHIFT + 5),
  /* Decided by the image where the picture becomes a layer of one. */
  PD_REQUEST_PARAM_IMAGE = 1 << (G_PARAM_USER_SHIFT + 6),
  /* Counts in some modes alone, see pd_mode_takes(). */
  PD_REQUEST_PARAM_SOME = 1 << (G_PARAM_USER_SHIFT + 7),
};

PdRequest *pd_request_new (void);
PdRequest *pd_request_copy (PdRequest *self);
/* Gives every parameter of @self the value it has in @from. */
void pd_request_assign (PdRequest *self, PdRequest *from);

void pd_request_set_seed (PdRequest *self, guint64 seed);

/* Whether @text is a seed: "-1" (then *draws is TRUE and *seed 0) or a number. */
gboolean pd_request_parse_seed (const char *text, guint64 *seed, gboolean *draws);

/* The GParamSpec of a parameter, or NULL if there is none of that name. */
GParamSpec *pd_request_param (const char *name);

/* One of @names (NULL-terminated) that may have been meant by @text, which is none of them: but
 * for case, a dash or a few letters the same. NULL: none. */
const char *pd_request_similar (const char *text, const char *const *names);

/* Fails because there is no parameter @name: PD_ERROR_BAD_REQUEST with the one that may have been
 * meant and all that have none of the flags @except. */
gboolean pd_request_fail_unknown (const char *name, guint except, GError **error);

/* Returns: (transfer full) what a parameter may be, "a whole number from 1 to 1000"; NULL for text.
 */
char *pd_request_allowed (GParamSpec *param);

/* The nick of the value an enumeration has, e.g. (PD_TYPE_REQUEST_SOLVER, 5) -> "dpm++2m": the word
 * used on the command line and in JSON, and the name of the solver in engine/diffusion. */
const char *pd_request_nick (GType type, int value);

/* Sets one parameter from text, independent of locale: "30", "0.5", "yes", "ddim", "2G". What this
 * program prints is read as well: "1.5 GiB", "640 × 480". The name "size" stands for width and
 * height together, "640x480".
 * Errors: PD_ERROR_BAD_REQUEST naming the value and what is allowed; the request is unchanged. */
gboolean pd_request_set_text (PdRequest *self, const char *name, const char *text, GError **error);

/* Returns: (transfer full) the value as pd_request_set_text() reads it. */
char *pd_request_get_text (PdRequest *self, const char *name);

/* @except: flags of parameters to leave out.
 * Returns: (transfer full) a JSON object with every other parameter. */
char *pd_request_to_json (PdRequest *self, guint except);

/* Sets the parameters that are members of a JSON object; null gives the default; others stay.
 * @except: flags of parameters that are checked but not set, e.g. PD_REQUEST_PARAM_LOCAL.
 * Errors: PD_ERROR_BAD_REQUEST (not an object, unknown member, value); the request is unchanged. */
gboolean pd_request_set_json (PdRequest *self, const char *json, guint except, GError **error);

/* The same for JSON that other people may have written, that of a picture or a preset: it does not
 * choose what is opened. Where a run happens (PD_REQUEST_PARAM_LOCAL), files, masks of regions and
 * a model by its path stay as they are in the request. @files: (transfer full) the names of the
 * options for what the JSON says of that kind, "region" for a mask of one; NULL-terminated. */
gboolean
pd_request_set_json_of_others (PdRequest *self, const char *json, char ***files, GError **error);

/* Returns: (transfer full) the path of the mask that @line of "regions" names; NULL: none. */
char *pd_request_region_mask (const char *line);
