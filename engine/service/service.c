// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/service.h"
#include "engine/base/confine.h"
#include "engine/base/debug.h"
#include "engine/base/environment.h"
#include "engine/files/catalog.h"
#include "engine/cli/options.h"
#include "engine/run/rank.h"
#include "engine/wire/error.h"
#include "engine/wire/folder.h"
#include "engine/wire/reader.h"
#include "engine/service/rephrase.h"
#include "engine/service/worker.h"

#include <fcntl.h>
#include <gegl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <libintl.h>
#include <jsonrpc-glib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum
{
  MAX_WAITING = 16, /* calls that wait for their turn */
};

/* Milliseconds. */
static const guint parent_interval = 500; /* between looks at whether the parent is there */
static const guint patience = 1000;       /* with a call that is asked to stop, at the end */
static const guint terminate_delay =
    300; /* from a signal to the end: so long may the input go on */

typedef struct
{
  GMainLoop *loop;
  PdWireReader *reader;
  JsonrpcOutputStream *output;
  PdWorker *work;
  PdCall *running; /* NULL: idle */
  GQueue waiting;  /* of PdCall, accepted */
  char *folder;    /* the parent's; NULL: none */
  pid_t parent;
  gboolean ending;
  gboolean kept;   /* the parent said that it removes the folder itself */
  gboolean orphan; /* the parent is gone and cannot remove the folder */
} Service;

static gboolean
on_patience_end (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
end (Service *self, gboolean orphan)
{
  self->orphan |= orphan;
  if (self->ending)
    return;
  self->ending = TRUE;
  if (self->running == NULL)
    g_main_loop_quit (self->loop);
  else
    {
      g_cancellable_cancel (self->running->cancellable);
      g_timeout_add (patience, on_patience_end, self->loop);
    }
}

/* Sending. A parent to which a message cannot be sent is gone. */

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (!jsonrpc_output_stream_write_message_finish (JSONRPC_OUTPUT_STREAM (source), result, NULL))
    end (user_data, TRUE);
}

static void
send_message (Service *self, GVariantDict *message)
{
  g_autoptr (GVariant) variant = NULL;

  g_variant_dict_insert (message, "jsonrpc", "s", "2.0");
  variant = g_variant_ref_sink (g_variant_dict_end (message));
  if (pd_debug_wants (PD_DEBUG_WIRE))
    {
      g_autofree char *text = g_variant_print (variant, FALSE);

      pd_debug (PD_DEBUG_WIRE, "to the client: %s", text);
    }
  if (!self->ending)
    jsonrpc_output_stream_write_message_async (self->output, variant, NULL, on_sent, self);
}

static void
notify (const char *method, GVariant *params, gpointer user_data)
{
  GVariantDict message;

  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert (&message, "method", "s", method);
  g_variant_dict_insert_value (&message, "params", params);
  send_message (user_data, &message);
}

/* @id NULL: the call's is not known. */
static void
reply_error (Service *self, GVariant *id, const GError *error)
{
  g_autofree char *clean = pd_rephrase (error->message);
  GVariantDict message, details;

  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "code", "x", (gint64) pd_wire_error_code (error));
  g_variant_dict_insert (&details, "message", "s", clean);
  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert_value (
      &message, "id", id != NULL ? id : g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
  g_variant_dict_insert_value (&message, "error", g_variant_dict_end (&details));
  send_message (self, &message);
}

static void
reply (Service *self, GVariant *id, GVariant *result)
{
  GVariantDict message;

  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert_value (&message, "id", id);
  g_variant_dict_insert_value (&message, "result", result);
  send_message (self, &message);
}

static void
reply_code (Service *self, GVariant *id, PdWireCode code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (PD_WIRE_ERROR, (int) code, text);

  reply_error (self, id, error);
}

/* Calls. */

static void
start_next (Service *self)
{
  self->running = g_queue_pop_head (&self->waiting);
  if (self->running != NULL)
    pd_worker_start (self->work, self->running);
}

static void
on_done (PdCall *call, gpointer user_data)
{
  Service *self = user_data;

  if (call->error != NULL)
    reply_error (self, call->id, call->error);
  else
    reply (self, call->id, call->result);
  pd_call_free (call);
  self->running = NULL;
  if (self->ending)
    g_main_loop_quit (self->loop);
  else
    start_next (self);
}

/* Whether a later call may come while this one waits or runs. */
static gboolean
is_brief (const PdCall *call)
{
  return call->kind == PD_CALL_INITIALIZE || call->kind == PD_CALL_ESTIMATE;
}

static gboolean
is_busy (const Service *self)
{
  if (self->running != NULL && !is_brief (self->running))
    return TRUE;
  for (GList *each = self->waiting.head; each != NULL; each = each->next)
    if (!is_brief (each->data))
      return TRUE;
  return FALSE;
}

/* Answers what waits and is @id's, or of @kind when @id is NULL. */
static void
drop_waiting (Service *self, GVariant *id, gboolean (*matches) (const PdCall *))
{
  for (GList *each = self->waiting.head, *next; each != NULL; each = next)
    {
      PdCall *call = each->data;

      next = each->next;
      if ((id != NULL && !g_variant_equal (id, call->id)) || !matches (call))
        continue;
      reply_code (self, call->id, PD_WIRE_CANCELLED, _ ("cancelled before it began"));
      g_queue_delete_link (&self->waiting, each);
      pd_call_free (call);
    }
}

static gboolean
is_estimate (const PdCall *call)
{
  return call->kind == PD_CALL_ESTIMATE;
}

static gboolean
is_any (const PdCall *call)
{
  return TRUE;
}

static gboolean
adopt_folder (Service *self, const PdCall *call, GError **error)
{
  if (call->folder == NULL)
    return TRUE;
  self->kept = FALSE;
  if (g_strcmp0 (call->folder, self->folder) == 0)
    return TRUE;
  if (!pd_wire_folder_check (call->folder, error))
    return FALSE;
  g_free (self->folder);
  self->folder = g_strdup (call->folder);
  g_object_set (gegl_config (), "swap", self->folder, NULL);
  return TRUE;
}

static void
accept_call (Service *self, const char *method, GVariant *id, JsonNode *params)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdCall) call = pd_call_new (method, id, params, self->folder, &error);

  if (call == NULL || !adopt_folder (self, call, &error))
    {
      reply_error (self, id, error);
      return;
    }
  if (is_busy (self) || g_queue_get_length (&self->waiting) == MAX_WAITING)
    {
      reply_code (self, id, PD_WIRE_BUSY,
                  _ ("the engine is at work; wait for the answer to the last call or cancel it"));
      return;
    }
  if (is_estimate (call))
    drop_waiting (self, NULL, is_estimate);
  g_queue_push_tail (&self->waiting, g_steal_pointer (&call));
  if (self->running == NULL)
    start_next (self);
}

/* @params: {"id": the call's}; without one, all calls. */
static void
cancel (Service *self, JsonNode *params)
{
  JsonNode *member = params != NULL && JSON_NODE_HOLDS_OBJECT (params)
                         ? json_object_get_member (json_node_get_object (params), "id")
                         : NULL;
  g_autoptr (GVariant) id =
      member != NULL ? g_variant_ref_sink (json_gvariant_deserialize (member, NULL, NULL)) : NULL;

  drop_waiting (self, id, is_any);
  if (self->running != NULL && (id == NULL || g_variant_equal (id, self->running->id)))
    g_cancellable_cancel (self->running->cancellable);
}

/* Messages. */

static gboolean
is_id (JsonNode *node)
{
  return JSON_NODE_HOLDS_NULL (node) ||
         (JSON_NODE_HOLDS_VALUE (node) && (json_node_get_value_type (node) == G_TYPE_STRING ||
                                           json_node_get_value_type (node) == G_TYPE_INT64));
}

static const char *
string_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

/* Returns: the fault of a message, NULL: it has none. */
static const char *
check_message (JsonNode *message)
{
  JsonObject *object;

  if (!JSON_NODE_HOLDS_OBJECT (message))
    return _ ("a message is one JSON object with jsonrpc, id, method and params");
  object = json_node_get_object (message);
  if (g_strcmp0 (string_member (object, "jsonrpc"), "2.0") != 0)
    return _ ("“jsonrpc” must be \"2.0\"");
  if (string_member (object, "method") == NULL)
    return _ ("“method” must be the name of a method");
  if (json_object_has_member (object, "id") && !is_id (json_object_get_member (object, "id")))
    return _ ("“id” must be a whole number or a text");
  return NULL;
}

static void
take_message (Service *self, JsonNode *message)
{
  const char *wrong = check_message (message);
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (message) ? json_node_get_object (message) : NULL;
  JsonNode *node = object != NULL ? json_object_get_member (object, "id") : NULL;
  g_autoptr (GVariant) id = node != NULL && is_id (node)
                                ? g_variant_ref_sink (json_gvariant_deserialize (node, NULL, NULL))
                                : NULL;
  JsonNode *params;

  if (pd_debug_wants (PD_DEBUG_WIRE))
    {
      g_autofree char *text = json_to_string (message, FALSE);

      pd_debug (PD_DEBUG_WIRE, "from the client: %s", text);
    }
  if (wrong != NULL)
    {
      reply_code (self, id, PD_WIRE_INVALID_REQUEST, wrong);
      return;
    }
  params = json_object_get_member (object, "params");
  if (params != NULL && JSON_NODE_HOLDS_NULL (params))
    params = NULL;
  if (g_str_equal (string_member (object, "method"), "cancel"))
    {
      cancel (self, params);
      if (id != NULL)
        reply (self, id, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
    }
  else if (g_str_equal (string_member (object, "method"), "keep-folder"))
    self->kept = TRUE;
  /* The other methods are of no use without an answer, which a notification does not get. */
  else if (id != NULL)
    accept_call (self, string_member (object, "method"), id, params);
}

static void
on_message (JsonNode *message, const GError *error, gpointer user_data)
{
  Service *self = user_data;

  if (message != NULL)
    take_message (self, message);
  else if (error->code == PD_WIRE_CLOSED)
    end (self, TRUE);
  else
    reply_error (self, NULL, error);
}

/* The end. */

static gboolean
on_terminated (gpointer user_data)
{
  end (user_data, FALSE);
  return G_SOURCE_REMOVE;
}

/* The parent may have got it too, as the whole session does: then the input ends in a moment. What
 * started the processes of a cluster sends one if another of them has ended. */
static gboolean
on_signal (gpointer user_data)
{
  g_autofree char *missing = pd_rank_missing ();

  if (missing != NULL)
    g_printerr ("parallel-diffusion: %s\n", missing);
  g_timeout_add (missing != NULL ? 0 : terminate_delay, on_terminated, user_data);
  return G_SOURCE_CONTINUE;
}

/* The input does not end while some other process holds its other side. */
static gboolean
on_interval (gpointer user_data)
{
  Service *self = user_data;

  if (getppid () != self->parent)
    end (self, TRUE);
  return G_SOURCE_CONTINUE;
}

static void
service_run (Service *self, const char *data_folder)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);

  self->loop = g_main_loop_new (NULL, FALSE);
  self->work = pd_worker_new (data_folder, notify, on_done, self);
  self->reader = pd_wire_reader_new (input, on_message, self);
  self->parent = getppid ();
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_unix_signal_add (signals[i], on_signal, self);
  g_timeout_add (parent_interval, on_interval, self);
  g_main_loop_run (self->loop);
}

/* Standard output becomes the service's own; what others (drivers) print there goes to standard
 * error. */
static GOutputStream *
take_output (void)
{
  const int fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

  dup2 (STDERR_FILENO, STDOUT_FILENO);
  return g_unix_output_stream_new (fd, TRUE);
}

/* Adds the files that can belong to the model or part in the file @path and lie beside it. */
static void
add_beside (GStrvBuilder *readable, const char *path)
{
  static const char suffix[] = ".safetensors";
  static const char *const others[] = { "", ".vae.safetensors", ".text_encoder.safetensors", NULL };
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);

  if (!g_str_has_suffix (path, suffix))
    return;
  g_strv_builder_add (readable, config);
  for (guint i = 0; others[i] != NULL; i++)
    {
      g_autofree char *other =
          g_strdup_printf ("%.*s%s", (int) (strlen (path) - strlen (suffix)), path, others[i]);

      g_strv_builder_add (readable, other);
    }
}

/* Adds @path and what belongs to it beside it; if that is a snapshot in a cache of the Hugging Face
 * hub, whose files are links to ../../blobs, the whole of that model. */
static void
add_readable (GStrvBuilder *readable, const char *path)
{
  g_autofree char *real = realpath (path, NULL);
  char *snapshots = real != NULL ? strstr (real, "/snapshots/") : NULL;

  g_strv_builder_add (readable, path);
  add_beside (readable, path);
  if (snapshots == NULL)
    return;
  *snapshots = '\0';
  g_strv_builder_add (readable, real);
}

/* Before anything is read or another thread started. PD_CONFINE_WRITE and PD_CONFINE_READ are how
 * the parent tells, one path a line, of its folder and of models that lie elsewhere; a parent
 * that does not must have its folder in the one for temporary files. What a folder of models links
 * to is its owner's choice as well; links inside a model are not followed out of it. */
static void
give_up_rights (const char *data_folder)
{
  g_autoptr (GStrvBuilder) readable = g_strv_builder_new ();
  g_auto (GStrv) folders = pd_catalog_folders (data_folder);
  g_auto (GStrv) more =
      g_strsplit (pd_environment_get (PD_ENVIRONMENT_CONFINE_READ) ?: "", "\n", -1);
  g_auto (GStrv) writable =
      g_strsplit (pd_environment_get (PD_ENVIRONMENT_CONFINE_WRITE) ?: g_get_tmp_dir (), "\n", -1);
  g_auto (GStrv) paths = NULL;

  g_strv_builder_add_many (readable, data_folder, bindtextdomain (GETTEXT_PACKAGE, NULL), NULL);
  for (guint i = 0; more[i] != NULL; i++)
    add_readable (readable, more[i]);
  g_strv_builder_addv (readable, (const char **) folders);
  for (guint i = 0; folders[i] != NULL; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (folders[i], 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (folders[i], name, NULL);

          if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
            add_readable (readable, path);
        }
    }
  paths = g_strv_builder_end (readable);
  pd_confine (&(PdConfineOptions){ .readable = (const char *const *) paths,
                                   .writable = (const char *const *) writable });
}

int
pd_service_main (int argc, char **argv, const char *data_folder)
{
  static const char *const no_options[] = { NULL };
  g_autoptr (PdOptions) options = pd_options_new (
      argv[0], _ ("Serves a program such as GIMP: JSON-RPC on standard input and output."),
      no_options, NULL);
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  Service service = { 0 };

  if (!pd_options_parse (options, argc, argv, &error))
    return pd_options_usage_error (options, error->message);
  give_up_rights (data_folder);
  /* A model that is named is not looked for where this process happens to be started. */
  if (g_path_is_absolute (data_folder) && g_chdir (data_folder) != 0)
    g_info ("%s: %s", data_folder, g_strerror (errno));
  output = take_output ();
  signal (SIGPIPE, SIG_IGN);
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  service.output = jsonrpc_output_stream_new (output);
  service_run (&service, data_folder);
  if (service.folder != NULL && service.orphan && !service.kept)
    pd_wire_folder_remove (service.folder);
  /* A thread at work cannot be ended otherwise, and nothing else is left to do. */
  if (service.running != NULL)
    _exit (0);
  pd_wire_reader_free (service.reader);
  g_queue_clear_full (&service.waiting, (GDestroyNotify) pd_call_free);
  pd_worker_free (service.work);
  g_object_unref (service.output);
  g_main_loop_unref (service.loop);
  gegl_exit ();
  g_free (service.folder);
  return 0;
}
