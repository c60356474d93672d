// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The answer to initialize: version, protocol, devices, models, data. Where no device can be used,
 * "reason" says why. Opens Vulkan, and for a second at most the files of models: those that come
 * after it are listed without what is in them. Returns: (transfer floating) an a{sv}. */
GVariant *pd_describe_engine (const char *data_folder);
