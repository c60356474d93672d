// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/helpers.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/run/rank.h"

enum
{
  GPU_BATCH = 8, /* tiles at once to begin with: enough to fill a GPU at the coarsest level */
};

/* The copy's of the model; 0: its own. */
static PdDenoiser *
denoiser_at (const PdSession *self, guint place)
{
  const PdModel *model = self->model;

  return place > 0 ? g_array_index (model->copies, PdModelCopy, place - 1).denoiser
                   : model->denoiser;
}

static gboolean
is_lost (const PdSession *self, guint place)
{
  return pd_device_is_lost (denoiser_at (self, place)->backend->device);
}

/* The first, and copies on devices that work. */
static guint
count_working (const PdSession *self)
{
  return 1 + self->model->copies->len - self->n_lost;
}

static void
swap (PdSession *self, guint a, guint b)
{
  const guint number = self->numbers[a];

  pd_model_swap (self->model, a, b);
  self->numbers[a] = self->numbers[b];
  self->numbers[b] = number;
}

/* Returns: (transfer full) what is to be said of member @place, which did not last. */
static char *
describe_loss (const PdSession *self, guint place)
{
  const guint working = count_working (self);
  const PdFarDevice *device;

  if (place < working)
    return g_strdup_printf (
        _ ("device %u of the list was lost or out of memory; the others did its work"),
        self->numbers[place] + 1);
  device = &g_array_index (self->far, PdFarDevice, place - working);
  return g_strdup_printf (_ ("%s of process %u was lost or out of memory; the others did its work"),
                          device->name, device->rank);
}

/* Devices of this process, then those of others. */
static guint
number_of (const PdSession *self, guint place)
{
  return place < count_working (self) ? self->numbers[place] : place + self->n_lost;
}

void
pd_helpers_note (PdSession *self, const gboolean *gone, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const guint number = number_of (self, i);
      g_autofree char *text = NULL;

      if (!gone[i] || self->told[number])
        continue;
      self->told[number] = TRUE;
      text = describe_loss (self, i);
      pd_recorder_note (&self->recorder, text);
    }
}

/* Before something is begun: what is on lost devices goes behind the rest of the model, the first
 * that works becomes the session's, and encodes prompts from now on. Where all are lost, all stays
 * as it is. */
static gboolean
settle (PdSession *self, GError **error)
{
  const PdDenoiser *led = self->model->denoiser;
  const guint n = count_working (self);
  gboolean gone[PD_WORKERS_MAX];
  guint working = 0;

  for (guint i = 0; i < n; i++)
    {
      gone[i] = is_lost (self, i);
      working += !gone[i];
    }
  if (working == n || working == 0)
    return TRUE;
  pd_helpers_note (self, gone, n);
  working = 0;
  for (guint i = 0; i < n; i++)
    if (!gone[i])
      swap (self, working++, i);
  self->n_lost += n - working;
  self->device = self->model->denoiser->backend->device;
  return self->model->denoiser == led || pd_model_move_conditioner (self->model, error);
}

/* Whether what ended with @error may be done again, after settle(): the device that leads is lost,
 * and others are not. */
static gboolean
may_retry (const PdSession *self, const GError *error)
{
  if (!g_error_matches (error, PD_ERROR, PD_ERROR_DEVICE_LOST) || !is_lost (self, 0))
    return FALSE;
  for (guint i = 1; i < count_working (self); i++)
    if (!is_lost (self, i))
      return TRUE;
  return FALSE;
}

gboolean
pd_helpers_try (
    PdSession *self, PdHelpersFunc function, gconstpointer what, float *latent, GError **error)
{
  const gsize bytes = self->n_elements * sizeof *latent;
  g_autofree float *kept = NULL;

  if (latent != NULL && self->model->copies->len > 0)
    {
      kept = pd_try_new (float, self->n_elements, _ ("the canvas"), error);
      if (kept == NULL)
        return FALSE;
      memcpy (kept, latent, bytes);
    }
  for (;;)
    {
      GError *failure = NULL;

      if (!settle (self, error))
        return FALSE;
      if (function (self, what, latent, &failure))
        return TRUE;
      if (!may_retry (self, failure))
        {
          g_propagate_error (error, failure);
          return FALSE;
        }
      g_error_free (failure);
      if (kept != NULL)
        memcpy (latent, kept, bytes);
    }
}

static guint
batch_on (const PdSession *self, gboolean is_cpu)
{
  if (self->request->batch > 0)
    return self->request->batch;
  return is_cpu ? 1 : GPU_BATCH;
}

guint
pd_helpers_batch (const PdSession *self, guint place)
{
  return batch_on (self, pd_device_info (denoiser_at (self, place)->backend->device)->is_cpu);
}

static guint
count_far (const PdSession *self)
{
  return self->far != NULL ? MIN (self->far->len, PD_WORKERS_MAX - count_working (self)) : 0;
}

PdHelpers
pd_helpers_of_canvas (const PdSession *self)
{
  PdHelpers helpers = { 0 };

  for (guint i = 1; i < count_working (self); i++)
    helpers.list[helpers.n++] =
        (PdHelper){ .denoiser = denoiser_at (self, i), .batch = pd_helpers_batch (self, i) };
  for (guint i = 0; i < count_far (self); i++)
    {
      const PdFarDevice *device = &g_array_index (self->far, PdFarDevice, i);

      helpers.list[helpers.n++] =
          (PdHelper){ .link = device->link, .batch = batch_on (self, device->is_cpu) };
    }
  return helpers;
}

PdCoderHelpers
pd_helpers_of_coder (const PdSession *self)
{
  const GArray *copies = self->model->copies;
  PdCoderHelpers helpers = { 0 };

  for (guint i = 1; i < count_working (self); i++)
    helpers.list[helpers.n++].autoencoder = g_array_index (copies, PdModelCopy, i - 1).autoencoder;
  for (guint i = 0; i < count_far (self); i++)
    helpers.list[helpers.n++].link = g_array_index (self->far, PdFarDevice, i).link;
  return helpers;
}

void
pd_helpers_add (PdSession *self, const PdTeamReport *team, guint steps)
{
  pd_helpers_note (self, team->gone, team->n_members);
  for (guint i = 0; i < team->n_members; i++)
    self->team.items[number_of (self, i)] += team->items[i];
  self->team.busy += team->busy;
  self->team.seconds += team->seconds;
  self->team.exchanged += team->exchanged;
  self->team_steps += steps;
}
