// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/verify/file.h"

char *
pd_verify_path (const PdVerify *self, const char *path, ...)
{
  g_autofree char *rest = NULL;
  va_list args;

  va_start (args, path);
  rest = g_build_filename_valist (path, &args);
  va_end (args);
  return g_build_filename (self->folder, rest, NULL);
}

static JsonObject *
entry_of (const PdVerifyFile *self, const char *name)
{
  JsonNode *node = json_object_get_member (self->entries, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static gboolean
same_shape (const PdTensorInfo *info, JsonObject *entry)
{
  JsonNode *node = json_object_get_member (entry, "shape");
  JsonArray *shape;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  shape = json_node_get_array (node);
  if (json_array_get_length (shape) != info->n_dims)
    return FALSE;
  for (guint i = 0; i < info->n_dims; i++)
    if (json_array_get_int_element (shape, i) != info->dims[i])
      return FALSE;
  return TRUE;
}

static gboolean
list_names (PdVerifyFile *self, GError **error)
{
  g_autoptr (GList) members = json_object_get_members (self->entries);

  for (GList *m = members; m != NULL; m = m->next)
    {
      const PdTensorInfo *info = pd_safetensors_find (self->data, m->data);
      JsonObject *entry = entry_of (self, m->data);

      if (info == NULL || entry == NULL || !same_shape (info, entry))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("%s: index.json and the file disagree about the tensor \"%s\""),
                       pd_safetensors_get_path (self->data), (const char *) m->data);
          return FALSE;
        }
      g_ptr_array_add (self->names, m->data);
    }
  return TRUE;
}

PdVerifyFile *
pd_verify_file_open (PdVerify *verify, const char *key, GError **error)
{
  g_autoptr (PdVerifyFile) self = g_new0 (PdVerifyFile, 1);
  g_autofree char *path = pd_verify_path (verify, key, NULL);
  JsonNode *node = json_object_get_member (verify->index, key);

  self->verify = verify;
  self->stem = g_path_get_basename (key);
  if (g_str_has_suffix (self->stem, ".safetensors"))
    self->stem[strlen (self->stem) - strlen (".safetensors")] = '\0';
  self->names = g_ptr_array_new ();
  self->verdict = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s/index.json: \"%s\" is not an object of tensors"), verify->folder, key);
      return NULL;
    }
  self->entries = json_node_get_object (node);
  self->data = pd_safetensors_open (path, error);
  if (self->data == NULL || !list_names (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_verify_file_free (PdVerifyFile *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->data, pd_safetensors_unref);
  g_ptr_array_unref (self->names);
  g_hash_table_unref (self->verdict);
  g_free (self->reason);
  g_free (self->stem);
  g_free (self);
}

const PdTensorInfo *
pd_verify_file_find (const PdVerifyFile *self, const char *name)
{
  return json_object_has_member (self->entries, name) ? pd_safetensors_find (self->data, name)
                                                      : NULL;
}

const PdTensorInfo *
pd_verify_file_find_in (const PdVerifyFile *self, const char *stem, const char *suffix)
{
  g_autofree char *name = g_strconcat (stem, ".", suffix, NULL);

  return pd_verify_file_find (self, name);
}

float *
pd_verify_file_values (const PdVerifyFile *self,
                       const char *name,
                       const PdTensorInfo **info,
                       GError **error)
{
  const PdTensorInfo *found = pd_verify_file_find (self, name);
  float *values;

  if (info != NULL)
    *info = found;
  if (found == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: there is no tensor \"%s\""),
                   pd_safetensors_get_path (self->data), name);
      return NULL;
    }
  values = g_new (float, MAX (pd_tensor_info_count (found), 1));
  if (!pd_tensor_info_to_f32 (found, values, error))
    g_clear_pointer (&values, g_free);
  return values;
}

float *
pd_verify_file_values_in (const PdVerifyFile *self,
                          const char *stem,
                          const char *suffix,
                          const PdTensorInfo **info,
                          GError **error)
{
  g_autofree char *name = g_strconcat (stem, ".", suffix, NULL);

  return pd_verify_file_values (self, name, info, error);
}

static gboolean
is_wanted (const PdVerifyFile *self, const char *name)
{
  return self->verify->tensor_glob == NULL ||
         g_pattern_match_simple (self->verify->tensor_glob, name);
}

gboolean
pd_verify_file_expects (const PdVerifyFile *self, const char *name)
{
  JsonObject *entry = entry_of (self, name);

  return entry != NULL &&
         g_strcmp0 (json_object_get_string_member_with_default (entry, "role", ""), "expected") ==
             0 &&
         is_wanted (self, name);
}

const char *
pd_verify_file_meaning (const PdVerifyFile *self, const char *name)
{
  JsonObject *entry = entry_of (self, name);

  return entry ? json_object_get_string_member_with_default (entry, "meaning", "") : "";
}

static void
print_line (const PdVerifyFile *self,
            const char *name,
            double max,
            double mean,
            double tolerance,
            const char *verdict)
{
  printf ("%s/%-*s  max %9.3g  mean %9.3g  tolerance %9.3g  %s\n", self->stem,
          (int) (74 - MIN (strlen (self->stem), 70)), name, max, mean, tolerance, verdict);
}

static void
fail (PdVerifyFile *self, const char *name, const char *why)
{
  self->n_failed++;
  printf ("%s/%s  %s  FAILED\n", self->stem, name, why);
}

void
pd_verify_file_check (PdVerifyFile *self, const char *name, const float *values, gsize count)
{
  g_autofree float *expected = NULL;
  const PdTensorInfo *info;
  double tolerance, max = 0, sum = 0, mean;
  gboolean passed, coarse;

  if (!pd_verify_file_expects (self, name) || !g_hash_table_add (self->verdict, g_strdup (name)))
    return;
  expected = pd_verify_file_values (self, name, &info, NULL);
  if (pd_tensor_info_count (info) != count)
    {
      g_autofree char *why =
          g_strdup_printf ("%" G_GSIZE_FORMAT " values, %" G_GSIZE_FORMAT " expected", count,
                           pd_tensor_info_count (info));

      fail (self, name, why);
      return;
    }
  tolerance = json_object_get_double_member_with_default (
      entry_of (self, name), self->verify->precision == PD_PRECISION_F16 ? "tol_f16" : "tol_f32",
      NAN);
  for (gsize i = 0; i < count; i++)
    {
      double difference = fabs ((double) values[i] - expected[i]);

      sum += difference;
      if (!(difference <= max)) /* NaN stays the maximum once it is */
        max = difference;
      if (isnan (max))
        break;
    }
  mean = count > 0 ? sum / (double) count : 0;
  passed = max <= tolerance;
  coarse = passed && self->verify->precision == PD_PRECISION_F16 && mean > tolerance / 10;
  if (passed)
    self->n_passed++;
  else
    self->n_failed++;
  if (coarse)
    self->verify->n_coarse++;
  if (!passed || !self->verify->quiet)
    print_line (self, name, max, mean, tolerance,
                !passed  ? "FAILED"
                : coarse ? "passed (mean above a tenth of the tolerance)"
                         : "passed");
}

void
pd_verify_file_check_in (
    PdVerifyFile *self, const char *stem, const char *suffix, const float *values, gsize count)
{
  g_autofree char *name = g_strconcat (stem, ".", suffix, NULL);

  pd_verify_file_check (self, name, values, count);
}

void
pd_verify_file_not_covered (PdVerifyFile *self, const char *format, ...)
{
  va_list args;

  g_free (self->reason);
  va_start (args, format);
  self->reason = g_strdup_vprintf (format, args);
  va_end (args);
}

void
pd_verify_file_finish (PdVerifyFile *self, const GError *error)
{
  PdVerify *verify = self->verify;

  if (error != NULL)
    printf ("%s: %s\n", self->stem, error->message);
  for (guint i = 0; i < self->names->len; i++)
    {
      const char *name = g_ptr_array_index (self->names, i);

      if (!pd_verify_file_expects (self, name) || g_hash_table_contains (self->verdict, name))
        continue;
      if (error != NULL)
        fail (self, name, _ ("not computed"));
      else
        {
          self->n_not_covered++;
          if (self->n_passed + self->n_failed > 0)
            printf ("%s/%s  not covered\n", self->stem, name);
        }
    }
  if (self->n_passed + self->n_failed + self->n_not_covered > 0)
    printf (_ ("%s: %u passed, %u failed, %u not covered%s%s\n"), self->stem, self->n_passed,
            self->n_failed, self->n_not_covered, self->reason ? ": " : "",
            self->reason ? self->reason : "");
  verify->n_passed += self->n_passed;
  verify->n_failed += self->n_failed;
  verify->n_not_covered += self->n_not_covered;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  const guint *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

GArray *
pd_verify_file_numbers (const PdVerifyFile *self, const char *prefix, const char *suffix)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < self->names->len; i++)
    {
      const char *name = g_ptr_array_index (self->names, i);
      char *end;
      guint number;

      if (!g_str_has_prefix (name, prefix) || !g_ascii_isdigit (name[strlen (prefix)]))
        continue;
      number = (guint) g_ascii_strtoull (name + strlen (prefix), &end, 10);
      if (g_str_equal (end, suffix))
        g_array_append_val (numbers, number);
    }
  g_array_sort (numbers, compare_numbers);
  return numbers;
}

float *
pd_verify_to_nchw (const float *values, gsize n, gsize pixels, gsize channels)
{
  float *out = g_new (float, n *pixels *channels);

  for (gsize i = 0; i < n; i++)
    for (gsize p = 0; p < pixels; p++)
      for (gsize c = 0; c < channels; c++)
        out[(i * channels + c) * pixels + p] = values[(i * pixels + p) * channels + c];
  return out;
}

float *
pd_verify_to_nhwc (const float *values, gsize n, gsize channels, gsize pixels)
{
  return pd_verify_to_nchw (values, n, channels, pixels);
}
