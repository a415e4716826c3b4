/* Every system call number with arbitrary arguments, from two threads at once. An answer is a result or a negated error number;
 * nothing hangs, faults or leaks.
 *
 * A program can do itself harm by system calls, so some are kept from it: addresses that are mapped, unmapped or protected
 * lie in an arena; calls that end a thread or the program, that load registers from a frame, or that say where a signal mask,
 * a handler or an I/O vector lies get arguments that do no harm or lead nowhere. Everything else is arbitrary. The main
 * thread sends both a signal every millisecond, so that no call waits for ever. */
// run fuzz: args="50000" long="1000000" time=180
// run fuzz-release-of-nothing: args="50000 7" time=180
#include "threads.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PRIVATE 0x5e140000ul
#define ARENA (32 * MIB)
#define GUARD (2 * MIB)
#define MAX_ERRNO 4095

static char *arena;
static unsigned long seed, rounds, brk_start;
static int ids[3];
static atomic_int running;

/* What pointers of delicate calls point to; constants, so that no call can change them. */
static const uint64_t masks[] = {0, 1ul << (SIGUSR2 - 1), ~(1ul << (SIGUSR1 - 1))};
static const struct { const uint64_t *mask; size_t bytes; } waits[] = {{masks, 8}, {masks + 1, 8}, {masks, 7}, {0, 8}};
static const struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } actions[] = {
    {0, 0, 0, 0}, {(void *)1, 0x10000000, 0, 0},
};
/* What paths name: in a directory of the test's own, whose content goes at the end. */
#define FOLDER "/tmp/fuzz"
static char long_path[5000];
static const char *const paths[] = {
    "a", "b", "c", "d", "a/b", "a/c", "b/a/", "d/../a", ".", "..", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/fd/5",
    "/proc/self/maps", "/proc/self/fd", FOLDER "/a", FOLDER "/b", "/nowhere/x", "", long_path, long_path + 4900, long_path + 4700,
};
static const char dots[16] = "................";
static char io[2][128];
/* Room of each thread's own, with a page behind it that may not be touched: longer than any answer. */
#define SCRATCH (256ul << 10)
static char *scratch[2];
static const struct iovec vectors[2][3] = {
    {{io[0], 8}, {io[0] + 64, 0}, {(void *)24, 8}}, {{io[1], 1}, {(void *)-16l, 1}, {io[1], -1ul}},
};
static const struct iovec dotted[] = {{(void *)dots, 4}, {(void *)dots, 1}, {(void *)16, 4}};
static volatile unsigned long canary[64];

struct fuzzer {
    uint64_t state;
    int number;                     /* 0 or 1 */
    unsigned long done, good, refused[MAX_ERRNO + 1];
    long robust;
    /* the first answer that is neither, and what it was given for */
    long wrong, call, arguments[6];
};

static uint64_t next(struct fuzzer *f)
{
    f->state ^= f->state << 13, f->state ^= f->state >> 7, f->state ^= f->state << 17;
    return f->state * 0x2545f4914f6cdd1dul;
}
static unsigned long below(struct fuzzer *f, unsigned long end) { return (next(f) >> 16) % end; }

static unsigned long address(struct fuzzer *f)
{
    unsigned long at = (unsigned long)arena + below(f, ARENA / PAGE) * PAGE;
    switch (below(f, 8)) {
    case 0: return at & -(2 * MIB);
    case 1: return at + below(f, PAGE);
    default: return at;
    }
}
/* Never behind the arena, but for lengths that no address space has. */
static unsigned long length(struct fuzzer *f, unsigned long at)
{
    unsigned long most = (unsigned long)arena + ARENA - at, bytes;
    switch (below(f, 16)) {
    case 0: return 0;
    case 1: return -1ul - below(f, 2 * PAGE);
    case 2: return 1ul << 63;
    case 3: bytes = 2 * MIB; break;
    case 4: bytes = below(f, 4 * MIB); break;
    default: bytes = (1 + below(f, 32)) * PAGE; break;
    }
    return bytes < most ? bytes : most;
}
static unsigned long pointer(struct fuzzer *f)
{
    unsigned long at = (unsigned long)arena + below(f, ARENA / PAGE) * PAGE;
    switch (below(f, 12)) {
    case 0: return 0;
    case 1: return at + (1ul << 33);
    case 2: return at - below(f, 16);
    case 3: return at + below(f, PAGE);
    case 4: return 0xffffff8000000000ul + below(f, MIB);
    case 5: return 0x6000000000ul + below(f, 1ul << 36);
    case 6: return (unsigned long)masks;
    case 7: return (unsigned long)scratch[f->number] + below(f, 2048);
    case 8: return (unsigned long)arena + ARENA + GUARD / 2;
    default: return at + below(f, 128) * 16;
    }
}
static unsigned long nowhere(struct fuzzer *f)
{
    static const unsigned long places[] = {0, 8, 1ul << 33, -4096ul, 0x6800000000ul, 0xffffff8000000000ul};
    return places[below(f, 6)];
}
static unsigned long value(struct fuzzer *f)
{
    switch (below(f, 14)) {
    case 0: return 0;
    case 1: case 2: return below(f, 16);
    case 3: return below(f, 4096);
    case 4: return -below(f, 5000);
    case 5: return (1ul << below(f, 64)) - 1;
    case 6: return (1ul << 32) + below(f, 8);
    case 7: return next(f) | 1ul << 63;
    default: return pointer(f);
    }
}

/* Calls that exist come more often than those that do not. */
static const short known[] = {
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 32, 33, 34, 34, 35, 35, 36, 37, 38, 43, 44, 45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 56, 61,
    69, 70, 71, 76, 81, 82, 83, 84, 88, 166, 213, 223, 267, 276, 279, 285, 286, 287, 436, 452,
    17, 19, 20, 21, 22, 23, 24, 25, 29, 48, 56, 57, 59, 62, 63, 64, 65, 66, 67, 68, 72, 73, 78, 79, 80, 85, 86, 87, 98,
    99, 100, 101, 112, 113, 114, 115, 118, 119, 120, 121, 122, 123, 124, 125, 126, 129, 130, 131, 132, 133, 134, 135,
    136, 137, 155, 156, 160, 167, 168, 169, 172, 173, 178, 214, 215, 216, 220, 222, 226, 227, 228, 229, 232, 233, 261,
    278, 291, 439, 441,
};
static unsigned long number(struct fuzzer *f)
{
    switch (below(f, 16)) {
    case 0: return PRIVATE + below(f, 12);
    case 1: return next(f);
    case 2: case 3: case 4: return below(f, 471);
    default: return known[below(f, sizeof known / sizeof *known)];
    }
}

static unsigned long one_of(struct fuzzer *f, const long *values, int count) { return values[below(f, count)]; }
#define ONE_OF(...) one_of(f, (const long[]){__VA_ARGS__}, sizeof (long[]){__VA_ARGS__} / sizeof(long))

/* Turns arbitrary arguments into harmless ones where they could do harm; 0 if the call is not to be made. */
static int harmless(struct fuzzer *f, unsigned long number, unsigned long *a)
{
    if (number < SYS_exit && below(f, 2))   /* calls on descriptors: one that may be open */
        a[0] = below(f, 24);
    if (below(f, 4)) {              /* a path where the call wants one */
        static const short second[] = {33, 34, 35, 37, 38, 48, 53, 54, 56, 78, 79, 88, 276, 291, 439, 452};
        static const short first[] = {5, 6, 8, 9, 11, 12, 14, 15, 36, 43, 45, 49, 279};
        int wanted = -1;
        for (unsigned i = 0; i < sizeof second / sizeof *second; i++)
            wanted = number == (unsigned long)second[i] ? 1 : wanted;
        for (unsigned i = 0; i < sizeof first / sizeof *first; i++)
            wanted = number == (unsigned long)first[i] ? 0 : wanted;
        if (wanted >= 0)
            a[wanted] = (unsigned long)paths[below(f, sizeof paths / sizeof *paths)];
        if (wanted == 1 && below(f, 2))
            a[0] = AT_FDCWD;
        if (number == SYS_linkat || number == SYS_renameat || number == SYS_renameat2)
            a[2] = below(f, 2) ? AT_FDCWD : a[2], a[3] = (unsigned long)paths[below(f, sizeof paths / sizeof *paths)];
        if (number == SYS_symlinkat)
            a[1] = AT_FDCWD, a[2] = (unsigned long)paths[below(f, sizeof paths / sizeof *paths)];
        if (number == SYS_openat && below(f, 2))
            a[2] = (a[2] & 0x4c4 & -below(f, 2)) | ONE_OF(0, 1, 2, O_CREAT | O_RDWR, O_CREAT | O_RDWR, O_DIRECTORY, O_PATH, O_TMPFILE | O_RDWR);
    }
    switch (number) {
    case SYS_chroot:
        return 0;
    case SYS_mknodat:               /* no terminal that is not what it seems, and no fifo that waits for ever */
        a[2] = ONE_OF(S_IFREG, 0, S_IFSOCK, S_IFDIR, 070000, S_IFIFO) | (a[2] & 0777);
        return 1;
    case SYS_openat:                /* opening a fifo waits, but a signal comes every millisecond */
        return 1;
    case SYS_sendfile: case SYS_copy_file_range: case SYS_pread64: case SYS_read: case SYS_pwrite64: {
        int at = number == SYS_sendfile ? 3 : number == SYS_copy_file_range ? 4 : 2;
        if (a[at] < 1ul << 40)      /* what would take long, but also what no memory holds */
            a[at] &= number == SYS_sendfile ? 0xfff : 0x3ffff;     /* the output may be the console */
        else if (number == SYS_sendfile)
            a[0] = -1 - below(f, 3);
        return 1;
    }
    case SYS_exit: case SYS_exit_group: case SYS_rt_sigreturn: case SYS_set_tid_address: case PRIVATE:
        return 0;
    case SYS_clone:
        a[0] &= ~0x100ul;           /* CLONE_VM */
        return 1;
    case SYS_close: case SYS_fcntl:
        if ((int)a[0] >= 0 && (int)a[0] < 3)
            a[0] += 3;
        return 1;
    case SYS_close_range:
        if ((unsigned)a[0] < 3)
            a[0] += 3;
        return 1;
    case SYS_prlimit64:             /* a higher limit makes a larger table of descriptors, which stays */
        a[2] = below(f, 2) ? 0 : nowhere(f);
        return 1;
    case SYS_dup3:
        if ((int)a[1] >= 0 && (int)a[1] < 3)
            a[1] += 3;
        return 1;
    case SYS_write:
        a[1] = below(f, 2) ? (unsigned long)dots : nowhere(f), a[2] = below(f, 4);
        return 1;
    case SYS_writev:
        a[1] = below(f, 2) ? (unsigned long)dotted : nowhere(f);
        if (a[2] < 1025)
            a[2] = below(f, 4);
        return 1;
    case SYS_readv:
        a[1] = below(f, 2) ? (unsigned long)vectors[f->number] : nowhere(f);
        if (a[2] < 1025)
            a[2] = below(f, 4);
        return 1;
    case SYS_kill: case SYS_tkill:
        a[0] = number == SYS_kill ? ONE_OF(0, -1, ids[0], 4711) : ONE_OF(ids[0], ids[1], ids[2], 0, -1, 4711);
        a[1] = ONE_OF(0, SIGUSR1, SIGCHLD, SIGWINCH, SIGURG, 65, 1000, -1);
        return 1;
    case SYS_tgkill:
        a[0] = ONE_OF(ids[0], 0, -1, 4711), a[1] = ONE_OF(ids[0], ids[1], ids[2], 0, -1, 4711);
        a[2] = ONE_OF(0, SIGUSR1, SIGCHLD, SIGWINCH, SIGURG, 65, 1000, -1);
        return 1;
    case SYS_ppoll: case SYS_epoll_pwait: case SYS_epoll_pwait2: case SYS_pselect6:
        if (number == SYS_pselect6)
            a[5] = below(f, 3) ? (unsigned long)&waits[below(f, 4)] : nowhere(f);
        else
            a[number == SYS_ppoll ? 3 : 4] = below(f, 3) ? (unsigned long)&masks[below(f, 2)] : nowhere(f);
        if (below(f, 2))            /* an epoll among what is open, if there is one */
            a[0] = number == SYS_pselect6 ? below(f, 100) : a[0], a[1] = number == SYS_ppoll ? below(f, 8) : a[1];
        return 1;
    case SYS_ioctl:                 /* nothing that would keep the console from telling the outcome */
        a[1] = ONE_OF(0x5401, 0x802c542a, 0x5413, 0x541b, 0x5411, 0x540f, 0x5429, 0x5410, 0x540e, 0x5409, a[1] & 0xfff);
        return 1;
    case SYS_rt_sigsuspend: case SYS_rt_sigtimedwait:
        a[0] = below(f, 3) ? (unsigned long)&masks[below(f, 3)] : nowhere(f);
        return 1;
    case SYS_rt_sigprocmask:
        a[1] = below(f, 3) ? (unsigned long)&masks[below(f, 3)] : nowhere(f);
        a[3] = below(f, 4) ? 8 : a[3];
        return 1;
    case SYS_rt_sigaction:
        if (a[0] == SIGUSR1 || a[0] == SIGPIPE)
            a[0] = SIGUSR2;
        a[1] = below(f, 3) ? (unsigned long)&actions[below(f, 2)] : nowhere(f);
        a[3] = below(f, 4) ? 8 : a[3];
        return 1;
    case SYS_brk:
        a[0] = below(f, 2) ? brk_start + below(f, MIB) : a[0] >> 63 ? a[0] : 0;
        return 1;
    case SYS_getrandom:
        if (a[1] < 1ul << 48)
            a[1] &= 0xffff;
        return 1;
    case SYS_mmap:
        if (a[3] & 0x100010) {      /* MAP_FIXED, MAP_FIXED_NOREPLACE */
            a[0] = address(f);
            a[1] = length(f, a[0]);
        } else
            a[1] = below(f, 8) ? below(f, 4 * MIB) : a[1];
        if (below(f, 2))
            a[2] &= 7, a[3] = (a[3] & 0x100010) | 0x22;
        if (a[3] & 0xa000 && a[1] < 1ul << 48)       /* MAP_POPULATE, MAP_LOCKED */
            a[1] &= MIB - 1;
        return 1;
    case SYS_mremap:
        a[0] = address(f), a[1] = length(f, a[0]);
        if (below(f, 2))
            a[3] &= 3;
        if (a[3] & 2)
            a[4] = address(f), a[2] = length(f, a[4]);
        else
            a[2] = below(f, 8) ? below(f, 4 * MIB) : length(f, a[0]);
        return 1;
    case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_mincore: case SYS_msync: case SYS_mlock: case SYS_munlock:
        a[0] = address(f), a[1] = length(f, a[0]);
        if (number == SYS_mprotect && below(f, 2))
            a[2] &= 7;
        if (number == SYS_madvise && below(f, 4))
            a[2] = below(f, 26);
        return 1;
    case PRIVATE + 6:               /* vspace_reserve: what it gives is tried below */
        a[0] = ONE_OF(0, -1, 1l << 62, 1l << 50);
        return 1;
    case PRIVATE + 7:               /* vspace_release */
        a[0] = address(f), a[1] = length(f, a[0]);
        return 1;
    default:
        return 1;
    }
}

/* Gives back what a call that succeeded gave. */
static void give_back(unsigned long number, const unsigned long *a, long result)
{
    int outside = result > 0 && ((char *)result < arena || (char *)result >= arena + ARENA);
    if (number == SYS_mmap && outside)
        RAW(SYS_munmap, result, a[1], 0, 0, 0, 0);
    else if (number == SYS_mremap && outside)
        RAW(SYS_munmap, result, a[2], 0, 0, 0, 0);
    else if (number == PRIVATE + 1 && result > 0)
        sel4std_untyped_free(result);
    else if (number == PRIVATE + 3 && result > 0)
        sel4std_slots_free(result, a[0]);
}

static void *fuzz(void *with)
{
    struct fuzzer *f = with;
    unsigned long size;
    ids[1 + f->number] = gettid();
    raw_call(SYS_get_robust_list, 0, (long)&f->robust, (long)&size, 0, 0, 0);
    for (; f->done < rounds / 2 && !f->wrong; f->done++) {
        unsigned long a[6], call = number(f);
        for (int i = 0; i < 6; i++)
            a[i] = value(f);
        if (!harmless(f, call, a))
            continue;
        long result = raw_call(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        int unknown = call > 470 && (call < PRIVATE || call > PRIVATE + 8);
        if (result < -MAX_ERRNO || (unknown && result != -ENOSYS)) {
            f->wrong = result, f->call = call;
            memcpy(f->arguments, a, sizeof a);
        } else if (result < 0)
            f->refused[-result]++;
        else {
            f->good++;
            give_back(call, a, result);
        }
    }
    /* What belongs to the thread goes back to what muslc wants of it. */
    uint64_t none = 0;
    stack_t disabled = {.ss_flags = SS_DISABLE};
    struct sched_param priority = {0};
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8, 0, 0);
    raw_call(SYS_set_robust_list, f->robust, size, 0, 0, 0, 0);
    raw_call(SYS_sigaltstack, (long)&disabled, 0, 0, 0, 0, 0);
    raw_call(SYS_sched_setscheduler, 0, SCHED_OTHER, (long)&priority, 0, 0, 0);
    running--;
    return 0;
}

static void remove_any(const char *path);

/* Takes away what is in a directory, and it. */
static void take_away(const char *path)
{
    char name[PATH_MAX];
    struct dirent *entry;
    for (int round = 0; round < 2; round++) {
        DIR *directory = opendir(path);
        while (directory && (entry = readdir(directory)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
                snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
                remove_any(name);
            }
        if (directory)
            closedir(directory);
    }
    rmdir(path);
}

static void remove_any(const char *path)
{
    if (unlink(path) && errno == EISDIR)
        take_away(path);
}

/* Takes away what is in a directory by a name that the calls give. */
static void sweep(const char *path)
{
    char name[PATH_MAX];
    struct dirent *entry;
    DIR *directory = opendir(path);
    NEED(directory);
    while ((entry = readdir(directory)))
        if (*entry->d_name == 'x' || (!entry->d_name[1] && *entry->d_name >= 'a' && *entry->d_name <= 'd')) {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            remove_any(name);
        }
    closedir(directory);
}

/* Has a name be the memory device's again. */
static void put_back(const char *path, int minor)
{
    struct stat stat;
    if (lstat(path, &stat) || !S_ISCHR(stat.st_mode)) {
        remove_any(path);
        NEED(mknod(path, S_IFCHR | 0666, 1 << 8 | minor) == 0);
    }
}

static void wake(int signal) { (void)signal; }

static void campaign(unsigned long count, const char *name)
{
    static struct fuzzer fuzzers[2];
    pthread_t threads[2];
    rounds = count;
    signal(SIGPIPE, SIG_IGN);
    arena = (char *)mmap(0, ARENA + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + GUARD;
    NEED(arena != MAP_FAILED + GUARD);
    mprotect(arena, ARENA, PROT_READ | PROT_WRITE);
    brk_start = RAW(SYS_brk, 0, 0, 0, 0, 0, 0);
    mkdir(FOLDER, 0755);
    NEED(chdir(FOLDER) == 0);
    memset(long_path, 'x', sizeof long_path - 1);
    running = 2;
    for (int i = 0; i < 2; i++) {
        scratch[i] = mmap(0, SCRATCH + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(scratch[i] + SCRATCH, PAGE, PROT_NONE);
    }
    for (int i = 0; i < 2; i++) {
        memset(&fuzzers[i], 0, sizeof fuzzers[i]);
        fuzzers[i].state = (seed * 2 + i) * 0x9e3779b97f4a7c15ul + 1;
        fuzzers[i].number = i;
        threads[i] = start(fuzz, &fuzzers[i]);
    }
    /* Whatever priority they give themselves: the signals come. */
    struct sched_param highest = {.sched_priority = sched_get_priority_max(SCHED_RR)}, ordinary = {0};
    NEED(RAW(SYS_sched_setscheduler, 0, SCHED_RR, &highest, 0, 0, 0) == 0);
    while (running) {
        for (int i = 0; i < 2; i++)
            if (ids[1 + i])
                raw_call(SYS_tkill, ids[1 + i], SIGUSR1, 0, 0, 0, 0);
        raw_call(SYS_nanosleep, (long)&(struct timespec){0, MILLISECOND}, 0, 0, 0, 0, 0);
    }
    for (int i = 0; i < 2; i++)
        result_of(threads[i]);
    NEED(RAW(SYS_sched_setscheduler, 0, SCHED_OTHER, &ordinary, 0, 0, 0) == 0);
    RAW(SYS_close_range, 3, -1u, 0, 0, 0, 0);
    RAW(SYS_brk, brk_start, 0, 0, 0, 0, 0);
    NEED(chdir("/") == 0);
    umask(022);
    take_away(FOLDER);
    take_away("/tmp");              /* what was moved or made up there */
    mkdir("/tmp", 01777);
    /* The working directory may have been another, and a device's name anybody's. */
    put_back("/dev/null", 3), put_back("/dev/zero", 5), put_back("/dev/full", 7);
    sweep("/dev");
    sweep("/");
    for (int i = 0; i < 2; i++)
        munmap(scratch[i], SCRATCH + PAGE);
    munmap(arena - GUARD, ARENA + 2 * GUARD);
    ids[1] = ids[2] = 0;
    putchar('\n');
    for (int i = 0; i < 2; i++) {
        struct fuzzer *f = &fuzzers[i];
        if (f->wrong)
            printf("call %#lx(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) answered %ld\n", f->call, f->arguments[0], f->arguments[1],
                   f->arguments[2], f->arguments[3], f->arguments[4], f->arguments[5], f->wrong);
        char text[64];
        snprintf(text, sizeof text, "%s: every answer of thread %d is a result or an error", name, i);
        EQUAL(text, f->wrong, 0);
        check(f->good > count / 50 && f->refused[EFAULT] > count / 100, "many succeed, and many pointers are bad", "%lu, %lu", f->good,
              f->refused[EFAULT]);
    }
    printf("   %lu good, %lu EINVAL, %lu EFAULT, %lu ENOSYS, %lu EINTR\n", fuzzers[0].good, fuzzers[0].refused[EINVAL],
           fuzzers[0].refused[EFAULT], fuzzers[0].refused[ENOSYS], fuzzers[0].refused[EINTR]);
}

int main(int count, char **arguments)
{
    unsigned long all = count > 1 ? strtoul(arguments[1], 0, 0) : 10000;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = count > 2 ? strtoul(arguments[2], 0, 0) : (unsigned long)now.tv_sec;
    printf("seed %lu: run again with the arguments %lu %lu\n", seed, all, seed);
    for (int i = 0; i < 64; i++)
        canary[i] = i * 0x0101010101010101ul;
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = wake}, 0);
    ids[0] = getpid();

    /* What taking a tree away allocates, once before anything is counted. */
    DIR *open_ones[16];
    for (int i = 0; i < 16; i++)
        open_ones[i] = opendir("/");
    for (int i = 0; i < 16; i++)
        closedir(open_ones[i]);
    NEED(dup2(1, 1023) == 1023 && close(1023) == 0);        /* the table of descriptors grows to its end */
    /* The slots for the first pages that are mapped from a file stay as well. */
    int file = open("/tmp/shown", O_CREAT | O_RDWR, 0600);
    NEED(file >= 0 && write(file, "x", 1) == 1);
    char *shown = mmap(0, PAGE, PROT_READ, MAP_SHARED, file, 0);
    NEED(shown != MAP_FAILED && *shown == 'x' && munmap(shown, PAGE) == 0);
    NEED(close(file) == 0 && unlink("/tmp/shown") == 0);
    campaign(2000, "warm-up");
    struct sel4std_counts before = counts_now();
    seed++;
    campaign(all, "fuzzing");
    struct sel4std_counts after = counts_now();

    int damaged = 0;
    for (int i = 0; i < 64; i++)
        damaged += canary[i] != i * 0x0101010101010101ul;
    EQUAL("the program's own memory is as it was", damaged, 0);
    EQUAL("threads are as before", after.threads, before.threads);
    EQUAL("areas are as before", after.areas, before.areas);
    EQUAL("promises are as before", after.promised_pages, before.promised_pages);
    /* muslcsys's own memory grows by 2 MiB and a table of it at a time and is kept: up to 16 MiB of what is in use at once. */
    check(before.free_pages - after.free_pages + 64 <= 64 + 8 * 513, "no page is lost", "%zu free, %zu before", after.free_pages,
          before.free_pages);
    check(after.record_bytes <= before.record_bytes + 65536, "no record is lost", "%zu bytes, %zu before", after.record_bytes,
          before.record_bytes);
    clock_settime(CLOCK_REALTIME, &now);
    return check_end();
}
