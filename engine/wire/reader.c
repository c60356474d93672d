// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/reader.h"
#include "engine/base/host-memory.h"
#include "engine/base/json.h"
#include "engine/wire/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

enum
{
  MAX_LINE = 4096,        /* bytes */
  MAX_MESSAGE = 16 << 20, /* bytes */
  SHOWN_CHARACTERS = 40,  /* of what is no message */
};

/* Reference-counted: one for the owner, one for the operation under way. */
struct _PdRpcReader
{
  GInputStream *stream; /* a GBufferedInputStream; NULL after the end */
  GCancellable *cancellable;
  PdWireReaderFunc func; /* NULL once freed */
  gpointer user_data;

  gint64 length;      /* of the body, as the headers said; -1: they have not */
  gboolean complains; /* about bytes since the last message; not again */
  char *body;
};

static void
clear (gpointer data)
{
  PdWireReader *self = data;

  g_clear_object (&self->stream);
  g_clear_object (&self->cancellable);
  g_free (self->body);
}

static void
unref (PdWireReader *self)
{
  g_rc_box_release_full (self, clear);
}

static void
tell_error (PdWireReader *self, PdWireCode code, const char *message)
{
  g_autoptr (GError) error = g_error_new_literal (PD_WIRE_ERROR, (int) code, message);

  if (self->func != NULL)
    self->func (NULL, error, self->user_data);
}

static void
end (PdWireReader *self, const char *reason)
{
  g_clear_object (&self->stream);
  tell_error (self, PD_WIRE_CLOSED, reason);
}

/* @line: any bytes. */
static void
complain (PdWireReader *self, const char *line, gsize length)
{
  g_autofree char *valid = g_utf8_make_valid (line, (gssize) MIN (length, 4 * SHOWN_CHARACTERS));
  g_autofree char *shown =
      g_utf8_substring (valid, 0, MIN (g_utf8_strlen (valid, -1), (glong) SHOWN_CHARACTERS));
  g_autofree char *message =
      g_strdup_printf (_ ("“%s” stands where a header such as “Content-Length: 42” is expected"),
                       g_strdelimit (shown, "\r\n\t", ' '));

  self->length = -1;
  if (self->complains)
    return;
  self->complains = TRUE;
  tell_error (self, PD_WIRE_PARSE, message);
}

static void read_more (PdWireReader *self);
static void read_body (PdWireReader *self);

static gboolean
is_header (const char *line)
{
  gsize n = 0;

  while (g_ascii_isalnum (line[n]) || line[n] == '-')
    n++;
  return n > 0 && line[n] == ':';
}

/* TRUE if the next lines are to be read, FALSE if the body is. */
static gboolean
take_line (PdWireReader *self, char *line, gsize length)
{
  static const char name[] = "Content-Length:";
  guint64 value;

  if (length > 0 && line[length - 1] == '\r')
    length--;
  line[length] = '\0';
  if (length == 0 && self->length >= 0)
    return FALSE;
  if (g_ascii_strncasecmp (line, name, strlen (name)) == 0)
    {
      if (g_ascii_string_to_unsigned (g_strstrip (line + strlen (name)), 10, 1, MAX_MESSAGE, &value,
                                      NULL))
        self->length = (gint64) value;
      else
        complain (self, line, strlen (line));
    }
  else if (!is_header (line))
    complain (self, line, length);
  return TRUE;
}

/* Goes through what is in the buffer. */
static void
take_lines (PdWireReader *self)
{
  GBufferedInputStream *stream = G_BUFFERED_INPUT_STREAM (self->stream);

  while (self->func != NULL)
    {
      gsize available;
      const char *bytes = g_buffered_input_stream_peek_buffer (stream, &available);
      const char *newline = available > 0 ? memchr (bytes, '\n', available) : NULL;
      gsize length = newline != NULL ? (gsize) (newline - bytes) : available;
      g_autofree char *line = NULL;

      if (newline == NULL && available < MAX_LINE)
        {
          read_more (self);
          return;
        }
      line = g_strndup (bytes, length);
      g_input_stream_skip (self->stream, newline != NULL ? length + 1 : length, NULL, NULL);
      if (newline == NULL)
        complain (self, line, length);
      else if (!take_line (self, line, length))
        {
          read_body (self);
          return;
        }
    }
}

static void
take_body (PdWireReader *self, gsize length)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (JsonNode) message = pd_json_parse (self->body, length, _ ("message"), &cause);

  g_clear_pointer (&self->body, g_free);
  self->complains = FALSE;
  self->length = -1;
  if (message == NULL)
    tell_error (self, PD_WIRE_PARSE, cause->message);
  else if (self->func != NULL)
    self->func (message, NULL, self->user_data);
}

static void
on_body (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdWireReader *self = user_data;
  g_autoptr (GError) error = NULL;
  gsize length = 0;

  g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &length, &error);
  if (self->func != NULL)
    {
      if (error != NULL)
        end (self, error->message);
      else if ((gint64) length < self->length)
        end (self, _ ("the stream ended within a message"));
      else
        {
          take_body (self, length);
          if (self->func != NULL)
            take_lines (self);
        }
    }
  unref (self);
}

static void
read_body (PdWireReader *self)
{
  g_autoptr (GError) error = NULL;

  self->body = pd_try_new (char, (gsize) self->length, _ ("a message"), &error);
  if (self->body == NULL && self->length > 0)
    {
      end (self, error->message);
      return;
    }
  g_input_stream_read_all_async (self->stream, self->body, (gsize) self->length, G_PRIORITY_DEFAULT,
                                 self->cancellable, on_body, g_rc_box_acquire (self));
}

static void
on_filled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdWireReader *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_buffered_input_stream_fill_finish (G_BUFFERED_INPUT_STREAM (source), result, &error);

  if (self->func != NULL)
    {
      if (n > 0)
        take_lines (self);
      else
        end (self, n < 0 ? error->message : _ ("the stream ended"));
    }
  unref (self);
}

static void
read_more (PdWireReader *self)
{
  g_buffered_input_stream_fill_async (G_BUFFERED_INPUT_STREAM (self->stream), -1,
                                      G_PRIORITY_DEFAULT, self->cancellable, on_filled,
                                      g_rc_box_acquire (self));
}

PdWireReader *
pd_wire_reader_new (GInputStream *stream, PdWireReaderFunc func, gpointer user_data)
{
  PdWireReader *self = g_rc_box_new0 (PdWireReader);

  self->stream = g_buffered_input_stream_new_sized (stream, MAX_LINE);
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (self->stream), FALSE);
  self->cancellable = g_cancellable_new ();
  self->func = func;
  self->user_data = user_data;
  self->length = -1;
  read_more (self);
  return self;
}

void
pd_wire_reader_free (PdWireReader *self)
{
  if (self == NULL)
    return;
  self->func = NULL;
  g_cancellable_cancel (self->cancellable);
  unref (self);
}
