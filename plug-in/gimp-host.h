// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/engine-client.h"
#include "ui/host.h"

/* The dialog's host: one drawable of an image of GIMP, and the engine. */
#define PD_TYPE_GIMP_HOST (pd_gimp_host_get_type ())
G_DECLARE_FINAL_TYPE (PdGimpHost, pd_gimp_host, PD, GIMP_HOST, GObject)

/* @client: (transfer none) */
PdGimpHost *pd_gimp_host_new (PdEngineClient *client, gint32 image, gint32 drawable);

/* The layer that was made last, -1 if none was. */
gint32 pd_gimp_host_get_layer (PdGimpHost *self);
