// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/gpu/private.h"

static const gsize mib = 1 << 20;

static PdDevice *
open_device (guint64 limit)
{
  PdDeviceOptions options = { .memory_limit = limit };
  g_autoptr (GError) error = NULL;
  PdDevice *device = pd_device_new (&options, &error);

  g_assert_no_error (error);
  return device;
}

static void
close_device (PdDevice *device)
{
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
}

static guint8 *
pattern (gsize size, guint32 seed)
{
  guint8 *data = g_malloc (size);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) g_rand_int (rand);
  return data;
}

/* Writes the middle, reads it and what is around it. */
static void
check_round_trip (PdBuffer *buffer, gsize offset, gsize size)
{
  gsize total = pd_buffer_size (buffer);
  g_autofree guint8 *before = pattern (total, 1);
  g_autofree guint8 *written = pattern (size, 2);
  g_autofree guint8 *part = g_malloc0 (size);
  g_autofree guint8 *after = g_malloc0 (total);
  g_autoptr (GError) error = NULL;

  pd_buffer_write (buffer, 0, before, total, &error);
  g_assert_no_error (error);
  pd_buffer_write (buffer, offset, written, size, &error);
  g_assert_no_error (error);
  pd_buffer_read (buffer, offset, part, size, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (part, size, written, size);
  pd_buffer_read (buffer, 0, after, total, &error);
  g_assert_no_error (error);
  if (size > 0)
    memcpy (before + offset, written, size);
  g_assert_true (memcmp (before, after, total) == 0);
}

static void
check_sizes (PdDevice *device, PdBufferUse use, gboolean mapped)
{
  static const gsize odd[] = { 1, 2, 3, 4, 5, 7, 64, 4095, 65537 };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_autoptr (PdBuffer) buffer = pd_buffer_new (device, odd[i], use, &error);

      g_assert_no_error (error);
      g_assert_true ((pd_buffer_mapped (buffer) != NULL) == mapped);
      g_assert_cmpuint (pd_buffer_size (buffer), ==, odd[i]);
      g_assert_true ((pd_buffer_address (buffer) != 0) ==
                     pd_device_info (device)->buffer_device_address);
      check_round_trip (buffer, 0, odd[i]);
      check_round_trip (buffer, odd[i] / 3, odd[i] / 2);
      check_round_trip (buffer, odd[i], 0);
    }
}

static void
test_direct (void)
{
  PdDevice *device = open_device (0);

  check_sizes (device, PD_BUFFER_UPLOAD, TRUE);
  check_sizes (device, PD_BUFFER_READBACK, TRUE);
  check_sizes (device, PD_BUFFER_DEVICE, pd_device_info (device)->unified_memory);
  close_device (device);
}

/* What a card with memory of its own does. */
static void
test_staged (void)
{
  static const gsize large[] = { 8 * mib - 1, 8 * mib, 8 * mib + 1, 16 * mib, 27 * mib + 3 };
  PdDevice *device = open_device (0);
  g_autoptr (GError) error = NULL;

  device->info->unified_memory = FALSE;
  check_sizes (device, PD_BUFFER_DEVICE, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (large); i++)
    {
      PdBuffer *buffer = pd_buffer_new (device, large[i] + 5, PD_BUFFER_DEVICE, &error);

      g_assert_no_error (error);
      g_assert_null (pd_buffer_mapped (buffer));
      check_round_trip (buffer, 3, large[i]);
      pd_buffer_free (buffer);
    }
  close_device (device);
}

static void
test_outside (void)
{
  static const gsize regions[][2] = {
    { 0, 101 }, { 100, 1 }, { 101, 0 }, { G_MAXSIZE, 2 }, { 2, G_MAXSIZE }
  };
  PdDevice *device = open_device (0);
  PdBuffer *buffer = pd_buffer_new (device, 100, PD_BUFFER_DEVICE, NULL);
  guint8 data[128] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    {
      g_autoptr (GError) write = NULL;
      g_autoptr (GError) read = NULL;

      g_assert_false (pd_buffer_write (buffer, regions[i][0], data, regions[i][1], &write));
      g_assert_error (write, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_false (pd_buffer_read (buffer, regions[i][0], data, regions[i][1], &read));
      g_assert_error (read, PD_ERROR, PD_ERROR_BAD_REQUEST);
    }
  pd_buffer_free (buffer);
  close_device (device);
}

static void
assert_refused (PdDevice *device, gsize size, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_buffer_new (device, size, PD_BUFFER_DEVICE, &error));
  g_assert_error (error, PD_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_budget (void)
{
  PdDevice *device = open_device (10 * mib);
  PdBuffer *first = pd_buffer_new (device, 6 * mib, PD_BUFFER_DEVICE, NULL);
  PdBuffer *second;

  g_assert_nonnull (first);
  g_assert_cmpuint (pd_account_used (device), >=, 6 * mib);
  g_assert_cmpuint (pd_account_used (device), <, 7 * mib);
  assert_refused (device, 5 * mib, PD_ERROR_OUT_OF_MEMORY, "5.0 MiB");
  assert_refused (device, 5 * mib, PD_ERROR_OUT_OF_MEMORY, "6.0 MiB in use");
  assert_refused (device, 5 * mib, PD_ERROR_OUT_OF_MEMORY, "10.0 MiB");
  g_assert_cmpuint (pd_account_used (device), <, 7 * mib);
  second = pd_buffer_new (device, 3 * mib, PD_BUFFER_DEVICE, NULL);
  g_assert_nonnull (second);
  g_assert_cmpuint (pd_account_peak (device), ==, pd_account_used (device));
  pd_buffer_free (first);
  g_assert_cmpuint (pd_account_used (device), <, 4 * mib);
  g_assert_cmpuint (pd_account_peak (device), >=, 9 * mib);
  pd_account_reset_peak (device);
  g_assert_cmpuint (pd_account_peak (device), ==, pd_account_used (device));
  pd_buffer_free (second);
  g_assert_cmpuint (pd_account_used (device), ==, 0);
  pd_buffer_free (NULL);
  close_device (device);
}

static void
test_size_limits (void)
{
  PdDevice *device = open_device (G_MAXUINT64);

  assert_refused (device, 0, PD_ERROR_BAD_REQUEST, "0 bytes");
  assert_refused (device, G_MAXSIZE, PD_ERROR_OUT_OF_MEMORY, "in one piece");
  assert_refused (device, pd_device_info (device)->max_memory_allocation_size + 1,
                  PD_ERROR_OUT_OF_MEMORY, "in one piece");
  g_assert_cmpuint (pd_account_used (device), ==, 0);
  close_device (device);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  g_test_add_func ("/buffer/direct", test_direct);
  g_test_add_func ("/buffer/staged", test_staged);
  g_test_add_func ("/buffer/outside", test_outside);
  g_test_add_func ("/buffer/budget", test_budget);
  g_test_add_func ("/buffer/size-limits", test_size_limits);
  return g_test_run ();
}
