// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

#include <gtk/gtk.h>

/* Ties one parameter of a request and one widget together, both ways. Range, tooltip and the
 * choices come from the parameter's GParamSpec. The request must outlive the widget's last change.
 */

/* @step: of the arrow keys; a whole one for whole numbers
 * @minimum_text: what the smallest value means, shown in its place; NULL: the number */
void pd_bind_number (PdRequest *request,
                     const char *name,
                     GtkSpinButton *spin,
                     double step,
                     const char *minimum_text);

/* An enumeration; fills the combo box with its values. */
void pd_bind_choice (PdRequest *request, const char *name, GtkComboBoxText *combo);

/* A text that is one of the combo box's ids; pd_bind_add_word() fills it. */
void pd_bind_word (PdRequest *request, const char *name, GtkComboBoxText *combo);

/* Adds an id, or gives one that is there its title.
 * @title: shown; NULL: the id itself, or the title it has */
void pd_bind_add_word (GtkComboBoxText *combo, const char *id, const char *title);

/* A text of several lines. */
void pd_bind_text (PdRequest *request, const char *name, GtkTextView *view);

/* Any parameter as pd_request_set_text() reads it. What it refuses is marked, and stays until it is
 * corrected or the parameter is set elsewhere.
 * @empty: the value that an empty entry stands for, as text */
void pd_bind_entry (PdRequest *request, const char *name, GtkEntry *entry, const char *empty);

/* Returns: (transfer full) (nullable) why the text of an entry was refused, which begins with what
 * its label calls it, in place of the parameter's name */
GError *pd_bind_entry_error (GtkEntry *entry);
