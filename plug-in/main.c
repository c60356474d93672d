// SPDX-License-Identifier: GPL-3.0-or-later
/* The plug-in: what it tells GIMP of itself, and its two procedures. */
#include "engine/base/error.h"
#include "engine/base/message.h"
#include "engine/request/mode.h"
#include "engine/wire/messages.h"
#include "plug-in/arguments.h"
#include "plug-in/gimp-host.h"
#include "plug-in/info.h"
#include "plug-in/job.h"
#include "plug-in/settings.h"
#include "ui/dialog.h"
#include "ui/host-window.h"

#include <glib/gi18n-lib.h>
#include <gtk/gtk.h>
#include <libgimp/gimp.h>
#include <string.h>

static const char run_name[] = "plug-in-parallel-diffusion";
static const char info_name[] = "plug-in-parallel-diffusion-info";

enum
{
  ARG_RUN_MODE,
  ARG_IMAGE,
  ARG_DRAWABLE,
  ARG_PROMPT,
  ARG_MODE,
  ARG_STRENGTH,
  ARG_SEED,
  ARG_OPTIONS,
  N_ARGS,
};

/* Bytes of pixels that GEGL keeps in memory before it uses its swap; all is read and written row by
 * row. */
static const guint64 cache_bytes = 32 << 20;
static const int queue_bytes = 8 << 20; /* on their way into the swap */

/* Returns: (transfer full) the folder of translations: beside the program, or where the build put
 * it. */
static char *
locale_folder (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *beside = program != NULL ? g_path_get_dirname (program) : g_strdup (".");
  char *folder = g_build_filename (beside, "locale", NULL);

  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return folder;
  g_free (folder);
  return g_strdup (PD_LOCALE_FOLDER);
}

/* Returns: (transfer full) "generate (Generate something new), restyle (…", in English. */
static char *
list_modes (void)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; pd_modes[i].name != NULL; i++)
    g_string_append_printf (text, "%s%s (%s)", i > 0 ? ", " : "", pd_modes[i].name,
                            pd_modes[i].title);
  return g_string_free (text, FALSE);
}

static void
install_run (void)
{
  g_autofree char *modes = list_modes ();
  const GimpParamDef arguments[] = {
    { GIMP_PDB_INT32, "run-mode",
      "RUN-INTERACTIVE (0) opens the dialog, RUN-NONINTERACTIVE (1), RUN-WITH-LAST-VALS (2)" },
    { GIMP_PDB_IMAGE, "image", "RGB or gray" },
    { GIMP_PDB_DRAWABLE, "drawable", "Layer above which the new one goes" },
    { GIMP_PDB_STRING, "prompt", "What the picture should show" },
    { GIMP_PDB_STRING, "mode", modes },
    { GIMP_PDB_FLOAT, "strength",
      "How far to depart from what is there: 0 keeps it, 1 ignores it" },
    { GIMP_PDB_INT32, "seed",
      "Number the noise is drawn from, the same seed gives the same picture; -1 draws one" },
    { GIMP_PDB_STRING, "options",
      "Further parameters as \"name=value …\", quoted as in a shell: \"steps=20 guidance=6 "
      "negative='people, text'\"; an unknown name is answered with the list of names. style= takes "
      "\"layer:NUMBER\" of any open image, \"image:NUMBER\" or a file" },
  };
  static const GimpParamDef results[] = {
    { GIMP_PDB_LAYER, "layer", "The new layer; for upscale that of the new image" },
  };

  gimp_install_procedure (
      run_name, N_ ("Fill, change or enlarge a region by describing it"),
      N_ ("Makes pixels of the selection (of the whole layer if nothing is selected) with a "
          "diffusion model that runs on this computer's graphics card or processor. The result is "
          "a new layer above the given one with the selection as its mask, made in one undo step; "
          "nothing else in the image changes. The layer's parasite \"parallel-diffusion\" holds "
          "all parameters as JSON. A layer mask stands for its layer; a channel is refused. "
          "mode=upscale enlarges what is visible (source=layer: the layer) as a new image without "
          "a display."),
      "Parallel Diffusion", "Parallel Diffusion, GPL-3.0-or-later", "2026",
      N_ ("_Parallel Diffusion…"), "RGB*, GRAY*", GIMP_PLUGIN, G_N_ELEMENTS (arguments),
      G_N_ELEMENTS (results), arguments, results);
  gimp_plugin_menu_register (run_name, N_ ("<Image>/Filters/_Generate"));
  gimp_plugin_icon_register (run_name, GIMP_ICON_TYPE_ICON_NAME,
                             (const guint8 *) "parallel-diffusion");
}

static void
install_info (void)
{
  static const GimpParamDef results[] = {
    { GIMP_PDB_STRING, "text", "Version, devices, models and the result of the test" },
  };

  gimp_install_procedure (
      info_name, N_ ("Tell whether Parallel Diffusion works here"),
      N_ ("Starts the engine, lists its devices and models and computes one "
          "small thing on the best device. Fails with a message that says what is missing."),
      "Parallel Diffusion", "Parallel Diffusion, GPL-3.0-or-later", "2026", NULL, NULL, GIMP_PLUGIN,
      0, G_N_ELEMENTS (results), NULL, results);
}

static void
query (void)
{
  g_autofree char *folder = locale_folder ();

  gimp_plugin_domain_register (GETTEXT_PACKAGE, folder);
  install_run ();
  install_info ();
}

/* The parameters of the last run in this session of GIMP, else those of the last dialog. */
static gboolean
recall (PdRequest *request, GError **error)
{
  const int size = gimp_get_data_size (run_name);
  g_autofree char *json = g_malloc0 ((gsize) MAX (size, 0) + 1);

  if ((size > 0 && gimp_get_data (run_name, json) &&
       pd_request_set_json (request, json, 0, NULL)) ||
      pd_settings_load (request))
    return TRUE;
  g_set_error_literal (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("There is no last run to repeat: open the dialog (RUN-INTERACTIVE), or "
                          "give a prompt (RUN-NONINTERACTIVE)"));
  return FALSE;
}

static void
remember (PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, 0);

  gimp_set_data (run_name, json, (guint32) strlen (json) + 1);
}

/* GIMP hands an empty string over as NULL. */
static const char *
text_of (const GimpParam *argument)
{
  return argument->data.d_string != NULL ? argument->data.d_string : "";
}

static gboolean
set_argument (PdRequest *request, const char *name, const GimpParam *argument, GError **error)
{
  return pd_request_set_text (request, name, text_of (argument), error);
}

static gboolean
read_arguments (PdRequest *request, int n, const GimpParam *arguments, GError **error)
{
  char strength[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *seed = NULL;

  if (n != N_ARGS)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%d arguments were given, expected %d: run-mode image drawable prompt mode "
                      "strength seed options"),
                   n, N_ARGS);
      return FALSE;
    }
  g_ascii_dtostr (strength, sizeof strength, arguments[ARG_STRENGTH].data.d_float);
  seed = g_strdup_printf ("%d", arguments[ARG_SEED].data.d_int32);
  return set_argument (request, "prompt", &arguments[ARG_PROMPT], error) &&
         set_argument (request, "mode", &arguments[ARG_MODE], error) &&
         pd_request_set_text (request, "strength", strength, error) &&
         pd_request_set_text (request, "seed", seed, error) &&
         pd_arguments_apply (request, text_of (&arguments[ARG_OPTIONS]), error);
}

typedef struct
{
  GMainLoop *loop;
  gint32 layer;
  GError *error;
} Batch;

static void
on_progress (PdEngineClient *client, const PdProgress *progress, gpointer user_data)
{
  gimp_progress_update (CLAMP (progress->fraction, 0.0, 1.0));
}

static void
on_note (PdEngineClient *client, const char *text, gpointer user_data)
{
  GPtrArray *notes = user_data;
  g_autofree char *named = pd_arguments_name_options (text, FALSE);

  if (!g_ptr_array_find_with_equal_func (notes, named, g_str_equal, NULL))
    g_ptr_array_add (notes, g_steal_pointer (&named));
}

/* One message of GIMP with all notes of a run. */
static void
show_notes (GPtrArray *notes)
{
  g_autofree char *text = NULL;

  if (!notes->len)
    return;
  g_ptr_array_add (notes, NULL);
  text = g_strjoinv ("\n", (char **) notes->pdata);
  gimp_message (text);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Batch *batch = user_data;
  g_autoptr (GVariant) report =
      pd_job_run_finish (PD_ENGINE_CLIENT (source), result, &batch->layer, &batch->error);

  g_main_loop_quit (batch->loop);
}

/* Shows a new image if GIMP has a display, unless a script asked for one. */
static void
show_image (const GimpParam *arguments, PdRequest *request, gint32 layer)
{
  const gint32 image = gimp_item_get_image (layer);
  const char *display = gimp_display_name ();

  if (image == arguments[ARG_IMAGE].data.d_image || display == NULL || !*display ||
      (arguments[ARG_RUN_MODE].data.d_int32 == GIMP_RUN_NONINTERACTIVE &&
       pd_mode_enlarges (request->mode)))
    return;
  gimp_display_new (image);
  gimp_displays_flush ();
}

/* Without a dialog. Returns: the new layer, or -1. */
static gint32
run_batch (PdEngineClient *client, const GimpParam *arguments, PdRequest *request, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  Batch batch = { .loop = loop, .layer = -1 };
  const PdJob job = { .image = arguments[ARG_IMAGE].data.d_image,
                      .drawable = arguments[ARG_DRAWABLE].data.d_drawable,
                      .request = request };

  gimp_progress_init (_ ("Parallel Diffusion"));
  g_signal_connect (client, "progress", G_CALLBACK (on_progress), NULL);
  g_signal_connect (client, "note", G_CALLBACK (on_note), notes);
  pd_job_run_async (client, &job, NULL, on_done, &batch);
  g_main_loop_run (loop);
  gimp_progress_end ();
  show_notes (notes);
  if (batch.layer != -1)
    show_image (arguments, request, batch.layer);
  if (batch.error != NULL)
    g_propagate_error (error, batch.error);
  return batch.layer;
}

static gboolean
open_display (GError **error)
{
  const char *display = gimp_display_name ();
  g_autofree char *theme = NULL;

  if (display != NULL && *display)
    g_setenv ("DISPLAY", display, TRUE);
  /* The window of GIMP that ours belongs to is known by its X11 number. */
  gdk_set_allowed_backends ("x11");
  if (!gtk_init_check (NULL, NULL))
    {
      g_set_error_literal (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("The dialog cannot be opened without a display: call the procedure with "
             "RUN-NONINTERACTIVE"));
      return FALSE;
    }
  theme = gimp_gimprc_query ("theme");
  g_object_set (gtk_settings_get_default (), "gtk-application-prefer-dark-theme",
                g_strcmp0 (theme, "Dark") == 0 || g_strcmp0 (theme, "Gray") == 0, NULL);
  return TRUE;
}

/* Returns: the last layer that was made while the dialog was open, or -1. */
static gint32
run_dialog (PdEngineClient *client, const GimpParam *arguments, PdRequest *request, GError **error)
{
  g_autoptr (PdGimpHost) host = NULL;
  g_autoptr (GError) failure = NULL;
  GtkWidget *dialog;

  if (!open_display (error))
    return -1;
  host = pd_gimp_host_new (client, arguments[ARG_IMAGE].data.d_image,
                           arguments[ARG_DRAWABLE].data.d_drawable);
  dialog = pd_dialog_new (PD_HOST (host), request);
  g_signal_connect (dialog, "destroy", G_CALLBACK (gtk_main_quit), NULL);
  pd_host_window_attach (GTK_WINDOW (dialog), gimp_progress_get_window_handle (),
                         gimp_user_time ());
  gtk_main ();
  if (!pd_settings_save (request, &failure))
    g_warning ("the settings are not kept: %s", failure->message);
  return pd_gimp_host_get_layer (host);
}

/* Returns: the layer, or -1; without an error that is a dialog closed without a result. */
static gint32
run_request (int n, const GimpParam *arguments, GError **error)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdEngineClient) client = NULL;
  const char *folder;
  gint32 layer;

  if (n <= ARG_DRAWABLE)
    {
      read_arguments (request, n, arguments, error);
      return -1;
    }
  client = pd_settings_new_client ();
  folder = pd_engine_client_get_folder (client, error);
  if (folder == NULL)
    return -1;
  /* So that nothing stays behind when this process is killed. */
  g_object_set (gegl_config (), "swap", folder, NULL);
  switch (arguments[ARG_RUN_MODE].data.d_int32)
    {
    case GIMP_RUN_INTERACTIVE:
      pd_settings_load (request);
      layer = run_dialog (client, arguments, request, error);
      break;
    case GIMP_RUN_WITH_LAST_VALS:
      if (!recall (request, error))
        return -1;
      layer = run_batch (client, arguments, request, error);
      break;
    default:
      if (!read_arguments (request, n, arguments, error))
        return -1;
      layer = run_batch (client, arguments, request, error);
    }
  if (layer != -1)
    remember (request);
  return layer;
}

static char *
run_info (GError **error)
{
  g_autoptr (PdEngineClient) client = pd_settings_new_client ();

  return pd_info_collect (client, error);
}

static void
start (void)
{
  g_autofree char *folder = locale_folder ();

  bindtextdomain (GETTEXT_PACKAGE, folder);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "tile-cache-size", cache_bytes, "queue-size", queue_bytes,
                "use-opencl", FALSE, NULL);
}

static void
run (const char *name, int n, const GimpParam *arguments, int *n_results, GimpParam **results)
{
  static GimpParam values[2]; /* what is returned has to outlive this function */
  static char *text;
  g_autoptr (GError) error = NULL;

  start ();
  *results = values;
  *n_results = 2;
  values[0] = (GimpParam){ .type = GIMP_PDB_STATUS, .data.d_status = GIMP_PDB_SUCCESS };
  g_clear_pointer (&text, g_free);
  if (strcmp (name, info_name) == 0)
    {
      text = run_info (&error);
      values[1] = (GimpParam){ .type = GIMP_PDB_STRING, .data.d_string = text };
    }
  else
    {
      const gint32 layer = run_request (n, arguments, &error);

      values[1] = (GimpParam){ .type = GIMP_PDB_LAYER, .data.d_layer = layer };
      if (layer == -1 && error == NULL)
        {
          values[0].data.d_status = GIMP_PDB_CANCEL;
          *n_results = 1;
        }
    }
  if (error != NULL)
    {
      text = pd_message_clean (error->message);
      values[0].data.d_status = GIMP_PDB_EXECUTION_ERROR;
      values[1] = (GimpParam){ .type = GIMP_PDB_STRING, .data.d_string = text };
    }
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
