// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The machine's memory. What a file or an option decides the size of is allocated here, so that
 * there being too little ends a run with an error and not the process. */

/* Room for @n times @size bytes, to be freed with g_free; NULL when @n is 0. @what: for people,
 * what it is for. Errors: PD_ERROR_OUT_OF_HOST_MEMORY, also when the product is beyond all memory;
 * not when @n is 0. */
gpointer pd_host_memory_new (gsize n, gsize size, const char *what, GError **error);

/* The same, filled with zeros. */
gpointer pd_host_memory_new0 (gsize n, gsize size, const char *what, GError **error);

#define pd_try_new(type, n, what, error)                                                           \
  ((type *) pd_host_memory_new ((n), sizeof (type), (what), (error)))
#define pd_try_new0(type, n, what, error)                                                          \
  ((type *) pd_host_memory_new0 ((n), sizeof (type), (what), (error)))

/* Makes room for one more element in the array of @n elements of @size bytes that the pointer at
 * @array points to; *@room: for how many there is room. An empty one is NULL and 0; to be freed
 * with g_free. Errors: PD_ERROR_OUT_OF_HOST_MEMORY, the array is unchanged then. */
gboolean pd_host_memory_grow (
    gpointer array, gsize n, gsize *room, gsize size, const char *what, GError **error);

#define pd_try_grow(array, n, room, what, error)                                                   \
  pd_host_memory_grow (&(array), (n), (room), sizeof *(array), (what), (error))

/* Bytes that this process can still take: the least of what the machine has available, of what its
 * control groups leave, and of the limits of address space and data (ulimit -v, -d). G_MAXUINT64
 * where nothing is known. */
guint64 pd_host_memory_available (void);

/* Bytes that this process holds now. */
guint64 pd_host_memory_resident (void);
