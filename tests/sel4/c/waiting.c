/* Condition variables, read-write locks, barriers, spin locks and semaphores: who waits is woken, once, and in time. */
// run waiting: futex
#include "threads.h"
#include <limits.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn, woken;

static void *wait_for_turn(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (!turn)
        pthread_cond_wait(&condition, &mutex);
    turn--;
    woken++;
    pthread_mutex_unlock(&mutex);
    return 0;
}

static int give(int turns, int (*wake)(pthread_cond_t *))
{
    pthread_mutex_lock(&mutex);
    turn += turns;
    int error = wake(&condition);
    pthread_mutex_unlock(&mutex);
    return error;
}

static void condition_variables(void)
{
    enum { WAITERS = 8 };
    pthread_t threads[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        threads[i] = start_waiting(wait_for_turn, 0);
    EQUAL("nobody goes on before the signal", woken, 0);
    EQUAL("signal", give(1, pthread_cond_signal), 0);
    EQUAL("it wakes one", woken, 1);
    EQUAL("broadcast", give(WAITERS - 1, pthread_cond_broadcast), 0);
    for (int i = 0; i < WAITERS; i++)
        result_of(threads[i]);
    EQUAL("it wakes all", woken, WAITERS);
    EQUAL("a signal to nobody is not kept", give(0, pthread_cond_signal), 0);
}

static void timed_conditions(void)
{
    static const struct { const char *name; clockid_t clock; } clocks[] = {
        {"CLOCK_REALTIME", CLOCK_REALTIME}, {"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
    };
    for (int i = 0; i < 2; i++) {
        char name[80];
        pthread_condattr_t kind;
        pthread_cond_t timed;
        pthread_condattr_init(&kind);
        pthread_condattr_setclock(&kind, clocks[i].clock);
        pthread_cond_init(&timed, &kind);
        struct timespec soon = in(clocks[i].clock, 15 * MILLISECOND);
        pthread_mutex_lock(&mutex);
        int error = pthread_cond_timedwait(&timed, &mutex, &soon);
        long late = now_on(clocks[i].clock) - (soon.tv_sec * SECOND + soon.tv_nsec);
        snprintf(name, sizeof name, "timed wait on %s ends", clocks[i].name);
        EQUAL(name, error, ETIMEDOUT);
        snprintf(name, sizeof name, "timed wait on %s ends not early", clocks[i].name);
        check(late >= 0, name, "%ld ns late", late);
        snprintf(name, sizeof name, "timed wait on %s holds the mutex again", clocks[i].name);
        EQUAL(name, pthread_mutex_trylock(&mutex), EBUSY);
        struct timespec past = {0, 1};
        snprintf(name, sizeof name, "timed wait on %s with a deadline that is gone", clocks[i].name);
        EQUAL(name, pthread_cond_timedwait(&timed, &mutex, &past), ETIMEDOUT);
        EQUAL("timed wait until nonsense", pthread_cond_timedwait(&timed, &mutex, &(struct timespec){0, -1}), EINVAL);
        pthread_mutex_unlock(&mutex);
        pthread_cond_destroy(&timed);
    }
}

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int readers, most_readers, writers, wrong;

static void *read_locked(void *unused)
{
    (void)unused;
    for (int i = 0; i < 500; i++) {
        pthread_rwlock_rdlock(&lock);
        int inside = ++readers;
        if (writers)
            wrong++;
        if (inside > most_readers)
            most_readers = inside;
        sched_yield();
        readers--;
        pthread_rwlock_unlock(&lock);
    }
    return 0;
}
static void *write_locked(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        pthread_rwlock_wrlock(&lock);
        if (++writers != 1 || readers)
            wrong++;
        sched_yield();
        writers--;
        pthread_rwlock_unlock(&lock);
    }
    return 0;
}
static void *write_once(void *unused)
{
    (void)unused;
    long error = pthread_rwlock_wrlock(&lock);
    return (void *)(error ?: pthread_rwlock_unlock(&lock));
}

static void read_write_locks(void)
{
    struct timespec soon;
    EQUAL("rwlock: read", pthread_rwlock_rdlock(&lock), 0);
    EQUAL("rwlock: read again", pthread_rwlock_tryrdlock(&lock), 0);
    EQUAL("rwlock: no write meanwhile", pthread_rwlock_trywrlock(&lock), EBUSY);
    soon = in(CLOCK_REALTIME, 5 * MILLISECOND);
    EQUAL("rwlock: write in time", pthread_rwlock_timedwrlock(&lock, &soon), ETIMEDOUT);
    pthread_t writer = start_waiting(write_once, 0);
    pthread_rwlock_unlock(&lock);
    pthread_rwlock_unlock(&lock);
    EQUAL("rwlock: the last reader lets the writer in", (long)result_of(writer), 0);
    EQUAL("rwlock: write", pthread_rwlock_wrlock(&lock), 0);
    EQUAL("rwlock: no read meanwhile", pthread_rwlock_tryrdlock(&lock), EBUSY);
    soon = in(CLOCK_REALTIME, 5 * MILLISECOND);
    EQUAL("rwlock: read in time", pthread_rwlock_timedrdlock(&lock, &soon), ETIMEDOUT);
    pthread_rwlock_unlock(&lock);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        threads[i] = start(i < 4 ? read_locked : write_locked, 0);
    for (int i = 0; i < 6; i++)
        result_of(threads[i]);
    EQUAL("rwlock: no reader beside a writer", wrong, 0);
    CHECK("rwlock: readers beside each other", most_readers > 1);
}

static pthread_barrier_t barrier;
static atomic_int arrived, serial, ahead;
static void *through_barrier(void *unused)
{
    (void)unused;
    for (int round = 1; round <= 300; round++) {
        arrived++;
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            serial++;
        if (arrived < 4 * round)
            ahead++;
        pthread_barrier_wait(&barrier);
    }
    return 0;
}

static pthread_spinlock_t spin;
static long spun;
static void *spin_and_add(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
    }
    return 0;
}

static sem_t ping, pong;
static void *answer(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        sem_wait(&ping);
        sem_post(&pong);
    }
    return 0;
}

static void semaphores(void)
{
    int value;
    struct timespec soon = in(CLOCK_REALTIME, 5 * MILLISECOND);
    EQUAL("sem_init", sem_init(&ping, 0, 2) ?: sem_init(&pong, 1, 0), 0);
    ERRNO("sem_init of too much", sem_init(&(sem_t){0}, 0, 1u + SEM_VALUE_MAX), EINVAL);
    EQUAL("sem_getvalue", (sem_getvalue(&ping, &value), value), 2);
    EQUAL("sem_wait", sem_wait(&ping) ?: sem_trywait(&ping), 0);
    ERRNO("sem_trywait at zero", sem_trywait(&ping), EAGAIN);
    ERRNO("sem_timedwait at zero", sem_timedwait(&ping, &soon), ETIMEDOUT);
    CHECK("sem_timedwait ends not early", now_on(CLOCK_REALTIME) >= soon.tv_sec * SECOND + soon.tv_nsec);
    pthread_t thread = start(answer, 0);
    int rounds = 0;
    for (; rounds < 2000 && !sem_post(&ping) && !sem_wait(&pong); rounds++)
        ;
    result_of(thread);
    EQUAL("2,000 rounds of two semaphores", rounds, 2000);
    EQUAL("none is left over", (sem_getvalue(&pong, &value), value), 0);
    EQUAL("sem_destroy", sem_destroy(&ping) ?: sem_destroy(&pong), 0);
}

int main(void)
{
    pthread_t threads[4];
    condition_variables();
    timed_conditions();
    read_write_locks();

    ERRNO("a barrier for nobody", (errno = pthread_barrier_init(&barrier, 0, 0), -1), EINVAL);
    pthread_barrier_init(&barrier, 0, 4);
    for (int i = 0; i < 4; i++)
        threads[i] = start(through_barrier, 0);
    for (int i = 0; i < 4; i++)
        result_of(threads[i]);
    EQUAL("barrier: nobody passes before all have come", ahead, 0);
    check(serial >= 300 && serial <= 600, "barrier: one serial thread a round", "%d", serial);
    EQUAL("barrier: destroy", pthread_barrier_destroy(&barrier), 0);

    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    for (int i = 0; i < 4; i++)
        threads[i] = start(spin_and_add, 0);
    for (int i = 0; i < 4; i++)
        result_of(threads[i]);
    EQUAL("spin lock: 4 threads count right", spun, 80000);
    pthread_spin_lock(&spin);
    EQUAL("spin lock: try while held", pthread_spin_trylock(&spin), EBUSY);

    semaphores();
    return check_end();
}
