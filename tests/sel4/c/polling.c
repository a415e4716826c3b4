/* Waiting for any of several: poll, select, epoll, eventfd, timerfd. */
// run polling: time=90
#include "threads.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/timerfd.h>

static int ends[2];
static volatile int handled;
static void on_signal(int number) { handled = number; }
static void open_pipe(void) { NEED(pipe(ends) == 0); }
static void close_pipe(void) { close(ends[0]), close(ends[1]); }

static void *write_one(void *unused) { (void)unused; return (void *)write(ends[1], "x", 1); }
static void *poll_one(void *unused)
{
    struct pollfd ask = {.fd = ends[0], .events = POLLIN};
    (void)unused;
    return (void *)(long)(poll(&ask, 1, -1) == 1 ? ask.revents : -1);
}
static void *poll_nothing(void *unused)
{
    (void)unused;
    return (void *)(long)(poll(0, 0, -1) == -1 ? errno : -1);
}

static void polls(void)
{
    open_pipe();
    struct pollfd ask[] = {{ends[0], POLLIN, -1}, {-1, POLLIN, -1}, {900, POLLIN, -1}, {ends[1], POLLOUT, -1}};
    EQUAL("poll tells", poll(ask, 4, -1), 2);
    CHECK("what is there", ask[0].revents == 0 && ask[1].revents == 0 && ask[2].revents == POLLNVAL && ask[3].revents == POLLOUT);
    EQUAL("nothing in time", poll(ask, 1, 0), 0);
    long begin = now_on(CLOCK_MONOTONIC);
    EQUAL("and later", poll(ask, 1, 20), 0);
    CHECK("not too early", now_on(CLOCK_MONOTONIC) - begin >= 20 * MILLISECOND);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start_waiting(poll_one, 0);
    EQUAL("a write", write(ends[1], "x", 1), 1);
    for (int i = 0; i < 3; i++)
        EQUAL("wakes every poll", (long)result_of(threads[i]), POLLIN);
    char byte;
    EQUAL("the byte", read(ends[0], &byte, 1), 1);
    threads[0] = start_waiting(poll_one, 0);
    close(ends[1]);
    EQUAL("the end too", (long)result_of(threads[0]), POLLHUP);
    ask[0].fd = ends[0], ask[0].events = 0;
    EQUAL("unasked", (poll(ask, 1, -1), ask[0].revents), POLLHUP);
    close(ends[0]);
    ERRNO("a bad pointer", poll((void *)8, 1, 0), EFAULT);
    ERRNO("too many", poll(ask, 5000, 0), EINVAL);
    struct timespec bad = {0, -1};
    ERRNO("no time", ppoll(ask, 1, &bad, 0), EINVAL);
    EQUAL("no mask", RAW(SYS_ppoll, ask, 0, 0, ask, 3, 0), -EINVAL);
}

static void masks(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked, open, now;
    struct timespec zero = {0, 0};
    fd_set none;
    FD_ZERO(&none);
    sigaction(SIGUSR1, &action, 0);
    sigemptyset(&open), sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, 0);
    handled = 0;
    raise(SIGUSR1);
    EQUAL("blocked", handled, 0);
    int epoll = epoll_create1(0);
    struct epoll_event event;
    for (int i = 0; i < 3; i++) {
        static const char *names[] = {"ppoll", "pselect", "epoll_pwait"};
        handled = 0;
        ERRNO(names[i], i == 0 ? ppoll(0, 0, 0, &open) : i == 1 ? pselect(0, &none, 0, 0, 0, &open) : epoll_pwait(epoll, &event, 1, -1, &open),
              EINTR);
        EQUAL("runs the handler of a signal that its mask lets in", handled, SIGUSR1);
        sigprocmask(SIG_BLOCK, 0, &now);
        CHECK("and the old mask is back", sigismember(&now, SIGUSR1));
        raise(SIGUSR1);
    }
    open_pipe();
    struct pollfd ask = {ends[1], POLLOUT, 0};
    handled = 0;
    EQUAL("what is ready comes first", ppoll(&ask, 1, &zero, &open), 1);
    sigprocmask(SIG_BLOCK, 0, &now);
    CHECK("with the old mask back", sigismember(&now, SIGUSR1));
    handled = 0;
    sigprocmask(SIG_UNBLOCK, &blocked, 0);
    EQUAL("the signal is still there", handled, SIGUSR1);
    pthread_t other = start_waiting(poll_nothing, 0);
    pthread_kill(other, SIGUSR1);
    EQUAL("a signal ends a poll", (long)result_of(other), EINTR);
    close_pipe();
    close(epoll);
}

static void selects(void)
{
    fd_set in, out;
    struct timeval time = {0, 15000};
    open_pipe();
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in), FD_SET(ends[1], &out), FD_SET(ends[0], &out);
    EQUAL("select tells", select(ends[1] + 1, &in, &out, 0, 0), 1);
    CHECK("what is there", !FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out) && !FD_ISSET(ends[0], &out));
    FD_SET(ends[0], &in);
    EQUAL("nothing in time", select(ends[0] + 1, &in, 0, 0, &time), 0);
    CHECK("the set is empty then", !FD_ISSET(ends[0], &in));
    pthread_t writer = start(write_one, 0);
    FD_SET(ends[0], &in);
    EQUAL("select waits", select(ends[0] + 1, &in, 0, 0, 0), 1);
    CHECK("for input", FD_ISSET(ends[0], &in));
    result_of(writer);
    close(ends[1]);
    EQUAL("the end", (select(ends[0] + 1, &in, 0, 0, 0)), 1);
    FD_SET(700, &in);
    ERRNO("a closed descriptor", select(701, &in, 0, 0, 0), EBADF);
    ERRNO("a negative count", select(-1, &in, 0, 0, 0), EINVAL);
    EQUAL("a bad pointer", RAW(SYS_pselect6, 10, 8, 0, 0, 0, 0), -EFAULT);
    close(ends[0]);
}

static int epoll_add(int epoll, int fd, unsigned events, long data)
{
    struct epoll_event event = {events, {.u64 = data}};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}
static int ready(int epoll, struct epoll_event *event) { return epoll_wait(epoll, event, 8, 0); }
static void *epoll_one(void *epoll)
{
    struct epoll_event event;
    return (void *)(long)(epoll_wait((int)(long)epoll, &event, 1, -1) == 1 ? (long)event.data.u64 : -1);
}

static void epolls(void)
{
    struct epoll_event event[8];
    char bytes[8];
    int epoll = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(0);
    EQUAL("EPOLL_CLOEXEC", fcntl(epoll, F_GETFD), FD_CLOEXEC);
    open_pipe();
    EQUAL("add", epoll_add(epoll, ends[0], EPOLLIN, 5), 0);
    EQUAL("nothing yet", ready(epoll, event), 0);
    EQUAL("a byte", write(ends[1], "ab", 2), 2);
    EQUAL("level", ready(epoll, event), 1);
    EQUAL("comes again", ready(epoll, event), 1);
    CHECK("with its data", event[0].events == EPOLLIN && event[0].data.u64 == 5);
    EQUAL("until it is read", (read(ends[0], bytes, 8), ready(epoll, event)), 0);
    *event = (struct epoll_event){EPOLLIN | EPOLLET, {.u64 = 6}};
    EQUAL("modify", epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], event), 0);
    write(ends[1], "a", 1);
    EQUAL("edge", ready(epoll, event), 1);
    EQUAL("comes once", ready(epoll, event), 0);
    EQUAL("and with the next byte", (write(ends[1], "a", 1), ready(epoll, event)), 1);
    *event = (struct epoll_event){EPOLLIN | EPOLLONESHOT, {.u64 = 7}};
    EQUAL("once", (epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], event), ready(epoll, event)), 1);
    EQUAL("is over then", (write(ends[1], "a", 1), ready(epoll, event)), 0);
    EQUAL("take away", epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], 0), 0);
    ERRNO("twice", epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], 0), ENOENT);
    read(ends[0], bytes, 8);

    EQUAL("an epoll in an epoll", epoll_add(outer, epoll, EPOLLIN, 8), 0);
    ERRNO("and no loop", epoll_add(epoll, outer, EPOLLIN, 9), ELOOP);
    ERRNO("nor itself", epoll_add(epoll, epoll, EPOLLIN, 9), EINVAL);
    epoll_add(epoll, ends[0], EPOLLIN, 10);
    pthread_t inside = start_waiting(epoll_one, (void *)(long)epoll), outside = start_waiting(epoll_one, (void *)(long)outer);
    write(ends[1], "a", 1);
    EQUAL("wakes who waits for one", (long)result_of(inside), 10);
    EQUAL("and for the other", (long)result_of(outside), 8);

    int copy = dup(ends[0]);
    close(ends[0]);
    EQUAL("a duplicate keeps it open", ready(epoll, event), 1);
    close(copy);
    EQUAL("a closed file drops out", ready(epoll, event), 0);
    close(ends[1]);

    ERRNO("no epoll", epoll_add(1, epoll, EPOLLIN, 0), EINVAL);
    ERRNO("nothing open", epoll_add(epoll, 900, EPOLLIN, 0), EBADF);
    ERRNO("a bad pointer", epoll_ctl(epoll, EPOLL_CTL_ADD, outer, (void *)8), EFAULT);
    ERRNO("no room", epoll_wait(epoll, event, 0, 0), EINVAL);
    EQUAL("a bad place", RAW(SYS_epoll_pwait, epoll, -64, 8, 0, 0, 0), -EFAULT);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        ERRNO("what never waits", epoll_add(epoll, null, EPOLLIN, 0), EPERM);
        close(null);
    }
    struct timespec time = timespec_of(20 * MILLISECOND);
    long begin = now_on(CLOCK_MONOTONIC);
    EQUAL("epoll_pwait2 in time", RAW(SYS_epoll_pwait2, epoll, event, 8, &time, 0, 0), 0);
    CHECK("not too early", now_on(CLOCK_MONOTONIC) - begin >= 20 * MILLISECOND);
    close(epoll), close(outer);
}

static void *take_event(void *fd)
{
    uint64_t value = 0;
    return read((int)(long)fd, &value, 8) == 8 ? (void *)value : (void *)-1l;
}

static void events(void)
{
    uint64_t value = -1;
    int event = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    EQUAL("a semaphore gives one", (read(event, &value, 8), value), 1);
    EQUAL("and one", (read(event, &value, 8), value), 1);
    ERRNO("and no more", read(event, &value, 8), EAGAIN);
    ERRNO("too few bytes", read(event, &value, 7), EINVAL);
    close(event);
    event = eventfd(0, 0);
    pthread_t reader = start_waiting(take_event, (void *)(long)event);
    value = 41;
    EQUAL("a write", write(event, &value, 8), 8);
    EQUAL("wakes a reader", (long)result_of(reader), 41);
    value = -1;
    ERRNO("the largest number", write(event, &value, 8), EINVAL);
    close(event);
    ERRNO("unknown flags", eventfd(0, 4), EINVAL);
}

static void timers(void)
{
    struct itimerspec set = {.it_value = timespec_of(20 * MILLISECOND), .it_interval = timespec_of(10 * MILLISECOND)}, now;
    uint64_t times = 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, 0), epoll = epoll_create1(0);
    struct epoll_event event;
    struct pollfd ask = {timer, POLLIN, 0};
    EQUAL("not set", (timerfd_gettime(timer, &now), now.it_value.tv_sec + now.it_value.tv_nsec), 0);
    EQUAL("nor ready", poll(&ask, 1, 0), 0);
    epoll_add(epoll, timer, EPOLLIN, 3);
    long begin = now_on(CLOCK_MONOTONIC);
    EQUAL("set", timerfd_settime(timer, 0, &set, 0), 0);
    EQUAL("an epoll waits for it", epoll_wait(epoll, &event, 1, -1), 1);
    EQUAL("a read tells how often", (read(timer, &times, 8), times >= 1), 1);
    EQUAL("a read waits", (read(timer, &times, 8), times >= 1), 1);
    CHECK("not too early", now_on(CLOCK_MONOTONIC) - begin >= 30 * MILLISECOND);
    EQUAL("gettime", timerfd_gettime(timer, &now), 0);
    CHECK("tells interval and rest", now.it_interval.tv_nsec == 10 * MILLISECOND && now.it_value.tv_sec == 0
          && now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 10 * MILLISECOND);
    struct timespec long_enough = timespec_of(50 * MILLISECOND);
    nanosleep(&long_enough, 0);
    CHECK("missed ones are counted", read(timer, &times, 8) == 8 && times >= 4);
    set = (struct itimerspec){0};
    EQUAL("off", (timerfd_settime(timer, 0, &set, &now), now.it_interval.tv_nsec), 10 * MILLISECOND);
    EQUAL("is not ready", poll(&ask, 1, 0), 0);
    set.it_value = timespec_of(begin);
    EQUAL("a time that is past", timerfd_settime(timer, TFD_TIMER_ABSTIME, &set, 0), 0);
    EQUAL("is ready", poll(&ask, 1, 0), 1);
    close(timer);

    timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    ask.fd = timer;
    long today = now_on(CLOCK_REALTIME);
    set.it_value = timespec_of(today + 100 * SECOND);
    EQUAL("a time of day", timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &set, 0), 0);
    ERRNO("is not there", read(timer, &times, 8), EAGAIN);
    struct timespec later = timespec_of(today + 200 * SECOND);
    EQUAL("the clock is set", clock_settime(CLOCK_REALTIME, &later), 0);
    EQUAL("which a poll sees", poll(&ask, 1, -1), 1);
    ERRNO("and a read tells", read(timer, &times, 8), ECANCELED);
    EQUAL("besides that it expired", (read(timer, &times, 8), times), 1);
    later = timespec_of(today);
    clock_settime(CLOCK_REALTIME, &later);
    ERRNO("no timer", timerfd_settime(epoll, 0, &set, 0), EINVAL);
    ERRNO("a bad pointer", timerfd_settime(timer, 0, (void *)8, 0), EFAULT);
    set.it_value.tv_nsec = SECOND;
    ERRNO("no time", timerfd_settime(timer, 0, &set, 0), EINVAL);
    ERRNO("an unknown clock", timerfd_create(99, 0), EINVAL);
    ERRNO("unknown flags", timerfd_create(CLOCK_MONOTONIC, 4), EINVAL);
    close(timer), close(epoll);
}

/* Threads that each move one byte round a ring of pipes, waited for by one epoll each: no wake is lost. */
enum { RING = 4, LAPS = 500 };
static int ring[RING][2];
static void *hand_on(void *number)
{
    long i = (long)number, done = 0;
    int epoll = epoll_create1(0);
    struct epoll_event event;
    char byte;
    epoll_add(epoll, ring[i][0], EPOLLIN | (i % 2 ? EPOLLET : 0), 0);
    while (done < LAPS && epoll_wait(epoll, &event, 1, -1) == 1 && read(ring[i][0], &byte, 1) == 1)
        done += write(ring[(i + 1) % RING][1], &byte, 1);
    close(epoll);
    return (void *)done;
}

static void rings(void)
{
    pthread_t threads[RING];
    for (int i = 0; i < RING; i++)
        NEED(pipe(ring[i]) == 0);
    for (long i = 0; i < RING; i++)
        threads[i] = start(hand_on, (void *)i);
    EQUAL("a byte goes round", write(ring[0][1], "x", 1), 1);
    for (int i = 0; i < RING; i++)
        EQUAL("as often as it should", (long)result_of(threads[i]), LAPS);
    for (int i = 0; i < RING; i++)
        close(ring[i][0]), close(ring[i][1]);
}

static void everything(void)
{
    polls();
    masks();
    selects();
    epolls();
    events();
    timers();
    rings();
}

int main(void)
{
    everything();
    struct sel4std_counts before = counts_now(), after;
    everything();
    after = counts_now();
    EQUAL("no record is kept", after.record_bytes, before.record_bytes);
    EQUAL("no descriptor", dup(0), 3);
    return check_end();
}
