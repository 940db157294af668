/*
 * Makes a disk slow: each fsync and fdatasync takes SHIM_FSYNC_EXTRA_US microseconds longer. Loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static long extra_us(void) {
  static long us = -1;
  if (us < 0) {
    const char *text = getenv("SHIM_FSYNC_EXTRA_US");
    us = text == NULL ? 0 : strtol(text, NULL, 10);
  }
  return us;
}

static int slowly(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  struct timespec pause = {extra_us() / 1000000, extra_us() % 1000000 * 1000};
  while (nanosleep(&pause, &pause) == -1 && errno == EINTR) {
  }
  return real(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
