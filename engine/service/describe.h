// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/run.h"

/* What the service says, as JSON objects (GVariants of type a{sv}, floating). */

enum
{
  PD_RPC_PROTOCOL = 1, /* version of the methods and notifications */
};

/* The answer to initialize: version, protocol, devices, models, data. Where no device can be used,
 * "reason" says why. Opens Vulkan, and for a second at most the files of models: those that come
 * after it are listed without what is in them. */
GVariant *pd_rpc_describe_engine (const char *data_folder);

GVariant *pd_rpc_describe_progress (const PdProgress *progress);

GVariant *pd_rpc_describe_estimate (const PdEstimate *estimate);

GVariant *pd_rpc_describe_report (const PdReport *report, double seconds);
