// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* Adds the models and devices that an engine can use to combo boxes bound with pd_bind_word().
 * @answer: what the engine said when it was started, see ui/host.h
 * Errors: PD_ERROR_BAD_MODEL if it has no model that it can use; says why */
gboolean pd_engine_lists_fill (GVariant *answer,
                               GtkComboBoxText *model,
                               GtkComboBoxText *device,
                               GError **error);
