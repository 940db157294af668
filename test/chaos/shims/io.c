/*
 * Preloaded into a process, it makes system calls on files under the folder IO_SHIM_FOLDER fail with the errors that the
 * file IO_SHIM_FILE holds: two 32-bit integers of this machine, for writes and for syncs; 0 lets a call through. The file
 * may be written at any time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { writes, syncs, kinds };

static const volatile int32_t *errors;
static const char *folder;

__attribute__((constructor)) static void open_file(void) {
  const char *file = getenv("IO_SHIM_FILE");
  folder = getenv("IO_SHIM_FOLDER");
  int fd = file == NULL || folder == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *at = mmap(NULL, kinds * sizeof(int32_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) errors = at;
}

/* The error that a call on the file must fail with, or 0. */
static int error_of(int kind, int fd) {
  int error = errors == NULL ? 0 : errors[kind];
  if (error == 0) return 0;
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  size_t prefix = strlen(folder);
  return strncmp(path, folder, prefix) == 0 && path[prefix] == '/' ? error : 0;
}

#define SHIM(kind, type, name, parameters, ...)                                     \
  type name parameters {                                                            \
    static type(*real) parameters;                                                  \
    if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);           \
    int saved = errno;                                                              \
    int error = error_of(kind, fd);                                                 \
    errno = error != 0 ? error : saved;                                             \
    return error != 0 ? -1 : real(__VA_ARGS__);                                     \
  }

SHIM(writes, ssize_t, write, (int fd, const void *bytes, size_t count), fd, bytes, count)
SHIM(writes, ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), fd, bytes, count, at)
SHIM(writes, ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), fd, bytes, count, at)
SHIM(writes, int, ftruncate, (int fd, off_t length), fd, length)
SHIM(writes, int, ftruncate64, (int fd, off64_t length), fd, length)
SHIM(syncs, int, fsync, (int fd), fd)
SHIM(syncs, int, fdatasync, (int fd), fd)
