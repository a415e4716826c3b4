/* Every call that takes a pointer answers EFAULT to one that leads nowhere, and nothing else happens. */
// run bad-pointers:
#include "threads.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/random.h>
#include <sys/uio.h>

/* futex(2) */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4, FUTEX_WAIT_BITSET = 9 };

#define BAD(n) (1ul << 63 | (n))                /* marks the argument that takes the bad pointer */

static char *good;                              /* a page that may be written, with one behind it that may not be touched */
static char *readable;
static long zero;

/* One call: the argument BAD is tried with every kind of bad pointer. output: the pointer is written to. */
static void try_call(const char *name, long number, int output, size_t bytes, unsigned long a, unsigned long b, unsigned long c,
                     unsigned long d, unsigned long e, unsigned long f)
{
    struct { const char *name; unsigned long at; } kinds[] = {
        {"null", 0}, {"low", 64}, {"unmapped", (unsigned long)good + (1ul << 33)}, {"the kernel's", 0xffffff8000000000ul},
        {"past all addresses", -8ul}, {"not an address", 0x0123456789abcdeful & -16ul},
        {"muslcsys's own", 0x6800000000ul + 0x4000}, {"at the end of a mapping", (unsigned long)good + PAGE - (bytes > 1 ? bytes / 2 : 0)},
        {"read-only", (unsigned long)readable},
    };
    char text[128];
    long wrong = 0, answer = 0;
    const char *which = "";
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        unsigned long arguments[6] = {a, b, c, d, e, f};
        int optional = 0;
        if (k == 8 && !output)
            continue;
        for (int i = 0; i < 6; i++)
            if (arguments[i] >> 63) {
                optional = arguments[i] & 1;
                arguments[i] = kinds[k].at;
            }
        /* Null means none for an optional pointer; a pointer right behind the mapping is bad for one byte too. */
        if (k == 0 && optional)
            continue;
        answer = raw_call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
        if (answer != -EFAULT) {
            wrong = answer ?: 1;
            which = kinds[k].name;
            break;
        }
    }
    snprintf(text, sizeof text, "EFAULT: %s", name);
    check(!wrong, text, "answers %ld to a pointer that is %s", answer, which);
}

#define IN(name, bytes, ...) CALL(name, SYS_##name, 0, bytes, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define OUT(name, bytes, ...) CALL(name, SYS_##name, 1, bytes, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL(name, number, output, bytes, a, b, c, d, e, f, ...) \
    try_call(#name " " #a " " #b " " #c " " #d, number, output, bytes, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), \
             (unsigned long)(d), (unsigned long)(e), (unsigned long)(f))
#define POINTER BAD(0)
#define OPTIONAL BAD(1)

int main(void)
{
    good = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(good + PAGE, PAGE, PROT_NONE);
    readable = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec one = {good, 8};
    struct { long a, b; } *time = (void *)(good + 256);
    time->a = 0, time->b = 0;

    OUT(getcwd, 2, POINTER, 100);
    OUT(ioctl, 8, 1, TIOCGWINSZ, POINTER);
    OUT(ioctl, 4, 0, FIONREAD, POINTER);
    IN(faccessat, 1, AT_FDCWD, POINTER, 0);
    IN(faccessat2, 1, AT_FDCWD, POINTER, 0, 0);
    IN(openat, 1, AT_FDCWD, POINTER, 0, 0);
    OUT(read, 16, 0, POINTER, 16);
    IN(write, 16, 1, POINTER, 16);
    IN(readv, 16, 0, POINTER, 1);
    IN(writev, 16, 1, POINTER, 1);
    OUT(ppoll, 8, POINTER, 1, time, 0, 8);
    IN(ppoll, 16, good, 0, OPTIONAL, 0, 8);
    IN(readlinkat, 1, AT_FDCWD, POINTER, good, 10);
    IN(newfstatat, 1, AT_FDCWD, POINTER, good, 0);
    OUT(fstat, 128, 1, POINTER);
    IN(statx, 1, AT_FDCWD, POINTER, 0, 0, good);
    IN(futex, 1, POINTER, FUTEX_WAIT, 0, time);
    IN(futex, 16, &zero, FUTEX_WAIT, 0, OPTIONAL);
    IN(futex, 16, &zero, FUTEX_WAIT_BITSET, 0, OPTIONAL, 0, -1u);
    IN(futex, 1, POINTER, FUTEX_CMP_REQUEUE, 0, 0, &zero, 0);
    OUT(get_robust_list, 8, 0, POINTER, good);
    OUT(get_robust_list, 8, 0, good, POINTER);
    IN(nanosleep, 16, POINTER, 0);
    IN(clock_settime, 16, CLOCK_REALTIME, POINTER);
    OUT(clock_gettime, 16, CLOCK_MONOTONIC, POINTER);
    OUT(clock_gettime, 16, CLOCK_REALTIME, POINTER);
    OUT(clock_getres, 16, CLOCK_MONOTONIC, OPTIONAL);
    IN(clock_nanosleep, 16, CLOCK_MONOTONIC, 0, POINTER, 0);
    IN(clock_nanosleep, 16, CLOCK_REALTIME, TIMER_ABSTIME, POINTER, 0);
    OUT(gettimeofday, 16, OPTIONAL, 0);
    OUT(gettimeofday, 8, 0, OPTIONAL);
    IN(sched_setparam, 4, 0, POINTER);
    IN(sched_setscheduler, 4, 0, SCHED_OTHER, POINTER);
    OUT(sched_getparam, 4, 0, POINTER);
    IN(sched_setaffinity, 8, 0, 8, POINTER);
    OUT(sched_getaffinity, 8, 0, 8, POINTER);
    IN(sigaltstack, 24, OPTIONAL, 0);
    OUT(sigaltstack, 24, 0, OPTIONAL);
    IN(rt_sigsuspend, 8, POINTER, 8);
    IN(rt_sigaction, 32, SIGUSR1, OPTIONAL, 0, 8);
    OUT(rt_sigaction, 32, SIGUSR1, 0, OPTIONAL, 8);
    IN(rt_sigprocmask, 8, SIG_BLOCK, OPTIONAL, 0, 8);
    OUT(rt_sigprocmask, 8, SIG_BLOCK, 0, OPTIONAL, 8);
    OUT(rt_sigpending, 8, POINTER, 8);
    IN(rt_sigtimedwait, 8, POINTER, 0, time, 8);
    IN(rt_sigtimedwait, 16, good + 512, 0, OPTIONAL, 8);
    OUT(uname, 390, POINTER);
    IN(prctl, 1, PR_SET_NAME, POINTER);
    OUT(prctl, 16, PR_GET_NAME, POINTER);
    OUT(getcpu, 4, OPTIONAL, 0);
    OUT(getcpu, 4, 0, OPTIONAL);
    OUT(mincore, 1, good, PAGE, POINTER);
    IN(prlimit64, 16, 0, RLIMIT_NOFILE, OPTIONAL, 0);
    OUT(prlimit64, 16, 0, RLIMIT_NOFILE, 0, OPTIONAL);
    OUT(getrandom, 16, POINTER, 16, 0);
    CALL(sel4std_counts, 0x5e140000 + 8, 1, 48, POINTER, 0, 0, 0, 0, 0);
    CALL(sel4std_slot_path, 0x5e140000 + 5, 1, 48, 1, POINTER, 0, 0, 0, 0);
    unsigned long flags = 0x3d0f00;             /* as muslc's pthread_create: CLONE_PARENT_SETTID among them */
    OUT(clone, 1, flags, good + 2048, POINTER, good + 1024, good + 3072);
    /* A bad vector's entries: what came before is told, else EFAULT. */
    struct iovec second[2] = {one, {(void *)64, 8}};
    second[0].iov_base = "12345\n", second[0].iov_len = 6;
    EQUAL("writev: the count before the bad entry", RAW(SYS_writev, 1, second, 2, 0, 0, 0), 6);
    EQUAL("writev: a bad entry first", RAW(SYS_writev, 1, second + 1, 1, 0, 0, 0), -EFAULT);
    second[0].iov_len = -1ul;
    EQUAL("writev: an entry that is too long", RAW(SYS_writev, 1, second, 1, 0, 0, 0), -EINVAL);
    /* Misaligned futexes are EINVAL before they are anything else. */
    EQUAL("futex: misaligned", RAW(SYS_futex, good + 1, FUTEX_WAIT, 0, time, 0, 0), -EINVAL);
    EQUAL("futex: a wake of muslcsys's own waits", RAW(SYS_futex, 0x6000000004, FUTEX_WAKE, 1, 0, 0, 0), -EFAULT);
    EQUAL("futex: a move to them", RAW(SYS_futex, good, FUTEX_REQUEUE, 0, 1, 0x6000000004, 0), -EFAULT);
    EQUAL("futex: misaligned target", RAW(SYS_futex, good, FUTEX_REQUEUE, 0, 0, good + 2, 0), -EINVAL);
    EQUAL("getrandom: what fits before the end", RAW(SYS_getrandom, good + PAGE - 512, 1024, 0, 0, 0, 0), 512);
    EQUAL("and nothing else happened", counts_now().threads, 1);
    return check_end();
}
