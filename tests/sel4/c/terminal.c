/* The console as a terminal: settings, line editing, signals, raw reads, and input that comes early, late and all at once. */
// run terminal: types="go line:hello\r" types="go erase:abc\x7f\x7fde\x15xyz w1\x17w2\r" types="go end:\x04" types="go interrupt:\x03" types="go quit:\x1c" types="go stop:a\x1ab\r" types="go literal:\x16\x03\r" types="go raw:\r\x03z" types="go slow:ab" types="go poll:z" types="go epoll:y" types="go flush:junk" types="go echo:ok\x01\r" says="ok^A" types="go hold:\x13held\x11\r"
// run terminal-early: args=early types="go early:early bird\r" never="Undelivered"
// run terminal-interrupt: args=wait exit=130 types="go wait:\x03" says="^C"
// run terminal-paste: args="paste 100000" types="go lines:@lines 100000" types="go bytes:@lines 100000" time=120
#include "threads.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios cooked;
static char text[8192];
static volatile int handled;

static void on_signal(int number) { handled = number; }
static void go(const char *where) { printf("go %s\n", where); fflush(stdout); }

/* What a read gives, as a string. */
static const char *line(int most)
{
    ssize_t got = read(0, text, most);
    if (got < 0)
        return errno == EINTR ? "EINTR" : errno == EAGAIN ? "EAGAIN" : "error";
    text[got] = 0;
    return text;
}
#define READS(name, wanted) do { const char *got_ = line(64); \
    check(strcmp(got_, wanted) == 0, name, "line %d: read \"%s\"", __LINE__, got_); } while (0)

static void settings(void)
{
    struct winsize size = {0};
    struct termios now;
    CHECK("isatty", isatty(0) && isatty(1) && isatty(2));
    EQUAL("tcgetattr", tcgetattr(0, &cooked), 0);
    CHECK("lines are edited, shown and processed", cooked.c_lflag & ICANON && cooked.c_lflag & ECHO && cooked.c_lflag & ISIG
          && cooked.c_iflag & ICRNL && cooked.c_oflag & OPOST && cooked.c_oflag & ONLCR);
    EQUAL("VINTR", cooked.c_cc[VINTR], 3);
    EQUAL("the speed", cfgetospeed(&cooked), B115200);
    now = cooked;
    now.c_cc[VKILL] = 'k';
    EQUAL("tcsetattr", tcsetattr(0, TCSADRAIN, &now), 0);
    memset(&now, 0, sizeof now);
    EQUAL("tcgetattr again", tcgetattr(1, &now), 0);
    EQUAL("it was changed", now.c_cc[VKILL], 'k');
    EQUAL("and back", tcsetattr(0, TCSANOW, &cooked), 0);
    EQUAL("the window", ioctl(0, TIOCGWINSZ, &size), 0);
    CHECK("has 24 rows of 80 columns", size.ws_row == 24 && size.ws_col == 80);
    signal(SIGWINCH, on_signal);
    size.ws_col = 132;
    EQUAL("another window", ioctl(0, TIOCSWINSZ, &size), 0);
    EQUAL("is told by SIGWINCH", handled, SIGWINCH);
    handled = 0, size.ws_col = 0;
    EQUAL("the same again", (ioctl(0, TIOCGWINSZ, &size), ioctl(0, TIOCSWINSZ, &size)), 0);
    CHECK("is not", handled == 0 && size.ws_col == 132);
    EQUAL("tcgetpgrp", tcgetpgrp(0), getpid());
    EQUAL("tcdrain", tcdrain(1), 0);
    EQUAL("tcsendbreak", tcsendbreak(1, 0), 0);
    ERRNO("tcflow of another kind", tcflow(0, 9), EINVAL);
    ERRNO("tcflush of another kind", tcflush(0, 9), EINVAL);
    ERRNO("TCGETS to a bad pointer", ioctl(0, TCGETS, 8), EFAULT);
    ERRNO("TCSETS from a bad pointer", ioctl(0, TCSETS, 8), EFAULT);
    ERRNO("TIOCGWINSZ to a bad pointer", ioctl(0, TIOCGWINSZ, 8), EFAULT);
    ERRNO("an unknown request", ioctl(0, 0x1234, 0), ENOTTY);
    ERRNO("reading to a bad pointer", (fcntl(0, F_SETFL, O_NONBLOCK), read(0, (void *)8, 1)), EAGAIN);
    ERRNO("O_NONBLOCK", read(0, text, 1), EAGAIN);
    fcntl(0, F_SETFL, 0);
}

/* A key's signal ends a wait for the terminal. It is blocked until the wait begins: it may come before. */
static void interrupted(const char *where, const char *name, int signal)
{
    struct pollfd console = {.fd = 0, .events = POLLIN};
    sigset_t keys, before;
    sigemptyset(&keys), sigaddset(&keys, signal);
    sigprocmask(SIG_BLOCK, &keys, &before);
    go(where);
    int answer = ppoll(&console, 1, 0, &before);
    CHECK(name, answer == -1 && errno == EINTR && handled == signal);
    sigprocmask(SIG_SETMASK, &before, 0);
}

static void editing(void)
{
    go("line");
    READS("a line", "hello\n");
    go("erase");
    READS("erase, kill and word erase", "xyz w2\n");
    go("end");
    READS("the end of the input", "");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, 0), sigaction(SIGQUIT, &action, 0);
    interrupted("interrupt", "^C ends a wait, with SIGINT", SIGINT);
    interrupted("quit", "^\\ too, with SIGQUIT", SIGQUIT);
    go("stop");
    READS("^Z stops nothing", "b\n");
    go("literal");
    READS("^V takes the next as it is", "\3\n");
}

static void raw(void)
{
    struct termios now = cooked;
    int there = -1;
    cfmakeraw(&now);
    now.c_oflag |= OPOST;
    now.c_cc[VMIN] = 3, now.c_cc[VTIME] = 0;
    NEED(tcsetattr(0, TCSAFLUSH, &now) == 0);
    go("raw");
    READS("raw bytes", "\r\3z");
    now.c_cc[VMIN] = 0;
    NEED(tcsetattr(0, TCSANOW, &now) == 0);
    READS("VMIN 0, VTIME 0: nothing is waited for", "");
    now.c_cc[VTIME] = 1;
    NEED(tcsetattr(0, TCSANOW, &now) == 0);
    long begin = now_on(CLOCK_MONOTONIC);
    READS("VTIME: a read ends without input", "");
    CHECK("after a tenth of a second", now_on(CLOCK_MONOTONIC) - begin >= 100 * MILLISECOND);
    now.c_cc[VMIN] = 5;
    NEED(tcsetattr(0, TCSANOW, &now) == 0);
    go("slow");
    READS("VMIN 5, VTIME 1: what comes in time", "ab");
    now.c_cc[VMIN] = 1, now.c_cc[VTIME] = 0;
    NEED(tcsetattr(0, TCSANOW, &now) == 0);

    struct pollfd ask = {.fd = 0, .events = POLLIN};
    EQUAL("nothing to poll", poll(&ask, 1, 0), 0);
    go("poll");
    EQUAL("poll waits", poll(&ask, 1, -1), 1);
    EQUAL("for input", ask.revents, POLLIN);
    EQUAL("FIONREAD", (ioctl(0, FIONREAD, &there), there), 1);
    READS("which is read", "z");
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
    EQUAL("the console in an epoll", epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event), 0);
    go("epoll");
    EQUAL("waits too", (event.data.u64 = 0, epoll_wait(epoll, &event, 1, -1)), 1);
    CHECK("and tells", event.events == EPOLLIN && event.data.u64 == 77);
    READS("which is read too", "y");
    close(epoll);
    go("flush");
    while (ioctl(0, FIONREAD, &there) == 0 && there < 4)
        poll(&ask, 1, -1);
    EQUAL("tcflush", tcflush(0, TCIFLUSH), 0);
    EQUAL("nothing is left", (ioctl(0, FIONREAD, &there), there), 0);
    NEED(tcsetattr(0, TCSANOW, &cooked) == 0);
    go("echo");
    READS("cooked again", "ok\1\n");
    go("hold");
    READS("flow control is not read", "held\n");
}

/* Waits until there is about as much input as there is room for: more comes meanwhile, and must not be lost. */
static void wait_until_full(void)
{
    struct timespec soon = timespec_of(MILLISECOND);
    int there = 0;
    while (ioctl(0, FIONREAD, &there) == 0 && there < 4000)
        nanosleep(&soon, 0);
}

/* Numbered lines, however slowly they are read, are complete. */
static void paste(long size)
{
    struct termios now = cooked;
    long bytes = 0, lines = 0, wrong = 0;
    char wanted[16];
    NEED(tcgetattr(0, &now) == 0);
    go("lines");
    wait_until_full();
    while (bytes < size) {
        ssize_t got = read(0, text, sizeof text - 1);
        if (got <= 0)
            break;
        text[got] = 0;
        snprintf(wanted, sizeof wanted, "line %06ld\n", lines++);
        wrong += strcmp(text, wanted) != 0 && bytes + got < size;
        bytes += got;
    }
    printf("\n");
    EQUAL("all that was pasted is read", bytes, size);
    EQUAL("line by line", wrong, 0);
    now.c_lflag &= ~(ECHO | ICANON);
    NEED(tcsetattr(0, TCSANOW, &now) == 0);
    go("bytes");
    wait_until_full();
    for (bytes = lines = wrong = 0; bytes < size;) {
        ssize_t got = read(0, text, 777);
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++, bytes++) {
            snprintf(wanted, sizeof wanted, "line %06ld\n", bytes / 12);
            wrong += text[i] != wanted[bytes % 12] && bytes < size - 1;
        }
    }
    EQUAL("all bytes too", bytes, size);
    EQUAL("in order", wrong, 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "early")) {
        int there = 0;
        for (go("early"); there < 11;)
            NEED(ioctl(0, FIONREAD, &there) == 0);
        READS("input that came before anybody listened", "early bird\n");
    } else if (!strcmp(what, "wait")) {
        CHECK("nobody handles SIGINT", signal(SIGINT, SIG_DFL) == SIG_DFL);
        check_end();
        go("wait");
        read(0, text, 1);
        printf("FAILED interrupt: the program goes on\n");
    } else if (!strcmp(what, "paste")) {
        paste(atol(argv[2]));
    } else {
        settings();
        editing();
        raw();
    }
    return check_end();
}
