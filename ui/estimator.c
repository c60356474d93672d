// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/estimator.h"
#include "ui/words.h"

struct _PdEstimator
{
  GObject parent_instance;

  PdHost *host;
  PdRequest *request;
  GCancellable *cancellable; /* of the question under way, else NULL */
  gulong notify;
  guint timeout;
  gboolean paused;
  gboolean due; /* the request has changed since the last question */
};

enum
{
  SIGNAL_ESTIMATED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* Typing is over after this long, milliseconds. */
static const guint delay = 300;

G_DEFINE_TYPE (PdEstimator, pd_estimator, G_TYPE_OBJECT)

static void ask (PdEstimator *self);

static void
answered (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PdEstimator) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = pd_host_estimate_finish (PD_HOST (object), result, &error);
  g_autofree char *line = NULL;

  if (answer != NULL)
    {
      PdEstimate estimate;

      pd_fields_read (pd_estimate_fields, answer, &estimate);
      line = pd_words_estimate (&estimate);
    }
  g_clear_object (&self->cancellable);
  /* An answer to a question from before the last change is out of date. */
  if (self->due)
    ask (self);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_signal_emit (self, signals[SIGNAL_ESTIMATED], 0, line != NULL ? line : error->message,
                   line != NULL);
}

static void
ask (PdEstimator *self)
{
  if (self->paused || self->cancellable != NULL || self->timeout)
    return;
  self->due = FALSE;
  self->cancellable = g_cancellable_new ();
  pd_host_estimate_async (self->host, self->request, self->cancellable, answered,
                          g_object_ref (self));
}

static gboolean
delay_over (gpointer user_data)
{
  PdEstimator *self = user_data;

  self->timeout = 0;
  ask (self);
  return G_SOURCE_REMOVE;
}

static void
pd_estimator_dispose (GObject *object)
{
  PdEstimator *self = PD_ESTIMATOR (object);

  g_clear_handle_id (&self->timeout, g_source_remove);
  g_clear_signal_handler (&self->notify, self->request);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->request);
  g_clear_object (&self->host);
  G_OBJECT_CLASS (pd_estimator_parent_class)->dispose (object);
}

static void
pd_estimator_class_init (PdEstimatorClass *class)
{
  G_OBJECT_CLASS (class)->dispose = pd_estimator_dispose;
  signals[SIGNAL_ESTIMATED] =
      g_signal_new ("estimated", PD_TYPE_ESTIMATOR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                    G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_BOOLEAN);
}

static void
pd_estimator_init (PdEstimator *self)
{
  self->paused = TRUE;
}

PdEstimator *
pd_estimator_new (PdHost *host, PdRequest *request)
{
  PdEstimator *self = g_object_new (PD_TYPE_ESTIMATOR, NULL);

  self->host = g_object_ref (host);
  self->request = g_object_ref (request);
  self->notify =
      g_signal_connect_swapped (request, "notify", G_CALLBACK (pd_estimator_update), self);
  return self;
}

void
pd_estimator_update (PdEstimator *self)
{
  self->due = TRUE;
  g_clear_handle_id (&self->timeout, g_source_remove);
  self->timeout = g_timeout_add (delay, delay_over, self);
}

void
pd_estimator_pause (PdEstimator *self, gboolean pause)
{
  self->paused = pause;
  if (pause)
    g_cancellable_cancel (self->cancellable);
  else if (self->due)
    ask (self);
}
