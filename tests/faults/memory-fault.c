// SPDX-License-Identifier: GPL-3.0-or-later
/* A library to preload, in which one of the program's own allocations (fault_is_own) of at least
 * LEAST bytes fails. PD_FAULT_CALL is "allocation"; of smaller ones GLib does not let the program
 * know. */
#include "tests/faults/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  LEAST = 64 << 10
};

/* Of the C library: what looks up others allocates. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *old, size_t size);
void *__libc_memalign (size_t alignment, size_t size);

static int count;

static int
fails (const char *function, size_t n, size_t size)
{
  size_t bytes;
  char text[64];

  if (__builtin_mul_overflow (n, size, &bytes) || bytes < LEAST || !fault_is_own () ||
      !fault_is_chosen ("allocation", __sync_add_and_fetch (&count, 1)))
    return 0;
  snprintf (text, sizeof text, "%s of %zu bytes", function, bytes);
  fault_record (text);
  errno = ENOMEM;
  return 1;
}

void *
malloc (size_t size)
{
  return fails ("malloc", 1, size) ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  return fails ("calloc", n, size) ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  return fails ("realloc", 1, size) ? NULL : __libc_realloc (old, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return fails ("aligned_alloc", 1, size) ? NULL : __libc_memalign (alignment, size);
}

int
posix_memalign (void **result, size_t alignment, size_t size)
{
  void *memory = fails ("posix_memalign", 1, size) ? NULL : __libc_memalign (alignment, size);

  if (memory == NULL)
    return ENOMEM;
  *result = memory;
  return 0;
}

void *
mmap (void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
  if (fails ("mmap", 1, size))
    return MAP_FAILED;
  /* NOLINTNEXTLINE */
  return (void *) syscall (SYS_mmap, address, size, protection, flags, fd, offset);
}

void *
mmap64 (void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
  return mmap (address, size, protection, flags, fd, offset);
}

__attribute__ ((destructor)) static void
write_counts (void)
{
  FILE *file = fault_open_counts ();

  if (file != NULL)
    fprintf (file, "allocation %d\n", count);
  fault_close_counts (file);
}
