// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/condition.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

const char PD_CONDITION_CONTEXT[] = "context";

PdCondition *
pd_condition_new (void)
{
  return g_new0 (PdCondition, 1);
}

void
pd_condition_free (PdCondition *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n; i++)
    g_free (self->tensors[i].values);
  g_free (self);
}

gboolean
pd_condition_add (PdCondition *self,
                  const char *name,
                  guint tokens,
                  guint width,
                  const float *values,
                  GError **error)
{
  const gsize n = (gsize) tokens * width;
  float *copy = pd_try_new0 (float, n, _ ("the prompt"), error);

  g_assert (self->n < PD_CONDITION_MAX_TENSORS);
  if (copy == NULL)
    return FALSE;
  if (values != NULL)
    memcpy (copy, values, n * sizeof *copy);
  self->tensors[self->n++] = (PdConditionTensor){ name, tokens, width, copy };
  return TRUE;
}

const PdConditionTensor *
pd_condition_find (const PdCondition *self, const char *name)
{
  for (guint i = 0; i < self->n; i++)
    if (g_str_equal (self->tensors[i].name, name))
      return &self->tensors[i];
  return NULL;
}
