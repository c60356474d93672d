// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/report.h"

#include <json-glib/json-glib.h>
#include <math.h>

enum
{
  DETAIL_RADIUS = 4,
};

/* One line. */
typedef struct
{
  const char *metric, *name;
  double value;
  double least, most; /* bounds, -INFINITY and INFINITY for none */
  gboolean excused;   /* passes beyond its bounds for a reason metrics.h gives */
} Finding;

PdReport
pd_report_measure (const PdPixels *picture,
                   PdLayout *layout,
                   const PdPixels *reference,
                   const PdPixels *base,
                   guint unit,
                   gboolean shift_half)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);
  g_autoptr (PdPlane) detail = NULL;
  g_autoptr (PdPixels) grey = pd_pixels_new (1, 1, g_new0 (float, 3));
  PdReport self = {
    .layout = layout, .seamless = shift_half, .has_reference = reference != NULL, .native = NAN
  };

  self.borders = pd_borders_measure (luma, layout);
  if (shift_half)
    {
      g_autoptr (PdPlane) rolled = pd_plane_shift_half (luma);

      pd_borders_measure_middle (rolled, MIN (layout->x.tile, layout->y.tile), &self.middle_x,
                                 &self.middle_y);
    }
  self.offsets = pd_offsets_measure (picture, reference != NULL ? reference : grey, layout);
  detail = pd_plane_detail (luma, DETAIL_RADIUS, layout->x.wrap, layout->y.wrap);
  self.repetition = pd_repetition_measure (luma, detail, layout);
  self.detail = pd_detail_measure (detail, layout);
  self.coherence = pd_coherence_measure (picture, luma, base, layout);
  self.evenness = pd_evenness_measure (picture, luma, layout, unit);
  return self;
}

static void
add (GArray *findings, const char *metric, const char *name, double value)
{
  Finding finding = { metric, name, value, -INFINITY, INFINITY, FALSE };

  g_array_append_val (findings, finding);
}

static void
add_bounded (GArray *findings,
             const char *metric,
             const char *name,
             double value,
             double least,
             double most,
             gboolean excused)
{
  Finding finding = { metric, name, value, least, most, excused };

  g_array_append_val (findings, finding);
}

static void
add_phases (GArray *findings, const char *const names[3], const PdPhases *phases, gboolean bounded)
{
  double bound = bounded ? 3.0 : INFINITY;

  add (findings, "M1", names[0], phases->here);
  add (findings, "M1", names[1], phases->elsewhere);
  add_bounded (findings, "M1", names[2], phases->z, -bound, bound, FALSE);
}

static void
add_borders (GArray *findings, const PdReport *self)
{
  static const char *const names[][3] = {
    { "starts x", "starts x, other phases", "starts x, z" },
    { "starts y", "starts y, other phases", "starts y, z" },
    { "ends x", "ends x, other phases", "ends x, z" },
    { "ends y", "ends y, other phases", "ends y, z" },
    { "middles x", "middles x, other phases", "middles x, z" },
    { "middles y", "middles y, other phases", "middles y, z" },
    { "outer border x", "outer border x, other lines", "outer border x, z" },
    { "outer border y", "outer border y, other lines", "outer border y, z" },
  };

  add_phases (findings, names[0], &self->borders.x.starts, TRUE);
  add_phases (findings, names[1], &self->borders.y.starts, TRUE);
  add_phases (findings, names[2], &self->borders.x.ends, TRUE);
  add_phases (findings, names[3], &self->borders.y.ends, TRUE);
  add_phases (findings, names[4], &self->borders.x.middles, FALSE);
  add_phases (findings, names[5], &self->borders.y.middles, FALSE);
  if (!self->seamless)
    return;
  add_phases (findings, names[6], &self->middle_x, TRUE);
  add_phases (findings, names[7], &self->middle_y, TRUE);
}

static void
add_offsets (GArray *findings, const PdOffsets *offsets, gboolean bounded)
{
  add (findings, "M2", "on grid", offsets->on_grid);
  add (findings, "M2", "shifted by half", offsets->shifted);
  add_bounded (findings, "M2", "offset", offsets->offset, 0.0, bounded ? 0.5 : INFINITY,
               offsets->ratio < 1.4);
  add (findings, "M2", "ratio", offsets->ratio);
}

static void
add_repetition (GArray *findings, const PdRepetition *repetition)
{
  add (findings, "M3", "lags of tiles", repetition->lags);
  add (findings, "M3", "other lags", repetition->other_lags);
  add_bounded (findings, "M3", "lags, excess",
               repetition->lags - fmax (0.0, repetition->other_lags), -INFINITY, 0.03, FALSE);
  add (findings, "M3", "tiles", repetition->tiles);
  add (findings, "M3", "random crops", repetition->crops);
  add_bounded (findings, "M3", "tiles, excess", repetition->tiles - repetition->crops, -INFINITY,
               0.05, FALSE);
  add (findings, "M3", "strongest pair", repetition->strongest);
  add (findings, "M3", "strongest pair, first tile", repetition->a);
  add (findings, "M3", "strongest pair, second tile", repetition->b);
}

static void
add_detail (GArray *findings, const PdDetail *detail)
{
  add_bounded (findings, "M4", "ratio x", detail->x.ratio, 0.9, 1.1, fabs (detail->x.z) < 2.0);
  add (findings, "M4", "ratio x, z", detail->x.z);
  add_bounded (findings, "M4", "ratio y", detail->y.ratio, 0.9, 1.1, fabs (detail->y.z) < 2.0);
  add (findings, "M4", "ratio y, z", detail->y.z);
}

static void
add_coherence (GArray *findings, const PdCoherence *coherence)
{
  add (findings, "M5", "psnr", coherence->psnr);
  add (findings, "M5", "ssim", coherence->ssim);
  add_bounded (findings, "M5", "mean drift", coherence->mean_drift, 0.0, 2.0, FALSE);
  add_bounded (findings, "M5", "contrast drift", coherence->contrast_drift, 0.0, 0.25, FALSE);
  add (findings, "M5", "orientation", coherence->orientation);
}

static void
add_evenness (GArray *findings, const PdEvenness *evenness, double native)
{
  static const char *const names[] = { "grain", "grain, 1 to 2", "grain, 2 to 4" };

  add (findings, "M6", "spread", evenness->spread);
  add (findings, "M6", "spread of native pictures", native);
  add (findings, "M6", "spread over native", evenness->spread / native);
  add (findings, "M6", "far over near", evenness->far_over_near);
  for (guint i = 0; i < PD_N_GRAINS; i++)
    add (findings, "M6", names[i], evenness->grain[i]);
  add (findings, "M6", "mid", evenness->mid);
  add (findings, "M6", "fine", evenness->fine);
}

/* Returns: (transfer full) Finding. */
static GArray *
collect (const PdReport *self)
{
  GArray *findings = g_array_new (FALSE, FALSE, sizeof (Finding));

  add_borders (findings, self);
  add_offsets (findings, &self->offsets, self->has_reference);
  add_repetition (findings, &self->repetition);
  add_detail (findings, &self->detail);
  add_coherence (findings, &self->coherence);
  add_evenness (findings, &self->evenness, self->native);
  return findings;
}

static gboolean
passes (const Finding *finding)
{
  return isnan (finding->value) || finding->excused ||
         (finding->value >= finding->least && finding->value <= finding->most);
}

gboolean
pd_report_passes (const PdReport *self)
{
  g_autoptr (GArray) findings = collect (self);

  for (guint i = 0; i < findings->len; i++)
    if (!passes (&g_array_index (findings, Finding, i)))
      return FALSE;
  return TRUE;
}

static void
append_number (GString *text, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.4g", value);
  g_string_append (text, digits);
}

static void
append_bounds (GString *text, const Finding *finding)
{
  if (isinf (finding->most))
    return;
  g_string_append (text, isinf (finding->least) ? "  ≤ " : "  ");
  if (!isinf (finding->least))
    {
      append_number (text, finding->least);
      g_string_append (text, " to ");
    }
  append_number (text, finding->most);
  g_string_append (text, passes (finding) ? "  ok" : "  OUTSIDE");
}

char *
pd_report_to_table (const PdReport *self)
{
  g_autoptr (GArray) findings = collect (self);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%u × %u pixels, %u × %u tiles\n", self->layout->x.size,
                          self->layout->y.size, self->layout->x.count, self->layout->y.count);
  for (guint i = 0; i < findings->len; i++)
    {
      const Finding *finding = &g_array_index (findings, Finding, i);

      g_string_append_printf (text, "%s  %-28s ", finding->metric, finding->name);
      if (isnan (finding->value))
        g_string_append (text, "not defined here");
      else
        append_number (text, finding->value);
      append_bounds (text, finding);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

static void
add_value (JsonBuilder *builder, double value)
{
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

char *
pd_report_to_json (const PdReport *self)
{
  g_autoptr (GArray) findings = collect (self);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  const char *metric = NULL;

  json_builder_begin_object (builder);
  for (guint i = 0; i < findings->len; i++)
    {
      const Finding *finding = &g_array_index (findings, Finding, i);

      if (g_strcmp0 (metric, finding->metric) != 0)
        {
          if (metric)
            json_builder_end_object (builder);
          metric = finding->metric;
          json_builder_set_member_name (builder, metric);
          json_builder_begin_object (builder);
        }
      json_builder_set_member_name (builder, finding->name);
      add_value (builder, finding->value);
    }
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "outside");
  json_builder_begin_array (builder);
  for (guint i = 0; i < findings->len; i++)
    {
      const Finding *finding = &g_array_index (findings, Finding, i);
      g_autofree char *name = g_strdup_printf ("%s %s", finding->metric, finding->name);

      if (!passes (finding))
        json_builder_add_string_value (builder, name);
    }
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "pass");
  json_builder_add_boolean_value (builder, pd_report_passes (self));
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}
