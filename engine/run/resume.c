// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/resume.h"

#include <string.h>

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/base/file.h"
#include "engine/pictures/picture.h"

enum
{
  PAUSE = 10,      /* seconds between two journals … */
  COST_SHARE = 20, /* … and at least so many times what writing one takes */
};

static const gint64 KEEP_SECONDS = 14 * 24 * 60 * 60;

struct _PdResume
{
  PdResumeKey key;
  guint8 run[PD_JOURNAL_DIGEST_SIZE];
  gboolean has_run; /* the digest is made when it is needed: it reads every input pixel */
  char *folder;
  char *path; /* of the journal; NULL: none yet */
  PdJournal loaded;
  gint64 last, pause; /* µs */
};

PdResume *
pd_resume_new (const PdResumeKey *key)
{
  const char *seconds = pd_environment_get (PD_ENVIRONMENT_JOURNAL_SECONDS);
  PdResume *self = g_new0 (PdResume, 1);

  self->key = *key;
  self->folder = pd_journal_folder ();
  self->last = g_get_monotonic_time ();
  self->pause =
      (gint64) ((seconds != NULL ? g_ascii_strtod (seconds, NULL) : PAUSE) * G_USEC_PER_SEC);
  return self;
}

void
pd_resume_free (PdResume *self)
{
  if (self == NULL)
    return;
  pd_journal_clear (&self->loaded);
  g_free (self->folder);
  g_free (self->path);
  g_free (self);
}

static void
add_text (GChecksum *checksum, const char *text)
{
  /* With its end, so that two texts are never another two. */
  g_checksum_update (checksum, (const guchar *) text, (gssize) strlen (text) + 1);
}

/* Name, size and time of every file that was opened for the model: reading gigabytes again would
 * take too long, and what else lies in its folder does not count. */
static void
add_files (GChecksum *checksum, const GPtrArray *stamps)
{
  for (guint i = 0; i < stamps->len; i++)
    {
      const PdFileStamp *stamp = stamps->pdata[i];
      g_autofree char *text =
          g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT, stamp->size, stamp->modified);

      add_text (checksum, stamp->path);
      add_text (checksum, text);
    }
}

/* @rect: of the picture; NULL: all of it. */
static gboolean
add_pixels (GChecksum *checksum,
            GeglBuffer *buffer,
            const PdGivenInfo *info,
            const PdRect *rect,
            GCancellable *cancellable,
            GError **error)
{
  const Babl *format = babl_format (info->format);
  const GeglRectangle extent =
      rect != NULL ? pd_picture_rectangle (rect) : *gegl_buffer_get_extent (buffer);
  const gsize row_bytes = (gsize) extent.width * (gsize) babl_format_get_bytes_per_pixel (format);
  g_autofree guchar *row = NULL;
  g_autofree char *size =
      g_strdup_printf ("%d %d %d %d", extent.x, extent.y, extent.width, extent.height);

  add_text (checksum, info->name);
  add_text (checksum, size);
  row = pd_try_new (guchar, row_bytes, _ ("a row of the picture"), error);
  if (row == NULL)
    return FALSE;
  for (int y = 0; y < extent.height; y++)
    {
      gegl_buffer_get (buffer, GEGL_RECTANGLE (extent.x, extent.y + y, extent.width, 1), 1.0,
                       format, row, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      g_checksum_update (checksum, row, (gssize) row_bytes);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* What lies outside the parts that are worked on takes no part; a style is another picture. */
static gboolean
add_images (GChecksum *checksum, const PdResumeKey *key, GCancellable *cancellable, GError **error)
{
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    {
      GeglBuffer *buffer = key->images->given[given];
      const guint n_parts = given == PD_GIVEN_STYLE ? 0 : key->n_parts;

      for (guint i = 0; buffer != NULL && i < MAX (n_parts, 1); i++)
        if (!add_pixels (checksum, buffer, &pd_given[given], n_parts > 0 ? &key->parts[i] : NULL,
                         cancellable, error))
          return FALSE;
    }
  return TRUE;
}

/* The parameters, but not where pictures come from: their pixels count. */
static char *
parameters (PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, PD_REQUEST_PARAM_LOCAL);
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (request), &n_params);
  for (guint i = 0; i < n_params; i++)
    if (params[i]->flags & PD_REQUEST_PARAM_FILE)
      json_object_remove_member (json_node_get_object (node), params[i]->name);
  return json_to_string (node, FALSE);
}

/* Makes the digest of the run, once. */
static gboolean
find_digest (PdResume *self, GCancellable *cancellable, GError **error)
{
  const PdResumeKey *key = &self->key;
  g_autoptr (GChecksum) checksum = NULL;
  g_autofree char *text = NULL;
  gsize length = sizeof self->run;

  if (self->has_run)
    return TRUE;
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  text = parameters (key->request);
  add_text (checksum, text);
  add_text (checksum, key->kernels);
  add_text (checksum, key->precision);
  add_text (checksum, key->model->files->path);
  add_files (checksum, key->model->stamps);
  if (!add_images (checksum, key, cancellable, error) ||
      (key->regions != NULL && !pd_regions_digest (key->regions, checksum, error)))
    return FALSE;
  g_checksum_get_digest (checksum, self->run, &length);
  self->has_run = TRUE;
  return TRUE;
}

gboolean
pd_resume_load (PdResume *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = NULL;

  pd_journal_clear (&self->loaded);
  if (!find_digest (self, cancellable, error))
    return FALSE;
  path = pd_journal_find (self->folder, self->run);
  if (path == NULL)
    return TRUE;
  if (!pd_journal_load (&self->loaded, path, error))
    return FALSE;
  if (memcmp (self->loaded.run, self->run, sizeof self->run) != 0)
    {
      pd_journal_clear (&self->loaded);
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the journal %s is of another run; delete it, or run again without --resume "
                      "to start anew"),
                   path);
      return FALSE;
    }
  g_free (self->path);
  self->path = g_steal_pointer (&path);
  return TRUE;
}

const PdJournal *
pd_resume_journal (const PdResume *self)
{
  return self->loaded.level > 0 ? &self->loaded : NULL;
}

gboolean
pd_resume_due (const PdResume *self)
{
  return g_get_monotonic_time () - self->last >= self->pause;
}

gboolean
pd_resume_save (PdResume *self, PdJournal *journal, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  gboolean saved;

  /* A run that is cancelled is kept all the same. */
  if (!find_digest (self, NULL, error))
    return FALSE;
  memcpy (journal->run, self->run, sizeof journal->run);
  if (self->path == NULL)
    pd_journal_prune (self->folder, KEEP_SECONDS);
  g_free (self->path);
  self->path = pd_journal_path (self->folder, journal->run, journal->seed);
  saved = pd_journal_save (journal, self->path, error);
  self->last = g_get_monotonic_time ();
  if (pd_environment_get (PD_ENVIRONMENT_JOURNAL_SECONDS) == NULL)
    self->pause = MAX (PAUSE * G_USEC_PER_SEC, COST_SHARE * (self->last - start));
  return saved;
}

void
pd_resume_remove (PdResume *self)
{
  if (self->path != NULL)
    pd_journal_remove (self->path);
  g_clear_pointer (&self->path, g_free);
}
