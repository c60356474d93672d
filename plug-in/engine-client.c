// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/engine-client.h"
#include "engine/base/error.h"
#include "engine/wire/error.h"
#include "engine/wire/folder.h"
#include "engine/wire/messages.h"
#include "plug-in/engine-command.h"
#include "plug-in/engine-process.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

enum
{
  HELLO_ID = 0, /* of the first call to a new engine */
};

static const guint default_start_timeout = 30000;
static const guint default_stop_timeout = 60000;

typedef struct
{
  GTask *task; /* NULL once cancelled: the engine's answer is still awaited */
  char *method;
  GVariant *params; /* may be NULL */
  gint64 id;
  GSource *cancel; /* may be NULL */
} Call;

struct _PdEngineClient
{
  GObject parent_instance;

  char *command; /* NULL: the installed engine */
  char *folder;  /* NULL: not yet made */
  gboolean confined;
  GPtrArray *readable; /* paths that the engine may read beside its own */
  gboolean outdated;   /* more may be read now than when the process was started */
  guint start_timeout, stop_timeout;
  PdEngineProcess *process; /* NULL: none is running */
  GVariant *hello;          /* NULL until it has answered */
  guint timeout;            /* source: of its first answer, or of the end of cancelled calls */
  gboolean stopped;         /* killed because it did not end cancelled calls */
  gint64 last_id;
  GQueue waiting; /* of Call, not yet sent */
  GQueue sent;    /* of Call */
};

G_DEFINE_TYPE (PdEngineClient, pd_engine_client, G_TYPE_OBJECT)

enum
{
  PROGRESS,
  PREVIEW,
  NOTE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void flush (PdEngineClient *self);

static void
call_free (gpointer data)
{
  Call *call = data;

  if (call->cancel != NULL)
    g_source_destroy (call->cancel);
  g_clear_pointer (&call->cancel, g_source_unref);
  g_clear_object (&call->task);
  g_clear_pointer (&call->params, g_variant_unref);
  g_free (call->method);
  g_free (call);
}

static void
clear_timeout (PdEngineClient *self)
{
  if (self->timeout != 0)
    g_source_remove (self->timeout);
  self->timeout = 0;
}

/* A callback may start a new call at once, so the queue is detached first. */
static void
fail_all (GQueue *calls, const GError *error)
{
  GList *failed = calls->head;

  g_queue_init (calls);
  for (GList *each = failed; each != NULL; each = each->next)
    {
      Call *call = each->data;

      if (call->task != NULL)
        g_task_return_error (call->task, g_error_copy (error));
    }
  g_list_free_full (failed, call_free);
}

static void
drop_process (PdEngineClient *self)
{
  clear_timeout (self);
  g_clear_pointer (&self->process, pd_engine_process_free);
  g_clear_pointer (&self->hello, g_variant_unref);
}

/* Fails all calls; the next one starts another engine. */
static void
give_up (PdEngineClient *self, const GError *why)
{
  g_autoptr (PdEngineClient) hold = g_object_ref (self);
  GQueue waiting = self->waiting;

  g_queue_init (&self->waiting);
  drop_process (self);
  fail_all (&self->sent, why);
  fail_all (&waiting, why);
}

/* Messages to the engine. */

static void
send_message (PdEngineClient *self, const char *method, gint64 id, GVariant *params)
{
  GVariantDict message;

  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert (&message, "jsonrpc", "s", "2.0");
  g_variant_dict_insert (&message, "id", "x", id);
  g_variant_dict_insert (&message, "method", "s", method);
  if (params != NULL)
    g_variant_dict_insert_value (&message, "params", params);
  pd_engine_process_send (self->process, g_variant_dict_end (&message));
}

static void
send_cancel (PdEngineClient *self, gint64 id)
{
  GVariantDict params, message;

  g_variant_dict_init (&params, NULL);
  g_variant_dict_insert (&params, "id", "x", id);
  g_variant_dict_init (&message, NULL);
  g_variant_dict_insert (&message, "jsonrpc", "s", "2.0");
  g_variant_dict_insert (&message, "method", "s", "cancel");
  g_variant_dict_insert_value (&message, "params", g_variant_dict_end (&params));
  pd_engine_process_send (self->process, g_variant_dict_end (&message));
}

/* Messages from the engine. */

static void
emit_text (PdEngineClient *self, guint signal, JsonNode *params, const char *name)
{
  const char *text =
      json_object_get_string_member_with_default (json_node_get_object (params), name, NULL);

  if (text != NULL)
    g_signal_emit (self, signals[signal], 0, text);
}

static void
take_notification (PdEngineClient *self, JsonObject *message)
{
  const char *method = json_object_get_string_member_with_default (message, "method", "");
  JsonNode *params = json_object_get_member (message, "params");
  gboolean wanted = FALSE;

  for (GList *each = self->sent.head; each != NULL; each = each->next)
    wanted |= ((Call *) each->data)->task != NULL;
  if (!wanted || params == NULL || !JSON_NODE_HOLDS_OBJECT (params))
    return;
  if (g_str_equal (method, "progress"))
    {
      g_autoptr (GVariant) dictionary =
          g_variant_ref_sink (json_gvariant_deserialize (params, NULL, NULL));
      PdProgress progress = { 0 };

      pd_fields_read (pd_progress_fields, dictionary, &progress);
      g_signal_emit (self, signals[PROGRESS], 0, &progress);
    }
  else if (g_str_equal (method, "preview"))
    emit_text (self, PREVIEW, params, "path");
  else if (g_str_equal (method, "note"))
    emit_text (self, NOTE, params, "message");
}

static GError *
read_error (JsonObject *message)
{
  JsonNode *node = json_object_get_member (message, "error");
  JsonObject *object =
      node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (object == NULL)
    return NULL;
  return pd_wire_error_new (
      json_object_get_int_member_with_default (object, "code", PD_WIRE_INTERNAL),
      json_object_get_string_member_with_default (object, "message", _ ("no reason given")));
}

/* Returns: (transfer full) an a{sv}, or NULL. */
static GVariant *
read_result (JsonObject *message)
{
  JsonNode *node = json_object_get_member (message, "result");

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return NULL;
  return g_variant_ref_sink (json_gvariant_deserialize (node, NULL, NULL));
}

static void
take_hello (PdEngineClient *self, JsonObject *message)
{
  g_autoptr (GVariant) hello = read_result (message);
  g_autoptr (GError) error = read_error (message);
  gint64 protocol = 0;

  if (hello != NULL)
    g_variant_lookup (hello, "protocol", "x", &protocol);
  if (error == NULL && protocol != PD_WIRE_PROTOCOL)
    error = g_error_new (PD_ERROR, PD_ERROR_NO_DEVICE,
                         _ ("The engine speaks version %" PRId64
                            " of the protocol, expected %d; install both parts of Parallel "
                            "Diffusion in the same version"),
                         protocol, (int) PD_WIRE_PROTOCOL);
  if (error != NULL)
    {
      give_up (self, error);
      return;
    }
  clear_timeout (self);
  self->hello = g_steal_pointer (&hello);
  flush (self);
}

static gboolean
is_stopping (const PdEngineClient *self)
{
  for (GList *each = self->sent.head; each != NULL; each = each->next)
    if (((Call *) each->data)->task == NULL)
      return TRUE;
  return FALSE;
}

static void
take_answer (PdEngineClient *self, gint64 id, JsonObject *message)
{
  for (GList *each = self->sent.head; each != NULL; each = each->next)
    {
      Call *call = each->data;
      GError *error;

      if (call->id != id)
        continue;
      g_queue_delete_link (&self->sent, each);
      error = read_error (message);
      if (call->task == NULL)
        g_clear_error (&error);
      else if (error != NULL)
        g_task_return_error (call->task, error);
      else
        {
          GVariant *result = read_result (message);

          if (result == NULL)
            result = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
          g_task_return_pointer (call->task, result, (GDestroyNotify) g_variant_unref);
        }
      call_free (call);
      break;
    }
  if (!is_stopping (self))
    {
      clear_timeout (self);
      flush (self);
    }
}

static void
on_message (JsonNode *node, gpointer user_data)
{
  g_autoptr (PdEngineClient) self = g_object_ref (user_data);
  JsonObject *message = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *id;

  if (message == NULL)
    return;
  if (json_object_has_member (message, "method"))
    {
      take_notification (self, message);
      return;
    }
  id = json_object_get_member (message, "id");
  if (id == NULL || !JSON_NODE_HOLDS_VALUE (id))
    {
      /* The engine has not understood a message, so some call will have no other answer. */
      g_autoptr (GError) error = read_error (message);

      if (error != NULL)
        give_up (self, error);
    }
  else if (self->hello == NULL)
    take_hello (self, message);
  else
    take_answer (self, json_node_get_int (id), message);
}

static void
on_end (const GError *why, gpointer user_data)
{
  g_autoptr (PdEngineClient) self = g_object_ref (user_data);

  if (self->stopped)
    {
      drop_process (self);
      fail_all (&self->sent, why);
      if (!g_queue_is_empty (&self->waiting))
        flush (self);
    }
  else
    give_up (self, why);
}

/* The process. */

static gboolean
on_start_timeout (gpointer user_data)
{
  PdEngineClient *self = user_data;
  g_autoptr (GError) error =
      g_error_new (PD_ERROR, PD_ERROR_NO_DEVICE,
                   _ ("The engine has not answered within %u seconds; check its command, which is "
                      "a setting"),
                   (self->start_timeout + 999) / 1000);

  self->timeout = 0;
  pd_engine_process_kill (self->process);
  give_up (self, error);
  return G_SOURCE_REMOVE;
}

/* The environment of the engine, with the paths that it may go on using, which
 * engine/service/service.c reads. Returns: (transfer full).
 */
static char **
environment (const PdEngineClient *self)
{
  g_autoptr (GString) readable = g_string_new (NULL);
  char **result = g_environ_setenv (g_get_environ (), "PD_CONFINE_WRITE", self->folder, TRUE);

  for (guint i = 0; i < self->readable->len; i++)
    g_string_append_printf (readable, "%s\n", (const char *) self->readable->pdata[i]);
  result = g_environ_setenv (result, "PD_CONFINE_READ", readable->str, TRUE);
  return self->confined ? result : g_environ_setenv (result, "PD_CONFINE", "no", TRUE);
}

static gboolean
start (PdEngineClient *self, GError **error)
{
  const char *folder = pd_engine_client_get_folder (self, error);
  g_auto (GStrv) words = folder != NULL ? pd_engine_command_words (self->command, error) : NULL;
  g_auto (GStrv) variables = words != NULL ? environment (self) : NULL;
  GVariantDict params;

  if (words == NULL)
    return FALSE;
  self->process =
      pd_engine_process_new ((const char *const *) words, (const char *const *) variables,
                             on_message, on_end, self, error);
  if (self->process == NULL)
    return FALSE;
  self->outdated = FALSE;
  self->stopped = FALSE;
  self->timeout = g_timeout_add (self->start_timeout, on_start_timeout, self);
  g_variant_dict_init (&params, NULL);
  g_variant_dict_insert (&params, "folder", "s", folder);
  send_message (self, "initialize", HELLO_ID, g_variant_dict_end (&params));
  return TRUE;
}

/* Sends what waits, as soon as there is an engine that has nothing to stop and may read what the
 * calls name. */
static void
flush (PdEngineClient *self)
{
  g_autoptr (PdEngineClient) hold = g_object_ref (self);
  g_autoptr (GError) error = NULL;
  Call *call;

  if (self->outdated && g_queue_is_empty (&self->sent))
    drop_process (self);
  if (self->process == NULL && !g_queue_is_empty (&self->waiting) && !start (self, &error))
    give_up (self, error);
  while (self->hello != NULL && !self->outdated && !is_stopping (self) &&
         (call = g_queue_pop_head (&self->waiting)) != NULL)
    if (g_str_equal (call->method, "initialize"))
      {
        g_task_return_pointer (call->task, g_variant_ref (self->hello),
                               (GDestroyNotify) g_variant_unref);
        call_free (call);
      }
    else
      {
        send_message (self, call->method, call->id, call->params);
        g_queue_push_tail (&self->sent, call);
      }
}

/* Calls. */

static gboolean
on_stop_timeout (gpointer user_data)
{
  PdEngineClient *self = user_data;

  self->timeout = 0;
  self->stopped = TRUE;
  pd_engine_process_kill (self->process);
  return G_SOURCE_REMOVE;
}

static Call *
find_call (GQueue *calls, GTask *task)
{
  for (GList *each = calls->head; each != NULL; each = each->next)
    if (((Call *) each->data)->task == task)
      return each->data;
  return NULL;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  g_autoptr (PdEngineClient) self = g_object_ref (g_task_get_source_object (task));
  Call *call = find_call (&self->waiting, task);

  if (call != NULL)
    {
      g_queue_remove (&self->waiting, call);
      call_free (call);
    }
  else
    {
      call = find_call (&self->sent, task);
      send_cancel (self, call->id);
      g_clear_object (&call->task);
      if (self->timeout == 0)
        self->timeout = g_timeout_add (self->stop_timeout, on_stop_timeout, self);
    }
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

void
pd_engine_client_call_async (PdEngineClient *self,
                             const char *method,
                             GVariant *params,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GVariant) owned = params != NULL ? g_variant_ref_sink (params) : NULL;
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  Call *call;

  if (g_task_return_error_if_cancelled (task))
    return;
  call = g_new0 (Call, 1);
  call->task = g_steal_pointer (&task);
  call->method = g_strdup (method);
  call->params = g_steal_pointer (&owned);
  call->id = ++self->last_id;
  if (cancellable != NULL)
    {
      call->cancel = g_cancellable_source_new (cancellable);
      g_source_set_callback (call->cancel, G_SOURCE_FUNC (on_cancelled), call->task, NULL);
      g_source_attach (call->cancel, g_main_context_get_thread_default ());
    }
  g_queue_push_tail (&self->waiting, call);
  flush (self);
}

GVariant *
pd_engine_client_call_finish (PdEngineClient *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* The object. */

PdEngineClient *
pd_engine_client_new (const char *command)
{
  PdEngineClient *self = g_object_new (PD_TYPE_ENGINE_CLIENT, NULL);

  if (command != NULL && *command != '\0')
    self->command = g_strdup (command);
  return self;
}

void
pd_engine_client_set_timeouts (PdEngineClient *self, guint start_timeout, guint stop_timeout)
{
  self->start_timeout = start_timeout;
  self->stop_timeout = stop_timeout;
}

void
pd_engine_client_set_confined (PdEngineClient *self, gboolean confined)
{
  self->confined = confined;
}

void
pd_engine_client_allow (PdEngineClient *self, const char *path)
{
  if (!g_path_is_absolute (path) ||
      g_ptr_array_find_with_equal_func (self->readable, path, g_str_equal, NULL))
    return;
  g_ptr_array_add (self->readable, g_strdup (path));
  self->outdated = self->process != NULL && self->confined;
}

const char *
pd_engine_client_get_folder (PdEngineClient *self, GError **error)
{
  if (self->folder == NULL)
    self->folder = pd_wire_folder_new (error);
  return self->folder;
}

void
pd_engine_client_note (PdEngineClient *self, const char *text)
{
  g_signal_emit (self, signals[NOTE], 0, text);
}

/* Every call under way keeps the client. */
static void
pd_engine_client_dispose (GObject *object)
{
  PdEngineClient *self = PD_ENGINE_CLIENT (object);

  drop_process (self);
  if (self->folder != NULL)
    pd_wire_folder_remove (self->folder);
  g_clear_pointer (&self->folder, g_free);
  g_queue_clear_full (&self->sent, call_free);
  G_OBJECT_CLASS (pd_engine_client_parent_class)->dispose (object);
}

static void
pd_engine_client_finalize (GObject *object)
{
  PdEngineClient *self = PD_ENGINE_CLIENT (object);

  g_free (self->command);
  g_ptr_array_unref (self->readable);
  G_OBJECT_CLASS (pd_engine_client_parent_class)->finalize (object);
}

static void
pd_engine_client_class_init (PdEngineClientClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->dispose = pd_engine_client_dispose;
  object_class->finalize = pd_engine_client_finalize;
  signals[PROGRESS] = g_signal_new ("progress", PD_TYPE_ENGINE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL,
                                    NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[PREVIEW] = g_signal_new ("preview", PD_TYPE_ENGINE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[NOTE] = g_signal_new ("note", PD_TYPE_ENGINE_CLIENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
pd_engine_client_init (PdEngineClient *self)
{
  self->confined = TRUE;
  self->readable = g_ptr_array_new_with_free_func (g_free);
  self->start_timeout = default_start_timeout;
  self->stop_timeout = default_stop_timeout;
}
