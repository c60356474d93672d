// SPDX-License-Identifier: GPL-3.0-or-later
/* Tensors that a file has no values for. */
#include "engine/files/model-files.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* A good model may have these as training began with them: biases and gains, and the layers of a
 * UNet that end its residual branches. */
static gboolean
may_be_zero (gboolean unet, const char *name, const PdTensorInfo *info)
{
  static const char *const suffixes[] = { "conv_out.weight", ".conv2.weight", ".proj_out.weight" };
  if (info->n_dims < 2 || !pd_dtype_is_float (info->dtype))
    return TRUE;
  for (guint i = 0; unet && i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (name, suffixes[i]))
      return TRUE;
  return FALSE;
}

/* Reads up to the first block of values that has one; what cannot be read is told when it is
 * loaded. */
static gboolean
is_zero (const PdTensorInfo *info)
{
  static const gsize first_block = 64;
  guint8 bytes[8192];
  const gsize max_block = sizeof bytes / pd_dtype_size (info->dtype);
  gsize count = pd_tensor_info_count (info), block = first_block;
  for (gsize at = 0; at < count; at += block, block = max_block)
    {
      gsize n = MIN (block, count - at), size = n * pd_dtype_size (info->dtype);
      if (!pd_tensor_info_read (info, at, n, bytes, NULL) || bytes[0] != 0 ||
          memcmp (bytes, bytes + 1, size - 1) != 0)
        return FALSE;
    }
  return count > 0;
}

/* Returns how many of @part's tensors are; *first becomes the first unless it is set. */
static guint
count_zeros (PdCheckpoint *part, gboolean unet, const char **first)
{
  g_autoptr (GPtrArray) names = pd_checkpoint_list (part);
  guint n = 0;
  for (guint i = 0; i < names->len; i++)
    {
      const PdTensorInfo *info = pd_checkpoint_find (part, names->pdata[i]);
      if (may_be_zero (unet, names->pdata[i], info) || !is_zero (info))
        continue;
      if (*first == NULL)
        *first = info->name;
      n++;
    }
  return n;
}

void
pd_model_files_note_zeros (PdModelFiles *self)
{
  const PdPartFiles *parts = self->parts;
  for (guint i = 0; i < PD_N_PARTS; i++)
    {
      const char *first = NULL;
      guint n = 0;
      if (parts[i].checkpoint == NULL)
        continue;
      const char *path = pd_checkpoint_get_path (parts[i].checkpoint);
      /* parts of one file together, at the first of them */
      gboolean told = FALSE;
      for (guint k = 0; k < PD_N_PARTS; k++)
        if (parts[k].checkpoint != NULL &&
            g_str_equal (pd_checkpoint_get_path (parts[k].checkpoint), path))
          {
            told |= k < i;
            if (!told)
              n += count_zeros (parts[k].checkpoint, k == PD_PART_UNET, &first);
          }
      if (n > 0)
        g_ptr_array_add (
            self->notes,
            g_strdup_printf (
                g_dngettext (
                    GETTEXT_PACKAGE,
                    "%s: %u tensor is all zero: the file may be incomplete (it is \"%.200s\")",
                    "%s: %u tensors are all zero: the file may be incomplete (the first "
                    "is \"%.200s\")",
                    n),
                path, n, first));
    }
}
