// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/tiles/coder-private.h"
#include "engine/tiles/far.h"

gboolean
pd_coder_far_get_ready (PdCoder *self, GCancellable *cancellable, GError **error)
{
  const PdCoderOptions *options = &self->options;
  const PdFarCoder far = { .decode = self->decode,
                           .height = options->height,
                           .width = options->width,
                           .tile = options->tile,
                           .batch = options->batch,
                           .wrap = options->wrap };
  g_autoptr (GVariant) reply = NULL;
  gsize bytes = 0;
  const float *sample = self->sampled ? pd_coder_source (self, 1, &bytes) : NULL;

  return pd_link_call (
      self->link, PD_FAR_CODER,
      g_variant_new ("(@at@at)", pd_link_pack (&far, sizeof far), pd_link_pack (sample, bytes)),
      "()", &reply, cancellable, error);
}

gboolean
pd_coder_far_run_batch (PdCoder *self, guint count, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  const void *result, *log_variance;
  gsize bytes, result_bytes;
  const float *source = pd_coder_source (self, count, &bytes);

  if (!pd_link_call (self->link, PD_FAR_CODE,
                     g_variant_new ("(u@at)", count, pd_link_pack (source, bytes)),
                     PD_FAR_CODED_TYPE, &reply, cancellable, error))
    return FALSE;
  pd_coder_result (self, count, &result_bytes);
  if ((result = pd_link_unpack (reply, 0, result_bytes, error)) == NULL ||
      (log_variance = pd_link_unpack (reply, 1, self->decode ? 0 : result_bytes, error)) == NULL)
    return FALSE;
  memcpy (pd_coder_result (self, count, &result_bytes), result, result_bytes);
  if (!self->decode)
    memcpy (self->log_variance, log_variance, result_bytes);
  return TRUE;
}

void
pd_coder_far_end (PdCoder *self)
{
  g_autoptr (GVariant) reply = NULL;

  pd_link_call (self->link, PD_FAR_CODER_END, g_variant_new ("()"), "()", &reply, NULL, NULL);
}
