/* Threads for tests. */
#ifndef THREADS_H
#define THREADS_H

#include "check.h"
#include <pthread.h>
#include <sched.h>

typedef void *function(void *);

/* A thread of the ordinary kind. */
__attribute__((unused)) static pthread_t start(function *run, void *with)
{
    pthread_t thread;
    int error = pthread_create(&thread, 0, run, with);
    if (error)
        errno = error;
    NEED(!error);
    return thread;
}

/* A thread that has run until it waits, or has ended, when this returns, so that nobody has to sleep for that: it is on the caller's
 * core, where its higher priority lets the caller not go on before. It stays there. */
__attribute__((unused)) static pthread_t start_waiting(function *run, void *with)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct sched_param priority = {.sched_priority = 10};
    cpu_set_t all, here;
    NEED(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    /* A new thread has its creator's affinity. */
    NEED(sched_setaffinity(0, sizeof here, &here) == 0);
    pthread_attr_init(&attributes);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_RR);
    pthread_attr_setschedparam(&attributes, &priority);
    int error = pthread_create(&thread, &attributes, run, with);
    NEED(sched_setaffinity(0, sizeof all, &all) == 0);
    if (error)
        errno = error;
    NEED(!error);
    pthread_attr_destroy(&attributes);
    return thread;
}

/* What a thread gave. */
__attribute__((unused)) static void *result_of(pthread_t thread)
{
    void *result = 0;
    int error = pthread_join(thread, &result);
    if (error)
        check(0, "join", "error %d", error);
    return result;
}

/* A point in time, from now on a clock. */
__attribute__((unused)) static struct timespec in(clockid_t clock, long nanoseconds)
{
    return timespec_of(now_on(clock) + nanoseconds);
}
#define MILLISECOND 1000000l
#define SECOND 1000000000l

#endif
