// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/member.h"

void
pd_member_free (PdMember *self)
{
  if (self != NULL)
    self->class->free (self);
}

float *
pd_member_input (PdMember *self, guint image)
{
  return self->class->input (self, image);
}

float *
pd_member_content (PdMember *self, guint image)
{
  return self->class->content (self, image);
}

float *
pd_member_output (PdMember *self, guint image, guint branch)
{
  return self->class->output (self, image, branch);
}

gboolean
pd_member_prepare (PdMember *self,
                   const PdStep *step,
                   const guint8 *blob,
                   GCancellable *cancellable,
                   GError **error)
{
  return self->class->prepare (self, step, blob, cancellable, error);
}

gboolean
pd_member_run (PdMember *self,
               const PdStep *step,
               const PdBatch *batch,
               GCancellable *cancellable,
               GError **error)
{
  return self->class->run (self, step, batch, cancellable, error);
}

gboolean
pd_member_forget (PdMember *self, GCancellable *cancellable, GError **error)
{
  return self->class->forget (self, cancellable, error);
}

gboolean
pd_member_run_anchor (PdMember *self,
                      const PdStep *step,
                      const PdBatch *batch,
                      guint part,
                      GCancellable *cancellable,
                      GError **error)
{
  return self->class->run_anchor (self, step, batch, part, cancellable, error);
}

gboolean
pd_member_save (PdMember *self, guint8 *blob, GCancellable *cancellable, GError **error)
{
  return self->class->save (self, blob, cancellable, error);
}
