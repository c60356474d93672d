// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/run.h"
#include "engine/base/confine.h"
#include "engine/cli/console.h"
#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/files/catalog.h"
#include "engine/cli/options.h"
#include "engine/pictures/notes.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "engine/pictures/storage.h"
#include "engine/request/mode.h"
#include "engine/run/rank.h"
#include "engine/run/regions.h"

#include <gegl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

/* How long to wait for the engine after a signal: what it is doing may be a driver's compiling. */
static const guint stop_seconds = 20;

/* One run of the engine on a thread of its own, while the main thread listens to signals. */
typedef struct
{
  PdRequest *request;
  const char *data_folder;
  PdImages images; /* owned */
  PdConsole *console;
  GCancellable *cancellable;
  GMainLoop *loop;
  gboolean preview_failed; /* and was told */
  guint on_patience_end;   /* source; 0 before a signal */

  /* Results. */
  PdEngine *engine; /* owns the strings of report */
  gboolean ok;
  PdReport report;
  GError *error;
} Job;

static void
job_clear (Job *job)
{
  g_clear_pointer (&job->engine, pd_engine_free);
  g_clear_pointer (&job->loop, g_main_loop_unref);
  g_clear_object (&job->cancellable);
  g_clear_error (&job->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Job, job_clear)

static void
on_progress (const PdProgress *progress, gpointer user_data)
{
  const Job *job = user_data;

  pd_console_progress (job->console, progress);
}

static void
on_note (const char *text, gpointer user_data)
{
  const Job *job = user_data;

  pd_console_note (job->console, text);
}

/* A preview that cannot be written is no reason to stop. */
static void
on_preview (guint width, guint height, const guint8 *rgb, gpointer user_data)
{
  Job *job = user_data;
  g_autoptr (GeglBuffer) picture = pd_picture_new (width, height, "R'G'B' u8");
  g_autoptr (GError) error = NULL;

  gegl_buffer_set (picture, NULL, 0, babl_format ("R'G'B' u8"), rgb, GEGL_AUTO_ROWSTRIDE);
  if (pd_png_save (picture, job->request->preview, 8, NULL, &error) || job->preview_failed)
    return;
  job->preview_failed = TRUE;
  pd_console_note (job->console, error->message);
}

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static gpointer
work (gpointer user_data)
{
  Job *job = user_data;
  const PdProgress loading = { .level = 1, .n_levels = 1, .eta_seconds = -1.0 };
  const PdListener listener = { .progress = on_progress,
                                .preview = *job->request->preview ? on_preview : NULL,
                                .note = on_note,
                                .plan = on_note,
                                .user_data = job };

  pd_console_progress (job->console, &loading);
  g_cancellable_push_current (job->cancellable);
  job->engine = pd_engine_new (job->request, job->data_folder, job->cancellable, &job->error);
  g_cancellable_pop_current (job->cancellable);
  if (job->engine != NULL && !g_cancellable_set_error_if_cancelled (job->cancellable, &job->error))
    job->ok = pd_engine_run (job->engine, job->request, &job->images, &listener, job->cancellable,
                             &job->report, &job->error);
  g_idle_add (quit, job->loop);
  return NULL;
}

static gboolean
give_up (gpointer user_data)
{
  const Job *job = user_data;
  g_autoptr (GError) error = g_error_new (
      PD_ERROR, PD_ERROR_DEVICE_LOST,
      _ ("the graphics driver does not return from a call: ended without waiting for it"));

  _exit (pd_console_error (job->console, error));
}

/* The first signal asks the engine to stop (what started the processes of a cluster sends one if
 * another of them has ended), the second does not wait for it, nor for a driver that
 * does not come back. Files that are being written meanwhile get their names only when they are
 * whole. */
static gboolean
on_signal (gpointer user_data)
{
  Job *job = user_data;
  g_autofree char *missing = NULL;

  if (g_cancellable_is_cancelled (job->cancellable))
    _exit (1);
  g_cancellable_cancel (job->cancellable);
  missing = pd_rank_missing ();
  pd_console_note (job->console, missing != NULL ? missing : _ ("stopping"));
  job->on_patience_end = g_timeout_add_seconds (stop_seconds, give_up, job);
  return G_SOURCE_CONTINUE;
}

static void
job_run (Job *job)
{
  g_autoptr (GThread) thread = NULL;
  guint on_interrupt;
  guint on_terminate;

  job->loop = g_main_loop_new (NULL, FALSE);
  job->cancellable = g_cancellable_new ();
  on_interrupt = g_unix_signal_add (SIGINT, on_signal, job);
  on_terminate = g_unix_signal_add (SIGTERM, on_signal, job);
  thread = g_thread_new ("engine", work, job);
  g_main_loop_run (job->loop);
  g_thread_join (g_steal_pointer (&thread));
  g_source_remove (on_interrupt);
  g_source_remove (on_terminate);
  if (job->on_patience_end > 0)
    g_source_remove (job->on_patience_end);
}

/* Returns: (transfer full) the parameters in the form that other tools for such pictures show and
 * search. */
static char *
describe (PdRequest *request, const PdReport *report)
{
  g_autoptr (GString) text = g_string_new (request->prompt);
  g_autofree char *guidance = pd_request_get_text (request, "guidance");
  g_autofree char *strength = pd_request_get_text (request, "strength");
  g_autofree char *model = g_utf8_make_valid (request->model, -1);

  if (*request->negative)
    g_string_append_printf (text, "\nNegative prompt: %s", request->negative);
  g_string_append_printf (text,
                          "\nSteps: %u, Sampler: %s, CFG scale: %s, Seed: %" G_GUINT64_FORMAT
                          ", Size: %ux%u, Model: %s",
                          request->steps, report->solver, guidance, report->seed, request->width,
                          request->height, model);
  if (*request->vae)
    {
      g_autofree char *vae = g_filename_display_basename (request->vae);

      g_string_append_printf (text, ", VAE: %s", vae);
    }
  if (*request->style)
    {
      g_autofree char *style = g_filename_display_basename (request->style);
      g_autofree char *share = pd_request_get_text (request, "style-strength");

      g_string_append_printf (text, ", Style: %s, Style strength: %s", style, share);
    }
  if (pd_mode_takes (request->mode, "strength"))
    g_string_append_printf (text, ", Denoising strength: %s", strength);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
save (Job *job, GError **error)
{
  g_autofree char *description = describe (job->request, &job->report);
  g_autofree char *json = NULL;

  pd_request_set_seed (job->request, job->report.seed);
  json = pd_request_to_json (job->request, PD_REQUEST_PARAM_LOCAL);
  {
    const char *const texts[] = {
      "Software",
      "Parallel Diffusion " PD_VERSION,
      "Description",
      job->request->prompt,
      "parameters",
      description,
      pd_options_keyword,
      json,
      NULL,
    };

    return pd_png_save (job->images.output, job->request->output, job->request->depth, texts,
                        error);
  }
}

static void
note_cropping (Job *job)
{
  const PdReport *report = &job->report;
  g_autofree char *note = NULL;

  if (job->images.mask != NULL)
    return;
  if (report->full_width == report->width && report->full_height == report->height)
    return;
  note = g_strdup_printf (_ ("the model works in larger blocks of pixels: made %u × %u, cropped to "
                             "%u × %u"),
                          report->full_width, report->full_height, report->width, report->height);
  pd_console_note (job->console, note);
}

/* Tells what is to be said of a picture that was read. */
static void
note_picture (Job *job, GeglBuffer *picture)
{
  const GPtrArray *notes = pd_notes_of (picture);

  for (guint i = 0; notes != NULL && i < notes->len; i++)
    pd_console_note (job->console, notes->pdata[i]);
}

static gboolean
has_alpha (GeglBuffer *picture)
{
  return babl_format_has_alpha (gegl_buffer_get_format (picture));
}

/* Returns: (transfer full) what its file holds, of which everything that is to be said is told. */
static GeglBuffer *
read_given (Job *job, PdGiven given, GError **error)
{
  const char *path = pd_given_path (job->request, given);
  const gboolean mask = given == PD_GIVEN_MASK;
  g_autoptr (GeglBuffer) picture =
      mask ? pd_picture_load_mask (path, error) : pd_picture_load (path, error);

  if (picture == NULL)
    return NULL;
  note_picture (job, picture);
  if (!mask && !pd_picture_forget_hidden (picture, error))
    return NULL;
  return g_steal_pointer (&picture);
}

/* @picture: (transfer full)
 * Returns: (transfer full) it in the size of the request. */
static GeglBuffer *
fit_given (Job *job, PdGiven given, GeglBuffer *picture)
{
  const PdRequest *request = job->request;
  g_autoptr (GeglBuffer) owned = picture;
  const char *format = pd_given[given].format;

  if (gegl_buffer_get_width (picture) == (int) request->width &&
      gegl_buffer_get_height (picture) == (int) request->height)
    return g_steal_pointer (&owned);
  if (given == PD_GIVEN_INPUT && !has_alpha (picture))
    format = "R'G'B' float";
  return pd_picture_scale (picture, request->width, request->height, format);
}

/* Without a size of its own the request is for one of the input's. */
static void
set_size (Job *job, PdOptions *options, const PdSize *input)
{
  PdRequest *request = job->request;

  if (!pd_mode_takes (request->mode, "width") ||
      (!pd_options_given (options, "size") && !pd_options_given (options, "from")))
    g_object_set (request, "width", (guint) input->w, "height", (guint) input->h, NULL);
}

/* Reads all that are given. Those that are as large as the request have to be as large as the input
 * in their files. */
static gboolean
load_given (Job *job, PdOptions *options, GError **error)
{
  const PdRequest *request = job->request;
  PdSize input = { 0 };

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    {
      const char *path = pd_given_path (request, given);
      g_autoptr (GeglBuffer) picture = NULL;
      PdSize size;

      if (!*path)
        continue;
      picture = read_given (job, given, error);
      if (picture == NULL)
        return FALSE;
      size = (PdSize){ (guint) gegl_buffer_get_height (picture),
                       (guint) gegl_buffer_get_width (picture) };
      if (given == PD_GIVEN_INPUT)
        {
          input = size;
          set_size (job, options, &input);
        }
      else if (pd_given[given].sized && (size.w != input.w || size.h != input.h))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("%s: %u × %u pixels, but %s has %u × %u; make them one size"), path,
                       size.w, size.h, request->input, input.w, input.h);
          return FALSE;
        }
      job->images.given[given] = pd_given[given].sized
                                     ? fit_given (job, given, g_steal_pointer (&picture))
                                     : g_steal_pointer (&picture);
    }
  return TRUE;
}

/* Those of the command line are options that are not possible. */
static gboolean
check_regions (PdRequest *request, PdOptions *options, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (pd_regions_check (request->regions, request->width, request->height, &cause))
    return TRUE;
  if (pd_options_given (options, "region"))
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, cause->message);
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* Everything that can be known to fail is found out here, before the long work. */
static gboolean
prepare (Job *job, PdOptions *options, GError **error)
{
  static const char *const formats[2][2] = { { "R'G'B' u8", "R'G'B'A u8" },
                                             { "R'G'B' u16", "R'G'B'A u16" } };
  const char *format;
  PdRequest *request = job->request;
  const guint scale = pd_mode_scale (request);
  g_autofree char *folder = NULL;

  if (!pd_png_check_output (request->output, error) ||
      (*request->preview && !pd_png_check_output (request->preview, error)))
    return FALSE;
  if (!load_given (job, options, error) || !pd_images_check (&job->images, request, error))
    return FALSE;
  if (!check_regions (request, options, error))
    return FALSE;
  folder = g_path_get_dirname (request->output);
  if (!pd_storage_check_space (folder,
                               (guint64) request->width * request->height * scale * scale *
                                   (request->depth == PD_REQUEST_DEPTH_16 ? 6 : 3),
                               _ ("the picture's pixels"), error))
    return FALSE;
  format = formats[request->depth == PD_REQUEST_DEPTH_16]
                  [job->images.input != NULL && has_alpha (job->images.input)];
  job->images.output = pd_picture_new (request->width * scale, request->height * scale, format);
  return TRUE;
}

/* Whether both names are of one file, by whatever path; @path need not be there yet. */
static gboolean
is_same_file (const char *path, const char *other)
{
  GStatBuf a, b;

  return g_stat (path, &a) == 0 && g_stat (other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

/* Whether @path is a file of the model: that itself, or in its folder, two levels deep. */
static gboolean
is_in_model (const char *path, const char *model, guint depth)
{
  g_autoptr (GDir) dir = depth > 0 ? g_dir_open (model, 0, NULL) : NULL;
  const char *name;

  if (is_same_file (path, model))
    return TRUE;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (model, name, NULL);

      if (is_in_model (path, file, depth - 1))
        return TRUE;
    }
  return FALSE;
}

/* Returns: (transfer full) why @path, which @option names, must not be written; NULL if it may. */
static char *
find_clash (const PdRequest *request,
            PdOptions *options,
            const char *model,
            const char *option,
            const char *path)
{
  const gboolean preview = g_str_equal (option, "preview");
  const char *from = pd_options_from (options);
  g_auto (GStrv) regions = g_strsplit (request->regions, "\n", -1);
  const char *const models[] = { model, request->vae, request->text_encoder };

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if ((given != PD_GIVEN_INPUT || preview) && is_same_file (path, pd_given_path (request, given)))
      return g_strdup_printf (_ ("--%s would be written over --%s: name another file"), option,
                              pd_given[given].name);
  if (from != NULL && is_same_file (path, from))
    return g_strdup_printf (_ ("--%s would be written over --%s: name another file"), option,
                            "from");
  for (guint i = 0; regions[i] != NULL; i++)
    {
      g_autofree char *mask = pd_request_region_mask (regions[i]);

      if (mask != NULL && is_same_file (path, mask))
        return g_strdup_printf (_ ("--%s would be written over the mask of a region: name another "
                                   "file"),
                                option);
    }
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    if (models[i] != NULL && *models[i] && is_in_model (path, models[i], 2))
      return g_strdup_printf (_ ("--%s would be written over a file of the model: name another "
                                 "file"),
                              option);
  return NULL;
}

/* No file that is read is written over, except that the output may be the input.
 * Returns: (transfer full) why not; NULL if all is well. */
static char *
find_clashes (const PdRequest *request, PdOptions *options, const char *data_folder)
{
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *model = pd_catalog_find (catalog, request->model, NULL);
  char *clash = find_clash (request, options, model, "output", request->output);

  if (clash != NULL || !*request->preview)
    return clash;
  return find_clash (request, options, model, "preview", request->preview);
}

/* A picture that is repeated names its model as one of the list. */
static gboolean
check_model (const PdRequest *request, PdOptions *options, const char *data_folder, GError **error)
{
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  const GPtrArray *list = pd_catalog_list (catalog);

  if (pd_options_from (options) == NULL || pd_options_given (options, "model"))
    return TRUE;
  for (guint i = 0; i < list->len; i++)
    if (g_str_equal (((const PdCatalogEntry *) list->pdata[i])->name, request->model))
      return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: the picture names a model that is not in the list: give it with --model"),
               pd_options_from (options));
  return FALSE;
}

/* Before the first file is read: what may be written from now on are the folders of what the
 * command line names. */
static void
give_up_rights (PdOptions *options)
{
  static const char *const written[] = { "output", "preview" };
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) writable = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (written); i++)
    {
      const char *path = pd_options_text (options, written[i]);
      g_autofree char *folder = path != NULL ? g_path_get_dirname (path) : NULL;

      if (folder != NULL)
        g_strv_builder_add (builder, folder);
    }
  writable = g_strv_builder_end (builder);
  pd_confine (&(PdConfineOptions){ .writable = (const char *const *) writable });
}

static int
fail (PdConsole *console, PdOptions *options, const GError *error)
{
  if (error->domain == G_OPTION_ERROR)
    return pd_console_usage_error (console, options, error->message);
  return pd_console_error (console, error);
}

static int
make_picture (PdRequest *request, PdOptions *options, const char *data_folder)
{
  const gint64 start = g_get_monotonic_time ();
  const PdModeInfo *mode = &pd_modes[request->mode];
  g_autoptr (PdConsole) console = pd_console_new (pd_options_json (options));
  g_autofree char *missing = NULL, *clash = NULL;
  g_auto (Job) job = { .request = request, .data_folder = data_folder, .console = console };

  give_up_rights (options);
  if (!pd_options_apply (options, request, &job.error) ||
      !check_model (request, options, data_folder, &job.error))
    return fail (console, options, job.error);
  if (!*request->output)
    return pd_console_usage_error (console, options, _ ("--output FILE.png is missing"));
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (mode->needs & 1u << given && !*pd_given_path (request, given))
      {
        missing = g_strdup_printf (_ ("--%s FILE is missing"), pd_given[given].name);
        return pd_console_usage_error (console, options, missing);
      }
  clash = find_clashes (request, options, data_folder);
  if (clash != NULL)
    return pd_console_usage_error (console, options, clash);

  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  pd_storage_watch ();
  if (prepare (&job, options, &job.error))
    {
      job_run (&job);
      if (job.ok)
        {
          note_cropping (&job);
          if (save (&job, &job.error))
            {
              pd_engine_done (job.engine);
              job.report.total_seconds =
                  (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
              pd_console_report (console, request, &job.report);
            }
        }
    }
  pd_images_clear (&job.images);
  gegl_exit ();
  return job.error != NULL ? fail (console, options, job.error) : 0;
}

int
pd_run_main (int argc, char **argv, const char *data_folder)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdOptions) options = NULL;
  g_autoptr (GError) error = NULL;

  pd_request_set_text (request, "mode", argv[0], NULL);
  options = pd_options_new_of_mode (request->mode);
  if (!pd_options_parse (options, argc, argv, &error))
    return pd_options_usage_error (options, error->message);
  return make_picture (request, options, data_folder);
}
