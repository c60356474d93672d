// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/schedule-private.h"
#include "engine/diffusion/solver-private.h"

/* A state is this header and n_history arrays of n_elements floats, newest first. */
typedef struct
{
  char magic[8];
  guint8 schedule[32]; /* SHA-256 of what decides the meaning of the arrays */
  guint64 n_elements;
  guint32 type;
  guint32 n_history;
  guint32 next;
  guint32 reserved;
} Header;

static const char magic[8] = "PDSOLV2";

static void
digest_schedule (const PdSchedule *schedule, guint8 digest[32])
{
  const PdScheduleConfig *config = &schedule->config;
  const gint32 choices[] = { (gint32) config->prediction_type,
                             (gint32) config->dpm_solver_type,
                             (gint32) config->unipc_solver_type,
                             config->lower_order_final,
                             config->euler_at_final,
                             (gint32) schedule->begin };
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = 32;

  g_checksum_update (checksum, (const guchar *) choices, sizeof choices);
  g_checksum_update (checksum, (const guchar *) schedule->timesteps,
                     (gssize) (schedule->n_total * sizeof *schedule->timesteps));
  g_checksum_update (checksum, (const guchar *) schedule->levels,
                     (gssize) ((schedule->n_total + 1) * sizeof *schedule->levels));
  g_checksum_get_digest (checksum, digest, &length);
}

static Header
make_header (const PdSolver *self)
{
  Header header = {
    .n_elements = self->n_elements,
    .type = self->schedule->type,
    .n_history = self->n_history,
    .next = self->next,
  };

  memcpy (header.magic, magic, sizeof magic);
  digest_schedule (self->schedule, header.schedule);
  return header;
}

GBytes *
pd_solver_save (const PdSolver *self, GError **error)
{
  const gsize array_bytes = self->n_elements * sizeof (float);
  const gsize total = sizeof (Header) + self->n_history * array_bytes;
  const Header header = make_header (self);
  guint8 *data = pd_try_new (guint8, total, _ ("the journal"), error);

  if (data == NULL)
    return NULL;
  memcpy (data, &header, sizeof header);
  for (guint i = 0; i < self->n_history; i++)
    memcpy (data + sizeof header + i * array_bytes, self->history[i], array_bytes);
  return g_bytes_new_take (data, total);
}

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("the saved sampler state does not fit this run: %s; start the run anew"), reason);
  return FALSE;
}

gboolean
pd_solver_load (PdSolver *self, GBytes *state, GError **error)
{
  const gsize array_bytes = self->n_elements * sizeof (float);
  const Header expected = make_header (self);
  gsize size;
  const guint8 *data = g_bytes_get_data (state, &size);
  Header header;

  if (size < sizeof header || memcmp (data, magic, sizeof magic) != 0)
    return refuse (error, _ ("it is not a sampler state of this machine and version"));
  memcpy (&header, data, sizeof header);

  if (header.type != expected.type)
    return refuse (error, _ ("it is of another solver"));
  if (header.n_elements != expected.n_elements)
    return refuse (error, _ ("it is of another picture size"));
  if (header.n_history != expected.n_history ||
      memcmp (header.schedule, expected.schedule, sizeof header.schedule) != 0)
    return refuse (error, _ ("it is of other steps, strength or schedule"));
  if (size != sizeof header + self->n_history * array_bytes)
    return refuse (error, _ ("it is cut short or too long"));
  if (header.next > pd_schedule_n_calls (self->schedule))
    return refuse (error, _ ("its position is beyond the last step"));

  const guint8 *arrays = data + sizeof header;
  for (gsize e = 0; e < self->n_history * self->n_elements; e++)
    {
      float value;

      memcpy (&value, arrays + e * sizeof value, sizeof value);
      if (!isfinite (value))
        return refuse (error, _ ("it holds a value that is not finite"));
    }

  for (guint i = 0; i < self->n_history; i++)
    memcpy (self->history[i], arrays + i * array_bytes, array_bytes);
  self->next = header.next;
  return TRUE;
}
