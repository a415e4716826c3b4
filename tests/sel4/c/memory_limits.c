/* Memory calls at their limits: what is promised is there however it lies, what is refused changes nothing, and a page fault waits for
 * none of them long. */
// run memory-limits: time=240 icount
#include "threads.h"
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define LARGE (2 * MIB)

static char *map(void *at, size_t bytes, int prot, int flags)
{
    return mmap(at, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Single pages far apart need a page table each: those are promised with the pages, so the rest can be touched to the last page. */
static void far_apart(void)
{
    enum { MOST = 60000 };
    struct sel4std_counts before = counts_now();
    char *room = map(0, (MOST + 1ul) * LARGE, PROT_NONE, MAP_NORESERVE);
    NEED(room != MAP_FAILED);
    munmap(room, (MOST + 1ul) * LARGE);
    char *first = (char *)(((uintptr_t)room + LARGE - 1) & -LARGE);
    int made = 0;
    while (made < MOST && map(first + made * LARGE, PAGE, RW, MAP_FIXED_NOREPLACE) != MAP_FAILED)
        made++;
    EQUAL("pages that are 2 MiB apart", made, MOST);
    struct sel4std_counts now = counts_now();
    size_t rest = (now.promisable_pages - now.promised_pages) * PAGE;
    check(rest < (now.free_pages - MOST * 1ul) * PAGE, "their tables are promised as well", "%zu bytes of %zu pages", rest, now.free_pages);
    char *taken = map(0, rest, RW, 0);
    NEED(taken != MAP_FAILED);
    for (size_t at = 0; at < rest; at += PAGE)
        taken[at] = 1;
    for (int i = 0; i < made; i++)
        first[i * LARGE] = 1;
    CHECK("every page that was promised is there", taken[rest - PAGE] == 1 && first[(made - 1) * LARGE] == 1);
    munmap(taken, rest);
    munmap(first, MOST * LARGE);
    struct sel4std_counts after = counts_now();
    EQUAL("promises are taken back", after.promised_pages, before.promised_pages);
    /* Kept: empty tables, a directory for each GiB of addresses that was ever used, and memory for records, 2 KiB for each table. */
    check(after.free_pages + 160 + MOST * 6 / 10 > before.free_pages, "pages come back", "%zu of %zu", after.free_pages, before.free_pages);
}

/* A mapping that memory is too short for takes nothing away. */
static void refused_replacement(void)
{
    struct sel4std_counts now = counts_now();
    size_t left = (now.promisable_pages - now.promised_pages) * PAGE - 16 * MIB;
    char *taken = map(0, left, RW, 0), *at = map(0, 64 * MIB, PROT_NONE, 0);
    NEED(taken != MAP_FAILED && at != MAP_FAILED);
    EQUAL("4 MiB of it can be had", mprotect(at, 4 * MIB, RW), 0);
    memset(at, 0x77, 4 * MIB);
    ERRNO("64 MiB over that cannot", map(at, 64 * MIB, RW, MAP_FIXED), ENOMEM);
    size_t other = 0;
    for (size_t i = 0; i < 4 * MIB; i++)
        other += at[i] != 0x77;
    EQUAL("what was there is there", other, 0);
    ERRNO("nor as a target of mremap", mremap(taken, left, left + 32 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, at), ENOMEM);
    char *small = map(0, PAGE, RW, 0);
    *small = 5;
    ERRNO("nor with room to grow", mremap(small, PAGE, 60 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, at), ENOMEM);
    EQUAL("both stay", *small + at[PAGE], 5 + 0x77);
    EQUAL("as much as is there fits over it", map(at, 4 * MIB, RW, MAP_FIXED) == at ? at[PAGE] : -1, 0);
    munmap(taken, left), munmap(at, 64 * MIB), munmap(small, PAGE);
}

/* A thread of a higher priority that touches a fresh page each millisecond; the longest it had to wait for one, in nanoseconds. */
static atomic_int over;
static char *fresh;
static void *touch(void *unused)
{
    (void)unused;
    long longest = 0;
    for (size_t page = 0; !over && page < 4000; page++) {
        struct timespec pause = {0, 1000000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, 0);
        long start = now_on(CLOCK_MONOTONIC);
        fresh[page * PAGE] = 1;
        long waited = now_on(CLOCK_MONOTONIC) - start;
        if (waited > longest)
            longest = waited;
    }
    return (void *)longest;
}

static void faults_meanwhile(void)
{
    enum { BYTES = 128 * 1024 * 1024, LIMIT = 1000000 };
    char name[80];
    for (int which = 0; which < 3; which++) {
        static const char *calls[] = {"mprotect", "mremap", "munmap"};
        char *at = map(0, BYTES, RW, 0);
        fresh = map(0, 4000 * PAGE, RW, 0);
        NEED(at != MAP_FAILED && fresh != MAP_FAILED);
        madvise(at, BYTES, MADV_NOHUGEPAGE), madvise(fresh, 4000 * PAGE, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < BYTES; i += PAGE)
            at[i] = 1;
        over = 0;
        pthread_t thread = start_waiting(touch, 0);
        long began = now_on(CLOCK_MONOTONIC);
        char *moved = at;
        if (which == 0)
            mprotect(at, BYTES, PROT_READ);
        else if (which == 1)
            moved = mremap(at, BYTES, BYTES + 1024 * PAGE, MREMAP_MAYMOVE);
        if (which == 2)
            munmap(at, BYTES);
        long took = now_on(CLOCK_MONOTONIC) - began;
        over = 1;
        void *longest = result_of(thread);
        snprintf(name, sizeof name, "%s takes long enough to tell", calls[which]);
        check(took > 5 * LIMIT || which == 1, name, "%ld ns", took);
        snprintf(name, sizeof name, "no page fault waits long for %s", calls[which]);
        check((long)longest < LIMIT, name, "%ld ns of %ld", (long)longest, took);
        if (which < 2)
            munmap(moved, BYTES + (which ? 1024 * PAGE : 0));
        munmap(fresh, 4000 * PAGE);
    }
}

int main(void)
{
    faults_meanwhile();
    refused_replacement();
    far_apart();
    return check_end();
}
