// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/call.h"
#include "engine/base/message.h"
#include "engine/request/mode.h"
#include "engine/wire/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

typedef struct
{
  const char *name;
  gsize offset; /* of its field in PdCall */
  enum
  {
    IS_PATH,
    IS_TEXT,
    IS_SIZE,
    IS_REQUEST,
  } type;
} Param;

enum
{
  REQUEST = 1 << 0,
  FOLDER = 1 << 1,
  OUTPUT = 1 << 2,
  PREVIEW = 1 << 3,
  DEVICE = 1 << 4,
  WIDTH = 1 << 5,
  HEIGHT = 1 << 6,
  N_OWN = 7,
  N_PARAMS = N_OWN + PD_N_GIVEN,
};

/* By the bits above; behind them come the pictures that are given. */
static const Param own_params[N_OWN] = {
  { "request", G_STRUCT_OFFSET (PdCall, request), IS_REQUEST },
  { "folder", G_STRUCT_OFFSET (PdCall, folder), IS_PATH },
  { "output", G_STRUCT_OFFSET (PdCall, output), IS_PATH },
  { "preview", G_STRUCT_OFFSET (PdCall, preview), IS_PATH },
  { "device", G_STRUCT_OFFSET (PdCall, device), IS_TEXT },
  { "width", G_STRUCT_OFFSET (PdCall, width), IS_SIZE },
  { "height", G_STRUCT_OFFSET (PdCall, height), IS_SIZE },
};

static Param
param_at (guint i)
{
  if (i < N_OWN)
    return own_params[i];
  return (Param){ pd_given[i - N_OWN].name,
                  G_STRUCT_OFFSET (PdCall, given) + (i - N_OWN) * sizeof (char *), IS_PATH };
}

typedef struct
{
  const char *name;
  PdCallKind kind;
  guint required, optional; /* parameters, as bits */
} Method;

/* Beside those that make a picture, which are the modes. */
static const Method methods[] = {
  { "initialize", PD_CALL_INITIALIZE, 0, FOLDER },
  { "estimate", PD_CALL_ESTIMATE, REQUEST | WIDTH | HEIGHT, 1 << (N_OWN + PD_GIVEN_MASK) },
  { "test", PD_CALL_TEST, 0, DEVICE },
};

static Method
method_of_mode (const PdModeInfo *mode)
{
  return (Method){ mode->name, PD_CALL_PICTURE, REQUEST | OUTPUT | mode->needs << N_OWN,
                   PREVIEW | mode->optional << N_OWN };
}

/* The message is cleaned because formats such as %.60s may cut a quotation within a character. */
static void set_error (GError **error, PdWireCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
set_error (GError **error, PdWireCode code, const char *format, ...)
{
  g_autofree char *text = NULL, *message = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  message = pd_message_clean (text);
  g_set_error_literal (error, PD_WIRE_ERROR, (int) code, message);
}

static gboolean
fail (GError **error, const char *name, JsonNode *node, const char *expected)
{
  g_autofree char *shown = json_to_string (node, FALSE);

  set_error (error, PD_WIRE_INVALID_PARAMS, _ ("%s: “%.60s” is not possible, expected %s"), name,
             shown, expected);
  return FALSE;
}

static gboolean
is_string (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
}

static gboolean
read_path (const char *name, JsonNode *node, const char *folder, char **path, GError **error)
{
  g_autofree char *beginning = folder != NULL ? g_strconcat (folder, "/", NULL) : NULL;
  g_autofree char *clean = NULL;

  if (!is_string (node) || !g_path_is_absolute (json_node_get_string (node)))
    return fail (error, name, node, _ ("an absolute path"));
  clean = g_canonicalize_filename (json_node_get_string (node), "/");
  if (beginning != NULL && !g_str_has_prefix (clean, beginning))
    {
      g_autofree char *expected = g_strdup_printf (_ ("a file in the folder %s"), folder);

      return fail (error, name, node, expected);
    }
  *path = g_steal_pointer (&clean);
  return TRUE;
}

static gboolean
read_size (const char *name, JsonNode *node, guint *size, GError **error)
{
  GParamSpec *param = pd_request_param (name);
  g_autofree char *allowed = pd_request_allowed (param);
  gint64 value;

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return fail (error, name, node, allowed);
  value = json_node_get_int (node);
  if (value < G_PARAM_SPEC_UINT (param)->minimum || value > G_PARAM_SPEC_UINT (param)->maximum)
    return fail (error, name, node, allowed);
  *size = (guint) value;
  return TRUE;
}

static gboolean
read_request (const char *name, JsonNode *node, PdRequest **request, GError **error)
{
  g_autoptr (PdRequest) made = pd_request_new ();
  g_autofree char *json = json_to_string (node, FALSE);

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (error, name, node, _ ("an object such as {\"steps\": 30}"));
  if (!pd_request_set_json (made, json, 0, error))
    {
      g_prefix_error (error, "%s: ", name);
      return FALSE;
    }
  *request = g_steal_pointer (&made);
  return TRUE;
}

static gboolean
read_param (PdCall *self, const Param *param, JsonNode *node, const char *folder, GError **error)
{
  gpointer field = G_STRUCT_MEMBER_P (self, param->offset);

  switch (param->type)
    {
    case IS_PATH:
      /* Another folder may take the place of the first one. */
      return read_path (param->name, node, g_str_equal (param->name, "folder") ? NULL : folder,
                        field, error);
    case IS_SIZE:
      return read_size (param->name, node, field, error);
    case IS_REQUEST:
      return read_request (param->name, node, field, error);
    case IS_TEXT:
    default:
      if (!is_string (node))
        return fail (error, param->name, node, _ ("a text"));
      *(char **) field = json_node_dup_string (node);
      return TRUE;
    }
}

static gboolean
find_param (const Method *method, const char *name, Param *param)
{
  for (guint i = 0; i < N_PARAMS; i++)
    {
      *param = param_at (i);
      if ((method->required | method->optional) & 1u << i && g_str_equal (name, param->name))
        return TRUE;
    }
  return FALSE;
}

static gboolean
fail_unknown_param (const Method *method, const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < N_PARAMS; i++)
    if ((method->required | method->optional) & 1u << i)
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", param_at (i).name);
  set_error (error, PD_WIRE_INVALID_PARAMS, _ ("“%s” has no parameter “%.60s”; it has: %s"),
             method->name, name, names->str);
  return FALSE;
}

static gboolean
read_params (
    PdCall *self, const Method *method, JsonObject *params, const char *folder, GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init (&iter, params);
  while (json_object_iter_next (&iter, &name, &node))
    {
      Param param;

      if (!find_param (method, name, &param))
        return fail_unknown_param (method, name, error);
      if (!JSON_NODE_HOLDS_NULL (node) && !read_param (self, &param, node, folder, error))
        return FALSE;
    }
  for (guint i = 0; i < N_PARAMS; i++)
    if (method->required & 1u << i && (!json_object_has_member (params, param_at (i).name) ||
                                       json_object_get_null_member (params, param_at (i).name)))
      {
        set_error (error, PD_WIRE_INVALID_PARAMS, _ ("“%s” needs the parameter “%s”"), method->name,
                   param_at (i).name);
        return FALSE;
      }
  return TRUE;
}

/* The request's mode, which may be left out, is the method. */
static gboolean
set_mode (PdCall *self, const Method *method, JsonObject *params, GError **error)
{
  JsonObject *request = json_object_get_object_member (params, "request");
  const char *given = pd_modes[self->request->mode].name;

  if (json_object_has_member (request, "mode") && !g_str_equal (given, method->name))
    {
      set_error (error, PD_WIRE_INVALID_PARAMS, _ ("request: its mode “%s” is not the method “%s”"),
                 given, method->name);
      return FALSE;
    }
  return pd_request_set_text (self->request, "mode", method->name, error);
}

static gboolean
find_method (const char *name, Method *method, GError **error)
{
  g_autoptr (GString) names = g_string_new ("cancel, keep-folder");

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      *method = methods[i];
      if (g_str_equal (name, method->name))
        return TRUE;
      g_string_append_printf (names, ", %s", method->name);
    }
  for (guint i = 0; pd_modes[i].name != NULL; i++)
    {
      *method = method_of_mode (&pd_modes[i]);
      if (g_str_equal (name, method->name))
        return TRUE;
      g_string_append_printf (names, ", %s", method->name);
    }
  set_error (error, PD_WIRE_METHOD_NOT_FOUND, _ ("there is no method “%.60s”; there are %s"), name,
             names->str);
  return FALSE;
}

PdCall *
pd_call_new (
    const char *method_name, GVariant *id, JsonNode *params, const char *folder, GError **error)
{
  g_autoptr (PdCall) self = g_new0 (PdCall, 1);
  g_autoptr (JsonObject) none = json_object_new ();
  JsonObject *object = none;
  Method method;

  self->id = g_variant_ref_sink (id);
  if (!find_method (method_name, &method, error))
    return NULL;
  self->kind = method.kind;
  self->cancellable = g_cancellable_new ();
  if (params != NULL && !JSON_NODE_HOLDS_OBJECT (params))
    {
      fail (error, "params", params, _ ("an object"));
      return NULL;
    }
  if (params != NULL)
    object = json_node_get_object (params);
  if (!read_params (self, &method, object, folder, error))
    return NULL;
  if (self->kind == PD_CALL_PICTURE && !set_mode (self, &method, object, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_call_free (PdCall *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->id, g_variant_unref);
  g_clear_object (&self->request);
  g_free (self->folder);
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    g_free (self->given[given]);
  g_free (self->output);
  g_free (self->preview);
  g_free (self->device);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->result, g_variant_unref);
  g_clear_error (&self->error);
  g_free (self);
}
