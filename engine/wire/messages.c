// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/messages.h"

const PdField pd_progress_fields[] = {
  PD_FIELD (PdProgress, phase, PHASE),        PD_FIELD (PdProgress, level, UINT),
  PD_FIELD (PdProgress, n_levels, UINT),      PD_FIELD (PdProgress, step, UINT),
  PD_FIELD (PdProgress, n_steps, UINT),       PD_FIELD (PdProgress, tile, UINT),
  PD_FIELD (PdProgress, n_tiles, UINT),       PD_FIELD (PdProgress, fraction, DOUBLE),
  PD_FIELD (PdProgress, eta_seconds, DOUBLE), { NULL },
};

const PdField pd_estimate_fields[] = {
  PD_FIELD (PdEstimate, n_levels, UINT),
  PD_FIELD (PdEstimate, n_tiles, UINT),
  PD_FIELD (PdEstimate, forwards, UINT),
  PD_FIELD (PdEstimate, tile, UINT),
  PD_FIELD (PdEstimate, batch, UINT),
  PD_FIELD (PdEstimate, window, UINT),
  PD_FIELD (PdEstimate, peak_device_bytes, UINT64),
  PD_FIELD (PdEstimate, peak_host_bytes, UINT64),
  PD_FIELD (PdEstimate, seconds, DOUBLE),
  PD_FIELD (PdEstimate, n_kernels, UINT),
  PD_FIELD (PdEstimate, kernel_seconds, DOUBLE),
  PD_FIELD (PdEstimate, reason, STRING),
  { NULL },
};

const PdField pd_report_fields[] = {
  PD_FIELD (PdReport, seed, UINT64),
  PD_FIELD (PdReport, width, UINT),
  PD_FIELD (PdReport, height, UINT),
  PD_FIELD (PdReport, full_width, UINT),
  PD_FIELD (PdReport, full_height, UINT),
  PD_FIELD (PdReport, device, STRING),
  PD_FIELD (PdReport, kernels, STRING),
  PD_FIELD (PdReport, precision, STRING),
  PD_FIELD (PdReport, solver, STRING),
  PD_FIELD (PdReport, vae, STRING),
  PD_FIELD (PdReport, text_encoder, STRING),
  PD_FIELD (PdReport, load_seconds, DOUBLE),
  PD_FIELD (PdReport, text_seconds, DOUBLE),
  PD_FIELD (PdReport, encode_seconds, DOUBLE),
  PD_FIELD (PdReport, denoise_seconds, DOUBLE),
  PD_FIELD (PdReport, decode_seconds, DOUBLE),
  PD_FIELD (PdReport, first_step_seconds, DOUBLE),
  PD_FIELD (PdReport, total_seconds, DOUBLE),
  PD_FIELD (PdReport, forwards, UINT),
  PD_FIELD (PdReport, n_tiles, UINT),
  PD_FIELD (PdReport, tile, UINT),
  PD_FIELD (PdReport, batch, UINT),
  PD_FIELD (PdReport, n_kernels, UINT),
  PD_FIELD (PdReport, kernel_seconds, DOUBLE),
  PD_FIELD (PdReport, peak_device_bytes, UINT64),
  PD_FIELD (PdReport, peak_host_bytes, UINT64),
  PD_FIELD (PdReport, weight_bytes, UINT64),
  PD_FIELD (PdReport, bank_bytes, UINT64),
  PD_FIELD (PdReport, workers, UINT),
  PD_FIELD (PdReport, worker_tiles, STRING),
  PD_FIELD (PdReport, idle_share, DOUBLE),
  PD_FIELD (PdReport, step_exchange_bytes, UINT64),
  PD_FIELD (PdReport, arena_bytes, UINT64),
  PD_FIELD (PdReport, tensor_bytes, UINT64),
  { NULL },
};

const PdField pd_offered_model_fields[] = {
  PD_FIELD (PdOfferedModel, name, STRING),   PD_FIELD (PdOfferedModel, path, STRING),
  PD_FIELD (PdOfferedModel, native, UINT),   PD_FIELD (PdOfferedModel, scale, UINT),
  PD_FIELD (PdOfferedModel, reason, STRING), { NULL },
};

const PdField pd_offered_device_fields[] = {
  PD_FIELD (PdOfferedDevice, index, UINT),
  PD_FIELD (PdOfferedDevice, name, STRING),
  PD_FIELD (PdOfferedDevice, uuid, STRING),
  PD_FIELD (PdOfferedDevice, kind, STRING),
  PD_FIELD (PdOfferedDevice, memory_bytes, UINT64),
  PD_FIELD (PdOfferedDevice, reason, STRING),
  { NULL },
};

void
pd_estimate_clear (PdEstimate *self)
{
  g_clear_pointer (&self->reason, g_free);
}

GArray *
pd_offered_models (GVariant *engine)
{
  return pd_fields_read_list (pd_offered_model_fields, sizeof (PdOfferedModel), engine, "models");
}

GArray *
pd_offered_devices (GVariant *engine)
{
  return pd_fields_read_list (pd_offered_device_fields, sizeof (PdOfferedDevice), engine,
                              "devices");
}
