// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/engine-process.h"
#include "engine/base/error.h"
#include "engine/wire/error.h"
#include "engine/wire/reader.h"

#include <glib/gi18n-lib.h>
#include <jsonrpc-glib.h>
#include <signal.h>
#include <string.h>

/* Milliseconds to wait for what usually follows at once: the last words of an engine that has
 * exited, and the exit of one whose output has ended or that has been told to go. */
static const guint words_patience = 500;
static const guint exit_patience = 3000;

enum
{
  CHUNK = 4096,
  KEPT = 8192, /* bytes of standard error */
  SHOWN_LINES = 5,
};

/* Reference-counted: one for the owner, one for every operation under way. */
struct _PdEngineProcess
{
  GSubprocess *process;
  JsonrpcOutputStream *input; /* the engine's standard input */
  PdWireReader *reader;
  GCancellable *cancellable; /* of the operations that end with the owner's interest */
  PdEngineMessageFunc on_message;
  PdEngineEndFunc on_end; /* NULL once called or freed */
  gpointer user_data;
  GError *reason; /* NULL, or why it was ended from here */
  GString *words; /* the end of what it wrote to standard error */
  char *chunk;
  gboolean words_ended, exited;
  guint timeout;
};

static void
clear (gpointer data)
{
  PdEngineProcess *self = data;

  pd_wire_reader_free (self->reader);
  g_clear_object (&self->input);
  g_clear_object (&self->process);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->reason);
  if (self->words != NULL)
    g_string_free (self->words, TRUE);
  g_free (self->chunk);
}

static void
unref (PdEngineProcess *self)
{
  g_rc_box_release_full (self, clear);
}

/* The last lines, joined; "" if there are none. */
static char *
last_words (const PdEngineProcess *self)
{
  g_autofree char *valid = g_utf8_make_valid (self->words->str, (gssize) self->words->len);
  g_auto (GStrv) lines = g_strsplit (g_strstrip (valid), "\n", -1);
  guint n = g_strv_length (lines);

  return g_strjoinv ("\n", lines + (n > SHOWN_LINES ? n - SHOWN_LINES : 0));
}

static char *
describe_end (const PdEngineProcess *self)
{
  if (self->reason != NULL)
    return g_strdup (self->reason->message);
  if (g_subprocess_get_if_signaled (self->process))
    {
      const int number = g_subprocess_get_term_sig (self->process);

      return g_strdup_printf (
          _ ("The engine was ended by signal %d (%s); the next run starts it again"), number,
          g_strsignal (number));
    }
  return g_strdup_printf (_ ("The engine ended with status %d; the next run starts it again"),
                          g_subprocess_get_exit_status (self->process));
}

static void
tell_end (PdEngineProcess *self)
{
  PdEngineEndFunc on_end = self->on_end;
  g_autofree char *how = NULL;
  g_autofree char *words = NULL;
  g_autoptr (GError) why = NULL;

  if (on_end == NULL)
    return;
  self->on_end = NULL;
  how = describe_end (self);
  words = last_words (self);
  if (*words != '\0')
    why = g_error_new (PD_ERROR, PD_ERROR_DEVICE_LOST, _ ("%s. Its last words:\n%s"), how, words);
  else
    why = g_error_new (PD_ERROR, PD_ERROR_DEVICE_LOST, _ ("%s."), how);
  on_end (why, self->user_data);
}

static void
clear_timeout (PdEngineProcess *self)
{
  if (self->timeout != 0)
    g_source_remove (self->timeout);
  self->timeout = 0;
}

static gboolean
on_words_late (gpointer user_data)
{
  PdEngineProcess *self = user_data;

  self->timeout = 0;
  tell_end (self);
  return G_SOURCE_REMOVE;
}

static void
check_end (PdEngineProcess *self)
{
  if (!self->exited || self->on_end == NULL)
    return;
  clear_timeout (self);
  if (self->words_ended)
    tell_end (self);
  else
    self->timeout = g_timeout_add (words_patience, on_words_late, self);
}

static void
on_exited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdEngineProcess *self = user_data;

  self->exited = g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  check_end (self);
  unref (self);
}

static void read_words (PdEngineProcess *self);

static void
on_words (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdEngineProcess *self = user_data;
  const gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (n > 0)
    {
      g_string_append_len (self->words, self->chunk, n);
      if (self->words->len > KEPT)
        g_string_erase (self->words, 0, (gssize) (self->words->len - KEPT));
      read_words (self);
    }
  else
    {
      self->words_ended = TRUE;
      check_end (self);
    }
  unref (self);
}

static void
read_words (PdEngineProcess *self)
{
  g_input_stream_read_async (g_subprocess_get_stderr_pipe (self->process), self->chunk, CHUNK,
                             G_PRIORITY_DEFAULT, self->cancellable, on_words,
                             g_rc_box_acquire (self));
}

static gboolean
on_exit_late (gpointer user_data)
{
  PdEngineProcess *self = user_data;

  self->timeout = 0;
  g_subprocess_force_exit (self->process);
  return G_SOURCE_REMOVE;
}

static void
on_message (JsonNode *message, const GError *error, gpointer user_data)
{
  PdEngineProcess *self = user_data;

  if (message != NULL)
    self->on_message (message, self->user_data);
  else if (error->code == PD_WIRE_CLOSED)
    {
      if (!self->exited && self->timeout == 0)
        self->timeout = g_timeout_add (exit_patience, on_exit_late, self);
    }
  else if (self->reason == NULL)
    {
      self->reason = g_error_new (PD_ERROR, PD_ERROR_DEVICE_LOST,
                                  _ ("The engine's command does not speak to this program: %s"),
                                  error->message);
      g_subprocess_force_exit (self->process);
    }
}

PdEngineProcess *
pd_engine_process_new (const char *const *argv,
                       const char *const *environment,
                       PdEngineMessageFunc on_engine_message,
                       PdEngineEndFunc on_end,
                       gpointer user_data,
                       GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                 G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  PdEngineProcess *self;
  struct sigaction on_pipe;

  g_subprocess_launcher_set_environ (launcher, (char **) environment);
  process = g_subprocess_launcher_spawnv (launcher, argv, &cause);
  /* Writing to an engine that has just died must not end this process. */
  if (sigaction (SIGPIPE, NULL, &on_pipe) == 0 && on_pipe.sa_handler == SIG_DFL)
    signal (SIGPIPE, SIG_IGN);
  if (process == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("The engine cannot be started: %s; its command is a setting"),
                   cause->message);
      return NULL;
    }
  self = g_rc_box_new0 (PdEngineProcess);
  self->process = g_steal_pointer (&process);
  self->input = jsonrpc_output_stream_new (g_subprocess_get_stdin_pipe (self->process));
  self->cancellable = g_cancellable_new ();
  self->on_message = on_engine_message;
  self->on_end = on_end;
  self->user_data = user_data;
  self->words = g_string_new (NULL);
  self->chunk = g_malloc (CHUNK);
  self->reader =
      pd_wire_reader_new (g_subprocess_get_stdout_pipe (self->process), on_message, self);
  read_words (self);
  g_subprocess_wait_async (self->process, NULL, on_exited, g_rc_box_acquire (self));
  return self;
}

void
pd_engine_process_send (PdEngineProcess *self, GVariant *message)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (message);

  /* A failure shows as the end of the engine's output. */
  jsonrpc_output_stream_write_message_async (self->input, owned, NULL, NULL, NULL);
}

void
pd_engine_process_kill (PdEngineProcess *self)
{
  g_subprocess_force_exit (self->process);
}

static gboolean
force_exit (gpointer user_data)
{
  g_subprocess_force_exit (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_told_to_end (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdEngineProcess *self = user_data;

  jsonrpc_output_stream_write_message_finish (self->input, result, NULL);
  g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, NULL);
  unref (self);
}

/* An input that ends otherwise means that this process is gone: the engine then removes the folder,
 * whose files the next engine may still need. */
static void
tell_to_end (PdEngineProcess *self)
{
  GVariantDict message;
  g_autoptr (GVariant) owned = NULL;

  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert (&message, "jsonrpc", "s", "2.0");
  g_variant_dict_insert (&message, "method", "s", "keep-folder");
  owned = g_variant_ref_sink (g_variant_dict_end (&message));
  jsonrpc_output_stream_write_message_async (self->input, owned, NULL, on_told_to_end,
                                             g_rc_box_acquire (self));
}

void
pd_engine_process_free (PdEngineProcess *self)
{
  if (self == NULL)
    return;
  self->on_end = NULL;
  clear_timeout (self);
  g_cancellable_cancel (self->cancellable);
  g_clear_pointer (&self->reader, pd_wire_reader_free);
  tell_to_end (self);
  if (!self->exited)
    g_timeout_add_full (G_PRIORITY_DEFAULT, exit_patience, force_exit, g_object_ref (self->process),
                        g_object_unref);
  unref (self);
}
