// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtk/gtk.h>

/* The lines of the dialog that say what a run is at and, below that, what it has noted. */
typedef struct
{
  GtkLabel *label;
  char *doing;
  GPtrArray *notes; /* of char *, each once */
} PdStatus;

/* @label: borrowed; it must live as long as anything is shown. */
void pd_status_init (PdStatus *self, GtkLabel *label);
void pd_status_finish (PdStatus *self);

/* Forgets what was noted; the label changes with the next pd_status_show(). */
void pd_status_begin (PdStatus *self);

void pd_status_show (PdStatus *self, const char *doing);
void pd_status_note (PdStatus *self, const char *note);
