/* mmap of files: what a mapping shows, what is refused, and what becomes of it when the file changes. */
// run mmap-files: time=120
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RW (PROT_READ | PROT_WRITE)

static int file(const char *name, int flags) { return open(name, flags | O_CREAT, 0644); }

/* A file of so many bytes, each telling its place. */
static int filled(const char *name, size_t bytes)
{
    int fd = file(name, O_RDWR | O_TRUNC);
    NEED(fd >= 0);
    char page[PAGE];
    for (size_t at = 0; at < bytes; at += PAGE) {
        size_t length = bytes - at < PAGE ? bytes - at : PAGE;
        for (size_t i = 0; i < length; i++)
            page[i] = (char)((at + i) / 64 * 7 + 1);
        NEED(write(fd, page, length) == (ssize_t)length);
    }
    return fd;
}
/* The first byte that is not as filled() made it, `from` being where in the file the memory begins; or -1. */
static long differs(const char *at, size_t from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != (char)((from + i) / 64 * 7 + 1))
            return i;
    return -1;
}
static long not_zero(const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i])
            return i;
    return -1;
}

static sigjmp_buf back;
static volatile int came, code;
static void handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    came = signal, code = info->si_code;
    siglongjmp(back, 1);
}
/* The signal that touching gives, 0 if none. */
static int touch(volatile char *at, int write)
{
    came = code = 0;
    if (!sigsetjmp(back, 1)) {
        char value = *at;
        if (write)
            *at = value;
    }
    return came;
}

static void refusals(void)
{
    int fd = filled("/tmp/refused", 3 * PAGE), read_only = open("/tmp/refused", O_RDONLY), write_only = open("/tmp/refused", O_WRONLY);
    int path = open("/tmp/refused", O_PATH), directory = open("/tmp", O_RDONLY), ends[2];
    NEED(pipe(ends) == 0);
    ERRNO("a closed descriptor", mmap(0, PAGE, PROT_READ, MAP_SHARED, 900, 0), EBADF);
    ERRNO("descriptor -1", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    ERRNO("O_PATH", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
    ERRNO("a directory", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, directory, 0), ENODEV);
    ERRNO("a pipe", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
    ERRNO("not opened for reading", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0), EACCES);
    ERRNO("not opened for reading, shared", mmap(0, PAGE, PROT_WRITE, MAP_SHARED, write_only, 0), EACCES);
    ERRNO("shared and writable, not opened for writing", mmap(0, PAGE, RW, MAP_SHARED, read_only, 0), EACCES);
    EQUAL("a misaligned offset", RAW(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), -EINVAL);
    EQUAL("an offset past what files have", RAW(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0x7ffffffffffff000), -EOVERFLOW);
    EQUAL("an offset that wraps", RAW(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, -4096l), -EOVERFLOW);
    EQUAL("nothing of it", RAW(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE, fd, 0), -EINVAL);
    ERRNO("neither private nor shared", mmap(0, PAGE, PROT_READ, 0, fd, 0), EINVAL);
    char *at = mmap(0, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
    NEED(at != MAP_FAILED);
    ERRNO("and made writable afterwards", mprotect(at, PAGE, RW), EACCES);
    EQUAL("it stays readable", differs(at, 0, PAGE), -1);
    EQUAL("and is not writable", touch(at, 1), SIGSEGV);
    munmap(at, PAGE);
    at = mmap(0, PAGE, RW, MAP_PRIVATE, read_only, 0);
    CHECK("private and writable needs no permission", at != MAP_FAILED && !touch(at, 1));
    munmap(at, PAGE);
    close(fd), close(read_only), close(write_only), close(path), close(directory), close(ends[0]), close(ends[1]);
}

static void private_mappings(void)
{
    int fd = filled("/tmp/private", 5 * PAGE + 100);
    char *at = mmap(0, 8 * PAGE, RW, MAP_PRIVATE, fd, 0);
    NEED(at != MAP_FAILED);
    EQUAL("a private mapping holds the file", differs(at, 0, 5 * PAGE + 100), -1);
    EQUAL("the end of its last page is zero", not_zero(at + 5 * PAGE + 100, PAGE - 100), -1);
    EQUAL("behind the last page is SIGBUS", touch(at + 6 * PAGE, 0), SIGBUS);
    EQUAL("of the kind for it", code, BUS_ADRERR);
    at[0] = 99, at[5 * PAGE + 101] = 98;
    char byte = 0;
    EQUAL("writing does not reach the file", pread(fd, &byte, 1, 0) == 1 ? byte : -1, 1);
    struct stat status;
    EQUAL("nor its size", fstat(fd, &status) ? -1 : status.st_size, 5 * PAGE + 100);
    EQUAL("munmap", munmap(at, 8 * PAGE), 0);

    at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
    EQUAL("from an offset", differs(at, 2 * PAGE, PAGE), -1);
    close(fd);
    EQUAL("it outlives the descriptor", differs(at, 2 * PAGE, PAGE), -1);
    EQUAL("and is not writable", touch(at, 1), SIGSEGV);
    EQUAL("until it is made so", mprotect(at, PAGE, RW) ?: touch(at, 1), 0);
    munmap(at, PAGE);

    fd = filled("/tmp/private", 2 * PAGE);
    at = mmap(0, 2 * PAGE, PROT_NONE, MAP_PRIVATE, fd, 0);
    EQUAL("PROT_NONE", touch(at, 0), SIGSEGV);
    EQUAL("made readable it holds the file", mprotect(at, 2 * PAGE, PROT_READ) ?: differs(at, 0, 2 * PAGE), -1);
    munmap(at, 2 * PAGE);
    at = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 7 * PAGE);
    EQUAL("wholly behind the end", at == MAP_FAILED ? -1 : touch(at, 0), SIGBUS);
    EQUAL("msync of that", msync(at, PAGE, MS_SYNC), 0);
    munmap(at, PAGE);
    close(fd);
}

static void executable(void)
{
    static const unsigned code[] = {0x528004e0, 0xd65f03c0}; /* mov w0, 39; ret */
    int fd = file("/tmp/code", O_RDWR | O_TRUNC);
    NEED(write(fd, code, sizeof code) == sizeof code);
    int (*run)(void) = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    EQUAL("instructions of a file run", run == MAP_FAILED ? -1 : run(), 39);
    munmap(run, PAGE);
    run = mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    EQUAL("of a shared mapping too", run == MAP_FAILED ? -1 : run(), 39);
    munmap(run, PAGE);
    ERRNO("writable and executable", mmap(0, PAGE, RW | PROT_EXEC, MAP_SHARED, fd, 0), EACCES);
    close(fd);
}

static void shared_mappings(void)
{
    int fd = filled("/tmp/shared", 6 * PAGE);
    char *a = mmap(0, 6 * PAGE, RW, MAP_SHARED, fd, 0), *b = mmap(0, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
    NEED(a != MAP_FAILED && b != MAP_FAILED);
    EQUAL("a shared mapping holds the file", differs(a, 0, 6 * PAGE), -1);
    EQUAL("so does a second one", differs(b, 2 * PAGE, 4 * PAGE), -1);
    a[2 * PAGE + 5] = 77;
    EQUAL("what is written shows in the other", b[5], 77);
    char byte = 0;
    EQUAL("and in the file", pread(fd, &byte, 1, 2 * PAGE + 5) == 1 ? byte : -1, 77);
    EQUAL("what is written to the file shows in both", pwrite(fd, "X", 1, 3 * PAGE) == 1 ? a[3 * PAGE] : -1, 'X');
    EQUAL("the other too", b[PAGE], 'X');
    EQUAL("msync", msync(a, 6 * PAGE, MS_SYNC), 0);
    ERRNO("msync both ways at once", msync(a, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    ERRNO("msync with unknown flags", msync(a, PAGE, 64), EINVAL);
    EQUAL("madvise(MADV_DONTNEED) loses nothing", madvise(a, 6 * PAGE, MADV_DONTNEED) ?: a[2 * PAGE + 5], 77);
    unsigned char there[6] = {0};
    EQUAL("mincore", mincore(a, 6 * PAGE, there) ?: there[0] & there[5], 1);

    EQUAL("a part becomes read-only", mprotect(a + PAGE, PAGE, PROT_READ) ?: touch(a + PAGE, 1), SIGSEGV);
    EQUAL("the next page stays writable", touch(a + 2 * PAGE, 1), 0);
    EQUAL("hidden", mprotect(a + PAGE, PAGE, PROT_NONE) ?: touch(a + PAGE, 0), SIGSEGV);
    EQUAL("shown again it is as before", mprotect(a + PAGE, PAGE, RW) ?: differs(a + PAGE, PAGE, PAGE), -1);
    EQUAL("munmap in the middle", munmap(a + 3 * PAGE, PAGE) ?: touch(a + 3 * PAGE, 0), SIGSEGV);
    EQUAL("leaves the rest", a[2 * PAGE + 5] + differs(a + 4 * PAGE, 4 * PAGE, 2 * PAGE), 76);
    EQUAL("and the other mapping", b[PAGE], 'X');
    char *moved = mremap(a, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    NEED(moved != MAP_FAILED);
    EQUAL("mremap moves the pages", differs(moved, 0, 2 * PAGE) + moved[2 * PAGE + 5], 76);
    moved[0] = 55;
    EQUAL("they are still the file's", pread(fd, &byte, 1, 0) == 1 ? byte : -1, 55);
    EQUAL("what it grew by shows more of the file", differs(moved + 3 * PAGE + 1, 3 * PAGE + 1, 2 * PAGE - 1), -1);
    munmap(moved, 5 * PAGE);
    munmap(a + 4 * PAGE, 2 * PAGE);
    EQUAL("the file keeps what was written", pread(fd, &byte, 1, 2 * PAGE + 5) == 1 ? byte : -1, 77);
    munmap(b, 4 * PAGE);
    close(fd);
}

static void ends_and_holes(void)
{
    int fd = file("/tmp/holes", O_RDWR | O_TRUNC);
    NEED(ftruncate(fd, 3 * PAGE + 10) == 0);
    char *at = mmap(0, 6 * PAGE, RW, MAP_SHARED, fd, 0), bytes[20];
    NEED(at != MAP_FAILED);
    EQUAL("holes are zero", not_zero(at, 4 * PAGE), -1);
    EQUAL("behind the last page is SIGBUS", touch(at + 4 * PAGE, 0), SIGBUS);
    at[PAGE + 1] = 11;
    EQUAL("what is written into a hole is the file's", pread(fd, bytes, 1, PAGE + 1) == 1 ? bytes[0] : -1, 11);
    at[3 * PAGE + 9] = 12, at[3 * PAGE + 10] = 13;
    EQUAL("what is written behind the end is not", pread(fd, bytes, 20, 3 * PAGE + 9) == 1 ? bytes[0] : -1, 12);

    EQUAL("a hole is punched into what is mapped", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 2 * PAGE) ?: at[PAGE + 1], 0);
    at[PAGE + 2] = 14;
    EQUAL("what is written there afterwards is the file's", pread(fd, bytes, 3, PAGE) == 3 ? bytes[2] : -1, 14);

    EQUAL("the file is truncated", ftruncate(fd, PAGE), 0);
    EQUAL("what it has left stays", touch(at, 1), 0);
    EQUAL("what it has no more is SIGBUS", touch(at + PAGE, 1), SIGBUS);
    EQUAL("of the kind for it", code, BUS_ADRERR);
    EQUAL("the last page too", touch(at + 3 * PAGE, 0), SIGBUS);
    ERRNO("in a call it is a bad pointer", write(fd, at + 2 * PAGE, 1), EFAULT);
    int other = filled("/tmp/other", 64 * PAGE);
    char *shown = mmap(0, 64 * PAGE, PROT_READ, MAP_SHARED, other, 0);
    EQUAL("another file's pages are its own", shown == MAP_FAILED ? -2 : differs(shown, 0, 64 * PAGE), -1);
    EQUAL("the file grows again", ftruncate(fd, 2 * PAGE), 0);
    EQUAL("the new page is zero, whatever was there", pread(fd, bytes, 20, PAGE) == 20 ? not_zero(bytes, 20) : -2, -1);
    EQUAL("and the mapping reaches it", touch(at + PAGE, 1) ?: not_zero(at + PAGE, PAGE), -1);
    at[PAGE + 3] = 15;
    EQUAL("it is the file's", pread(fd, bytes, 1, PAGE + 3) == 1 ? bytes[0] : -1, 15);
    EQUAL("what is written behind the end shows too", pwrite(fd, "Y", 1, 2 * PAGE) == 1 ? at[2 * PAGE] : -1, 'Y');
    munmap(at, 6 * PAGE), munmap(shown, 64 * PAGE);
    close(fd), close(other);

    fd = filled("/tmp/unlinked", 2 * PAGE);
    at = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    unlink("/tmp/unlinked"), close(fd);
    filled("/tmp/other", 64 * PAGE);
    EQUAL("a file without a name and descriptor stays mapped", differs(at, 0, 2 * PAGE), -1);
    munmap(at, 2 * PAGE);
}

/* Every mapping of a file loses what the file loses, wherever in the file and in memory it lies. */
static void truncated(void)
{
    int fd = filled("/tmp/truncated", 700 * PAGE);
    char *all = mmap(0, 700 * PAGE, RW, MAP_SHARED, fd, 0), *end = mmap(0, 100 * PAGE, PROT_READ, MAP_SHARED, fd, 600 * PAGE);
    char *own = mmap(0, 700 * PAGE, RW, MAP_PRIVATE, fd, 0);
    NEED(all != MAP_FAILED && end != MAP_FAILED && own != MAP_FAILED);
    char *moved = mremap(all, 20 * PAGE, 20 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, all + 1000 * PAGE);
    NEED(moved == all + 1000 * PAGE && munmap(all + 30 * PAGE, PAGE) == 0);
    own[5 * PAGE] = 99;
    NEED(mprotect(own + 16 * PAGE, PAGE, PROT_NONE) == 0);
    close(open("/tmp/truncated", O_RDWR));
    EQUAL("truncate by its name", truncate("/tmp/truncated", 10 * PAGE + 1), 0);
    EQUAL("a part moved elsewhere keeps what is left", differs(moved, 0, 10 * PAGE + 1), -1);
    EQUAL("it loses the rest", touch(moved + 11 * PAGE, 0), SIGBUS);
    EQUAL("so does what was behind it", touch(all + 20 * PAGE, 0), SIGBUS);
    EQUAL("and behind a gap", touch(all + 699 * PAGE, 0), SIGBUS);
    EQUAL("what is no more mapped is not", touch(all + 30 * PAGE, 0), SIGSEGV);
    EQUAL("a second mapping", touch(end + 50 * PAGE, 0), SIGBUS);
    EQUAL("a private one keeps its own", own[5 * PAGE], 99);
    EQUAL("and what is left of the file", differs(own + 6 * PAGE, 6 * PAGE, 4 * PAGE + 1), -1);
    EQUAL("a private one loses the rest too", touch(own + 11 * PAGE, 0), SIGBUS);
    EQUAL("to its end", touch(own + 699 * PAGE, 0), SIGBUS);
    EQUAL("a hidden page as well", mprotect(own + 16 * PAGE, PAGE, RW) ?: touch(own + 16 * PAGE, 0), SIGBUS);
    EQUAL("opening with O_TRUNC", close(open("/tmp/truncated", O_RDWR | O_TRUNC)) ?: touch(moved, 0), SIGBUS);
    munmap(all, 1020 * PAGE), munmap(end, 100 * PAGE), munmap(own, 700 * PAGE);
    close(fd);
}

static void longer(void)
{
    for (int shared = 0; shared < 2; shared++) {
        int flags = shared ? MAP_SHARED : MAP_PRIVATE, fd = filled("/tmp/longer", 9 * PAGE + 5);
        char *room = mmap(0, 32 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        NEED(room != MAP_FAILED && munmap(room + PAGE, 31 * PAGE) == 0);
        char *at = mmap(room, 3 * PAGE, PROT_READ, flags | MAP_FIXED, fd, PAGE);
        EQUAL("grown where it is", (char *)mremap(at, 3 * PAGE, 5 * PAGE, 0) - at, 0);
        EQUAL("it shows more of the file", differs(at, PAGE, 5 * PAGE), -1);
        EQUAL("and is as protected", touch(at + 4 * PAGE, 1), SIGSEGV);
        char *other = mmap(at + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        ERRNO("where something is it cannot", mremap(at, 5 * PAGE, 20 * PAGE, 0), ENOMEM);
        char *moved = mremap(at, 5 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
        NEED(moved != MAP_FAILED && moved != at && other == at + 5 * PAGE);
        EQUAL("moved it shows the rest", differs(moved, PAGE, 8 * PAGE + 5), -1);
        EQUAL("the end of the last page is zero", not_zero(moved + 8 * PAGE + 5, PAGE - 5), -1);
        EQUAL("behind it is SIGBUS", touch(moved + 9 * PAGE, 0), SIGBUS);
        EQUAL("where it was is nothing", touch(at, 0), SIGSEGV);
        unlink("/tmp/longer"), close(fd);
        char *last = mremap(moved + 2 * PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
        EQUAL("from the middle, of a file without a name", last == MAP_FAILED ? -2 : differs(last, 3 * PAGE, 3 * PAGE), -1);
        munmap(moved, 20 * PAGE), munmap(last, 3 * PAGE), munmap(other, PAGE);
    }
    int fd = filled("/tmp/longer", 2 * PAGE);
    char *at = mmap(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
    at[0] = 99;
    EQUAL("madvise(MADV_DONTNEED) of a private mapping reads the file again", madvise(at, 2 * PAGE, MADV_DONTNEED) ?: differs(at, 0, 2 * PAGE), -1);
    munmap(at, 2 * PAGE), close(fd);
}

static void fixed(void)
{
    int fd = filled("/tmp/fixed", 4 * PAGE);
    char *room = mmap(0, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(room, 0x22, 8 * PAGE);
    ERRNO("where something is, without replacement", mmap(room, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0), EEXIST);
    EQUAL("shared, over memory", (char *)mmap(room + PAGE, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, PAGE) - room, PAGE);
    EQUAL("holds the file", differs(room + PAGE, PAGE, 2 * PAGE), -1);
    EQUAL("private, over that", (char *)mmap(room + 2 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE) - room, 2 * PAGE);
    EQUAL("holds the file too", differs(room + 2 * PAGE, 2 * PAGE, 2 * PAGE), -1);
    EQUAL("behind it SIGBUS", touch(room + 5 * PAGE, 0), SIGBUS);
    EQUAL("what is before is kept", room[PAGE - 1], 0x22);
    EQUAL("what is behind is kept", room[6 * PAGE], 0x22);
    room[PAGE] = 5;
    char byte;
    EQUAL("the shared part is the file's", pread(fd, &byte, 1, PAGE) == 1 ? byte : -1, 5);
    EQUAL("anonymous memory over both", (char *)mmap(room, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) - room, 0);
    EQUAL("is zero", not_zero(room, 8 * PAGE), -1);
    EQUAL("the file is as it was", pread(fd, &byte, 1, PAGE) == 1 ? byte : -1, 5);
    munmap(room, 8 * PAGE);
    close(fd);
}

static void other_files(void)
{
    int zero = open("/dev/zero", O_RDWR), memory = memfd_create("memory", 0);
    NEED(zero >= 0 && memory >= 0);
    char *at = mmap(0, 2 * PAGE, RW, MAP_PRIVATE, zero, 0), *other = mmap(0, 2 * PAGE, RW, MAP_SHARED, zero, 0);
    NEED(at != MAP_FAILED && other != MAP_FAILED);
    EQUAL("/dev/zero is zero", not_zero(at, 2 * PAGE) + not_zero(other, 2 * PAGE), -2);
    at[PAGE] = 1;
    EQUAL("and every mapping its own", other[PAGE], 0);
    munmap(at, 2 * PAGE), munmap(other, 2 * PAGE), close(zero);
    NEED(ftruncate(memory, 2 * PAGE) == 0);
    at = mmap(0, 2 * PAGE, RW, MAP_SHARED, memory, 0), other = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, memory, 0);
    NEED(at != MAP_FAILED && other != MAP_FAILED);
    close(memory);
    strcpy(at + PAGE - 3, "across pages");
    EQUAL("a memfd is shared by its mappings", strcmp(other + PAGE - 3, "across pages"), 0);
    munmap(at, 2 * PAGE), munmap(other, 2 * PAGE);
}

/* One thread changes a file's size, some times in each round, while another maps it, moves the mapping and touches it. */
static int changing;
static volatile int stop, rounds;
static void *change(void *unused)
{
    (void)unused;
    for (int round = 0; !stop; round++) {
        size_t pages = round * 7 % 40;
        while (!stop && round >= 4 * rounds)
            sched_yield();
        if (ftruncate(changing, pages * PAGE) || pwrite(changing, "x", 1, (pages + 3) * PAGE) != 1)
            return "a change failed";
    }
    return 0;
}
static void while_it_changes(void)
{
    changing = filled("/tmp/changing", 40 * PAGE), stop = 0, rounds = 0;
    pthread_t thread;
    NEED(pthread_create(&thread, 0, change, 0) == 0);
    int strange = 0, touched = 0;
    for (int round = 0; round < 40; round++) {
        rounds = round + 1;
        char *at = mmap(0, 20 * PAGE, RW, round % 2 ? MAP_SHARED : MAP_PRIVATE, changing, round % 5 * PAGE);
        NEED(at != MAP_FAILED);
        char *moved = mremap(at, 20 * PAGE, 30 * PAGE, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED) {
            /* A private mapping is one piece for as long as the file does not end within it. */
            NEED(round % 2 == 0 && errno == EFAULT);
            munmap(at, 20 * PAGE);
            continue;
        }
        for (int page = 0; page < 30; page++) {
            int came = touch(moved + page * PAGE, page % 2);
            touched += came == 0, strange += came != 0 && came != SIGBUS;
        }
        munmap(moved, 30 * PAGE);
    }
    void *failed = 0;
    stop = 1;
    NEED(pthread_join(thread, &failed) == 0);
    CHECK("the file's size changes all the while", !failed);
    EQUAL("a page is there or SIGBUS", strange, 0);
    CHECK("some were there", touched > 0);
    char *at = mmap(0, 20 * PAGE, RW, MAP_SHARED, changing, 0);
    NEED(ftruncate(changing, 0) == 0 && ftruncate(changing, 20 * PAGE) == 0);
    EQUAL("at the end all of it is there", touch(at + 19 * PAGE, 1) ?: not_zero(at, 20 * PAGE), -1);
    munmap(at, 20 * PAGE), unlink("/tmp/changing"), close(changing);
}

/* Whatever was mapped, all of it comes back with the last mapping and the file. */
static void nothing_is_lost(void)
{
    struct sel4std_counts before = {0}, after;
    for (int round = 0; round < 4; round++) {
        if (round == 1)
            before = counts_now();
        if (round % 2 == 0)
            truncated(), longer(), while_it_changes();
        int fd = filled("/tmp/lost", 600 * PAGE + 1);
        char *maps[4];
        for (int i = 0; i < 4; i++)
            maps[i] = mmap(0, 600 * PAGE, i % 2 ? PROT_READ : RW, i < 3 ? MAP_SHARED : MAP_PRIVATE, fd, i * PAGE);
        close(fd), unlink("/tmp/lost");
        EQUAL("mapped four times", differs(maps[0], 0, 600 * PAGE) + differs(maps[3], 3 * PAGE, 597 * PAGE), -2);
        for (int i = 0; i < 4; i++)
            munmap(maps[i], 600 * PAGE);
    }
    after = counts_now();
    EQUAL("promised pages come back", after.promised_pages, before.promised_pages);
    EQUAL("areas come back", after.areas, before.areas);
    EQUAL("free pages come back", after.free_pages, before.free_pages);
}

/* Memory that ends in the middle of a mapping leaves nothing behind. */
static void memory_ends(void)
{
    int fd = file("/tmp/large", O_RDWR | O_TRUNC);
    struct sel4std_counts now = counts_now();
    size_t left = (now.promisable_pages - now.promised_pages - 256) * PAGE;
    char *taken = mmap(0, left, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(taken != MAP_FAILED && ftruncate(fd, 4 * MIB) == 0);
    struct sel4std_counts before = counts_now();
    ERRNO("holes that memory is too short for", mmap(0, 4 * MIB, RW, MAP_SHARED, fd, 0), ENOMEM);
    ERRNO("a private copy that memory is too short for", mmap(0, 4 * MIB, RW, MAP_PRIVATE, fd, 0), ENOMEM);
    EQUAL("no area stays", counts_now().areas, before.areas);
    munmap(taken, left);
    ftruncate(fd, 0), close(fd);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, 0), sigaction(SIGSEGV, &action, 0);
    refusals();
    private_mappings();
    executable();
    shared_mappings();
    ends_and_holes();
    fixed();
    other_files();
    nothing_is_lost();
    memory_ends();
    return check_end();
}
