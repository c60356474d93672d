// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* Adds the models that an engine can use to a combo box bound with pd_bind_word().
 * @answer: what the engine said when it was started, see ui/host.h
 * Errors: PD_ERROR_BAD_MODEL if it has no model that it can use; says why */
gboolean pd_model_list_fill (GVariant *answer, GtkComboBoxText *combo, GError **error);
