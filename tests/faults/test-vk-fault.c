// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>
#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

/* The program with one call of Vulkan failing (vk-fault.c): it ends with status 1 and one line that
 * says why, or makes the picture; by no signal, and without leaving anything behind. With -m slow
 * each function fails at more of its calls. */

static const char *const results[] = { "-1", "-2", "-4" };

/* Functions, and the last of the calls that fail in a short run. Later ones are like those, but the
 * kernels that are compiled until then take long. */
static const struct
{
  const char *name;
  guint last;
} functions[] = {
  { "vkCreateInstance", 1 },
  { "vkEnumeratePhysicalDevices", 2 },
  { "vkCreateDevice", 1 },
  { "vkCreatePipelineCache", 1 },
  { "vkGetPipelineCacheData", 1 },
  { "vkCreateDescriptorSetLayout", 2 },
  { "vkCreatePipelineLayout", 3 },
  { "vkCreateBuffer", 2 },
  { "vkAllocateMemory", 3 },
  { "vkBindBufferMemory", 1 },
  { "vkMapMemory", 2 },
  { "vkCreateShaderModule", 1 },
  { "vkCreateComputePipelines", 2 },
  { "vkCreateDescriptorPool", 1 },
  { "vkAllocateDescriptorSets", 1 },
  { "vkCreateCommandPool", 1 },
  { "vkAllocateCommandBuffers", 1 },
  { "vkBeginCommandBuffer", 1 },
  { "vkEndCommandBuffer", 1 },
  { "vkCreateFence", 1 },
  { "vkQueueSubmit", 1 },
  { "vkWaitForFences", 1 },
  { "vkResetFences", 1 },
};

static char *folder; /* of the output */

/* Starts the program with call @number of @function ending as @result. */
static GSubprocess *
start (const char *function, guint number, const char *result, gboolean lasting, const char *counts)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autofree char *output = g_build_filename (folder, "picture.png", NULL);
  g_autofree char *text = g_strdup_printf ("%u", number);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "LD_PRELOAD", g_getenv ("PD_FAULT_LIBRARY"), TRUE);
  g_subprocess_launcher_setenv (launcher, "PD_FAULT_CALL", function, TRUE);
  g_subprocess_launcher_setenv (launcher, "PD_FAULT_NUMBER", text, TRUE);
  g_subprocess_launcher_setenv (launcher, "PD_FAULT_RESULT", result, TRUE);
  if (lasting)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_LASTING", "1", TRUE);
  if (counts != NULL)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_COUNTS", counts, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("PD_PROGRAM"), "generate",
                                         "--prompt", "moss", "--size", "32x32", "--steps", "1",
                                         "--guidance", "1", "--seed", "3", "--kernels", "general",
                                         "--output", output, NULL);
  g_assert_no_error (error);
  return process;
}

/* Removes what is in the folder. Returns: its names, apart from that of the picture. */
static char *
take_leftovers (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GString *names = g_string_new (NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (!g_str_equal (name, "picture.png"))
        g_string_append_printf (names, " %s", name);
      g_unlink (path);
    }
  return g_string_free (names, FALSE);
}

/* Lines of the program in @text that are no plan of the run. */
static guint
count_errors (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += g_str_has_prefix (lines[i], "parallel-diffusion: ") &&
         strstr (lines[i], "first run") == NULL && strstr (lines[i], "at once") == NULL &&
         strstr (lines[i], "stopping") == NULL;
  return n;
}

/* Waits for the end and looks at it. */
static void
check_end (GSubprocess *process, const char *what)
{
  g_autofree char *text = NULL, *leftovers = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &text, &error);
  g_assert_no_error (error);
  leftovers = take_leftovers ();
  g_test_message ("%s: %s", what, text);
  if (!g_subprocess_get_if_exited (process) || g_subprocess_get_exit_status (process) > 1 ||
      *leftovers != '\0' || count_errors (text) != (guint) g_subprocess_get_exit_status (process))
    g_error ("%s: %s %d, left behind:%s, said: %s", what,
             g_subprocess_get_if_exited (process) ? "status" : "signal",
             g_subprocess_get_if_exited (process) ? g_subprocess_get_exit_status (process)
                                                  : g_subprocess_get_term_sig (process),
             leftovers, text);
}

static void
fail_once (const char *function, guint number, const char *result)
{
  g_autofree char *what = g_strdup_printf ("call %u of %s: %s", number, function, result);
  g_autoptr (GSubprocess) process = start (function, number, result, FALSE, NULL);

  check_end (process, what);
}

/* Without a failure: the picture is made, and every function is called. */
static void
test_counts (void)
{
  g_autofree char *path = g_build_filename (folder, "counts", NULL), *text = NULL;
  g_autoptr (GSubprocess) process = start ("none", 0, "0", FALSE, path);
  g_autoptr (GError) error = NULL;

  g_subprocess_wait (process, NULL, &error);
  g_assert_no_error (error);
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      g_autofree char *none = g_strconcat (functions[i].name, " 0\n", NULL);

      g_assert_nonnull (strstr (text, functions[i].name));
      g_assert_null (strstr (text, none));
    }
  g_free (take_leftovers ());
}

static void
test_failures (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    for (guint number = 1;
         number <= (g_test_thorough () ? 4 * functions[i].last : functions[i].last);
         number += 1 + number / 8)
      for (guint k = 0; k < G_N_ELEMENTS (results); k++)
        fail_once (functions[i].name, number, results[k]);
}

/* A wait that fails while the device is at work, and the device cannot be waited for either. */
static void
test_idle (void)
{
  g_autoptr (GSubprocess) process = start ("vkDeviceWaitIdle", 1, "-1", TRUE, NULL);

  check_end (process, "vkDeviceWaitIdle");
}

/* The device never answers: a signal ends the run all the same. */
static void
test_hang (gconstpointer data)
{
  g_autoptr (GSubprocess) process = start ("vkWaitForFences", 2, "hang", TRUE, NULL);

  g_usleep (3 * G_USEC_PER_SEC); /* anywhere after its start */
  g_subprocess_send_signal (process, GPOINTER_TO_INT (data));
  check_end (process, "hang");
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 1);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("pd-fault-XXXXXX", &error);
  g_assert_no_error (error);
  g_test_add_func ("/vk-fault/counts", test_counts);
  g_test_add_func ("/vk-fault/failures", test_failures);
  g_test_add_func ("/vk-fault/idle", test_idle);
  g_test_add_data_func ("/vk-fault/hang", GINT_TO_POINTER (SIGTERM), test_hang);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
