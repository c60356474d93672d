// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/engine-command.h"
#include "engine/base/error.h"

#include <glib/gi18n-lib.h>

static char *
find_engine (GError **error)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : g_strdup (".");
  g_autofree char *beside = g_build_filename (folder, "bin", "parallel-diffusion", NULL);
  const char *const places[] = { beside, PD_BIN_FOLDER "/parallel-diffusion",
                                 "parallel-diffusion" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      char *found = g_find_program_in_path (places[i]);

      if (found != NULL)
        return found;
    }
  g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
               _ ("The engine is not installed: neither %s nor %s is a program, and no folder of "
                  "PATH has a parallel-diffusion"),
               places[0], places[1]);
  return NULL;
}

char **
pd_engine_command_words (const char *command, GError **error)
{
  g_autoptr (GError) cause = NULL;
  char **words = NULL;

  if (command == NULL)
    {
      g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
      g_autofree char *engine = find_engine (error);

      if (engine == NULL)
        return NULL;
      g_strv_builder_add_many (builder, engine, "serve", NULL);
      return g_strv_builder_end (builder);
    }
  if (!g_shell_parse_argv (command, NULL, &words, &cause))
    g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                 _ ("The engine's command “%s” cannot be read: %s"), command, cause->message);
  return words;
}
