/* Cancellation: where it takes effect, that it runs what must be run, and that nothing is half done. */
// run cancellation: futex
#include "threads.h"
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static volatile int cleaned, after;

static void clean(void *with)
{
    cleaned += (int)(long)with;
}
static void clean_mutex(void *with)
{
    /* A cancelled wait holds its mutex again (pthread_cond_wait(3p)). */
    cleaned += pthread_mutex_unlock(with) == 0 ? 1 : 100;
}

static void *in_cond_wait(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(clean_mutex, &mutex);
    for (;;)
        pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(1);
    return 0;
}
static void *in_sem_wait(void *unused)
{
    (void)unused;
    pthread_cleanup_push(clean, (void *)1);
    sem_wait(&semaphore);
    after++;
    pthread_cleanup_pop(1);
    return 0;
}
static void *in_nanosleep(void *unused)
{
    (void)unused;
    pthread_cleanup_push(clean, (void *)1);
    nanosleep(&(struct timespec){1000, 0}, 0);
    after++;
    pthread_cleanup_pop(1);
    return 0;
}
static void *in_read(void *unused)
{
    char byte;
    (void)unused;
    pthread_cleanup_push(clean, (void *)1);
    if (read(0, &byte, 1) >= 0)
        after++;
    pthread_cleanup_pop(1);
    return 0;
}
static pthread_t never_ending;
static void *in_join(void *unused)
{
    (void)unused;
    pthread_cleanup_push(clean, (void *)1);
    pthread_join(never_ending, 0);
    after++;
    pthread_cleanup_pop(1);
    return 0;
}
static void *in_testcancel(void *unused)
{
    (void)unused;
    pthread_cleanup_push(clean, (void *)1);
    for (;;) {
        pthread_testcancel();
        sched_yield();
    }
    pthread_cleanup_pop(1);
    return 0;
}
static volatile unsigned long turns;
static void *asynchronously(void *unused)
{
    (void)unused;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    pthread_cleanup_push(clean, (void *)1);
    for (;;)
        turns++;
    pthread_cleanup_pop(1);
    return 0;
}

static void point(const char *name, function *run, int waits)
{
    char text[80];
    cleaned = after = 0;
    pthread_t thread = waits ? start_waiting(run, 0) : start(run, 0);
    if (run == asynchronously)
        while (!turns)
            sched_yield();
    EQUAL("pthread_cancel", pthread_cancel(thread), 0);
    snprintf(text, sizeof text, "cancelled %s", name);
    CHECK(text, result_of(thread) == PTHREAD_CANCELED);
    snprintf(text, sizeof text, "cancelled %s: cleaned up once", name);
    EQUAL(text, cleaned, 1);
    snprintf(text, sizeof text, "cancelled %s: nothing ran behind it", name);
    EQUAL(text, after, 0);
}

static pthread_barrier_t gate;
static volatile int old_state, passed;
static void *disabled(void *unused)
{
    int old;
    (void)unused;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    old_state = old;
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    pthread_testcancel();
    nanosleep(&(struct timespec){0, MILLISECOND}, 0);
    passed = 1;
    pthread_cleanup_push(clean, (void *)1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, 0);
    pthread_testcancel();
    passed = 2;
    pthread_cleanup_pop(0);
    return 0;
}

static char order[4];
static int ordered;
static void note(void *with)
{
    order[ordered++] = (char)(long)with;
}
static void *nested(void *unused)
{
    (void)unused;
    pthread_cleanup_push(note, (void *)'a');
    pthread_cleanup_push(note, (void *)'b');
    pthread_cleanup_push(note, (void *)'x');
    pthread_cleanup_pop(0);
    pthread_exit((void *)7);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return 0;
}

static void *ends(void *unused)
{
    return unused;
}

/* A post that comes together with the cancellation is not lost: either the waiter took it, or it is still there. */
static void *takes_one(void *taken)
{
    sem_wait(&semaphore);
    *(int *)taken = 1;
    return 0;
}
static void none_lost(void)
{
    int lost = 0, value;
    for (int i = 0; i < 500; i++) {
        int taken = 0;
        pthread_t thread = i % 2 ? start(takes_one, &taken) : start_waiting(takes_one, &taken);
        sem_post(&semaphore);
        pthread_cancel(thread);
        result_of(thread);
        sem_getvalue(&semaphore, &value);
        lost += taken + value != 1;
        while (!sem_trywait(&semaphore))
            ;
    }
    EQUAL("500 posts beside a cancellation are not lost", lost, 0);
}

int main(void)
{
    sem_init(&semaphore, 0, 0);
    point("in pthread_cond_wait", in_cond_wait, 1);
    point("in sem_wait", in_sem_wait, 1);
    point("before sem_wait", in_sem_wait, 0);
    point("in nanosleep", in_nanosleep, 1);
    point("in read of the console", in_read, 1);
    point("in pthread_testcancel", in_testcancel, 0);
    point("asynchronously, while it counts", asynchronously, 0);
    never_ending = start_waiting(in_nanosleep, 0);
    point("in pthread_join", in_join, 1);
    pthread_cancel(never_ending);
    result_of(never_ending);

    cleaned = 0;
    pthread_barrier_init(&gate, 0, 2);
    pthread_t thread = start(disabled, 0);
    pthread_barrier_wait(&gate);
    EQUAL("cancellation was enabled at the start", old_state, PTHREAD_CANCEL_ENABLE);
    pthread_cancel(thread);
    pthread_barrier_wait(&gate);
    CHECK("disabled: cancelled once enabled", result_of(thread) == PTHREAD_CANCELED);
    EQUAL("disabled: not before", passed, 1);
    EQUAL("disabled: cleaned up", cleaned, 1);

    EQUAL("pthread_exit's value", (long)result_of(start(nested, 0)), 7);
    CHECK("cleanup in reverse order, popped ones not", !strcmp(order, "ba"));

    thread = start_waiting(ends, (void *)3);
    EQUAL("a thread that has ended can be cancelled", pthread_cancel(thread), 0);
    EQUAL("and keeps its result", (long)result_of(thread), 3);
    none_lost();
    EQUAL("the mutex is free", pthread_mutex_trylock(&mutex), 0);
    return check_end();
}
