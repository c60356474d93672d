// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/gpu/private.h"
#include "axpy.spv.h"

enum
{
  N = 1000, /* floats */
  GROUP = 32,
};

/* y = a x + y + offset on N floats. */
typedef struct
{
  PdDevice *device;
  PdKernel *axpy[3]; /* by offset */
  PdBuffer *x;       /* holds i */
  PdBuffer *y;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  const PdShader shader = { "axpy", axpy, sizeof axpy };
  g_autoptr (GError) error = NULL;
  float values[N];

  f->device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  for (guint32 offset = 0; offset < G_N_ELEMENTS (f->axpy); offset++)
    {
      const guint32 constants[] = { GROUP, offset };

      f->axpy[offset] = pd_kernel_get_shader (f->device, &shader, constants, 2, 0, &error);
      g_assert_no_error (error);
    }
  f->x = pd_buffer_new (f->device, sizeof values, PD_BUFFER_DEVICE, &error);
  g_assert_no_error (error);
  f->y = pd_buffer_new (f->device, sizeof values, PD_BUFFER_DEVICE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N; i++)
    values[i] = (float) i;
  pd_buffer_write (f->x, 0, values, sizeof values, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  pd_buffer_free (f->x);
  pd_buffer_free (f->y);
  g_assert_cmpuint (pd_device_validation_messages (f->device), ==, 0);
  pd_device_free (f->device);
}

typedef struct
{
  float a;
  guint32 n;
} Push;

static void
add_axpy (
    Fixture *f, PdCommands *commands, PdBuffer *x, PdBuffer *y, float a, guint offset, double work)
{
  const PdBinding bindings[] = { { x, 0, 0 }, { y, 0, 0 } };
  const Push push = { a, N };

  pd_commands_dispatch (commands, &(PdLaunch){ .kernel = f->axpy[offset],
                                               .bindings = bindings,
                                               .n_bindings = 2,
                                               .push = &push,
                                               .push_size = sizeof push,
                                               .groups = { (N + GROUP - 1) / GROUP, 1, 1 },
                                               .work = work });
}

static void
end_and_run (PdCommands *commands)
{
  g_autoptr (GError) error = NULL;

  pd_commands_end (commands, &error);
  g_assert_no_error (error);
  pd_commands_run (commands, NULL, &error);
  g_assert_no_error (error);
}

/* Every element is slope * i + constant. */
static void
assert_line (PdBuffer *buffer, float slope, float constant)
{
  float values[N];
  g_autoptr (GError) error = NULL;

  pd_buffer_read (buffer, 0, values, sizeof values, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N; i++)
    g_assert_cmpfloat (values[i], ==, slope * (float) i + constant);
}

static void
clear (PdBuffer *buffer)
{
  const float zeros[N] = { 0 };

  g_assert_true (pd_buffer_write (buffer, 0, zeros, sizeof zeros, NULL));
}

/* y += 2 x + 1; z += y + 2; z += y + 2: each needs the one before. */
static void
test_chain (Fixture *f, gconstpointer data)
{
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, FALSE);
  g_autoptr (PdBuffer) z = pd_buffer_new (f->device, N * sizeof (float), PD_BUFFER_DEVICE, NULL);

  clear (f->y);
  clear (z);
  add_axpy (f, commands, f->x, f->y, 2, 1, 1e3);
  for (guint i = 0; i < 2; i++)
    {
      pd_commands_barrier (commands);
      add_axpy (f, commands, f->y, z, 1, 2, 1e3);
    }
  end_and_run (commands);
  assert_line (f->y, 2, 1);
  assert_line (z, 4, 6);
  g_assert_cmpuint (pd_commands_n_submissions (commands), ==, 1);
  g_assert_null (pd_commands_get_times (commands));
}

static void
test_replay (Fixture *f, gconstpointer data)
{
  g_autoptr (PdCommands) first = pd_commands_new (f->device, FALSE);
  g_autoptr (PdCommands) second = pd_commands_new (f->device, FALSE);
  g_autoptr (GError) error = NULL;

  add_axpy (f, first, f->x, f->y, 1, 0, 1e3);
  add_axpy (f, second, f->x, f->y, 2, 1, 1e3);
  pd_commands_end (first, &error);
  g_assert_no_error (error);
  pd_commands_end (second, &error);
  g_assert_no_error (error);
  for (guint round = 0; round < 2; round++)
    {
      clear (f->y);
      for (guint i = 0; i < 50; i++)
        {
          pd_commands_run (first, NULL, &error);
          g_assert_no_error (error);
          pd_commands_run (second, NULL, &error);
          g_assert_no_error (error);
        }
      assert_line (f->y, 150, 50);
    }
}

/* Offsets and ranges. */
static void
test_slices (Fixture *f, gconstpointer data)
{
  const gsize step = MAX (pd_device_info (f->device)->min_storage_buffer_offset_alignment, 4);
  const guint first = (guint) (step / sizeof (float));
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, FALSE);
  const PdBinding bindings[] = { { f->x, step, 8 * sizeof (float) }, { f->y, 2 * step, 0 } };
  const Push push = { 10, 8 };
  float values[N];

  clear (f->y);
  pd_commands_dispatch (commands, &(PdLaunch){ .kernel = f->axpy[0],
                                               .bindings = bindings,
                                               .n_bindings = 2,
                                               .push = &push,
                                               .push_size = sizeof push,
                                               .groups = { 1, 1, 1 },
                                               .work = 100 });
  end_and_run (commands);
  g_assert_true (pd_buffer_read (f->y, 0, values, sizeof values, NULL));
  for (guint i = 0; i < N; i++)
    g_assert_cmpfloat (values[i], ==,
                       i >= 2 * first && i < 2 * first + 8 ? 10 * (float) (i - first) : 0);
}

/* Work that would take minutes by the estimate: each dispatch is a submission of its own. Then the
 * device has learned and makes fewer. */
static void
test_split (Fixture *f, gconstpointer data)
{
  enum
  {
    STEPS = 40,
  };
  const double work = 1000 * pd_account_work_rate (f->device);
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, TRUE);
  g_autoptr (PdCommands) small = pd_commands_new (f->device, FALSE);

  clear (f->y);
  for (guint i = 0; i < STEPS; i++)
    {
      pd_commands_barrier (commands);
      add_axpy (f, commands, f->x, f->y, 1, 1, work);
    }
  end_and_run (commands);
  assert_line (f->y, STEPS, STEPS);
  g_assert_cmpuint (pd_commands_n_submissions (commands), >, STEPS / 2);

  clear (f->y);
  for (guint i = 0; i < STEPS; i++)
    {
      pd_commands_barrier (small);
      add_axpy (f, small, f->x, f->y, 1, 1, 1);
    }
  end_and_run (small);
  assert_line (f->y, STEPS, STEPS);
  g_assert_cmpuint (pd_commands_n_submissions (small), ==, 1);
}

static void
test_times (Fixture *f, gconstpointer data)
{
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, TRUE);
  g_autoptr (GArray) times = NULL;

  if (!pd_device_info (f->device)->timestamps)
    {
      g_test_skip ("the device has no timestamps");
      return;
    }
  clear (f->y);
  pd_commands_label (commands, "step");
  add_axpy (f, commands, f->x, f->y, 1, 0, 1e3);
  pd_commands_barrier (commands);
  pd_commands_label (commands, NULL);
  add_axpy (f, commands, f->x, f->y, 1, 0, 2e3);
  g_assert_null (pd_commands_get_times (commands));
  end_and_run (commands);
  times = pd_commands_get_times (commands);
  g_assert_nonnull (times);
  g_assert_cmpuint (times->len, ==, 2);
  for (guint i = 0; i < times->len; i++)
    {
      static const char *const labels[] = { "step", "axpy" };
      const PdCommandTime *time = &g_array_index (times, PdCommandTime, i);

      g_assert_cmpstr (time->label, ==, labels[i]);
      g_assert_cmpfloat (time->seconds, >=, 0);
      g_assert_cmpfloat (time->seconds, <, 100);
    }
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (30000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  enum
  {
    STEPS = 3000,
  };
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, FALSE);
  g_autoptr (PdCommands) after = pd_commands_new (f->device, FALSE);
  g_autoptr (GCancellable) early = g_cancellable_new ();
  g_autoptr (GCancellable) late = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) early_error = NULL;
  GThread *thread;

  clear (f->y);
  for (guint i = 0; i < STEPS; i++)
    {
      add_axpy (f, commands, f->x, f->y, 1, 0, 1e15);
      pd_commands_barrier (commands);
    }
  g_assert_true (pd_commands_end (commands, NULL));

  g_cancellable_cancel (early);
  g_assert_false (pd_commands_run (commands, early, &early_error));
  g_assert_error (early_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_line (f->y, 0, 0);

  thread = g_thread_new ("cancel", cancel_soon, late);
  while (pd_commands_run (commands, late, &error))
    ;
  g_thread_join (thread);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (pd_commands_n_submissions (commands), <, STEPS);

  clear (f->y);
  add_axpy (f, after, f->x, f->y, 3, 1, 1e3);
  end_and_run (after);
  assert_line (f->y, 3, 1);
}

typedef struct
{
  Fixture *f;
  PdBuffer *y;
} Worker;

static gpointer
work_alone (gpointer data)
{
  Worker *worker = data;
  g_autoptr (PdCommands) commands = pd_commands_new (worker->f->device, TRUE);

  clear (worker->y);
  for (guint i = 0; i < 30; i++)
    {
      pd_commands_barrier (commands);
      add_axpy (worker->f, commands, worker->f->x, worker->y, 1, 1, 1e12);
    }
  for (guint i = 1; i <= 5; i++)
    {
      end_and_run (commands);
      assert_line (worker->y, (float) (30 * i), (float) (30 * i));
    }
  return NULL;
}

static void
test_threads (Fixture *f, gconstpointer data)
{
  Worker workers[3];
  GThread *threads[3];

  for (guint i = 0; i < 3; i++)
    {
      workers[i].f = f;
      workers[i].y = pd_buffer_new (f->device, N * sizeof (float), PD_BUFFER_DEVICE, NULL);
      threads[i] = g_thread_new ("worker", work_alone, &workers[i]);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_thread_join (threads[i]);
      pd_buffer_free (workers[i].y);
    }
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  g_autoptr (PdCommands) nothing = pd_commands_new (f->device, TRUE);
  g_autoptr (PdCommands) barrier = pd_commands_new (f->device, TRUE);

  end_and_run (nothing);
  g_assert_cmpuint (pd_commands_n_submissions (nothing), ==, 0);
  pd_commands_barrier (barrier);
  end_and_run (barrier);
  pd_commands_free (NULL);
}

static void
assert_misuse (PdCommands *commands, const char *part)
{
  g_autoptr (GError) end = NULL;
  g_autoptr (GError) run = NULL;

  g_assert_false (pd_commands_end (commands, &end));
  g_assert_error (end, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", end->message);
  g_assert_nonnull (strstr (end->message, part));
  g_assert_false (pd_commands_run (commands, NULL, &run));
  g_assert_error (run, PD_ERROR, PD_ERROR_BAD_REQUEST);
  pd_commands_free (commands);
}

static void
bad_dispatch (
    Fixture *f, const PdBinding *second, guint n, gsize push_size, guint x, const char *part)
{
  PdCommands *commands = pd_commands_new (f->device, FALSE);
  const PdBinding bindings[] = { { f->x, 0, 0 }, *second };
  guint8 push[256] = { 0 };

  pd_commands_dispatch (commands, &(PdLaunch){ .kernel = f->axpy[0],
                                               .bindings = bindings,
                                               .n_bindings = n,
                                               .push = push,
                                               .push_size = push_size,
                                               .groups = { x, 1, 1 },
                                               .work = 1 });
  assert_misuse (commands, part);
}

static void
test_misuse (Fixture *f, gconstpointer data)
{
  const PdBinding good = { f->y, 0, 0 };
  const PdBinding misaligned = { f->y, 1, 4 };
  const PdBinding beyond = { f->y, 0, N * sizeof (float) + 1 };
  const PdBinding empty = { f->y, N * sizeof (float), 0 };
  const PdBinding missing = { NULL, 0, 0 };

  bad_dispatch (f, &good, 1, 8, 1, "2 bindings, 1");
  bad_dispatch (f, &good, 2, 132, 1, "132 bytes");
  bad_dispatch (f, &good, 2, 7, 1, "7 bytes");
  bad_dispatch (f, &good, 2, 8, 0, "0 x 1 x 1");
  bad_dispatch (f, &misaligned, 2, 8, 1, "binding 1 of kernel axpy: offset 1");
  bad_dispatch (f, &beyond, 2, 8, 1, "binding 1 of kernel axpy: 4001 bytes");
  bad_dispatch (f, &empty, 2, 8, 1, "outside");
  bad_dispatch (f, &missing, 2, 8, 1, "outside a buffer of 0");
  f->device->info->max_storage_buffer_range = 3999;
  bad_dispatch (f, &good, 2, 8, 1, "binding 0 of kernel axpy: a range of 4000");
}

static void
test_order (Fixture *f, gconstpointer data)
{
  g_autoptr (PdCommands) commands = pd_commands_new (f->device, FALSE);
  PdCommands *late = pd_commands_new (f->device, FALSE);
  g_autoptr (GError) error = NULL;

  pd_commands_barrier (commands);
  g_assert_false (pd_commands_run (commands, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  end_and_run (late);
  add_axpy (f, late, f->x, f->y, 1, 0, 1);
  assert_misuse (late, "after the end");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
#define ADD(name, function)                                                                        \
  g_test_add ("/commands/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("chain", test_chain);
  ADD ("replay", test_replay);
  ADD ("slices", test_slices);
  ADD ("split", test_split);
  ADD ("times", test_times);
  ADD ("cancel", test_cancel);
  ADD ("threads", test_threads);
  ADD ("empty", test_empty);
  ADD ("misuse", test_misuse);
  ADD ("order", test_order);
#undef ADD
  return g_test_run ();
}
