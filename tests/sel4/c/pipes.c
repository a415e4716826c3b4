/* Pipes: order, atomic writes, ends, room, signals, and what is refused. */
// run pipes:
#include "threads.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define CAPACITY 65536
static int ends[2];
static char big[4 * CAPACITY];
static volatile int handled;

static void open_pipe(int flags) { NEED(pipe2(ends, flags) == 0); }
static void close_pipe(void) { close(ends[0]), close(ends[1]); }

static void bytes_in_order(void)
{
    char got[64] = "";
    struct stat about;
    open_pipe(0);
    EQUAL("a write", write(ends[1], "hello ", 6), 6);
    struct iovec parts[] = {{"wo", 2}, {0, 0}, {"rld", 3}};
    EQUAL("a vectored write", writev(ends[1], parts, 3), 5);
    int there = -1;
    EQUAL("FIONREAD", ioctl(ends[0], FIONREAD, &there), 0);
    EQUAL("FIONREAD tells the bytes", there, 11);
    EQUAL("a read gives what is there", read(ends[0], got, sizeof got), 11);
    CHECK("in order", memcmp(got, "hello world", 11) == 0);
    EQUAL("fstat", fstat(ends[0], &about), 0);
    CHECK("it is a fifo", S_ISFIFO(about.st_mode));
    ERRNO("the reading end is not written", write(ends[0], "x", 1), EBADF);
    ERRNO("the writing end is not read", read(ends[1], got, 1), EBADF);
    ERRNO("a pipe has no position", lseek(ends[0], 0, SEEK_SET), ESPIPE);
    ERRNO("pread", pread(ends[0], got, 1, 0), ESPIPE);
    ERRNO("TCGETS", ioctl(ends[0], TCGETS, got), ENOTTY);
    EQUAL("write again", write(ends[1], "x", 1), 1);
    close(ends[1]);
    EQUAL("what is left", read(ends[0], got, sizeof got), 1);
    EQUAL("and then the end", read(ends[0], got, sizeof got), 0);
    EQUAL("which stays", read(ends[0], got, sizeof got), 0);
    close(ends[0]);
}

static void flags_and_sizes(void)
{
    char byte;
    open_pipe(O_NONBLOCK | O_CLOEXEC);
    EQUAL("FD_CLOEXEC", fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    EQUAL("O_NONBLOCK and access mode", fcntl(ends[1], F_GETFL), O_NONBLOCK | O_WRONLY);
    ERRNO("an empty pipe", read(ends[0], &byte, 1), EAGAIN);
    EQUAL("its size", fcntl(ends[0], F_GETPIPE_SZ), CAPACITY);
    EQUAL("it takes so many bytes", write(ends[1], big, sizeof big), CAPACITY);
    ERRNO("and no more", write(ends[1], big, 1), EAGAIN);
    ERRNO("smaller than its content", fcntl(ends[0], F_SETPIPE_SZ, 4096), EBUSY);
    EQUAL("larger", fcntl(ends[0], F_SETPIPE_SZ, 2 * CAPACITY - 5), 2 * CAPACITY);
    EQUAL("then there is room", write(ends[1], big, sizeof big), CAPACITY);
    ERRNO("past the most", fcntl(ends[0], F_SETPIPE_SZ, 2 << 20), EPERM);
    int copy = dup(ends[0]);
    EQUAL("a duplicate", fcntl(copy, F_SETFL, 0), 0);
    EQUAL("shares its flags", fcntl(ends[0], F_GETFL), O_RDONLY);
    close(copy);
    close_pipe();
    ERRNO("the size of what is no pipe", fcntl(1, F_GETPIPE_SZ), EBADF);
    ERRNO("unknown flags", pipe2(ends, O_APPEND), EINVAL);
    ERRNO("a bad pointer", pipe2((int *)8, 0), EFAULT);
    open_pipe(0);
    EQUAL("which opened nothing", ends[0], 3);
    ERRNO("reading to a bad pointer", (write(ends[1], "abc", 3), read(ends[0], (void *)8, 3)), EFAULT);
    ERRNO("writing from a bad pointer", write(ends[1], (void *)8, 3), EFAULT);
    EQUAL("neither moved a byte", read(ends[0], big, 9), 3);
    close_pipe();
}

static void *write_all(void *bytes) { return (void *)write(ends[1], big, (size_t)bytes); }
static void *read_once(void *bytes) { return (void *)read(ends[0], big, (size_t)bytes); }

static void waiting(void)
{
    open_pipe(0);
    pthread_t reader = start_waiting(read_once, (void *)10);
    EQUAL("wakes a reader", write(ends[1], "abc", 3), 3);
    EQUAL("which gets it", (long)result_of(reader), 3);
    reader = start_waiting(read_once, (void *)10);
    pthread_t second = start_waiting(read_once, (void *)10);
    close(ends[1]);
    EQUAL("the end wakes", (long)result_of(reader), 0);
    EQUAL("everybody", (long)result_of(second), 0);
    close(ends[0]);

    open_pipe(0);
    pthread_t writer = start_waiting(write_all, (void *)(3l * CAPACITY));
    long got = 0, now;
    static char room[5000];
    while (got < 3 * CAPACITY && (now = read(ends[0], room, sizeof room)) > 0)
        got += now;
    EQUAL("a long write waits for room", got, 3 * CAPACITY);
    EQUAL("until all is written", (long)result_of(writer), 3 * CAPACITY);

    /* two readers, and one write for both */
    reader = start_waiting(read_once, (void *)1), second = start_waiting(read_once, (void *)1);
    EQUAL("one write", write(ends[1], "ab", 2), 2);
    EQUAL("wakes one reader", (long)result_of(reader), 1);
    EQUAL("who wakes the next", (long)result_of(second), 1);
    close_pipe();
}

enum { WRITERS = 4, MESSAGES = 300 };
static void *write_messages(void *number)
{
    char message[PIPE_BUF];
    for (int i = 0; i < MESSAGES; i++) {
        int length = 4 + (i * 977 + (int)(long)number * 131) % (PIPE_BUF - 4);
        memset(message, (char)(long)number, length);
        memcpy(message, &length, 4);
        if (write(ends[1], message, length) != length)
            return "short write";
    }
    return 0;
}

static int read_exactly(char *to, int bytes)
{
    for (int got = 0, now; got < bytes; got += now)
        if ((now = read(ends[0], to + got, bytes - got)) <= 0)
            return 0;
    return 1;
}

static void atomic_writes(void)
{
    pthread_t writers[WRITERS];
    char message[PIPE_BUF];
    int whole = 0;
    open_pipe(0);
    for (long i = 0; i < WRITERS; i++)
        writers[i] = start(write_messages, (void *)i);
    for (int i = 0; i < WRITERS * MESSAGES; i++) {
        int length = 0, same = 1;
        if (!read_exactly((char *)&length, 4) || length < 4 || length > PIPE_BUF || !read_exactly(message, length - 4))
            break;
        for (int j = 1; j < length - 4; j++)
            same &= message[j] == message[0];
        whole += same;
    }
    EQUAL("writes of up to PIPE_BUF bytes do not mix", whole, WRITERS * MESSAGES);
    for (int i = 0; i < WRITERS; i++)
        CHECK("a writer", result_of(writers[i]) == 0);
    close_pipe();
}

static void on_signal(int number) { handled = number; }

/* What a call gave, or its error negated. */
static void *read_one(void *unused)
{
    char byte;
    (void)unused;
    long length = read(ends[0], &byte, 1);
    return (void *)(length < 0 ? -(long)errno : length);
}
static void *write_big(void *unused)
{
    (void)unused;
    long length = write(ends[1], big, 2 * CAPACITY);
    return (void *)(length < 0 ? -(long)errno : length);
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGPIPE, &action, 0);
    open_pipe(0);
    close(ends[0]);
    ERRNO("a pipe that nobody reads", write(ends[1], "x", 1), EPIPE);
    EQUAL("SIGPIPE", handled, SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    ERRNO("ignored, it is an error alone", write(ends[1], "x", 1), EPIPE);
    close(ends[1]);

    open_pipe(0);
    sigaction(SIGUSR1, &action, 0);
    pthread_t other = start_waiting(read_one, 0);
    pthread_kill(other, SIGUSR1);
    EQUAL("a signal ends a read", (long)result_of(other), -EINTR);
    EQUAL("after its handler", handled, SIGUSR1);
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, 0);
    handled = 0;
    other = start_waiting(read_one, 0);
    pthread_kill(other, SIGUSR1);
    EQUAL("with SA_RESTART its handler runs too", handled, SIGUSR1);
    EQUAL("a byte for it", write(ends[1], "x", 1), 1);
    EQUAL("which it goes on to wait for", (long)result_of(other), 1);
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, 0);
    other = start_waiting(write_big, 0);
    pthread_kill(other, SIGUSR1);
    EQUAL("a write that a signal ends tells what it did", (long)result_of(other), CAPACITY);
    close_pipe();
}

static void *open_fifo(void *flags) { return (void *)(long)open("/tmp/fifo", (int)(long)flags); }

static void fifos(void)
{
    char got[8] = "";
    struct stat about;
    EQUAL("mkfifo", mkfifo("/tmp/fifo", 0600), 0);
    ERRNO("nobody to read what O_NONBLOCK would write", open("/tmp/fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    pthread_t other = start_waiting(open_fifo, (void *)O_WRONLY);
    ends[0] = open("/tmp/fifo", O_RDONLY);
    ends[1] = (int)(long)result_of(other);
    CHECK("opening waits for the other end", ends[0] >= 0 && ends[1] >= 0);
    EQUAL("it is a pipe", (write(ends[1], "abc", 3), read(ends[0], got, sizeof got)), 3);
    CHECK("with the fifo's name", fstat(ends[0], &about) == 0 && S_ISFIFO(about.st_mode) && (about.st_mode & 0777) == 0600);
    close_pipe();
    other = start_waiting(open_fifo, (void *)O_RDONLY);
    int writer = open("/tmp/fifo", O_RDWR);
    EQUAL("O_RDWR waits for nobody", (close(writer), close((int)(long)result_of(other))), 0);
    EQUAL("unlink", unlink("/tmp/fifo"), 0);
}

static void nothing_is_kept(void)
{
    struct sel4std_counts before = {0}, after;
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = counts_now();
        for (int i = 0; i < 50; i++) {
            open_pipe(O_NONBLOCK);
            NEED(write(ends[1], big, CAPACITY) == CAPACITY);
            close_pipe();
        }
    }
    after = counts_now();
    EQUAL("pages come back", after.free_pages, before.free_pages);
}

int main(void)
{
    bytes_in_order();
    flags_and_sizes();
    waiting();
    atomic_writes();
    signals();
    fifos();
    nothing_is_kept();
    return check_end();
}
