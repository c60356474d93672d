// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/mode.h"

#include <glib/gi18n-lib.h>
#include <string.h>

const PdModeInfo pd_modes[] = {
  [PD_REQUEST_MODE_GENERATE] = {
    .name = "generate",
    .title = N_ ("Generate something new"),
    .summary = N_ ("Make a picture from a text"),
    .help = N_ ("Makes a picture from a text. With --style it gets the look of that picture."),
    .optional = PD_TAKES_STYLE,
    .params = "width height style-strength progressive level-strength level-steps",
  },
  [PD_REQUEST_MODE_RESTYLE] = {
    .name = "restyle",
    .title = N_ ("Restyle what is there"),
    .summary = N_ ("Make a new version of a picture, guided by a text"),
    .help = N_ ("Makes a new version of a picture, guided by a text. Without --size it is as large "
                "as the input. With --mask only what is white there changes."),
    .needs = PD_TAKES_INPUT,
    .optional = PD_TAKES_MASK,
    .params = "width height strength padding source",
  },
  [PD_REQUEST_MODE_STYLE] = {
    .name = "style",
    .title = N_ ("Style transfer"),
    .summary = N_ ("Give a picture the look of another one"),
    .help = N_ ("Gives a picture the look of another one, --style: what it shows stays, colours, "
                "strokes and textures are those of the style. Without --size it is as large as the "
                "input. With --mask only what is white there changes."),
    .needs = PD_TAKES_INPUT | PD_TAKES_STYLE,
    .optional = PD_TAKES_MASK,
    .params = "width height strength style-strength padding source",
  },
  [PD_REQUEST_MODE_INPAINT] = {
    .name = "inpaint",
    .title = N_ ("Continue the surroundings"),
    .summary = N_ ("Repaint part of a picture so that it continues the rest"),
    .help = N_ ("Repaints the part of a picture that a mask shows, so that it continues the rest. "
                "Where the mask is black, the picture stays as it is. With --style the new part gets "
                "the look of that picture."),
    .needs = PD_TAKES_INPUT | PD_TAKES_MASK,
    .optional = PD_TAKES_STYLE,
    .params = "style-strength padding source",
  },
  [PD_REQUEST_MODE_UPSCALE] = {
    .name = "upscale",
    .title = N_ ("Upscale the image"),
    .summary = N_ ("Make a picture larger and add detail"),
    .help = N_ ("Makes a picture two, four or eight times as large and adds detail. A prompt that "
                "says what it shows helps."),
    .needs = PD_TAKES_INPUT,
    .params = "scale level-strength level-steps inversion source",
  },
  { NULL },
};

/* The enumeration is made of the rows above. */
GType
pd_request_mode_get_type (void)
{
  static GEnumValue values[G_N_ELEMENTS (pd_modes)];
  static gsize type;

  if (g_once_init_enter (&type))
    {
      for (int i = 0; pd_modes[i].name != NULL; i++)
        values[i] = (GEnumValue){ i, pd_modes[i].name, pd_modes[i].name };
      g_once_init_leave (&type, g_enum_register_static ("PdRequestMode", values));
    }
  return type;
}

gboolean
pd_mode_takes (PdRequestMode mode, const char *name)
{
  const PdModeInfo *info = &pd_modes[mode];
  PdGiven given;
  g_auto (GStrv) names = NULL;

  if (!(pd_request_param (name)->flags & PD_REQUEST_PARAM_SOME))
    return TRUE;
  if (pd_given_find (name, &given))
    return ((info->needs | info->optional) & 1u << given) != 0;
  names = g_strsplit (info->params, " ", -1);
  return g_strv_contains ((const char *const *) names, name);
}

gboolean
pd_mode_enlarges (PdRequestMode mode)
{
  return pd_mode_takes (mode, "scale");
}

guint
pd_mode_scale (const PdRequest *request)
{
  return pd_mode_enlarges (request->mode) ? (guint) request->scale : 1;
}
