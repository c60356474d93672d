// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/messages.h"

#include <json-glib/json-glib.h>

/* What @variant is after it has gone through JSON, as between two processes. */
static GVariant *
send (GVariant *variant)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (variant);
  g_autofree char *json = json_gvariant_serialize_data (owned, NULL);

  g_test_message ("%s", json);
  return g_variant_ref_sink (json_gvariant_deserialize_data (json, -1, NULL, NULL));
}

static void
test_progress (void)
{
  const PdProgress sent = { .phase = PD_PHASE_INVERT,
                            .level = 1,
                            .n_levels = 3,
                            .step = 4,
                            .n_steps = 30,
                            .tile = 5,
                            .n_tiles = 12,
                            .fraction = 1,
                            .eta_seconds = -1 };
  g_autoptr (GVariant) message = send (pd_fields_to_variant (pd_progress_fields, &sent));
  PdProgress read = { 0 };

  pd_fields_read (pd_progress_fields, message, &read);
  g_assert_cmpuint (read.phase, ==, sent.phase);
  g_assert_cmpuint (read.level, ==, sent.level);
  g_assert_cmpuint (read.n_levels, ==, sent.n_levels);
  g_assert_cmpuint (read.step, ==, sent.step);
  g_assert_cmpuint (read.n_steps, ==, sent.n_steps);
  g_assert_cmpuint (read.tile, ==, sent.tile);
  g_assert_cmpuint (read.n_tiles, ==, sent.n_tiles);
  g_assert_cmpfloat (read.fraction, ==, sent.fraction);
  g_assert_cmpfloat (read.eta_seconds, ==, sent.eta_seconds);
}

/* The largest seed is more than a number of JSON holds. */
static void
test_report (void)
{
  static const guint64 seeds[] = { 0, 4711, G_MAXINT64, (guint64) G_MAXINT64 + 1, G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    {
      const PdReport sent = { .seed = seeds[i],
                              .device = "a \xff card",
                              .total_seconds = 0.25,
                              .forwards = G_MAXUINT,
                              .tensor_bytes = (guint64) 1 << 40 };
      g_autoptr (GVariant) message = send (pd_fields_to_variant (pd_report_fields, &sent));
      PdReport read;

      pd_fields_read (pd_report_fields, message, &read);
      g_assert_cmpuint (read.seed, ==, seeds[i]);
      g_assert_cmpstr (read.device, ==, "a \357\277\275 card");
      g_assert_null (read.vae);
      g_assert_cmpfloat (read.total_seconds, ==, 0.25);
      g_assert_cmpuint (read.forwards, ==, G_MAXUINT);
      g_assert_cmpuint (read.tensor_bytes, ==, (guint64) 1 << 40);
    }
}

/* What another program may send instead. */
static void
test_strange (void)
{
  static const struct
  {
    const char *json;
    guint n_tiles;
    double seconds;
  } cases[] = {
    { "{}", 0, -1 },
    { "{\"n_tiles\":3,\"seconds\":2}", 3, 2 },
    { "{\"n_tiles\":-3,\"seconds\":null}", 0, -1 },
    { "{\"n_tiles\":4294967296,\"seconds\":\"2\"}", 0, -1 },
    { "{\"n_tiles\":\"12\",\"seconds\":{}}", 12, -1 },
    { "{\"n_tiles\":[1],\"seconds\":[]}", 0, -1 },
    { "{\"n_tiles\":1.5,\"seconds\":1e300}", 0, 1e300 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) message =
          g_variant_ref_sink (json_gvariant_deserialize_data (cases[i].json, -1, NULL, NULL));
      PdEstimate estimate;

      pd_fields_read (pd_estimate_fields, message, &estimate);
      g_assert_cmpuint (estimate.n_tiles, ==, cases[i].n_tiles);
      g_assert_cmpfloat (estimate.seconds, ==, cases[i].seconds);
    }
}

static void
test_phases (void)
{
  for (PdPhase phase = PD_PHASE_LOAD; phase <= PD_PHASE_KERNELS; phase++)
    {
      PdPhase found = PD_PHASE_KERNELS + 1;

      g_assert_true (pd_phase_from_nick (pd_phase_nick (phase), &found));
      g_assert_cmpuint (found, ==, phase);
      g_assert_cmpstr (pd_phase_title (phase), !=, pd_phase_nick (phase));
      g_assert_false (pd_phase_from_nick (pd_phase_title (phase), &found));
    }
}

static void
test_offers (void)
{
  g_autoptr (GVariant) engine = g_variant_ref_sink (json_gvariant_deserialize_data (
      "{\"models\":[{\"name\":\"a\",\"path\":\"/a\",\"native\":256,\"scale\":8},7,{\"name\":\"b\","
      "\"reason\":\"is empty\"}],\"devices\":3}",
      -1, NULL, NULL));
  g_autoptr (GArray) models = pd_offered_models (engine);
  g_autoptr (GArray) devices = pd_offered_devices (engine);
  g_autoptr (GArray) none = pd_offered_models (NULL);
  const PdOfferedModel *model = &g_array_index (models, PdOfferedModel, 0);

  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (devices->len, ==, 0);
  g_assert_cmpuint (models->len, ==, 2);
  g_assert_cmpstr (model[0].path, ==, "/a");
  g_assert_cmpuint (model[0].native, ==, 256);
  g_assert_null (model[0].reason);
  g_assert_cmpstr (model[1].name, ==, "b");
  g_assert_cmpuint (model[1].native, ==, 0);
  g_assert_cmpstr (model[1].reason, ==, "is empty");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/messages/progress", test_progress);
  g_test_add_func ("/messages/report", test_report);
  g_test_add_func ("/messages/strange", test_strange);
  g_test_add_func ("/messages/phases", test_phases);
  g_test_add_func ("/messages/offers", test_offers);
  return g_test_run ();
}
