// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json-glib/json-glib.h>

#include "engine/files/safetensors.h"
#include "engine/nn/backend.h"

/* What holds for a whole verification, and its totals. */
typedef struct
{
  const PdBackend *backend;
  const char *folder; /* holds index.json, data/ and models/ */
  JsonObject *index;
  PdPrecision precision; /* whose tolerances hold */
  char *tensor_glob;     /* NULL: all */
  gboolean quiet;        /* print only what is not passed */

  guint n_passed, n_failed, n_not_covered;
  guint n_coarse; /* passed, but with a mean error above a tenth of the tolerance */
} PdVerify;

/* One file of reference tensors: what index.json says of them, their values, and the verdicts on
 * what the engine computed. */
typedef struct
{
  PdVerify *verify;
  char *stem; /* "sd1_unet" of data/sd1_unet.safetensors */
  PdSafetensors *data;
  JsonObject *entries;
  GPtrArray *names;    /* all tensors, in index.json's order */
  GHashTable *verdict; /* names of the expected tensors that have been checked */
  char *reason;        /* why tensors are left; NULL: none given */
  guint n_passed, n_failed, n_not_covered;
} PdVerifyFile;

/* @key: the path of the file as index.json has it. Fails with PD_ERROR_BAD_REQUEST when the file
 * and its entry disagree about names or shapes. */
PdVerifyFile *pd_verify_file_open (PdVerify *verify, const char *key, GError **error);
void pd_verify_file_free (PdVerifyFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdVerifyFile, pd_verify_file_free)

/* A path below the folder of the verification. */
char *pd_verify_path (const PdVerify *self, const char *path, ...) G_GNUC_NULL_TERMINATED;

/* A tensor of any role by its name or @stem joined to @suffix by a dot; NULL: there is none. */
const PdTensorInfo *pd_verify_file_find (const PdVerifyFile *self, const char *name);
const PdTensorInfo *
pd_verify_file_find_in (const PdVerifyFile *self, const char *stem, const char *suffix);

/* Its values as floats, its shape in @info (may be NULL); an error if there is none. */
float *pd_verify_file_values (const PdVerifyFile *self,
                              const char *name,
                              const PdTensorInfo **info,
                              GError **error);
float *pd_verify_file_values_in (const PdVerifyFile *self,
                                 const char *stem,
                                 const char *suffix,
                                 const PdTensorInfo **info,
                                 GError **error);

/* Whether index.json names it as expected (and --only does not leave it out). */
gboolean pd_verify_file_expects (const PdVerifyFile *self, const char *name);

/* What index.json says about its meaning, never NULL. */
const char *pd_verify_file_meaning (const PdVerifyFile *self, const char *name);

/* If @name is expected: compares @count values with it, prints and counts the verdict. */
void pd_verify_file_check (PdVerifyFile *self, const char *name, const float *values, gsize count);
void pd_verify_file_check_in (
    PdVerifyFile *self, const char *stem, const char *suffix, const float *values, gsize count);

/* The reason to print for expected tensors that have no verdict in the end. */
void pd_verify_file_not_covered (PdVerifyFile *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Counts the expected tensors without a verdict: as failed if @error is not NULL, otherwise as not
 * covered. Prints the file's summary and adds it to the totals. */
void pd_verify_file_finish (PdVerifyFile *self, const GError *error);

/* The numbers N of all tensors called PREFIX N SUFFIX, e.g. ("case", ".sample"), in order.
 * Returns: (element-type guint) */
GArray *pd_verify_file_numbers (const PdVerifyFile *self, const char *prefix, const char *suffix);

/* [n][h][w][c] to [n][c][h][w], or back with @h and @w swapped for @c. New memory. */
float *pd_verify_to_nchw (const float *values, gsize n, gsize pixels, gsize channels);
float *pd_verify_to_nhwc (const float *values, gsize n, gsize channels, gsize pixels);
