// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/patch.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

struct _PdPatch
{
  char *path;
  gsize out, rank, width; /* values of a row: in · height · width */
  float *up;              /* [out][rank], with the scale */
  float *down;            /* [rank][width] */
};

void
pd_patch_free (PdPatch *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->up);
  g_free (self->down);
  g_free (self);
}

static float *
read_values (const PdTensorInfo *info, GError **error)
{
  g_autofree float *values =
      pd_try_new (float, pd_tensor_info_count (info), _ ("the model's weights"), error);

  return values != NULL && pd_tensor_info_to_f32 (info, values, error) ? g_steal_pointer (&values)
                                                                       : NULL;
}

PdPatch *
pd_patch_new (const char *path,
              const PdTensorInfo *up,
              const PdTensorInfo *down,
              double scale,
              GError **error)
{
  gsize n_up = pd_tensor_info_count (up), n_down = pd_tensor_info_count (down);
  g_autoptr (PdPatch) self = NULL;

  if (up->n_dims < 2 || down->n_dims < 2 || n_up == 0 || n_down == 0 ||
      up->dims[1] != down->dims[0] || n_up != (gsize) (up->dims[0] * up->dims[1]) ||
      !pd_dtype_is_float (up->dtype) || !pd_dtype_is_float (down->dtype))
    {
      g_autofree char *up_shape = pd_tensor_info_format_shape (up->n_dims, up->dims);
      g_autofree char *down_shape = pd_tensor_info_format_shape (down->n_dims, down->dims);

      pd_error_set_bad_model (error, _ ("%.200s: %s of %.20s and %s of %.20s are not two factors"),
                              path, up_shape, up->dtype_name, down_shape, down->dtype_name);
      return NULL;
    }
  self = g_new0 (PdPatch, 1);
  self->path = g_strdup (path);
  self->out = (gsize) up->dims[0];
  self->rank = (gsize) up->dims[1];
  self->width = n_down / self->rank;
  if ((self->up = read_values (up, error)) == NULL ||
      (self->down = read_values (down, error)) == NULL)
    return NULL;
  for (gsize i = 0; i < n_up; i++)
    self->up[i] = (float) (self->up[i] * scale);
  return g_steal_pointer (&self);
}

const char *
pd_patch_path (const PdPatch *self)
{
  return self->path;
}

gboolean
pd_patch_check (const PdPatch *self, guint out, gsize width, GError **error)
{
  if (self->out == out && self->width == width)
    return TRUE;
  pd_error_set_bad_model (error,
                          _ ("%.200s: what is added has %zu × %zu values, expected %u × %zu"),
                          self->path, self->out, self->width, out, width);
  return FALSE;
}

void
pd_patch_add (const PdPatch *self, gsize first, gsize n, float *values)
{
  for (gsize i = 0; i < n; i++)
    for (gsize r = 0; r < self->rank; r++)
      {
        const float factor = self->up[(first + i) * self->rank + r];
        const float *down = self->down + r * self->width;

        for (gsize k = 0; k < self->width; k++)
          values[i * self->width + k] += factor * down[k];
      }
}
