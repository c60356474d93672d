// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdio.h>
#include <string.h>

#include <gegl.h>
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/message.h"
#include "engine/files/config.h"
#include "engine/base/json.h"
#include "engine/cli/options.h"
#include "engine/verify/parts.h"
#include "engine/verify/verify.h"

enum
{
  MAX_INDEX_BYTES = 64 << 20,
};

typedef struct
{
  char **folders;
  char *only;
  gboolean quiet;
} Own;

static void
own_clear (Own *self)
{
  g_strfreev (self->folders);
  g_free (self->only);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Own, own_clear)

/* Files recognised by name. MODEL_text and so on belong to the model of that folder. */
static const struct
{
  const char *stem;
  gboolean (*verify) (PdVerifyFile *file, GError **error);
} whole_names[] = {
  { "ops", pd_verify_ops },
  { "tokenizer", pd_verify_tokenizer },
  { "schedulers", pd_verify_schedulers },
};

static const struct
{
  const char *ending;
  gboolean (*verify) (PdVerifyFile *file, const char *model, GError **error);
} endings[] = {
  { "_text", pd_verify_text },
  { "_unet", pd_verify_unet },
  { "_vae", pd_verify_vae },
  { "_pipeline", pd_verify_pipeline },
  { "_img2img", pd_verify_img2img },
  { "_inpaint", pd_verify_inpaint },
  { "_windows", pd_verify_windows },
  { "_tile_attention", pd_verify_tile_attention },
  { "_inversion", pd_verify_inversion },
  { "_style_aligned", pd_verify_style_aligned },
};

/* A file called like a model folder that is an AutoencoderTiny. */
static gboolean
is_tiny_vae (const PdVerify *verify, const char *stem)
{
  g_autofree char *path = pd_verify_path (verify, "models", stem, "config.json", NULL);
  g_autofree char *class_name = pd_config_load_class (path, NULL);

  return g_strcmp0 (class_name, "AutoencoderTiny") == 0;
}

static gboolean
compute (PdVerifyFile *file, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (whole_names); i++)
    if (g_str_equal (file->stem, whole_names[i].stem))
      return whole_names[i].verify (file, error);
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (file->stem, endings[i].ending))
      {
        g_autofree char *model =
            g_strndup (file->stem, strlen (file->stem) - strlen (endings[i].ending));

        return endings[i].verify (file, model, error);
      }
  if (is_tiny_vae (file->verify, file->stem))
    return pd_verify_tiny_vae (file, file->stem, error);
  pd_verify_file_not_covered (file, _ ("a kind this version does not have"));
  return TRUE;
}

static void
verify_file (PdVerify *verify, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdVerifyFile) file = pd_verify_file_open (verify, key, &error);

  if (file == NULL)
    {
      printf ("%s  FAILED\n", error->message);
      verify->n_failed++;
      return;
    }
  compute (file, &error);
  pd_verify_file_finish (file, error);
  fflush (stdout);
}

/* Returns whether all passed. */
static gboolean
verify_folder (PdVerify *verify, const char *file_glob)
{
  g_autoptr (GList) keys = json_object_get_members (verify->index);

  for (GList *k = keys; k != NULL; k = k->next)
    {
      g_autofree char *name = g_path_get_basename (k->data);
      char *end = strrchr (name, '.');

      if (end != NULL)
        *end = '\0';
      if (file_glob == NULL || g_pattern_match_simple (file_glob, name))
        verify_file (verify, k->data);
    }
  printf (_ ("%u passed, %u failed, %u not covered\n"), verify->n_passed, verify->n_failed,
          verify->n_not_covered);
  if (verify->n_coarse > 0)
    printf (_ ("%u of those passed have a mean error above a tenth of the tolerance\n"),
            verify->n_coarse);
  return verify->n_failed == 0;
}

static void
print_error (const GError *error)
{
  g_autofree char *clean = pd_message_clean (error->message);

  g_printerr ("parallel-diffusion verify: %s\n", clean);
}

static int
run (const Own *options, const PdRequest *request)
{
  const char *folder = options->folders[0];
  PdPrecision precision =
      request->precision == PD_PRECISION_F16 ? PD_PRECISION_F16 : PD_PRECISION_F32;
  PdDeviceOptions device_options = { .selector = request->device };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, "index.json", NULL);
  g_autoptr (JsonNode) root = pd_json_load_object (path, MAX_INDEX_BYTES, &error);
  g_autoptr (PdDevice) device = root ? pd_device_new (&device_options, &error) : NULL;
  g_autofree char *file_glob = g_strdup (options->only);
  char *slash = file_glob ? strchr (file_glob, '/') : NULL;
  PdBackend backend;
  PdVerify verify = { .backend = &backend,
                      .folder = folder,
                      .precision = precision,
                      .tensor_glob = slash ? slash + 1 : NULL,
                      .quiet = options->quiet };
  gboolean passed;
  guint messages;

  if (slash != NULL)
    *slash = '\0';
  if (device == NULL || !pd_backend_init (&backend, device, request->kernels, precision, &error))
    {
      print_error (error);
      return EXIT_FAILURE;
    }
  verify.index = json_node_get_object (root);
  printf (_ ("%s, %s kernels, %s\n"), pd_device_info (device)->name,
          pd_kernels_to_string (backend.kernels), precision == PD_PRECISION_F16 ? "f16" : "f32");
  passed = verify_folder (&verify, file_glob);
  messages = pd_device_validation_messages (device);
  if (messages > 0)
    printf (_ ("%u messages of the validation layer\n"), messages);
  if (verify.n_passed + verify.n_failed + verify.n_not_covered == 0)
    {
      g_printerr (_ ("parallel-diffusion verify: nothing in %s matches --only %s\n"), path,
                  options->only ? options->only : "*");
      return EXIT_FAILURE;
    }
  return passed && messages == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
pd_verify_main (int argc, char **argv)
{
  static const char *const names[] = { "precision", "kernels", "device", NULL };
  g_auto (Own) own = { 0 };
  const GOptionEntry entries[] = {
    { "only", 0, 0, G_OPTION_ARG_STRING, &own.only,
      N_ ("Only files whose name matches, e.g. 'sd1_*', or tensors, e.g. 'ops/conv.*'"), "GLOB" },
    { "quiet", 0, 0, G_OPTION_ARG_NONE, &own.quiet, N_ ("Leave out the tensors that passed"),
      NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &own.folders, NULL, N_ ("FOLDER") },
    { NULL },
  };
  g_autoptr (PdOptions) options = pd_options_new (
      argv[0],
      _ ("Compares what the engine computes with the reference tensors of a folder (index.json, "
         "data/, models/); --precision auto is f32. Exit status 1 if any is outside its "
         "tolerance."),
      names, entries);
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;
  int status;

  if (!pd_options_parse (options, argc, argv, &error) ||
      !pd_options_apply (options, request, &error))
    return pd_options_usage_error (options, error->message);
  if (own.folders == NULL || g_strv_length (own.folders) != 1)
    return pd_options_usage_error (options, _ ("give one folder"));
  gegl_init (NULL, NULL);
  status = run (&own, request);
  gegl_exit ();
  return status;
}
