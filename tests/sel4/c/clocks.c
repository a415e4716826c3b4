/* Clocks and sleeping: what the clocks show, that no sleep ends early, and none late. */
// run clocks: icount args=exact
// run clocks-in-real-time:
// run clocks-by-ttc: env=SEL4STD_TIMER=ttc
#include "threads.h"

/* What a sleep may end late, in guest time: asserted only where QEMU counts instructions. */
#define LATE 100000l
static int exact;

static long of(struct timespec t) { return t.tv_sec * SECOND + t.tv_nsec; }

static void sleeps(void)
{
    static const struct { const char *name; clockid_t clock; } clocks[] = {
        {"CLOCK_REALTIME", CLOCK_REALTIME}, {"CLOCK_MONOTONIC", CLOCK_MONOTONIC}, {"CLOCK_BOOTTIME", CLOCK_BOOTTIME},
    };
    static const long lengths[] = {1, 1000, 50000, MILLISECOND, 7 * MILLISECOND + 123456, 40 * MILLISECOND};
    char name[96];
    for (size_t c = 0; c < 3; c++)
        for (int absolute = 0; absolute < 2; absolute++) {
            long earliest = SECOND, latest = 0;
            int errors = 0;
            for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                long end = now_on(clocks[c].clock) + lengths[i];
                struct timespec time = timespec_of(absolute ? end : lengths[i]);
                errors += clock_nanosleep(clocks[c].clock, absolute ? TIMER_ABSTIME : 0, &time, 0) != 0;
                long late = now_on(clocks[c].clock) - end;
                earliest = late < earliest ? late : earliest;
                latest = late > latest ? late : latest;
            }
            const char *kind = absolute ? "until a time" : "for a time";
            snprintf(name, sizeof name, "%s, sleeping %s", clocks[c].name, kind);
            EQUAL(name, errors, 0);
            snprintf(name, sizeof name, "%s, sleeping %s: never early", clocks[c].name, kind);
            check(earliest >= 0, name, "%ld ns early", -earliest);
            snprintf(name, sizeof name, "%s, sleeping %s: less than 100 us late", clocks[c].name, kind);
            if (exact) {
                check(latest < LATE, name, "%ld ns late", latest);
                printf("   at most %ld ns late\n", latest);
            }
        }
    EQUAL("a time that is gone", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 1}, 0), 0);
    EQUAL("nothing", clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 0}, 0), 0);
    EQUAL("negative", clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){-1, 0}, 0), EINVAL);
    EQUAL("too many nanoseconds", clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, SECOND}, 0), EINVAL);
    EQUAL("no such clock", clock_nanosleep(77, 0, &(struct timespec){0, 1}, 0), EINVAL);
}

/* Deadlines of many threads, set in an order of their own. */
enum { SLEEPERS = 40 };
static atomic_int place;
static long deadlines[SLEEPERS], woken_at[SLEEPERS];
static int came[SLEEPERS];
static void *sleep_until(void *number)
{
    long i = (long)number;
    struct timespec until = timespec_of(deadlines[i]);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0);
    woken_at[i] = now_on(CLOCK_MONOTONIC);
    came[place++] = i;
    return 0;
}
static void many(void)
{
    pthread_t threads[SLEEPERS];
    long start_at = now_on(CLOCK_MONOTONIC) + 400 * MILLISECOND;
    int early = 0, out_of_order = 0;
    long latest = 0;
    for (long i = 0; i < SLEEPERS; i++)
        deadlines[i] = start_at + i * 7 % SLEEPERS * 2 * MILLISECOND;
    for (long i = 0; i < SLEEPERS; i++)
        threads[i] = start_waiting(sleep_until, (void *)i);
    int late_start = now_on(CLOCK_MONOTONIC) >= start_at;
    for (int i = 0; i < SLEEPERS; i++)
        result_of(threads[i]);
    for (int i = 0; i < SLEEPERS; i++) {
        long late = woken_at[i] - deadlines[i];
        early += late < 0;
        latest = late > latest ? late : latest;
        out_of_order += i && deadlines[came[i]] < deadlines[came[i - 1]];
    }
    EQUAL("40 sleepers: none is early", early, 0);
    if (exact) {
        EQUAL("40 sleepers: all slept in time", late_start, 0);
        EQUAL("40 sleepers: in the order of their deadlines", out_of_order, 0);
        check(latest < LATE, "40 sleepers: less than 100 us late", "%ld ns", latest);
    }
}

static volatile int run;
static atomic_int backward;
static void *watch(void *unused)
{
    long last = 0;
    while (run) {
        long now = now_on(CLOCK_MONOTONIC);
        if (now < last)
            backward++;
        last = now;
    }
    return unused;
}

static void *sleep_on_realtime(void *until)
{
    return (void *)(long)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, until, 0);
}

static void readings(void)
{
    struct timespec t, resolution;
    EQUAL("clock_getres", clock_getres(CLOCK_MONOTONIC, &resolution), 0);
    CHECK("the resolution is below a microsecond", of(resolution) > 0 && of(resolution) <= 1000);
    ERRNO("clock_gettime of no clock", clock_gettime(99, &t), EINVAL);
    check(time(0) > 1700000000, "the date is after 2023", "%ld", (long)time(0));
    pthread_t threads[3];
    run = 1;
    for (int i = 0; i < 3; i++)
        threads[i] = start(watch, 0);
    long last = 0;
    int back = 0;
    for (int i = 0; i < 200000; i++) {
        long now = now_on(i & 1 ? CLOCK_MONOTONIC : CLOCK_BOOTTIME);
        back += now < last;
        last = now;
    }
    run = 0;
    for (int i = 0; i < 3; i++)
        result_of(threads[i]);
    EQUAL("the clock never goes back", back + backward, 0);
}

static void setting(void)
{
    long monotonic = now_on(CLOCK_MONOTONIC), real = now_on(CLOCK_REALTIME);
    struct timespec then = {2000000000, 5}, far = {2000000000 + 5000, 0};
    EQUAL("clock_settime", clock_settime(CLOCK_REALTIME, &then), 0);
    long passed = now_on(CLOCK_REALTIME) - of(then);
    check(passed >= 0 && passed < SECOND, "it goes on from there", "%ld ns", passed);
    check(now_on(CLOCK_MONOTONIC) - monotonic < 10 * SECOND, "CLOCK_MONOTONIC is as it was", "%ld ns", now_on(CLOCK_MONOTONIC) - monotonic);
    EQUAL("time agrees", time(0) - then.tv_sec < 2, 1);
    ERRNO("CLOCK_MONOTONIC cannot be set", clock_settime(CLOCK_MONOTONIC, &then), EINVAL);
    ERRNO("nor can nonsense", clock_settime(CLOCK_REALTIME, &(struct timespec){1, -1}), EINVAL);
    /* Who sleeps until a time of day is woken when the clock is set past it (clock_nanosleep(3p)). */
    pthread_t thread = start_waiting(sleep_on_realtime, &far);
    then.tv_sec += 10000;
    EQUAL("set past a sleeper's time", clock_settime(CLOCK_REALTIME, &then), 0);
    EQUAL("it wakes", (long)result_of(thread), 0);
    then = timespec_of(real + now_on(CLOCK_MONOTONIC) - monotonic);
    EQUAL("and back", clock_settime(CLOCK_REALTIME, &then), 0);
}

int main(int count, char **arguments)
{
    exact = count > 1 && !strcmp(arguments[1], "exact");
    readings();
    sleeps();
    many();
    setting();
    return check_end();
}
