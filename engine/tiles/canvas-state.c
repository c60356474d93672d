// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/canvas-private.h"

typedef struct
{
  guint32 height, width, tile_h, tile_w; /* latent pixels */
  guint64 n_statistics;                  /* numbers of the group norms' statistics that follow */
} StateHeader;

/* @shifts: what follows the header. */
static StateHeader
list_state (PdCanvas *self, PdNormShift **shifts)
{
  PdStatistics *statistics = pd_team_statistics (self->team);
  gsize n_shifts = 0;

  *shifts = statistics != NULL ? pd_statistics_state (statistics, &n_shifts) : NULL;
  return (StateHeader){ .height = self->options.height,
                        .width = self->options.width,
                        .tile_h = self->grid.y.tile,
                        .tile_w = self->grid.x.tile,
                        .n_statistics = n_shifts * sizeof **shifts / sizeof (float) };
}

GBytes *
pd_canvas_save_state (PdCanvas *self, GError **error)
{
  PdNormShift *shifts;
  const StateHeader header = list_state (self, &shifts);
  const gsize size = header.n_statistics * sizeof (float);
  guint8 *state = pd_try_new (guint8, sizeof header + size, _ ("the journal"), error);

  if (state == NULL)
    return NULL;
  memcpy (state, &header, sizeof header);
  if (size > 0)
    memcpy (state + sizeof header, shifts, size);
  return g_bytes_new_take (state, sizeof header + size);
}

gboolean
pd_canvas_load_state (PdCanvas *self, GBytes *state, GError **error)
{
  PdNormShift *shifts;
  const StateHeader expected = list_state (self, &shifts);
  const gsize wanted = expected.n_statistics * sizeof (float);
  gsize size;
  const guint8 *data = g_bytes_get_data (state, &size);
  StateHeader header;

  if (size != sizeof expected + wanted || memcmp (data, &expected, sizeof expected) != 0)
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
  if (wanted > 0)
    memcpy (shifts, data + sizeof expected, wanted);
  return TRUE;
}
