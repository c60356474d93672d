// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/environment.h"

/* Rights and fields of linux/landlock.h that headers older than the kernel lack, with the version
 * of the interface that brought each. https://docs.kernel.org/userspace-api/landlock.html */
enum
{
  ABI_REFER = 2,
  ABI_TRUNCATE = 3,
  ABI_NETWORK = 4,
  ABI_IOCTL = 5,
  ABI_SCOPE = 6,
};
static const guint64 truncate_right = 1 << 14, ioctl_right = 1 << 15;
static const guint64 network_rights = 1 << 0 | 1 << 1; /* TCP: bind, connect */
static const guint64 scopes = 1 << 0 | 1 << 1;         /* abstract UNIX sockets, signals */

typedef struct
{
  guint64 files, network, scoped;
} RulesetAttr;

static const guint64 read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const guint64 write_rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

/* What the loader, the C library, GLib and Vulkan drivers read; of other systems than Debian, too.
 */
static const char *const system_paths[] = {
  "/usr",
  "/lib",
  "/lib32",
  "/lib64",
  "/etc",
  "/opt",
  "/app",
  "/nix/store",
  "/gnu/store",
  "/run/host",
  "/sys",
  "/run/opengl-driver",
  "/proc/self",
  "/proc/cpuinfo",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/modules",
  "/proc/driver",
  "/proc/sys",
  "/proc/devices",
  "/proc/version",
  "/proc/filesystems",
  "/dev/urandom",
  "/dev/random",
  "/var/lib/dpkg/arch",
  NULL,
};

/* Device files of graphics cards (their names' beginnings, in /dev) and those that any program may
 * write. */
static const char *const device_prefixes[] = { "dri",  "nvidia",  "kfd",  "dxg",      "mali",
                                               "pvr",  "galcore", "kgsl", "dma_heap", "udmabuf",
                                               "null", "zero",    "full", NULL };

/* Variables that name files and folders, lists with colons, which drivers and GLib look into. */
static const char *const path_variables[] = {
  "LD_LIBRARY_PATH",      "VK_ICD_FILENAMES",       "VK_DRIVER_FILES", "VK_ADD_DRIVER_FILES",
  "VK_LAYER_PATH",        "VK_ADD_LAYER_PATH",      "GEGL_PATH",       "BABL_PATH",
  "GDK_PIXBUF_MODULEDIR", "GDK_PIXBUF_MODULE_FILE", "LOCPATH",         NULL,
};

/* Folders of the user's that drivers and libraries read, in those for data and configuration. */
static const char *const user_data_folders[] = { "vulkan", "gegl-0.4", "locale", NULL };
static const char *const user_config_folders[] = { "vulkan", "drirc.d", "babl", NULL };

/* Of the folder for caches: what is made if it is missing, and what drivers make. */
static const char *const own_caches[] = { "parallel-diffusion", "mesa_shader_cache", NULL };
static const char *const other_caches[] = { "mesa_shader_cache_db", "gegl-0.4", "babl", "nvidia",
                                            "radv_builtin_shaders", NULL };

/* 0: not held; the version of Landlock's interface. */
static int landlock;
static gboolean reading_held, filter_held, turned_off;

/* Gives @rights to @path and what is in it. */
static void
allow (int ruleset, guint64 handled, guint64 rights, const char *path)
{
  static const guint64 of_files =
      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
  struct landlock_path_beneath_attr rule = { .parent_fd = open (path, O_PATH | O_CLOEXEC) };
  struct stat status;

  if (rule.parent_fd < 0)
    return;
  rule.allowed_access = rights & handled;
  if (fstat (rule.parent_fd, &status) == 0 && !S_ISDIR (status.st_mode))
    rule.allowed_access &= of_files | truncate_right | ioctl_right;
  if (rule.allowed_access != 0 &&
      syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    g_info ("%s: no right to it: %s", path, g_strerror (errno));
  close (rule.parent_fd);
}

static void
allow_all (int ruleset, guint64 handled, guint64 rights, const char *const *paths)
{
  for (guint i = 0; paths != NULL && paths[i] != NULL; i++)
    if (*paths[i] != '\0')
      allow (ruleset, handled, rights, paths[i]);
}

static void
allow_in (
    int ruleset, guint64 handled, guint64 rights, const char *folder, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      allow (ruleset, handled, rights, path);
    }
}

static void
allow_devices (int ruleset, guint64 handled)
{
  g_autoptr (GDir) dir = g_dir_open ("/dev", 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    for (guint i = 0; device_prefixes[i] != NULL; i++)
      if (g_str_has_prefix (name, device_prefixes[i]))
        {
          g_autofree char *path = g_build_filename ("/dev", name, NULL);

          allow (ruleset, handled,
                 read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate_right | ioctl_right, path);
        }
}

static void
allow_caches (int ruleset, guint64 handled, guint64 rights)
{
  const char *const driver_caches[] = { pd_environment_get (PD_ENVIRONMENT_MESA_CACHE),
                                        pd_environment_get (PD_ENVIRONMENT_NVIDIA_CACHE),
                                        pd_environment_get (PD_ENVIRONMENT_GEGL_SWAP) };
  g_autofree char *nvidia = g_build_filename (g_get_home_dir (), ".nv", NULL);

  for (guint i = 0; own_caches[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (g_get_user_cache_dir (), own_caches[i], NULL);

      g_mkdir_with_parents (path, 0700);
    }
  allow_in (ruleset, handled, rights, g_get_user_cache_dir (), own_caches);
  allow_in (ruleset, handled, rights, g_get_user_cache_dir (), other_caches);
  for (guint i = 0; i < G_N_ELEMENTS (driver_caches); i++)
    if (driver_caches[i] != NULL)
      allow (ruleset, handled, rights, driver_caches[i]);
  allow (ruleset, handled, rights, nvidia);
}

static void
allow_reading (int ruleset, guint64 handled, const char *const *paths)
{
  allow_all (ruleset, handled, read_rights, paths);
  allow_all (ruleset, handled, read_rights, system_paths);
  allow_in (ruleset, handled, read_rights, g_get_user_data_dir (), user_data_folders);
  allow_in (ruleset, handled, read_rights, g_get_user_config_dir (), user_config_folders);
  for (guint i = 0; path_variables[i] != NULL; i++)
    {
      const char *value = g_getenv (path_variables[i]);
      g_auto (GStrv) listed = value != NULL ? g_strsplit (value, ":", -1) : NULL;

      allow_all (ruleset, handled, read_rights, (const char *const *) listed);
    }
}

/* To remove a folder is a right to the one that it is in, where it goes for empty folders alone. */
static void
allow_removing (int ruleset, guint64 handled, const char *const *paths)
{
  for (guint i = 0; paths != NULL && paths[i] != NULL; i++)
    {
      g_autofree char *parent = g_path_get_dirname (paths[i]);

      allow (ruleset, handled, LANDLOCK_ACCESS_FS_REMOVE_DIR, parent);
    }
}

/* Returns: whether files are held. */
static gboolean
restrict_files (const PdConfineOptions *options, int abi)
{
  guint64 writing = write_rights | (abi >= ABI_TRUNCATE ? truncate_right : 0) |
                    (abi >= ABI_IOCTL ? ioctl_right : 0);
  RulesetAttr attr = { .files = writing | (abi >= ABI_REFER ? LANDLOCK_ACCESS_FS_REFER : 0),
                       .network = abi >= ABI_NETWORK ? network_rights : 0,
                       .scoped = abi >= ABI_SCOPE ? scopes : 0 };
  gsize size = abi >= ABI_SCOPE     ? sizeof attr
               : abi >= ABI_NETWORK ? G_STRUCT_OFFSET (RulesetAttr, scoped)
                                    : G_STRUCT_OFFSET (RulesetAttr, network);
  int ruleset;
  gboolean held;

  if (options->readable != NULL)
    attr.files |= read_rights | LANDLOCK_ACCESS_FS_EXECUTE;
  ruleset = (int) syscall (SYS_landlock_create_ruleset, &attr, size, 0);
  if (ruleset < 0)
    return FALSE;
  if (options->readable != NULL)
    {
      allow_reading (ruleset, attr.files, options->readable);
      allow_removing (ruleset, attr.files, options->writable);
    }
  allow_devices (ruleset, attr.files);
  allow_caches (ruleset, attr.files, read_rights | writing | LANDLOCK_ACCESS_FS_REFER);
  allow_all (ruleset, attr.files, read_rights | writing | LANDLOCK_ACCESS_FS_REFER,
             options->writable);
  held = syscall (SYS_landlock_restrict_self, ruleset, 0) == 0;
  close (ruleset);
  return held;
}

/* Ways to other processes, to more of the kernel than computing needs, and around the rules above.
 */
static const int refused_calls[] = {
  SCMP_SYS (ptrace),          SCMP_SYS (process_vm_readv),  SCMP_SYS (process_vm_writev),
  SCMP_SYS (pidfd_getfd),     SCMP_SYS (io_uring_setup),    SCMP_SYS (bpf),
  SCMP_SYS (perf_event_open), SCMP_SYS (userfaultfd),       SCMP_SYS (keyctl),
  SCMP_SYS (add_key),         SCMP_SYS (request_key),       SCMP_SYS (mount),
  SCMP_SYS (umount2),         SCMP_SYS (pivot_root),        SCMP_SYS (unshare),
  SCMP_SYS (setns),           SCMP_SYS (open_by_handle_at), SCMP_SYS (kexec_load),
  SCMP_SYS (init_module),     SCMP_SYS (finit_module),      SCMP_SYS (delete_module),
};
static const int refused_without_programs[] = {
  SCMP_SYS (execve),  SCMP_SYS (execveat), SCMP_SYS (socket),
  SCMP_SYS (connect), SCMP_SYS (bind),     SCMP_SYS (listen),
};

/* A call that is refused fails with EACCES, so that libraries that only try go on. Returns: whether
 * the calls are held. */
static gboolean
restrict_calls (const PdConfineOptions *options)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ALLOW);
  const guint32 refuse = SCMP_ACT_ERRNO (EACCES);
  gboolean ok = filter != NULL;

  for (guint i = 0; ok && i < G_N_ELEMENTS (refused_calls); i++)
    ok = seccomp_rule_add (filter, refuse, refused_calls[i], 0) == 0;
  if (options->readable == NULL)
    ok = ok && seccomp_rule_add (filter, refuse, SCMP_SYS (socket), 1,
                                 SCMP_A0 (SCMP_CMP_NE, AF_UNIX, 0)) == 0;
  else
    for (guint i = 0; ok && i < G_N_ELEMENTS (refused_without_programs); i++)
      ok = seccomp_rule_add (filter, refuse, refused_without_programs[i], 0) == 0;
  /* Typing on the terminal in the user's name. */
  ok = ok && seccomp_rule_add (filter, refuse, SCMP_SYS (ioctl), 1,
                               SCMP_A1 (SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI)) == 0;
  ok = ok && seccomp_load (filter) == 0;
  seccomp_release (filter);
  return ok;
}

void
pd_confine (const PdConfineOptions *options)
{
  int abi = (int) syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

  turned_off = g_strcmp0 (pd_environment_get (PD_ENVIRONMENT_CONFINE), "no") == 0;
  if (turned_off || prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return;
  if (abi > 0 && restrict_files (options, abi))
    landlock = abi;
  reading_held = landlock > 0 && options->readable != NULL;
  filter_held = restrict_calls (options);
}

char *
pd_confine_describe (void)
{
  const char *files = reading_held ? _ ("reads models and what every program reads, writes its "
                                        "folder and caches, nothing else")
                                   : _ ("writes its folder and caches, nothing else");

  if (turned_off)
    return g_strdup (_ ("not confined: PD_CONFINE is “no”"));
  if (landlock > 0 && filter_held)
    return g_strdup_printf (
        _ ("confined: %s; no network, no other programs (Landlock %d, seccomp)"), files, landlock);
  if (landlock > 0)
    return g_strdup_printf (_ ("confined in part: %s (Landlock %d; no seccomp)"), files, landlock);
  if (filter_held)
    return g_strdup (
        _ ("confined in part: no network, no other programs (seccomp; the kernel has no "
           "Landlock)"));
  return g_strdup (_ ("not confined: the kernel has neither Landlock nor seccomp"));
}
