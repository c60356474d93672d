// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>
#include <sys/resource.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

/* A size that no machine has, and products that do not fit a number, are errors that name both. */
static void
test_refused (void)
{
  static const struct
  {
    gsize n, size;
    const char *shown;
  } cases[] = {
    { G_MAXSIZE / 16, 8, "EiB" },
    { G_MAXSIZE, 3, "16.0" },
    { (gsize) 1 << 40, (gsize) 1 << 40, "16.0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL, zeros = NULL;

      g_assert_null (pd_host_memory_new (cases[i].n, cases[i].size, "the moss", &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_HOST_MEMORY);
      g_assert_nonnull (strstr (error->message, "the moss"));
      g_assert_nonnull (strstr (error->message, cases[i].shown));
      g_assert_null (pd_host_memory_new0 (cases[i].n, cases[i].size, "the moss", &zeros));
      g_assert_error (zeros, PD_ERROR, PD_ERROR_OUT_OF_HOST_MEMORY);
    }
}

static void
test_given (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree double *values = pd_try_new0 (double, 1000, "the moss", &error);
  g_autofree double *none = pd_try_new (double, 0, "the moss", &error);

  g_assert_no_error (error);
  g_assert_null (none);
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpfloat (values[i], ==, 0);
}

/* An array that grows keeps what it holds, also when there is no memory for more. */
static void
test_grow (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint *values = NULL;
  gsize n = 0, room = 0;
  guint *before;

  for (; n < 1000; n++)
    {
      g_assert_true (pd_try_grow (values, n, &room, "the moss", &error));
      g_assert_cmpuint (room, >, n);
      values[n] = (guint) (3 * n);
    }
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (values[i], ==, 3 * i);
  before = values;
  room = G_MAXSIZE / 16;
  g_assert_false (pd_try_grow (values, room, &room, "the moss", &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_HOST_MEMORY);
  g_assert_true (values == before);
  g_assert_cmpuint (room, ==, G_MAXSIZE / 16);
}

/* A limit of the address space is seen: what is available then is less than it. */
static void
test_available (void)
{
  const guint64 before = pd_host_memory_available (), resident = pd_host_memory_resident ();
  struct rlimit limit, old;
  guint64 less;

  g_assert_cmpuint (resident, >, 1 << 16);
  g_assert_cmpuint (before, >, 1 << 20);
  g_assert_cmpint (getrlimit (RLIMIT_AS, &old), ==, 0);
  limit = old;
  limit.rlim_cur = MIN ((rlim_t) 1 << 40, old.rlim_max);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
  less = pd_host_memory_available ();
  g_assert_cmpuint (less, <, (guint64) 1 << 40);
  limit.rlim_cur = MIN ((rlim_t) 1 << 20, old.rlim_max);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
  less = pd_host_memory_available ();
  g_assert_cmpint (setrlimit (RLIMIT_AS, &old), ==, 0);
  g_assert_cmpuint (less, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host-memory/refused", test_refused);
  g_test_add_func ("/host-memory/given", test_given);
  g_test_add_func ("/host-memory/grow", test_grow);
  g_test_add_func ("/host-memory/available", test_available);
  return g_test_run ();
}
