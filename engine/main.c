// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/bench/bench.h"
#include "engine/base/confine.h"
#include "engine/base/environment.h"
#include "engine/cluster/cluster.h"
#include "engine/gpu/device.h"
#include "engine/cli/listing.h"
#include "engine/cli/options.h"
#include "engine/base/message.h"
#include "engine/request/mode.h"
#include "engine/run/rank.h"
#include "engine/service/service.h"
#include "engine/cli/run.h"
#include "engine/verify/verify.h"

#include <glib/gi18n-lib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Exit status of a command line that cannot be understood. */
static const int usage = 2;

typedef struct
{
  const char *name;
  const char *summary;
  /* argv[0] is the verb. Returns the exit status. */
  int (*run) (int argc, char **argv, const char *data_folder);
  gboolean confines; /* itself, as soon as it knows what it has to write */
  gboolean shares;   /* its work with the processes that mpirun started beside it */
} Verb;

static int
run_verify (int argc, char **argv, const char *data_folder)
{
  return pd_verify_main (argc, argv);
}

/* Beside those that make a picture, which are the modes. */
static const Verb verbs[] = {
  { "models", N_ ("List the models that --model knows by name"), pd_listing_models },
  { "devices", N_ ("List the Vulkan devices that --device can name"), pd_listing_devices },
  { "verify", N_ ("Compare what the engine computes with reference tensors"), run_verify },
  { "bench", N_ ("Measure kernels and a model against what the device does at best"),
    pd_bench_main },
  { "serve", N_ ("Serve a program such as GIMP"), pd_service_main, TRUE, TRUE },
};

static void
print_help (FILE *stream)
{
  fputs (
      _ ("Usage:\n  parallel-diffusion VERB [OPTION…]\n\nMakes pictures from text with diffusion "
         "models, on any device that has Vulkan.\n\nVerbs:\n"),
      stream);
  for (guint i = 0; pd_modes[i].name != NULL; i++)
    fprintf (stream, "  %-10s %s\n", pd_modes[i].name, _ (pd_modes[i].summary));
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    fprintf (stream, "  %-10s %s\n", verbs[i].name, _ (verbs[i].summary));
  fprintf (stream, "  %-10s %s\n", "help",
           _ ("Show this, or the options of a verb named after it"));
  fputs (_ ("\n  --help     Show this, or after a verb its options\n"
            "  --version  Show the version\n\n"
            "For a first picture:\n"
            "  parallel-diffusion generate --prompt \"mossy stone wall\" --output wall.png\n"),
         stream);
  fputs (_ ("\nEnvironment variables:\n"), stream);
  for (PdEnvironment i = 0; i < PD_ENVIRONMENT_N; i++)
    {
      g_auto (GStrv) lines = g_strsplit (pd_environment_meaning (i), "\n", -1);

      fprintf (stream, "  %s\n", pd_environment_name (i));
      for (guint line = 0; lines[line] != NULL; line++)
        fprintf (stream, "      %s\n", lines[line]);
    }
}

/* The folder that holds models/: that of an installation this program was moved with, the build
 * tree's, or the one it was configured for. PARALLEL_DIFFUSION_DATA overrides all.
 * Returns: (transfer full). */
static char *
find_data_folder (void)
{
  const char *override = pd_environment_get (PD_ENVIRONMENT_DATA);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *beside = program != NULL ? g_path_get_dirname (program) : g_strdup (".");
  g_autofree char *moved = g_build_filename (beside, "..", "share", "parallel-diffusion", NULL);
  const char *const folders[] = { moved, beside };

  if (override != NULL)
    return g_strdup (override);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *models = g_build_filename (folders[i], "models", NULL);

      if (g_file_test (models, G_FILE_TEST_IS_DIR))
        return g_canonicalize_filename (folders[i], NULL);
    }
  return g_strdup (PD_DATA_FOLDER);
}

/* The folder with the translations: of an installation this program was moved with, of one beside a
 * plug-in of GIMP, the build tree's, or the one it was configured for. Returns: (transfer full). */
static char *
find_locale_folder (void)
{
  static const char *const places[] = { "share/locale", "locale", "po" };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *beside = program != NULL ? g_path_get_dirname (program) : g_strdup (".");

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *folder = g_build_filename (beside, "..", places[i], NULL);
      g_autofree char *german =
          g_build_filename (folder, "de", "LC_MESSAGES", GETTEXT_PACKAGE ".mo", NULL);

      if (g_file_test (german, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&folder);
    }
  return g_strdup (PD_LOCALE_FOLDER);
}

static gboolean
find_verb (const char *name, Verb *verb)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (name, verbs[i].name))
      {
        *verb = verbs[i];
        return TRUE;
      }
  for (guint i = 0; pd_modes[i].name != NULL; i++)
    if (g_str_equal (name, pd_modes[i].name))
      {
        *verb = (Verb){ pd_modes[i].name, pd_modes[i].summary, pd_run_main, TRUE, TRUE };
        return TRUE;
      }
  return FALSE;
}

/* The first process of a cluster does what the verb says, the others help it. */
static int
run_shared (const Verb *verb, int argc, char **argv, const char *data_folder)
{
  g_autoptr (GError) error = NULL;
  int status = 1;

  if (!pd_cluster_join (PD_VERSION, &error))
    fprintf (stderr, "parallel-diffusion: %s\n", error->message);
  else if (pd_cluster_rank () == 0)
    status = verb->run (argc, argv, data_folder);
  else
    {
      pd_confine (&(PdConfineOptions){ 0 });
      pd_rank_serve (data_folder);
      status = 0;
    }
  pd_cluster_leave ();
  return status;
}

static int
run_verb (const Verb *verb, int argc, char **argv)
{
  g_autofree char *data_folder = find_data_folder ();
  g_autofree char *name = g_strconcat ("parallel-diffusion ", verb->name, NULL);

  g_set_prgname (name);
  pd_device_prepare_environment ();
  if (verb->shares)
    return run_shared (verb, argc, argv, data_folder);
  if (!verb->confines)
    pd_confine (&(PdConfineOptions){ 0 });
  return verb->run (argc, argv, data_folder);
}

static gboolean
asks_for_help (const char *word)
{
  return g_str_equal (word, "--help") || g_str_equal (word, "-h") || g_str_equal (word, "help");
}

static int
refuse_verb (const char *name)
{
  g_autofree char *unknown = pd_message_clean (name);

  fprintf (stderr, _ ("parallel-diffusion: there is no verb “%s”\n\n"), unknown);
  print_help (stderr);
  return usage;
}

/* What stands after "help" or --help; argv ends in NULL. */
static int
help (char **argv)
{
  Verb verb;
  char *arguments[] = { argv[0], (char *) "--help", NULL };

  if (argv[0] != NULL && find_verb (argv[0], &verb))
    return run_verb (&verb, 2, arguments);
  if (argv[0] != NULL && argv[0][0] != '-')
    return refuse_verb (argv[0]);
  print_help (stdout);
  return 0;
}

int
main (int argc, char **argv)
{
  g_autofree char *locale_folder = find_locale_folder ();
  Verb verb;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_folder);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");

  if (argc < 2)
    {
      print_help (stderr);
      return usage;
    }
  if (asks_for_help (argv[1]))
    return help (argv + 2);
  if (g_str_equal (argv[1], "--version"))
    {
      pd_options_print_version ();
      return 0;
    }
  if (!find_verb (argv[1], &verb))
    return refuse_verb (argv[1]);
  return run_verb (&verb, argc - 1, argv + 1);
}
