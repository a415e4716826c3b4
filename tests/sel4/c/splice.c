/* splice, tee, vmsplice and sendfile: bytes between pipes and files, what stays where it was, and what is refused. */
// run splice:
#include "threads.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define CAPACITY 65536
static char big[4 * CAPACITY], got[4 * CAPACITY];

struct pipe { int out, in; };
static struct pipe new_pipe(int flags)
{
    struct pipe pipe;
    NEED(pipe2((int *)&pipe, flags) == 0);
    return pipe;
}
static void close_pipe(struct pipe pipe) { close(pipe.out), close(pipe.in); }

static int new_file(const char *content)
{
    int fd = open("/tmp/splice", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED(fd >= 0 && write(fd, content, strlen(content)) == (long)strlen(content));
    return fd;
}

static void pipe_to_file(void)
{
    struct pipe pipe = new_pipe(O_NONBLOCK);
    int file = new_file("0123456789");
    off_t at = 2;
    write(pipe.in, "abcdef", 6);
    EQUAL("to an offset", splice(pipe.out, 0, file, &at, 3, 0), 3);
    EQUAL("which moves", at, 5);
    EQUAL("and the position does not", lseek(file, 0, SEEK_CUR), 10);
    EQUAL("to the position", splice(pipe.out, 0, file, 0, 99, SPLICE_F_MOVE | SPLICE_F_MORE), 3);
    EQUAL("which moves", lseek(file, 0, SEEK_CUR), 13);
    CHECK("the bytes are there", pread(file, got, 99, 0) == 13 && memcmp(got, "01abc56789def", 13) == 0);
    ERRNO("an empty pipe", splice(pipe.out, 0, file, 0, 9, 0), EAGAIN);
    write(pipe.in, "xyz", 3);
    ERRNO("a bad offset's place", splice(pipe.out, 0, file, (off_t *)16, 9, 0), EFAULT);
    at = -1;
    ERRNO("a negative offset", splice(pipe.out, 0, file, &at, 9, 0), EINVAL);
    ERRNO("a pipe has no offset", splice(pipe.out, &at, file, 0, 9, 0), ESPIPE);
    int reading = open("/tmp/splice", O_RDONLY), appending = open("/tmp/splice", O_WRONLY | O_APPEND);
    ERRNO("a file that is only read", splice(pipe.out, 0, reading, 0, 9, 0), EBADF);
    ERRNO("a file that appends", splice(pipe.out, 0, appending, 0, 9, 0), EINVAL);
    int full = open("/dev/full", O_WRONLY), counter = eventfd(0, 0), null = open("/dev/null", O_WRONLY);
    ERRNO("what has no room", splice(pipe.out, 0, full, 0, 9, 0), ENOSPC);
    ERRNO("a counter", splice(pipe.out, 0, counter, 0, 9, 0), EINVAL);
    ERRNO("two files", splice(reading, 0, file, 0, 9, 0), EINVAL);
    ERRNO("unknown flags", splice(pipe.out, 0, file, 0, 9, 1 << 10), EINVAL);
    ERRNO("no descriptor", splice(-1, 0, file, 0, 9, 0), EBADF);
    EQUAL("nothing", splice(pipe.out, 0, file, 0, 0, 0), 0);
    EQUAL("what was refused is still in the pipe", splice(pipe.out, 0, null, 0, 99, 0), 3);
    close(pipe.in);
    EQUAL("the end", splice(pipe.out, 0, file, 0, 9, 0), 0);
    close(pipe.out), close(file), close(reading), close(appending), close(full), close(counter), close(null);
}

static void file_to_pipe(void)
{
    struct pipe pipe = new_pipe(0);
    int file = new_file("");
    NEED(write(file, big, sizeof big) == sizeof big);
    off_t at = 1;
    EQUAL("as much as there is room for", splice(file, &at, pipe.in, 0, sizeof big, 0), CAPACITY);
    EQUAL("the offset moves as far", at, CAPACITY + 1);
    ERRNO("no room", splice(file, &at, pipe.in, 0, 1, SPLICE_F_NONBLOCK), EAGAIN);
    EQUAL("the offset stays", at, CAPACITY + 1);
    EQUAL("the bytes are there", read(pipe.out, got, sizeof got), CAPACITY);
    CHECK("in order", memcmp(got, big + 1, CAPACITY) == 0);
    EQUAL("the file's end", splice(file, 0, pipe.in, 0, 9, 0), 0);
    int zero = open("/dev/zero", O_RDONLY);
    EQUAL("a device", splice(zero, 0, pipe.in, 0, 5, 0), 5);
    EQUAL("its bytes", read(pipe.out, got, 9) == 5 ? got[4] : -1, 0);
    close(pipe.out);
    signal(SIGPIPE, SIG_IGN);
    ERRNO("nobody reads", splice(zero, 0, pipe.in, 0, 5, 0), EPIPE);
    close(pipe.in), close(file), close(zero);
}

static void between_pipes(void)
{
    struct pipe a = new_pipe(0), b = new_pipe(0);
    write(a.in, "hello", 5);
    EQUAL("tee", tee(a.out, b.in, 99, 0), 5);
    EQUAL("splice", splice(a.out, 0, b.in, 0, 3, 0), 3);
    EQUAL("both came", read(b.out, got, 99), 8);
    CHECK("in order", memcmp(got, "hellohel", 8) == 0);
    EQUAL("the rest stayed", read(a.out, got, 99), 2);
    ERRNO("nothing is there", tee(a.out, b.in, 9, SPLICE_F_NONBLOCK), EAGAIN);
    ERRNO("one pipe", splice(a.out, 0, a.in, 0, 9, 0), EINVAL);
    ERRNO("tee wants pipes", tee(a.out, 1, 9, 0), EINVAL);
    ERRNO("unknown flags", tee(a.out, b.in, 9, 1 << 20), EINVAL);
    struct iovec parts[] = {{"ab", 2}, {0, 0}, {"cde", 3}};
    EQUAL("vmsplice into a pipe", vmsplice(a.in, parts, 3, SPLICE_F_GIFT), 5);
    struct iovec into = {got, sizeof got};
    EQUAL("vmsplice out of one", vmsplice(a.out, &into, 1, 0), 5);
    CHECK("in order", memcmp(got, "abcde", 5) == 0);
    ERRNO("vmsplice wants a pipe", vmsplice(1, parts, 1, 0), EBADF);
    struct iovec bad = {(void *)16, 4};
    ERRNO("a bad pointer", vmsplice(a.in, &bad, 1, 0), EFAULT);
    struct iovec large = {big, sizeof big};
    EQUAL("vmsplice waits for no more than the first", vmsplice(a.in, &large, 1, 0), CAPACITY);
    close_pipe(a), close_pipe(b);
}

static struct pipe first, second;
static int target;
static void *splice_one(void *unused) { return (void *)splice(first.out, 0, target, 0, 100, 0); }
static void *pass_all(void *unused)
{
    long moved, all = 0;
    while ((moved = splice(first.out, 0, second.in, 0, 10000, 0)) > 0)
        all += moved;
    close(second.in);
    return (void *)(moved ? moved : all);
}
static void *write_all(void *unused)
{
    long written = write(first.in, big, sizeof big);
    close(first.in);
    return (void *)written;
}

static void waiting(void)
{
    first = new_pipe(0);
    target = new_file("");
    pthread_t waiter = start_waiting(splice_one, 0);
    write(first.in, "abc", 3);
    EQUAL("it waits for the first bytes", (long)result_of(waiter), 3);
    close(target);
    second = new_pipe(0);
    pthread_t passing = start_waiting(pass_all, 0), writing = start_waiting(write_all, 0);
    long all = 0, count;
    while ((count = read(second.out, got + all, sizeof got - all)) > 0)
        all += count;
    EQUAL("all is written", (long)result_of(writing), sizeof big);
    EQUAL("all is passed on", (long)result_of(passing), sizeof big);
    CHECK("all is read, in order", all == sizeof big && memcmp(got, big, sizeof big) == 0);
    close(first.out), close(second.out);
}

/* A file that is mapped and grows has its mapping changed while the pipe is locked. */
static void into_a_mapping(void)
{
    struct pipe pipe = new_pipe(0);
    int file = new_file("");
    char *shown = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, file, 0);
    NEED(shown != MAP_FAILED);
    write(pipe.in, big, PAGE + 10);
    EQUAL("into a mapped file", splice(pipe.out, 0, file, 0, 2 * PAGE, 0), PAGE + 10);
    CHECK("the mapping shows it", memcmp(shown, big, PAGE + 10) == 0);
    munmap(shown, 2 * PAGE), close(file), close_pipe(pipe);
}

static void nothing_is_kept(void)
{
    struct sel4std_counts before = {0};
    for (int round = 0; round < 4; round++) {
        if (round == 1)
            before = counts_now();
        for (int i = 0; i < 20; i++) {
            struct pipe a = new_pipe(0), b = new_pipe(0);
            int file = new_file("");
            NEED(write(a.in, big, CAPACITY) == CAPACITY);
            NEED(tee(a.out, b.in, CAPACITY, 0) == CAPACITY);
            NEED(splice(a.out, 0, file, 0, CAPACITY, 0) == CAPACITY);
            close_pipe(a), close_pipe(b), close(file), unlink("/tmp/splice");
        }
    }
    EQUAL("pages come back", counts_now().free_pages, before.free_pages);
}

int main(void)
{
    for (unsigned i = 0; i < sizeof big; i++)
        big[i] = i * 7 + i / 256;
    pipe_to_file();
    file_to_pipe();
    between_pipes();
    waiting();
    into_a_mapping();
    nothing_is_kept();
    return check_end();
}
