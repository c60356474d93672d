// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

/* The bytes of a device that are in use, and its work per second: numbers under one lock. */

/* Low guesses, so that the first submissions are short rather than long. */
static double
first_rate (PdDeviceType type)
{
  switch (type)
    {
    case PD_DEVICE_DISCRETE:
      return 5e11;
    case PD_DEVICE_INTEGRATED:
      return 1e11;
    case PD_DEVICE_VIRTUAL:
      return 5e10;
    default:
      return 2e9;
    }
}

void
pd_account_init (PdDevice *self, guint64 limit)
{
  g_mutex_init (&self->lock);
  pd_account_set_limit (self, limit);
  self->rate = self->first_rate = first_rate (self->info->type);
}

void
pd_account_set_limit (PdDevice *self, guint64 bytes)
{
  g_mutex_lock (&self->lock);
  self->limit = bytes > 0 ? bytes : self->info->budget;
  g_mutex_unlock (&self->lock);
}

gboolean
pd_account_add (PdDevice *self, guint64 bytes, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (!self->rehearsing && (bytes > self->limit || self->used > self->limit - bytes))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("%.1f MiB of device memory asked for with %.1f MiB in use, the limit is %.1f "
                      "MiB; use smaller tiles or raise the limit"),
                   pd_mib (bytes), pd_mib (self->used), pd_mib (self->limit));
      return FALSE;
    }
  self->used += bytes;
  self->peak = MAX (self->peak, self->used);
  return TRUE;
}

void
pd_account_subtract (PdDevice *self, guint64 bytes)
{
  g_mutex_lock (&self->lock);
  self->used -= bytes;
  g_mutex_unlock (&self->lock);
}

void
pd_account_forget (PdDevice *self, guint64 bytes, guint64 peak)
{
  g_mutex_lock (&self->lock);
  self->used -= bytes;
  self->peak = peak;
  g_mutex_unlock (&self->lock);
}

static guint64
locked (PdDevice *self, const guint64 *value)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return *value;
}

guint64
pd_account_used (PdDevice *self)
{
  return locked (self, &self->used);
}

guint64
pd_account_peak (PdDevice *self)
{
  return locked (self, &self->peak);
}

guint64
pd_account_limit (PdDevice *self)
{
  return self->limit;
}

void
pd_account_reset_peak (PdDevice *self)
{
  g_mutex_lock (&self->lock);
  self->peak = self->used;
  g_mutex_unlock (&self->lock);
}

void
pd_account_begin_rehearsal (PdDevice *self)
{
  g_mutex_lock (&self->lock);
  g_assert (!self->rehearsing);
  self->rehearsing = TRUE;
  self->peak_before = self->peak;
  self->peak = self->used;
  g_mutex_unlock (&self->lock);
}

guint64
pd_account_end_rehearsal (PdDevice *self)
{
  guint64 peak;

  g_mutex_lock (&self->lock);
  g_assert (self->rehearsing);
  peak = self->peak;
  self->rehearsing = FALSE;
  self->peak = self->peak_before;
  g_mutex_unlock (&self->lock);
  return peak;
}

gboolean
pd_account_is_rehearsing (PdDevice *self)
{
  return self->rehearsing;
}

double
pd_account_work_rate (PdDevice *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->rate;
}

void
pd_account_learn_rate (PdDevice *self, double work, double seconds)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  /* Shorter ones measure the submission, not the work. */
  if (seconds < 1e-3 || work <= 0)
    return;
  self->rate += 0.5 * (MIN (work / seconds, 8 * self->rate) - self->rate);
}
