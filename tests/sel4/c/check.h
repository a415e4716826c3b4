/* What every program here is made of: named checks, one line each, and a last line that counts them.
 *
 * A check is `ok NAME` or `FAILED NAME: why`. The runner compares the exit code and wants a last line that counts more than
 * none, so a program that ends early, or checks nothing, does not pass. Any thread may check. */
#ifndef CHECK_H
#define CHECK_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "sel4std.h"

#define MIB (1ul << 20)
#define PAGE 4096ul

static atomic_int checks_done, checks_failed;

__attribute__((format(printf, 3, 4), unused))
static int check(int holds, const char *name, const char *why, ...)
{
    char text[160] = "";
    atomic_fetch_add(&checks_done, 1);
    if (holds) {
        printf("ok %s\n", name);
        return 1;
    }
    va_list list;
    va_start(list, why);
    vsnprintf(text, sizeof text, why, list);
    va_end(list);
    atomic_fetch_add(&checks_failed, 1);
    printf("FAILED %s: %s\n", name, text);
    return 0;
}

/* A condition. */
#define CHECK(name, condition) check(!!(condition), name, "line %d: not so: %s", __LINE__, #condition)
/* Two integers that must be the same. */
#define EQUAL(name, found, wanted) do { \
    long found_ = (long)(found), wanted_ = (long)(wanted); \
    check(found_ == wanted_, name, "line %d: %s is %ld, not %ld", __LINE__, #found, found_, wanted_); \
} while (0)
/* A call that must give -1 (or MAP_FAILED) and set errno. */
#define ERRNO(name, call, wanted) do { \
    errno = 0; \
    long found_ = (long)(call); \
    int errno_ = errno; \
    check(found_ == -1 && errno_ == (wanted), name, "line %d: %s gave %ld, errno %d, not -1, errno %d", \
          __LINE__, #call, found_, errno_, wanted); \
} while (0)
/* What the test needs in order to go on. */
#define NEED(condition) do { \
    if (!(condition)) { check(0, "set-up", "line %d: %s (errno %d)", __LINE__, #condition, errno); exit(check_end()); } \
} while (0)

/* The last line; gives the exit code. */
__attribute__((unused)) static int check_end(void)
{
    printf("%d checks, %d failed\n", checks_done, checks_failed);
    fflush(stdout);
    return checks_done == 0 || checks_failed != 0;
}

/* A system call without muslc: the result or a negated error number. */
extern __attribute__((visibility("hidden"))) size_t __sysinfo;
__attribute__((unused))
static long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
    return ((long (*)(long, long, long, long, long, long, long))__sysinfo)(number, a, b, c, d, e, f);
}
#define RAW(number, a, b, c, d, e, f) \
    raw_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

__attribute__((unused)) static struct sel4std_counts counts_now(void)
{
    struct sel4std_counts counts = {0};
    sel4std_counts(&counts);
    return counts;
}

/* Nanoseconds of a clock. */
__attribute__((unused)) static long now_on(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000l + t.tv_nsec;
}
__attribute__((unused)) static struct timespec timespec_of(long nanoseconds)
{
    return (struct timespec){nanoseconds / 1000000000l, nanoseconds % 1000000000l};
}

#endif
