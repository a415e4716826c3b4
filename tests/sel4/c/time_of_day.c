/* CLOCK_REALTIME can be set, and a thread that waits for a time of day goes by the new one. The waiting thread has a higher
 * priority than the one that sets the clock, so it waits for sure when the clock is set. */
#include <pthread.h>
#include <sched.h>
#include "check.h"

#define HOUR 3600

static struct timespec in_an_hour;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void *sleeper(void *unused)
{
    (void)unused;
    return (void *)(long)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &in_an_hour, NULL);
}

static void *waiter(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    long error = pthread_cond_timedwait(&never, &mutex, &in_an_hour);
    pthread_mutex_unlock(&mutex);
    return (void *)error;
}

static pthread_t start_above(void *(*function)(void *))
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct sched_param above = {.sched_priority = 10};
    NEED(!pthread_attr_init(&attributes));
    NEED(!pthread_attr_setschedpolicy(&attributes, SCHED_RR));
    NEED(!pthread_attr_setschedparam(&attributes, &above));
    NEED(!pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED));
    NEED(!pthread_create(&thread, &attributes, function, NULL));
    return thread;
}

int main(void)
{
    struct timespec now, before, after;
    void *result;

    clock_gettime(CLOCK_REALTIME, &now);
    in_an_hour = (struct timespec){now.tv_sec + HOUR, 0};
    pthread_t sleeps = start_above(sleeper), waits = start_above(waiter);

    clock_gettime(CLOCK_MONOTONIC, &before);
    now.tv_sec += 2 * HOUR;
    EQUAL("the clock is set", clock_settime(CLOCK_REALTIME, &now), 0);
    EQUAL("a thread that slept until a time of day wakes", pthread_join(sleeps, &result), 0);
    EQUAL("and slept to the end", (long)result, 0);
    EQUAL("a thread that waited until a time of day wakes", pthread_join(waits, &result), 0);
    EQUAL("with ETIMEDOUT", (long)result, ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK("the monotonic clock is not set with it", after.tv_sec - before.tv_sec < HOUR);
    clock_gettime(CLOCK_REALTIME, &after);
    CHECK("the clock shows what it was set to", after.tv_sec >= now.tv_sec && after.tv_sec < now.tv_sec + HOUR);

    ERRNO("CLOCK_MONOTONIC cannot be set", clock_settime(CLOCK_MONOTONIC, &now), EINVAL);
    now.tv_nsec = 1000000000;
    ERRNO("a time out of range is refused", clock_settime(CLOCK_REALTIME, &now), EINVAL);
    ERRNO("a bad pointer is refused", syscall(SYS_clock_settime, CLOCK_REALTIME, 16), EFAULT);
    return check_end();
}
