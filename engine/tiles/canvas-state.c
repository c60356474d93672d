// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/canvas-private.h"

typedef struct
{
  guint32 height, width, tile_h, tile_w; /* latent pixels */
  guint64 n_clean;                       /* numbers of the small clean canvas that follow, */
  guint64 n_statistics;                  /* and of the group norms' statistics */
} StateHeader;

/* What follows the header. */
static StateHeader
list_state (PdCanvas *self, gpointer parts[2])
{
  PdThumbnail *thumbnail = pd_team_thumbnail (self->team);
  PdStatistics *statistics = pd_team_statistics (self->team);
  gsize n_clean = 0, n_shifts = 0;

  parts[0] = thumbnail != NULL ? pd_thumbnail_clean (thumbnail, &n_clean) : NULL;
  parts[1] = statistics != NULL ? pd_statistics_state (statistics, &n_shifts) : NULL;
  return (StateHeader){ .height = self->options.height,
                        .width = self->options.width,
                        .tile_h = self->grid.y.tile,
                        .tile_w = self->grid.x.tile,
                        .n_clean = n_clean,
                        .n_statistics = n_shifts * sizeof (PdNormShift) / sizeof (float) };
}

GBytes *
pd_canvas_save_state (PdCanvas *self, GError **error)
{
  gpointer parts[2];
  const StateHeader header = list_state (self, parts);
  const guint64 counts[] = { header.n_clean, header.n_statistics };
  const gsize size = sizeof header + (counts[0] + counts[1]) * sizeof (float);
  guint8 *state = pd_try_new (guint8, size, _ ("the journal"), error), *at = state;

  if (state == NULL)
    return NULL;
  memcpy (at, &header, sizeof header);
  at += sizeof header;
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    if (counts[i] > 0)
      {
        memcpy (at, parts[i], counts[i] * sizeof (float));
        at += counts[i] * sizeof (float);
      }
  return g_bytes_new_take (state, size);
}

gboolean
pd_canvas_load_state (PdCanvas *self, GBytes *state, GError **error)
{
  gpointer parts[2];
  const StateHeader expected = list_state (self, parts);
  const guint64 counts[] = { expected.n_clean, expected.n_statistics };
  gsize size;
  const guint8 *data = g_bytes_get_data (state, &size);
  StateHeader header;

  if (size != sizeof expected + (counts[0] + counts[1]) * sizeof (float) ||
      memcmp (data, &expected, sizeof expected) != 0)
    {
      header = (StateHeader){ 0 };
      if (size >= sizeof header)
        memcpy (&header, data, sizeof header);
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The run was begun with tiles of %u×%u latent pixels, and this one has "
                      "%u×%u; give it the same tile and as much memory, or start anew without "
                      "--resume"),
                   header.tile_w, header.tile_h, expected.tile_w, expected.tile_h);
      return FALSE;
    }
  data += sizeof expected;
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    if (counts[i] > 0)
      {
        memcpy (parts[i], data, counts[i] * sizeof (float));
        data += counts[i] * sizeof (float);
      }
  return TRUE;
}
