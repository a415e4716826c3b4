/* The memory calls: arguments that are wrong, what memory holds, and that all of it comes back. */
// run memory-calls: time=120
#include "check.h"
#include <sys/mman.h>

static char *map(size_t bytes, int prot)
{
    return mmap(0, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
#define RW (PROT_READ | PROT_WRITE)

/* The first byte of the range that is not value, or -1. */
static long differs(const char *at, size_t bytes, char value)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != value)
            return i;
    return -1;
}

static void wrong_arguments(void)
{
    char *page = map(PAGE, RW);
    NEED(page != MAP_FAILED);
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    ERRNO("mmap of nothing", mmap(0, 0, RW, anonymous, -1, 0), EINVAL);
    ERRNO("mmap neither private nor shared", mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    ERRNO("mmap of a file that is not open", mmap(0, PAGE, RW, MAP_PRIVATE, 77, 0), EBADF);
    ERRNO("mmap of the console", mmap(0, PAGE, RW, MAP_PRIVATE, 1, 0), ENODEV);
    ERRNO("mmap fixed and misaligned", mmap(page + 1, PAGE, RW, anonymous | MAP_FIXED, -1, 0), EINVAL);
    ERRNO("mmap fixed at the end", mmap((void *)-PAGE, PAGE, RW, anonymous | MAP_FIXED, -1, 0), ENOMEM);
    ERRNO("mmap with an unknown permission", mmap(0, PAGE, 0x40, anonymous, -1, 0), EINVAL);
    ERRNO("mmap fixed without replacement", mmap(page, PAGE, RW, anonymous | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    EQUAL("a refused mmap leaves the page", page[0], 0);
    /* muslc refuses more than PTRDIFF_MAX itself, so the call is made without it. */
    EQUAL("mmap of all addresses", RAW(SYS_mmap, 0, -1ul, RW, anonymous, -1, 0), -ENOMEM);
    EQUAL("mmap of half the addresses", RAW(SYS_mmap, 0, 1ul << 63, RW, anonymous, -1, 0), -ENOMEM);
    ERRNO("mmap of more than the board has", map(8ul << 30, RW), ENOMEM);
    ERRNO("munmap of nothing", munmap(page, 0), EINVAL);
    ERRNO("munmap misaligned", munmap(page + 8, PAGE), EINVAL);
    EQUAL("munmap that wraps", RAW(SYS_munmap, page, -1ul, 0, 0, 0, 0), -EINVAL);
    EQUAL("munmap of what is not there", munmap(page + (1ul << 30), PAGE), 0);
    EQUAL("mprotect misaligned", RAW(SYS_mprotect, page + 1, PAGE, RW, 0, 0, 0), -EINVAL);
    ERRNO("mprotect with an unknown permission", mprotect(page, PAGE, 0x1000), EINVAL);
    ERRNO("mprotect of what is not there", mprotect(page + (1ul << 30), PAGE, RW), ENOMEM);
    ERRNO("madvise with unknown advice", madvise(page, PAGE, 0x7777), EINVAL);
    ERRNO("madvise misaligned", madvise(page + 1, PAGE, MADV_DONTNEED), EINVAL);
    ERRNO("madvise of what is not there", madvise(page + (1ul << 30), PAGE, MADV_DONTNEED), ENOMEM);
    ERRNO("mremap to nothing", mremap(page, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
    ERRNO("mremap misaligned", mremap(page + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
    ERRNO("mremap with unknown flags", mremap(page, PAGE, PAGE, 0x40), EINVAL);
    ERRNO("mremap fixed that may not move", mremap(page, PAGE, PAGE, MREMAP_FIXED, page + 8 * PAGE), EINVAL);
    ERRNO("mremap onto itself", mremap(page, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, page), EINVAL);
    ERRNO("mremap of what is not there", mremap(page + (1ul << 30), PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    ERRNO("mremap to more than the board has", mremap(page, PAGE, 8ul << 30, MREMAP_MAYMOVE), ENOMEM);
    EQUAL("mremap to all addresses", RAW(SYS_mremap, page, PAGE, -1ul, MREMAP_MAYMOVE, 0, 0), -ENOMEM);
    long brk = RAW(SYS_brk, 0, 0, 0, 0, 0, 0);
    EQUAL("brk to nonsense changes nothing", RAW(SYS_brk, 1, 0, 0, 0, 0, 0), brk);
    EQUAL("brk to more than there is changes nothing", RAW(SYS_brk, brk + (8l << 30), 0, 0, 0, 0, 0), brk);
    EQUAL("brk grows", RAW(SYS_brk, brk + 3 * MIB, 0, 0, 0, 0, 0), brk + 3 * MIB);
    memset((char *)brk, 7, 3 * MIB);
    EQUAL("brk shrinks", RAW(SYS_brk, brk, 0, 0, 0, 0, 0), brk);
    EQUAL("brk grows again", RAW(SYS_brk, brk + 3 * MIB, 0, 0, 0, 0, 0), brk + 3 * MIB);
    EQUAL("brk's memory is zero again", differs((char *)brk, 3 * MIB, 0), -1);
    RAW(SYS_brk, brk, 0, 0, 0, 0, 0);
    ERRNO("malloc of half the addresses", malloc(PTRDIFF_MAX) ? 0 : -1, ENOMEM);
    ERRNO("malloc of more than the board has", malloc(6ul << 30) ? 0 : -1, ENOMEM);
    ERRNO("calloc that overflows", calloc(1ul << 40, 1ul << 40) ? 0 : -1, ENOMEM);
    char *block = malloc(100);
    strcpy(block, "kept");
    ERRNO("realloc to more than the board has", realloc(block, 6ul << 30) ? 0 : -1, ENOMEM);
    CHECK("a refused realloc keeps the block", !strcmp(block, "kept"));
    free(block);
    void *aligned = 0;
    EQUAL("posix_memalign to three", posix_memalign(&aligned, 3, 8), EINVAL);
    EQUAL("posix_memalign to 64 KiB", posix_memalign(&aligned, 65536, 100) ?: (long)aligned & 65535, 0);
    free(aligned);
    munmap(page, PAGE);
}

static void writable_or_executable(void)
{
    ERRNO("mmap writable and executable", map(PAGE, RW | PROT_EXEC), EACCES);
    char *page = map(PAGE, RW);
    ERRNO("mprotect writable and executable", mprotect(page, PAGE, RW | PROT_EXEC), EACCES);
    page[0] = 1;
    /* ret */
    *(volatile uint32_t *)page = 0xd65f03c0;
    EQUAL("mprotect executable", mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    __builtin___clear_cache(page, page + 4);
    ((void (*)(void))page)();
    CHECK("what became executable runs", 1);
    munmap(page, PAGE);
}

/* Promises end before memory does, and what was promised is there. */
static void commit_limit(void)
{
    struct sel4std_counts before = counts_now();
    size_t left = (before.promisable_pages - before.promised_pages) * PAGE;
    CHECK("most of the board's memory can be promised", before.promisable_pages * PAGE > 3900 * MIB);
    ERRNO("one MiB more than is left", map(left + MIB, RW), ENOMEM);
    char *most = map(left - MIB, RW);
    CHECK("what is left can be had", most != MAP_FAILED);
    ERRNO("two more MiB", map(2 * MIB, RW), ENOMEM);
    char *none = map(2 * MIB, PROT_NONE);
    CHECK("PROT_NONE promises nothing", none != MAP_FAILED);
    ERRNO("making it writable does", mprotect(none, 2 * MIB, RW), ENOMEM);
    munmap(none, 2 * MIB);
    munmap(most, left - MIB);
    EQUAL("promises are taken back", counts_now().promised_pages, before.promised_pages);
}

static void a_gigabyte(void)
{
    struct sel4std_counts before = counts_now();
    for (int round = 0; round < 2; round++) {
        uint64_t *at = malloc(1ul << 30);
        NEED(at);
        size_t words = (1ul << 30) / 8, other = 0;
        for (size_t i = 0; i < words; i += 64)
            other += at[i] != 0;
        EQUAL(round ? "1 GiB again is zero" : "1 GiB is zero", other, 0);
        for (size_t i = 0; i < words; i += 64)
            at[i] = i ^ 0x5a5a;
        for (size_t i = 0; i < words; i += 64)
            other += at[i] != (i ^ 0x5a5a);
        EQUAL(round ? "1 GiB again holds what is written" : "1 GiB holds what is written", other, 0);
        free(at);
    }
    struct sel4std_counts after = counts_now();
    CHECK("1 GiB comes back", after.free_pages + 1024 > before.free_pages);
    EQUAL("its promise too", after.promised_pages, before.promised_pages);
}

static void many_rounds(void)
{
    for (int warm = 0; warm < 2; warm++)
        free(malloc(MIB));
    struct sel4std_counts before = counts_now();
    for (int round = 0; round < 10000; round++) {
        char *at = malloc(MIB);
        if (!at) {
            check(0, "10,000 rounds of 1 MiB", "round %d failed", round);
            return;
        }
        at[0] = at[MIB / 2] = at[MIB - 1] = round;
        free(at);
    }
    struct sel4std_counts after = counts_now();
    EQUAL("10,000 rounds of 1 MiB leave the free pages", after.free_pages, before.free_pages);
    EQUAL("10,000 rounds of 1 MiB leave the records", after.record_bytes, before.record_bytes);
    EQUAL("10,000 rounds of 1 MiB leave the areas", after.areas, before.areas);
}

static void untouched(void)
{
    struct sel4std_counts before = counts_now();
    char *at = map(512 * MIB, RW);
    EQUAL("512 MiB never touched cost no frame", counts_now().free_pages, before.free_pages);
    at[300 * MIB] = 1;
    long cost = before.free_pages - counts_now().free_pages;
    check(cost > 0 && cost <= 1024, "one touch costs little", "%ld pages", cost);
    munmap(at, 512 * MIB);
    EQUAL("and gives all back", counts_now().free_pages, before.free_pages);
}

/* Two large pages, then a part of them treated on its own. */
static char *large_pages_in;
static char *large_pages(void)
{
    char *at = large_pages_in = map(8 * MIB, RW);
    NEED(at != MAP_FAILED);
    char *aligned = (char *)(((uintptr_t)at + 2 * MIB - 1) & -(2 * MIB));
    for (size_t i = 0; i < 4 * MIB; i++)
        aligned[i] = (char)(i / PAGE * 7 + 1);
    return aligned;
}

static long content_differs(const char *at, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (at[i] != (char)(i / PAGE * 7 + 1))
            return i;
    return -1;
}

static void parts_of_large_pages(void)
{
    struct sel4std_counts before = counts_now();
    char *at = large_pages();
    size_t part = MIB / 2, end = part + 3 * PAGE;
    EQUAL("munmap within a large page", munmap(at + part, 3 * PAGE), 0);
    EQUAL("keeps what is before", content_differs(at, 0, part), -1);
    EQUAL("keeps what is behind", content_differs(at, end, 4 * MIB), -1);
    NEED(mmap(at + part, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + part);
    EQUAL("the hole filled again is zero", differs(at + part, 3 * PAGE, 0), -1);

    part = 3 * MIB, end = part + PAGE;
    EQUAL("mprotect within a large page", mprotect(at + part, PAGE, PROT_READ), 0);
    EQUAL("keeps all of it", content_differs(at, 2 * MIB, 4 * MIB), -1);
    at[part - 1] = at[part - 1], at[end] = at[end];
    EQUAL("mprotect back", mprotect(at + part, PAGE, RW), 0);
    at[part] = at[part];
    EQUAL("and keeps it again", content_differs(at, 2 * MIB, 4 * MIB), -1);
    munmap(large_pages_in, 8 * MIB);

    at = large_pages();
    EQUAL("madvise within a large page", madvise(at + MIB, 5 * PAGE, MADV_DONTNEED), 0);
    EQUAL("drops the part", differs(at + MIB, 5 * PAGE, 0), -1);
    EQUAL("keeps what is before the part", content_differs(at, 0, MIB), -1);
    EQUAL("keeps what is behind the part", content_differs(at, MIB + 5 * PAGE, 4 * MIB), -1);
    EQUAL("madvise over the end of one into the next", madvise(at + 2 * MIB - PAGE, 2 * PAGE, MADV_DONTNEED), 0);
    EQUAL("drops both", differs(at + 2 * MIB - PAGE, 2 * PAGE, 0), -1);
    EQUAL("keeps the rest", content_differs(at, 2 * MIB + PAGE, 4 * MIB), -1);
    munmap(large_pages_in, 8 * MIB);

    at = large_pages();
    mprotect(at, 2 * MIB, PROT_NONE);
    EQUAL("munmap within a hidden large page", munmap(at + MIB, PAGE), 0);
    mprotect(at, MIB, PROT_READ);
    EQUAL("keeps its content", content_differs(at, 0, MIB), -1);
    munmap(large_pages_in, 8 * MIB);
    check(counts_now().free_pages + 64 >= before.free_pages, "all of them come back", "%zu pages of %zu", counts_now().free_pages,
          before.free_pages);
}

/* Whatever the pages could do when they were given back, they are zero when they come again. */
static void fresh_is_zero(void)
{
    static const struct { const char *name; int prot; size_t bytes; } kinds[] = {
        {"writable", RW, 64 * PAGE}, {"read-only", PROT_READ, 64 * PAGE}, {"hidden", PROT_NONE, 64 * PAGE},
        {"large writable", RW, 8 * MIB}, {"large read-only", PROT_READ, 8 * MIB}, {"large hidden", PROT_NONE, 8 * MIB},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[64];
        long other = 0;
        for (int round = 0; round < 3; round++) {
            char *at = map(kinds[i].bytes, RW);
            other += differs(at, kinds[i].bytes, 0) != -1;
            memset(at, 0xa5, kinds[i].bytes);
            mprotect(at, kinds[i].bytes, kinds[i].prot);
            munmap(at, kinds[i].bytes);
        }
        char *at = map(64 * MIB, RW);
        for (size_t k = 0; k < 64 * MIB; k += 512)
            other += at[k] != 0;
        munmap(at, 64 * MIB);
        snprintf(name, sizeof name, "memory that was %s is zero again", kinds[i].name);
        EQUAL(name, other, 0);
    }
    char *at = map(16 * PAGE, RW);
    memset(at, 0x5a, 16 * PAGE);
    mprotect(at, 16 * PAGE, PROT_READ);
    EQUAL("MADV_DONTNEED of read-only pages", madvise(at, 16 * PAGE, MADV_DONTNEED), 0);
    EQUAL("they are zero", differs(at, 16 * PAGE, 0), -1);
    munmap(at, 16 * PAGE);
}

static void moves(size_t bytes, const char *size)
{
    char name[80];
#define NAME(text) (snprintf(name, sizeof name, "mremap %s: %s", size, text), name)
    char *at = map(bytes, RW);
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(i / PAGE * 7 + 1);
    char *wall = mmap(at + bytes, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    ERRNO(NAME("cannot grow in place"), mremap(at, bytes, 2 * bytes, 0), ENOMEM);
    char *moved = mremap(at, bytes, 2 * bytes, MREMAP_MAYMOVE);
    NEED(moved != MAP_FAILED);
    CHECK(NAME("it moved"), moved != at);
    EQUAL(NAME("content moved along"), content_differs(moved, 0, bytes), -1);
    EQUAL(NAME("what is new is zero"), differs(moved + bytes, bytes, 0), -1);
    char *shrunk = mremap(moved, 2 * bytes, bytes / 2, 0);
    CHECK(NAME("shrinks in place"), shrunk == moved);
    EQUAL(NAME("content is kept"), content_differs(shrunk, 0, bytes / 2), -1);
    ERRNO(NAME("the rest is gone"), madvise(moved + bytes / 2, PAGE, MADV_NORMAL), ENOMEM);
    char *grown = mremap(shrunk, bytes / 2, bytes, 0);
    CHECK(NAME("grows in place"), grown == shrunk);
    EQUAL(NAME("the new half is zero"), differs(grown + bytes / 2, bytes / 2, 0), -1);
    /* Onto a page that is off by one from large alignment, over something that is there. */
    char *room = map(4 * bytes, RW);
    memset(room, 0x11, 4 * bytes);
    char *to = room + bytes + PAGE;
    EQUAL(NAME("to a fixed place"), mremap(grown, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) - (void *)to, 0);
    EQUAL(NAME("content is there"), content_differs(to, 0, bytes / 2), -1);
    EQUAL(NAME("what is before is kept"), differs(room, bytes + PAGE, 0x11), -1);
    EQUAL(NAME("what is behind is kept"), differs(to + bytes, 2 * bytes - PAGE, 0x11), -1);
    munmap(room, 4 * bytes);
    munmap(wall, PAGE);
    char *hidden = map(bytes, RW);
    memset(hidden, 0x33, bytes);
    mprotect(hidden, bytes, PROT_NONE);
    moved = mremap(hidden, bytes, bytes + 4 * MIB, MREMAP_MAYMOVE);
    NEED(moved != MAP_FAILED);
    EQUAL(NAME("hidden pages move"), mprotect(moved, bytes, PROT_READ), 0);
    EQUAL(NAME("with their content"), differs(moved, bytes, 0x33), -1);
    munmap(moved, bytes + 4 * MIB);
}

/* What sel4std.h gives is not to be mistaken for memory, nor memory for it. */
static void reserved(void)
{
    struct sel4std_counts before = counts_now();
    long range = sel4std_vspace_reserve(3 * MIB);
    CHECK("sel4std_vspace_reserve", range > 0 && range % (2 * MIB) == 0);
    ERRNO("munmap of reserved addresses", munmap((void *)range, 4 * MIB), EINVAL);
    ERRNO("mprotect of reserved addresses", mprotect((void *)range, PAGE, RW), ENOMEM);
    ERRNO("madvise of reserved addresses", madvise((void *)range, PAGE, MADV_DONTNEED), ENOMEM);
    ERRNO("mremap of reserved addresses", mremap((void *)range, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    ERRNO("mmap onto reserved addresses", mmap((void *)range, PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    EQUAL("half of it is given back", sel4std_vspace_release((void *)range, 2 * MIB), 0);
    EQUAL("not twice", sel4std_vspace_release((void *)range, 2 * MIB), -EINVAL);
    EQUAL("and the other half", sel4std_vspace_release((void *)(range + 2 * MIB), 2 * MIB), 0);
    char *none = map(2 * MIB, PROT_NONE);
    EQUAL("memory is not released so", sel4std_vspace_release(none, 2 * MIB), -EINVAL);
    munmap(none, 2 * MIB);
    EQUAL("a range of nothing", sel4std_vspace_reserve(0), -EINVAL);
    EQUAL("a range of all addresses", sel4std_vspace_reserve(-1ul), -EINVAL);
    EQUAL("an untyped that is too large", sel4std_untyped_alloc(22), -EINVAL);
    EQUAL("an untyped that is too small", sel4std_untyped_alloc(3), -EINVAL);
    long untyped = sel4std_untyped_alloc(12), large = sel4std_untyped_alloc(21);
    CHECK("untypeds", untyped > 0 && large > 0 && untyped != large);
    EQUAL("are given back", sel4std_untyped_free(untyped) ?: sel4std_untyped_free(large), 0);
    EQUAL("not twice either", sel4std_untyped_free(untyped), -EINVAL);
    long slots = sel4std_slots_alloc(8);
    CHECK("slots", slots > 0);
    EQUAL("slots are given back", sel4std_slots_free(slots, 8), 0);
    EQUAL("slots not twice", sel4std_slots_free(slots, 8), -EINVAL);
    EQUAL("slots in threes", sel4std_slots_alloc(3), -EINVAL);
    EQUAL("promises are as before", counts_now().promised_pages, before.promised_pages);
    EQUAL("areas are as before", counts_now().areas, before.areas);
}

/* The number in a line of /proc/self/status. */
static long status_line(const char *name)
{
    char line[128];
    long value = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, name, strlen(name)))
            value = atol(line + strlen(name));
    if (status)
        fclose(status);
    return value;
}

static void locked(void)
{
    unsigned char there[4] = {0};
    char *at = map(4 * PAGE, RW);
    EQUAL("nothing is locked", status_line("VmLck:"), 0);
    EQUAL("mlock", mlock(at + PAGE + 5, PAGE), 0);
    EQUAL("puts the pages there that it touches", mincore(at, 4 * PAGE, there) ?: there[0] | there[1] << 1 | there[2] << 2 | there[3] << 3, 6);
    EQUAL("and tells it", status_line("VmLck:"), 8);
    EQUAL("munlock of one", munlock(at + PAGE, PAGE) ?: status_line("VmLck:"), 4);
    EQUAL("munmap of the other", munmap(at, 4 * PAGE) ?: status_line("VmLck:"), 0);
    ERRNO("mlock of what is not there", mlock(at, PAGE), ENOMEM);
}

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    wrong_arguments();
    writable_or_executable();
    commit_limit();
    reserved();
    locked();
    many_rounds();
    untouched();
    parts_of_large_pages();
    fresh_is_zero();
    struct sel4std_counts before = counts_now();
    moves(64 * PAGE, "of small pages");
    moves(8 * MIB, "of large pages");
    check(counts_now().free_pages + 64 >= before.free_pages, "mremap loses nothing", "%zu pages of %zu", counts_now().free_pages,
          before.free_pages);
    a_gigabyte();
    return check_end();
}
