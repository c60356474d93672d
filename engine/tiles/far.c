// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/far.h"

GVariant *
pd_far_pack_condition (const PdCondition *condition)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (PD_FAR_CONDITION_TYPE));
  for (guint i = 0; i < condition->n; i++)
    {
      const PdConditionTensor *tensor = &condition->tensors[i];
      const gsize n = (gsize) tensor->tokens * tensor->width;

      g_variant_builder_add (&builder, "(suu@at)", tensor->name, tensor->tokens, tensor->width,
                             pd_link_pack (tensor->values, n * sizeof (float)));
    }
  return g_variant_builder_end (&builder);
}

PdCondition *
pd_far_unpack_condition (GVariant *packed, GError **error)
{
  g_autoptr (PdCondition) self = pd_condition_new ();
  const gsize n = MIN (g_variant_n_children (packed), PD_CONDITION_MAX_TENSORS);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) tensor = g_variant_get_child_value (packed, i);
      const char *name;
      guint tokens, width;
      const void *values;

      g_variant_get (tensor, "(&suu@at)", &name, &tokens, &width, NULL);
      values = pd_link_unpack (tensor, 3, (gsize) tokens * width * sizeof (float), error);
      if (values == NULL ||
          !pd_condition_add (self, g_intern_string (name), tokens, width, values, error))
        return NULL;
    }
  return g_steal_pointer (&self);
}
