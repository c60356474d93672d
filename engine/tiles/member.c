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
pd_member_prepare (PdMember *self, const PdStep *step, GCancellable *cancellable, GError **error)
{
  return self->class->prepare (self, step, cancellable, error);
}

gboolean
pd_member_load (PdMember *self, const PdBankShare *share, GCancellable *cancellable, GError **error)
{
  return self->class->load (self, share, cancellable, error);
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
pd_member_run_anchor (PdMember *self,
                      const PdStep *step,
                      const PdBatch *batch,
                      guint part,
                      guint8 *bytes,
                      GCancellable *cancellable,
                      GError **error)
{
  return self->class->run_anchor (self, step, batch, part, bytes, cancellable, error);
}
