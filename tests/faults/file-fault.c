// SPDX-License-Identifier: GPL-3.0-or-later
/* A library to preload, in which one of the program's own calls (fault_is_own) about a file fails:
 * PD_FAULT_CALL is write, pwrite, fwrite, fflush, ftruncate, fsync, open, rename or mkdir, which
 * stand for their variants too; PD_FAULT_RESULT the errno. Opening to read fails with EIO, whatever
 * the errno. What is no file on a disk (/proc, /dev, pipes) is left alone. The record gets the
 * file's path. */
#include "tests/faults/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES(F)                                                                                   \
  F (write)                                                                                        \
  F (pwrite)                                                                                       \
  F (fwrite) F (fflush) F (ftruncate) F (fsync) F (open) F (rename) F (mkdir)

#define COUNT(name) static int count_##name;
NAMES (COUNT)
#undef COUNT

static int
is_on_disk (const char *path)
{
  static const char *const others[] = { "/proc/", "/dev/", "/sys/", "/memfd:" };

  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strncmp (path, others[i], strlen (others[i])) == 0)
      return 0;
  return 1;
}

static int
fails (const char *name, int *count, const char *path, int code)
{
  if (!is_on_disk (path) || !fault_is_own () ||
      !fault_is_chosen (name, __sync_add_and_fetch (count, 1)))
    return 0;
  fault_record (path);
  errno = code;
  return 1;
}

static int
result (void)
{
  const char *text = getenv ("PD_FAULT_RESULT");

  return text != NULL ? atoi (text) : ENOSPC;
}

static int
fd_fails (const char *name, int *count, int fd)
{
  char link[64], path[PATH_MAX];
  int saved = errno;
  ssize_t length;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  length = readlink (link, path, sizeof path - 1);
  errno = saved;
  if (length <= 0 || path[0] != '/')
    return 0;
  path[length] = '\0';
  return fails (name, count, path, result ());
}

static int
is_for_writing (int flags)
{
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
}

/* Where something is, as the rules of Landlock ask, is found without the disk. */
static int
open_fails (const char *path, int flags)
{
  return (flags & O_PATH) == 0 &&
         fails ("open", &count_open, path, is_for_writing (flags) ? result () : EIO);
}

#define NEXT(name) ((__typeof__ (name) *) dlsym (RTLD_NEXT, #name))

/* Functions whose argument @fd tells the file: name for the count, type, name, parameters,
 * arguments, descriptor, what a failure returns. */
#define DEFINE(counted, type, name, parameters, arguments, fd, failure)                            \
  type name parameters                                                                             \
  {                                                                                                \
    return fd_fails (#counted, &count_##counted, fd) ? failure : NEXT (name) arguments;            \
  }
DEFINE (write, ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n), fd, -1)
DEFINE (pwrite,
        ssize_t,
        pwrite,
        (int fd, const void *data, size_t n, off_t at),
        (fd, data, n, at),
        fd,
        -1)
DEFINE (pwrite,
        ssize_t,
        pwrite64,
        (int fd, const void *data, size_t n, off64_t at),
        (fd, data, n, at),
        fd,
        -1)
DEFINE (fwrite,
        size_t,
        fwrite,
        (const void *data, size_t size, size_t n, FILE *file),
        (data, size, n, file),
        fileno (file),
        0)
DEFINE (ftruncate, int, ftruncate, (int fd, off_t length), (fd, length), fd, -1)
DEFINE (ftruncate, int, ftruncate64, (int fd, off64_t length), (fd, length), fd, -1)
DEFINE (fsync, int, fsync, (int fd), (fd), fd, -1)
DEFINE (fsync, int, fdatasync, (int fd), (fd), fd, -1)

int
fflush (FILE *file)
{
  return file != NULL && fd_fails ("fflush", &count_fflush, fileno (file)) ? EOF
                                                                           : NEXT (fflush) (file);
}

#define DEFINE_OPEN(name)                                                                          \
  int name (const char *path, int flags, ...)                                                      \
  {                                                                                                \
    va_list arguments;                                                                             \
    mode_t mode;                                                                                   \
                                                                                                   \
    va_start (arguments, flags);                                                                   \
    mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg (arguments, mode_t) : 0;                  \
    va_end (arguments);                                                                            \
    return open_fails (path, flags) ? -1 : NEXT (name) (path, flags, mode);                        \
  }
DEFINE_OPEN (open)
DEFINE_OPEN (open64)

#define DEFINE_OPENAT(name)                                                                        \
  int name (int folder, const char *path, int flags, ...)                                          \
  {                                                                                                \
    va_list arguments;                                                                             \
    mode_t mode;                                                                                   \
                                                                                                   \
    va_start (arguments, flags);                                                                   \
    mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg (arguments, mode_t) : 0;                  \
    va_end (arguments);                                                                            \
    return open_fails (path, flags) ? -1 : NEXT (name) (folder, path, flags, mode);                \
  }
DEFINE_OPENAT (openat)
DEFINE_OPENAT (openat64)

/* What the compiler calls for them where it looks for mistakes. */
#define DEFINE_CHECKED_OPEN(name)                                                                  \
  int name (const char *path, int flags)                                                           \
  {                                                                                                \
    int (*next) (const char *, int) = (int (*) (const char *, int)) dlsym (RTLD_NEXT, #name);      \
                                                                                                   \
    return open_fails (path, flags) ? -1 : next (path, flags);                                     \
  }
int __open_2 (const char *path, int flags);
int __open64_2 (const char *path, int flags);
DEFINE_CHECKED_OPEN (__open_2)
DEFINE_CHECKED_OPEN (__open64_2)

#define DEFINE_FOPEN(name)                                                                         \
  FILE *name (const char *path, const char *mode)                                                  \
  {                                                                                                \
    return open_fails (path, mode[0] != 'r' || strchr (mode, '+') != NULL ? O_RDWR : O_RDONLY)     \
               ? NULL                                                                              \
               : NEXT (name) (path, mode);                                                         \
  }
DEFINE_FOPEN (fopen)
DEFINE_FOPEN (fopen64)

int
rename (const char *from, const char *to)
{
  return fails ("rename", &count_rename, to, result ()) ? -1 : NEXT (rename) (from, to);
}

int
mkdir (const char *path, mode_t mode)
{
  return fails ("mkdir", &count_mkdir, path, result ()) ? -1 : NEXT (mkdir) (path, mode);
}

__attribute__ ((destructor)) static void
write_counts (void)
{
  FILE *file = fault_open_counts ();

  if (file != NULL)
    {
#define WRITE(name) fprintf (file, #name " %d\n", count_##name);
      NAMES (WRITE)
#undef WRITE
    }
  fault_close_counts (file);
}
