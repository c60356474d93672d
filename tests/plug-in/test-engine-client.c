// SPDX-License-Identifier: GPL-3.0-or-later
/* The plug-in's side of the service, with the engine (PD_PROGRAM) and with programs that are none.
 */
#include "engine/base/error.h"
#include "engine/wire/error.h"
#include "engine/wire/messages.h"
#include "plug-in/engine-client.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Small, with few steps and few kernels to compile, so that a picture takes moments on a processor.
 */
#define SMALL "\"width\": 64, \"height\": 64, \"kernels\": \"general\""
static const char quick[] = "{" SMALL ", \"steps\": 2, \"seed\": 7}";
/* Longer than any test. */
static const char slow[] = "{" SMALL ", \"steps\": 500}";

typedef struct
{
  GMainLoop *loop;
  GVariant *result;
  GError *error;
  guint n_progress;
  guint seen; /* phases, a bit each */
} Answer;

static void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->loop, g_main_loop_unref);
  g_clear_pointer (&answer->result, g_variant_unref);
  g_clear_error (&answer->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static char *
engine_command (void)
{
  g_autofree char *program = g_shell_quote (g_getenv ("PD_PROGRAM"));

  return g_strconcat (program, " serve", NULL);
}

static PdEngineClient *
new_client (void)
{
  g_autofree char *command = engine_command ();

  return pd_engine_client_new (command);
}

/* Of a picture of 64 × 64. */
static GVariant *
estimate_params (const char *request)
{
  g_autoptr (JsonNode) node = json_from_string (request, NULL);
  g_autoptr (GVariant) object =
      g_variant_ref_sink (json_gvariant_deserialize (node, "a{sv}", NULL));
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "request", object);
  g_variant_dict_insert (&dict, "width", "x", (gint64) 64);
  g_variant_dict_insert (&dict, "height", "x", (gint64) 64);
  return g_variant_dict_end (&dict);
}

static GVariant *
picture_params (PdEngineClient *client, const char *request)
{
  g_autoptr (JsonNode) node = json_from_string (request, NULL);
  g_autoptr (GVariant) object = g_variant_ref_sink (json_gvariant_deserialize (node, NULL, NULL));
  g_autofree char *output =
      g_build_filename (pd_engine_client_get_folder (client, NULL), "output", NULL);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "request", object);
  g_variant_dict_insert (&dict, "output", "s", output);
  return g_variant_dict_end (&dict);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->result = pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &answer->error);
  g_main_loop_quit (answer->loop);
}

static void
begin (Answer *answer,
       PdEngineClient *client,
       const char *method,
       GVariant *params,
       GCancellable *cancellable)
{
  answer_clear (answer);
  *answer = (Answer){ .loop = g_main_loop_new (NULL, FALSE) };
  pd_engine_client_call_async (client, method, params, cancellable, on_answer, answer);
}

static void
call (Answer *answer, PdEngineClient *client, const char *method, GVariant *params)
{
  begin (answer, client, method, params, NULL);
  g_main_loop_run (answer->loop);
}

static void
assert_works (PdEngineClient *client)
{
  g_auto (Answer) answer = { 0 };
  gboolean ok = FALSE;

  call (&answer, client, "test", NULL);
  g_assert_no_error (answer.error);
  g_assert_true (g_variant_lookup (answer.result, "ok", "b", &ok) && ok);
}

/* The one child of this process, or 0. */
static pid_t
find_child (void)
{
  g_autoptr (GDir) threads = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (threads)))
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "children", NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL) && *text != '\0')
        return (pid_t) g_ascii_strtoll (text, NULL, 10);
    }
  return 0;
}

static gboolean
on_time (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Lets the main loop run until there is no such process. */
static void
wait_for_end (pid_t pid)
{
  const guint source = g_timeout_add (10, on_time, NULL);

  while (kill (pid, 0) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
}

static void
test_hello (void)
{
  g_autoptr (PdEngineClient) client = new_client ();
  const char *folder = pd_engine_client_get_folder (client, NULL);
  g_auto (Answer) answer = { 0 };
  const char *version = NULL;
  GStatBuf status;

  g_assert_cmpint (g_stat (folder, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0700);
  call (&answer, client, "initialize", NULL);
  g_assert_no_error (answer.error);
  g_assert_true (g_variant_lookup (answer.result, "version", "&s", &version));
  g_assert_true (g_str_has_prefix (version, "0."));
}

static void
on_progress (PdEngineClient *client, const PdProgress *progress, gpointer user_data)
{
  Answer *answer = user_data;

  g_assert_cmpfloat (progress->fraction, >=, 0);
  answer->seen |= 1u << progress->phase;
  answer->n_progress++;
}

/* A picture, and with the client go its engine and its folder. */
static void
test_picture (void)
{
  PdEngineClient *client = new_client ();
  g_autofree char *folder = g_strdup (pd_engine_client_get_folder (client, NULL));
  g_autofree char *output = g_build_filename (folder, "output", NULL);
  g_auto (Answer) answer = { 0 };
  PdReport report;
  pid_t pid;

  g_signal_connect (client, "progress", G_CALLBACK (on_progress), &answer);
  call (&answer, client, "generate", picture_params (client, quick));
  g_assert_no_error (answer.error);
  pd_fields_read (pd_report_fields, answer.result, &report);
  g_assert_cmpuint (report.seed, ==, 7);
  g_assert_cmpuint (answer.n_progress, >, 0);
  g_assert_true (answer.seen & 1u << PD_PHASE_DENOISE);
  g_assert_true (g_file_test (output, G_FILE_TEST_EXISTS));
  pid = find_child ();
  g_assert_cmpint (pid, >, 0);
  g_object_unref (client);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
  wait_for_end (pid);
}

static void
on_note (PdEngineClient *client, const char *text, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (text));
}

/* Of both sides of the pipe. */
static void
test_notes (void)
{
  static const char resumed[] =
      "{" SMALL ", \"prompt\": \"a client\", \"steps\": 1, \"resume\": true}";
  g_autoptr (PdEngineClient) client = new_client ();
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);
  g_auto (Answer) answer = { 0 };

  g_signal_connect (client, "note", G_CALLBACK (on_note), notes);
  pd_engine_client_note (client, "from here");
  call (&answer, client, "generate", picture_params (client, resumed));
  g_assert_no_error (answer.error);
  g_assert_cmpuint (notes->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (notes, 0), ==, "from here");
  g_assert_nonnull (strstr (g_ptr_array_index (notes, 1), "started anew"));
}

static void
test_errors (void)
{
  g_autoptr (PdEngineClient) client = new_client ();
  g_auto (Answer) answer = { 0 };

  call (&answer, client, "generate", picture_params (client, "{\"steps\": 0}"));
  g_assert_error (answer.error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (answer.error->message, "from 1 to 1000"));
  call (&answer, client, "generate", NULL);
  g_assert_error (answer.error, PD_WIRE_ERROR, (int) PD_WIRE_INVALID_PARAMS);
  call (&answer, client, "paint", NULL);
  g_assert_error (answer.error, PD_WIRE_ERROR, (int) PD_WIRE_METHOD_NOT_FOUND);
  call (&answer, client, "generate", picture_params (client, "{\"model\": \"absent-model\"}"));
  g_assert_error (answer.error, PD_ERROR, PD_ERROR_BAD_MODEL);
  assert_works (client);
}

/* The engine reads a model, or a part of one, that lies elsewhere only if it has been allowed to,
 * and is started again for that; an engine with another model, or with a part from elsewhere, is
 * another one. */
static void
test_allow (void)
{
  static const char *const params[] = { "model", "vae", "text-encoder" };
  g_autoptr (PdEngineClient) client = new_client ();
  g_autofree char *folder = g_dir_make_tmp ("pd-elsewhere-XXXXXX", NULL);
  g_auto (Answer) answer = { 0 };
  const char *confinement = NULL;
  pid_t pid;

  call (&answer, client, "initialize", NULL);
  g_assert_true (g_variant_lookup (answer.result, "confinement", "&s", &confinement));
  g_test_message ("%s", confinement);
  if (!g_str_has_prefix (confinement, "confined: "))
    {
      g_test_skip ("the kernel does not confine");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (params); i++)
    {
      g_autofree char *file = g_build_filename (folder, params[i], NULL);
      g_autofree char *request = g_strdup_printf ("{\"%s\": \"%s\"}", params[i], file);

      g_assert_true (g_file_set_contents (file, "", 0, NULL));
      pid = find_child ();
      call (&answer, client, "generate", picture_params (client, request));
      g_assert_nonnull (strstr (answer.error->message, g_strerror (EACCES)));
      g_assert_cmpint (find_child (), ==, pid);

      pd_engine_client_allow (client, file);
      call (&answer, client, "generate", picture_params (client, request));
      g_assert_error (answer.error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_assert_nonnull (strstr (answer.error->message, file));
      g_assert_null (strstr (answer.error->message, g_strerror (EACCES)));
      g_assert_cmpint (find_child (), !=, pid);

      /* The same again, and what is no path, changes nothing. */
      pid = find_child ();
      pd_engine_client_allow (client, file);
      pd_engine_client_allow (client, "default");
      assert_works (client);
      g_assert_cmpint (find_child (), ==, pid);

      /* Nor is the engine that is there taken, once there is one. */
      call (&answer, client, "estimate", estimate_params ("{}"));
      g_assert_no_error (answer.error);
      call (&answer, client, "estimate", estimate_params (request));
      g_assert_error (answer.error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_remove (file);
    }
  g_rmdir (folder);
}

static void
cancel_at_progress (PdEngineClient *client, const PdProgress *progress, gpointer user_data)
{
  if (progress->phase == PD_PHASE_DENOISE)
    g_cancellable_cancel (user_data);
}

static void
test_cancel (void)
{
  g_autoptr (PdEngineClient) client = new_client ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GCancellable) before = g_cancellable_new ();
  g_auto (Answer) answer = { 0 };
  gulong handler =
      g_signal_connect (client, "progress", G_CALLBACK (cancel_at_progress), cancellable);
  pid_t pid;

  begin (&answer, client, "generate", picture_params (client, slow), cancellable);
  g_main_loop_run (answer.loop);
  g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_signal_handler_disconnect (client, handler);
  pid = find_child ();
  assert_works (client);
  g_assert_cmpint (find_child (), ==, pid);

  g_cancellable_cancel (before);
  begin (&answer, client, "generate", picture_params (client, slow), before);
  g_main_loop_run (answer.loop);
  g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_works (client);
}

static gboolean
kill_engine (gpointer user_data)
{
  const pid_t pid = find_child ();

  if (pid > 0)
    kill (pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

/* Killed at any moment from its start on: one clear error, and the next call works. */
static void
test_kill (void)
{
  enum
  {
    KILLS = 20,
    LONGEST = 2000, /* milliseconds */
  };
  g_autoptr (PdEngineClient) client = new_client ();

  /* An engine of an earlier test may still be at the end of its work. */
  for (pid_t pid; (pid = find_child ()) > 0;)
    wait_for_end (pid);
  for (guint i = 0; i < KILLS; i++)
    {
      const gint32 delay = g_test_rand_int_range (0, LONGEST);
      g_auto (Answer) answer = { 0 };

      begin (&answer, client, "generate", picture_params (client, slow), NULL);
      g_timeout_add ((guint) delay, kill_engine, NULL);
      g_main_loop_run (answer.loop);
      g_test_message ("%d ms: %s", delay, answer.error->message);
      g_assert_error (answer.error, PD_ERROR, PD_ERROR_DEVICE_LOST);
      g_assert_nonnull (strstr (answer.error->message, "signal 9"));
      assert_works (client);
    }
}

static void
check_command (const char *command, int code, const char *message)
{
  PdEngineClient *client = pd_engine_client_new (command);
  g_auto (Answer) answer = { 0 };

  pd_engine_client_set_timeouts (client, 500, 500);
  for (guint i = 0; i < 2; i++)
    {
      call (&answer, client, "test", NULL);
      g_test_message ("%s", answer.error->message);
      g_assert_error (answer.error, PD_ERROR, code);
      g_assert_nonnull (strstr (answer.error->message, message));
    }
  /* What does not end with its input is killed after a while. */
  g_object_unref (client);
  for (pid_t pid; (pid = find_child ()) > 0;)
    wait_for_end (pid);
}

/* What the shell prints before its words are read as the engine's answer to initialize. */
#define SAY(text, length)                                                                          \
  "sh -c 'printf \"Content-Length: " #length "\\r\\n\\r\\n%s\" \"" text "\"; exec sleep 60'"

static void
test_commands (void)
{
  check_command ("absent-program serve", PD_ERROR_NO_DEVICE, "absent-program");
  check_command ("sh -c 'unfinished", PD_ERROR_NO_DEVICE, "unfinished");
  check_command ("false", PD_ERROR_DEVICE_LOST, "status 1");
  check_command ("sh -c 'echo dying words >&2; exit 3'", PD_ERROR_DEVICE_LOST, "dying words");
  check_command ("sh -c 'echo dying words >&2; exit 3'", PD_ERROR_DEVICE_LOST, "status 3");
  check_command ("sh -c 'kill -SEGV $$'", PD_ERROR_DEVICE_LOST, "signal 11");
  check_command ("sh -c 'echo Welcome; exec sleep 60'", PD_ERROR_DEVICE_LOST, "Welcome");
  check_command ("sh -c 'exec >&-; exec sleep 60'", PD_ERROR_NO_DEVICE, "not answered");
  check_command ("sleep 60", PD_ERROR_NO_DEVICE, "not answered");
  check_command (
      SAY ("{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":0,\\\"result\\\":{\\\"protocol\\\":1}}", 48),
      PD_ERROR_NO_DEVICE, "version 1");
}

static gboolean
cancel_now (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* One that does not stop is killed, and what waits for it goes to a new one. */
static void
test_stuck (void)
{
  g_autoptr (PdEngineClient) client = pd_engine_client_new (
      SAY ("{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":0,\\\"result\\\":{\\\"protocol\\\":2}}", 48));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = { 0 };
  pid_t pid;

  pd_engine_client_set_timeouts (client, 5000, 200);
  call (&answer, client, "initialize", NULL);
  g_assert_no_error (answer.error);
  pid = find_child ();
  begin (&answer, client, "generate", NULL, cancellable);
  g_timeout_add (20, cancel_now, cancellable);
  g_main_loop_run (answer.loop);
  g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (kill (pid, 0), ==, 0);
  call (&answer, client, "initialize", NULL);
  g_assert_no_error (answer.error);
  g_assert_cmpint (find_child (), !=, pid);
  wait_for_end (pid);
}

/* What test_orphan() kills: tells its folder and its engine, then works. */
static int
be_orphan_maker (void)
{
  g_autoptr (PdEngineClient) client = new_client ();
  g_auto (Answer) answer = { 0 };

  call (&answer, client, "initialize", NULL);
  g_assert_no_error (answer.error);
  printf ("%s\n%d\n", pd_engine_client_get_folder (client, NULL), (int) find_child ());
  fflush (stdout);
  call (&answer, client, "generate", picture_params (client, slow));
  return 1;
}

/* With its client killed, the engine goes and takes the folder along. */
static void
test_orphan (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GSubprocess) process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, self, "--orphan-maker", NULL);
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *folder = NULL;
  g_autofree char *number = NULL;
  gint64 start;

  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  folder = g_data_input_stream_read_line (output, NULL, NULL, NULL);
  number = g_data_input_stream_read_line (output, NULL, NULL, NULL);
  g_assert_true (g_file_test (folder, G_FILE_TEST_IS_DIR));
  g_usleep (300000);
  start = g_get_monotonic_time ();
  g_subprocess_force_exit (process);
  wait_for_end ((pid_t) g_ascii_strtoll (number, NULL, 10));
  g_test_message ("gone after %.2f s", (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--orphan-maker"))
    return be_orphan_maker ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine-client/hello", test_hello);
  g_test_add_func ("/engine-client/commands", test_commands);
  g_test_add_func ("/engine-client/stuck", test_stuck);
  g_test_add_func ("/engine-client/picture", test_picture);
  g_test_add_func ("/engine-client/notes", test_notes);
  g_test_add_func ("/engine-client/errors", test_errors);
  g_test_add_func ("/engine-client/allow", test_allow);
  g_test_add_func ("/engine-client/cancel", test_cancel);
  g_test_add_func ("/engine-client/kill", test_kill);
  g_test_add_func ("/engine-client/orphan", test_orphan);
  return g_test_run ();
}
