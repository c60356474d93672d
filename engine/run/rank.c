// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/rank.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/cluster/cluster.h"
#include "engine/files/catalog.h"
#include "engine/run/plan.h"
#include "engine/tiles/far.h"
#include "engine/tiles/tile-server.h"

enum
{
  /* The request -> OPENED_TYPE. Called on the first device's link. */
  OPEN = PD_FAR_N,
};

/* Host, the model's path and digest, how numbers are stored; name, place, whether it is a
 * processor and rate of each device. */
#define OPENED_TYPE "(sssua(ssbd))"

char *
pd_rank_place (PdDevice *device)
{
  return g_strdup_printf ("%s %s", g_get_host_name (), pd_device_info (device)->uuid);
}

/* The side of the process that has the request. */

/* One of the others, which is being opened. */
typedef struct
{
  PdRequest *request;
  guint rank;
  GCancellable *cancellable;
  GThread *thread;
  PdLink *link; /* to its first device */
  GVariant *opened;
  GError *error;
} Peer;

/* A peer's thread. */
static gpointer
open_peer (gpointer data)
{
  Peer *self = data;
  g_autofree char *json = pd_request_to_json (self->request, 0);

  pd_link_call (self->link, OPEN, g_variant_new ("(s)", json), OPENED_TYPE, &self->opened,
                self->cancellable, &self->error);
  return NULL;
}

static void
far_device_clear (PdFarDevice *self)
{
  pd_link_free (self->link);
  g_free (self->name);
  g_free (self->place);
}

/* What it has opened is what is here. */
static gboolean
check_peer (const Peer *self, const PdDevices *own, GError **error)
{
  g_autofree char *digest = pd_model_digest (own->model, error);
  const char *host, *path, *its_digest;
  guint activations;

  if (digest == NULL)
    return FALSE;
  g_variant_get (self->opened, "(&s&s&su@*)", &host, &path, &its_digest, &activations, NULL);
  if (!g_str_equal (digest, its_digest))
    {
      pd_error_set_bad_model (
          error,
          _ ("%s is another model than %s of process %u on %s: their weights differ (%.12s and "
             "%.12s); put the same one on both machines"),
          own->model->files->path, path, self->rank, host, digest, its_digest);
      return FALSE;
    }
  if (activations == own->list[0].backend.activations)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
               _ ("%s and process %u on %s would store numbers in different precisions; use "
                  "--precision f32 or --kernels general"),
               pd_device_info (own->list[0].device)->name, self->rank, host);
  return FALSE;
}

/* Adds the devices of @peer to @devices. */
static void
add_devices (Peer *peer, GArray *devices)
{
  g_autoptr (GVariant) list = g_variant_get_child_value (peer->opened, 4);
  const gsize n = MIN (g_variant_n_children (list), PD_CLUSTER_DEVICES_MAX);

  for (gsize i = 0; i < n; i++)
    {
      PdFarDevice device = { .rank = peer->rank };

      g_variant_get_child (list, i, "(ssbd)", &device.name, &device.place, &device.is_cpu,
                           &device.rate);
      device.link =
          i == 0 ? g_steal_pointer (&peer->link) : pd_cluster_link (peer->rank, (guint) i);
      g_array_append_val (devices, device);
    }
}

/* Waits for it, and takes what it has. */
static gboolean
join_peer (Peer *self, const PdDevices *own, GArray *devices, GError **error)
{
  g_thread_join (self->thread);
  if (self->opened == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  if (!check_peer (self, own, error))
    return FALSE;
  add_devices (self, devices);
  return TRUE;
}

GArray *
pd_rank_open (PdRequest *request, const PdDevices *own, GCancellable *cancellable, GError **error)
{
  const guint n = pd_cluster_size ();
  g_autoptr (GArray) devices = g_array_new (FALSE, FALSE, sizeof (PdFarDevice));
  g_autofree Peer *peers = g_new0 (Peer, n);
  gboolean ok = TRUE;

  g_array_set_clear_func (devices, (GDestroyNotify) far_device_clear);
  for (guint rank = 1; rank < n; rank++)
    {
      peers[rank] = (Peer){ .request = request, .rank = rank, .cancellable = cancellable };
      peers[rank].link = pd_cluster_link (rank, 0);
      peers[rank].thread = g_thread_new ("pd-open", open_peer, &peers[rank]);
    }
  for (guint rank = 1; rank < n; rank++)
    {
      ok = join_peer (&peers[rank], own, devices, ok ? error : NULL) && ok;
      g_clear_pointer (&peers[rank].opened, g_variant_unref);
      pd_link_free (peers[rank].link);
    }
  return ok ? g_steal_pointer (&devices) : NULL;
}

gboolean
pd_rank_is_current (const GArray *devices)
{
  for (guint i = 0; i < devices->len; i++)
    if (g_array_index (devices, PdFarDevice, i).link->lost)
      return FALSE;
  return TRUE;
}

char *
pd_rank_missing (void)
{
  const guint rank = pd_cluster_find_missing ();

  if (rank == 0)
    return NULL;
  if (rank == pd_cluster_size ())
    return g_strdup (_ ("a process of the cluster has ended or does not answer: stopping"));
  return g_strdup_printf (
      _ ("process %u of the cluster, on %s, has ended or does not answer: stopping"), rank,
      pd_cluster_host (rank));
}

/* The others' side. */

typedef struct
{
  const char *data_folder;
  GRWLock lock; /* to write what follows; it is read in every call of a device */
  PdDevices devices;
  PdTileServer *servers[PD_DEVICES_MAX];
} Rank;

static void
close_all (Rank *self)
{
  for (guint i = 0; i < PD_DEVICES_MAX; i++)
    g_clear_pointer (&self->servers[i], pd_tile_server_free);
  pd_devices_clear (&self->devices);
}

static gboolean
open_devices (Rank *self, const char *json, GCancellable *cancellable, GError **error)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdCatalog) catalog = pd_catalog_new (self->data_folder);
  g_autofree char *path = NULL;

  if (!pd_request_set_json (request, json, 0, error) ||
      (path = pd_catalog_find (catalog, request->model, error)) == NULL)
    return FALSE;
  return pd_devices_open (&self->devices, request, path, PD_DEVICES_TILES, cancellable, error);
}

static GVariant *
describe (const Rank *self, GError **error)
{
  const PdDevices *devices = &self->devices;
  g_autofree char *digest = pd_model_digest (devices->model, error);
  GVariantBuilder list;

  if (digest == NULL)
    return NULL;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(ssbd)"));
  for (guint i = 0; i < devices->n; i++)
    {
      const PdDeviceInfo *info = pd_device_info (devices->list[i].device);
      g_autofree char *place = pd_rank_place (devices->list[i].device);

      g_variant_builder_add (&list, "(ssbd)", info->name, place, info->is_cpu,
                             pd_plan_rate (&devices->list[i].backend));
    }
  return g_variant_new ("(sss@*@*)", g_get_host_name (), devices->model->files->path, digest,
                        g_variant_new_uint32 (devices->list[0].backend.activations),
                        g_variant_builder_end (&list));
}

static GVariant *
open_for (Rank *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  const PdDevices *devices = &self->devices;
  const char *json;

  g_variant_get (params, "(&s)", &json);
  close_all (self);
  if (!open_devices (self, json, cancellable, error))
    {
      close_all (self);
      return NULL;
    }
  for (guint i = 0; i < devices->n; i++)
    {
      const PdModel *model = devices->model;
      const PdModelCopy *copy = i > 0 ? &g_array_index (model->copies, PdModelCopy, i - 1) : NULL;

      self->servers[i] = pd_tile_server_new (copy != NULL ? copy->denoiser : model->denoiser,
                                             copy != NULL ? copy->autoencoder : model->autoencoder,
                                             pd_cluster_shared);
    }
  return describe (self, error);
}

static GVariant *
call_device (Rank *self,
             guint device,
             guint method,
             GVariant *params,
             GCancellable *cancellable,
             GError **error)
{
  if (self->servers[device] != NULL)
    return pd_tile_server_call (self->servers[device], method, params, cancellable, error);
  pd_link_set_malformed (error);
  return NULL;
}

/* A function of PdClusterHandler. Another device may still be at work for an answer that nobody
 * waits for any more. */
static GVariant *
handle (guint device,
        guint method,
        GVariant *params,
        GCancellable *cancellable,
        gpointer user_data,
        GError **error)
{
  Rank *self = user_data;
  GVariant *reply;

  if (method == OPEN && device == 0 && g_variant_is_of_type (params, G_VARIANT_TYPE ("(s)")))
    {
      g_rw_lock_writer_lock (&self->lock);
      reply = open_for (self, params, cancellable, error);
      g_rw_lock_writer_unlock (&self->lock);
    }
  else
    {
      g_rw_lock_reader_lock (&self->lock);
      reply = call_device (self, device, method, params, cancellable, error);
      g_rw_lock_reader_unlock (&self->lock);
    }
  return reply;
}

void
pd_rank_serve (const char *data_folder)
{
  Rank self = { .data_folder = data_folder };

  g_rw_lock_init (&self.lock);
  pd_cluster_serve (handle, &self);
  close_all (&self);
  g_rw_lock_clear (&self.lock);
}
