// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/tensor-info.h"

#include <glib/gi18n-lib.h>

gsize
pd_tensor_info_count (const PdTensorInfo *self)
{
  gsize size = pd_dtype_size (self->dtype);
  return size > 0 ? self->size / size : 0;
}

char *
pd_tensor_info_format_shape (guint n_dims, const gint64 *dims)
{
  if (n_dims == 0)
    return g_strdup (_ ("scalar"));
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < n_dims; i++)
    {
      if (i > 0)
        g_string_append_c (text, 'x');
      if (dims[i] < 0)
        g_string_append_c (text, '?');
      else
        g_string_append_printf (text, "%" G_GINT64_FORMAT, dims[i]);
    }
  return g_string_free (text, FALSE);
}
