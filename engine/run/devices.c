// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/devices.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/gpu/account.h"

/* Those that have device @i in common, itself among them. */
static guint
count_same (const PdDevices *self, guint i)
{
  const char *uuid = pd_device_info (self->list[i].device)->uuid;
  guint n = 0;

  for (guint k = 0; k < self->n; k++)
    n += g_str_equal (pd_device_info (self->list[k].device)->uuid, uuid);
  return n;
}

/* What devices give each other has to be stored in the same way. */
static gboolean
check_types (const PdDevices *self, guint i, GError **error)
{
  if (self->list[i].backend.activations == self->list[0].backend.activations)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
               _ ("%s and %s would store numbers in different precisions; use --precision f32 or "
                  "--kernels general"),
               pd_device_info (self->list[0].device)->name,
               pd_device_info (self->list[i].device)->name);
  return FALSE;
}

static gboolean
add_device (PdDevices *self, const PdRequest *request, const char *selector, GError **error)
{
  const PdDeviceOptions options = { .selector = selector, .memory_limit = request->memory };
  const guint i = self->n;

  self->list[i].device = pd_device_new (&options, error);
  if (self->list[i].device == NULL)
    return FALSE;
  self->n++;
  return pd_backend_init (&self->list[i].backend, self->list[i].device, request->kernels,
                          request->precision, error) &&
         check_types (self, i, error);
}

static gboolean
open_all (PdDevices *self, const PdRequest *request, GError **error)
{
  g_auto (GStrv) selectors = pd_device_select (request->device, PD_DEVICES_MAX, error);

  for (guint i = 0; selectors != NULL && selectors[i] != NULL; i++)
    if (!add_device (self, request, selectors[i], error))
      return FALSE;
  for (guint i = 0; i < self->n; i++)
    {
      PdDevice *device = self->list[i].device;

      pd_account_set_limit (device, pd_account_limit (device) / count_same (self, i));
    }
  return selectors != NULL;
}

static gboolean
load_model (
    PdDevices *self, const PdRequest *request, const char *path, PdDevicesUse use, GError **error)
{
  const PdModelParts parts = { .vae = request->vae, .text_encoder = request->text_encoder };
  const PdBackend *first = &self->list[0].backend;

  self->model = use == PD_DEVICES_TILES ? pd_model_load_for_tiles (first, path, &parts, error)
                                        : pd_model_load (first, path, &parts, error);
  for (guint i = 1; self->model != NULL && i < self->n; i++)
    if (!pd_model_add_copy (self->model, &self->list[i].backend, error))
      return FALSE;
  return self->model != NULL;
}

gboolean
pd_devices_open (PdDevices *self,
                 const PdRequest *request,
                 const char *path,
                 PdDevicesUse use,
                 GCancellable *cancellable,
                 GError **error)
{
  const PdDeviceWatch watch = { .cancellable = cancellable };
  gboolean loaded;

  if (!open_all (self, request, error))
    return FALSE;
  pd_devices_set_watch (self, &watch);
  loaded = load_model (self, request, path, use, error);
  pd_devices_set_watch (self, NULL);
  return loaded;
}

void
pd_devices_clear (PdDevices *self)
{
  g_clear_pointer (&self->model, pd_model_free);
  /* The first is the last to write the cache of kernels, of which it knows the most. */
  while (self->n > 0)
    pd_device_free (self->list[--self->n].device);
}

void
pd_devices_set_watch (PdDevices *self, const PdDeviceWatch *watch)
{
  const PdDeviceWatch others = { .cancellable = watch != NULL ? watch->cancellable : NULL };

  for (guint i = 0; i < self->n; i++)
    pd_queue_set_watch (self->list[i].device, i == 0 ? watch : &others);
}
