/* Mutexes of every kind: what each answers, that it excludes, and that who waits is woken. */
// run mutexes: futex
#include "threads.h"

static pthread_mutex_t mutex_of(int type, int robust)
{
    pthread_mutex_t mutex;
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, type);
    pthread_mutexattr_setrobust(&kind, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
    pthread_mutex_init(&mutex, &kind);
    return mutex;
}

#define THREADS 4
#define ROUNDS 5000
struct shared { pthread_mutex_t mutex; volatile long count; volatile int inside, overlaps; };

static void *add(void *with)
{
    struct shared *shared = with;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&shared->mutex);
        if (shared->inside++)
            shared->overlaps++;
        long before = shared->count;
        /* Others get the core while the mutex is held, so they do have to wait. */
        if (i % 16 == 0)
            sched_yield();
        shared->count = before + 1;
        shared->inside--;
        pthread_mutex_unlock(&shared->mutex);
    }
    return 0;
}

static void excludes(const char *kind, int type, int robust)
{
    char name[80];
    struct shared shared = {.mutex = mutex_of(type, robust)};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(add, &shared);
    for (int i = 0; i < THREADS; i++)
        result_of(threads[i]);
    snprintf(name, sizeof name, "%s mutex: %d threads count right", kind, THREADS);
    EQUAL(name, shared.count, THREADS * ROUNDS);
    snprintf(name, sizeof name, "%s mutex: one inside at a time", kind);
    EQUAL(name, shared.overlaps, 0);
    EQUAL("it can be destroyed", pthread_mutex_destroy(&shared.mutex), 0);
}

static void *lock_in_thread(void *with) { return (void *)(long)pthread_mutex_lock(with); }
static void *try_in_thread(void *with) { return (void *)(long)pthread_mutex_trylock(with); }
static void *unlock_in_thread(void *with) { return (void *)(long)pthread_mutex_unlock(with); }
static void *lock_and_unlock(void *with)
{
    long locked = pthread_mutex_lock(with);
    return (void *)(locked ?: pthread_mutex_unlock(with));
}

static void kinds(void)
{
    pthread_mutex_t normal = mutex_of(PTHREAD_MUTEX_NORMAL, 0);
    EQUAL("normal: lock", pthread_mutex_lock(&normal), 0);
    EQUAL("normal: try while held", pthread_mutex_trylock(&normal), EBUSY);
    pthread_t waits = start_waiting(lock_and_unlock, &normal);
    EQUAL("normal: unlock wakes who waits", pthread_mutex_unlock(&normal) ?: (long)result_of(waits), 0);

    pthread_mutex_t recursive = mutex_of(PTHREAD_MUTEX_RECURSIVE, 0);
    EQUAL("recursive: lock", pthread_mutex_lock(&recursive), 0);
    EQUAL("recursive: again", pthread_mutex_lock(&recursive), 0);
    EQUAL("recursive: try again", pthread_mutex_trylock(&recursive), 0);
    EQUAL("recursive: another thread", (long)result_of(start(try_in_thread, &recursive)), EBUSY);
    EQUAL("recursive: unlock by another", (long)result_of(start(unlock_in_thread, &recursive)), EPERM);
    pthread_mutex_unlock(&recursive);
    pthread_mutex_unlock(&recursive);
    EQUAL("recursive: held until the last unlock", (long)result_of(start(try_in_thread, &recursive)), EBUSY);
    waits = start_waiting(lock_and_unlock, &recursive);
    EQUAL("recursive: last unlock", pthread_mutex_unlock(&recursive) ?: (long)result_of(waits), 0);
    EQUAL("recursive: one unlock more", pthread_mutex_unlock(&recursive), EPERM);

    pthread_mutex_t checking = mutex_of(PTHREAD_MUTEX_ERRORCHECK, 0);
    EQUAL("error-checking: lock", pthread_mutex_lock(&checking), 0);
    EQUAL("error-checking: again", pthread_mutex_lock(&checking), EDEADLK);
    EQUAL("error-checking: try again", pthread_mutex_trylock(&checking), EBUSY);
    EQUAL("error-checking: unlock by another", (long)result_of(start(unlock_in_thread, &checking)), EPERM);
    waits = start_waiting(lock_and_unlock, &checking);
    EQUAL("error-checking: unlock", pthread_mutex_unlock(&checking) ?: (long)result_of(waits), 0);
    EQUAL("error-checking: one unlock more", pthread_mutex_unlock(&checking), EPERM);
}

static void timed(void)
{
    pthread_mutex_t mutex = mutex_of(PTHREAD_MUTEX_NORMAL, 0);
    struct timespec soon = in(CLOCK_REALTIME, 20 * MILLISECOND), past = in(CLOCK_REALTIME, -SECOND);
    EQUAL("timed: free", pthread_mutex_timedlock(&mutex, &past), 0);
    EQUAL("timed: held, deadline long gone", pthread_mutex_timedlock(&mutex, &past), ETIMEDOUT);
    EQUAL("timed: held until the deadline", pthread_mutex_timedlock(&mutex, &soon), ETIMEDOUT);
    CHECK("timed: not before it", now_on(CLOCK_REALTIME) >= soon.tv_sec * SECOND + soon.tv_nsec);
    EQUAL("timed: nonsense", pthread_mutex_timedlock(&mutex, &(struct timespec){soon.tv_sec + 100, SECOND}), EINVAL);
    struct timespec later = in(CLOCK_REALTIME, 100 * SECOND);
    pthread_mutex_t checking = mutex_of(PTHREAD_MUTEX_ERRORCHECK, 0);
    pthread_mutex_lock(&checking);
    EQUAL("timed: error-checking, own", pthread_mutex_timedlock(&checking, &later), EDEADLK);
    pthread_mutex_unlock(&checking);
}

static void robust(void)
{
    static const struct { const char *name; int type; } kinds[] = {
        {"normal", PTHREAD_MUTEX_NORMAL}, {"recursive", PTHREAD_MUTEX_RECURSIVE}, {"error-checking", PTHREAD_MUTEX_ERRORCHECK},
    };
    char name[80];
#define NAME(text) (snprintf(name, sizeof name, "robust %s: %s", kinds[i].name, text), name)
    for (int i = 0; i < 3; i++) {
        pthread_mutex_t mutex = mutex_of(kinds[i].type, 1);
        EQUAL(NAME("a thread ends with it"), (long)result_of(start(lock_in_thread, &mutex)), 0);
        EQUAL(NAME("the next is told"), pthread_mutex_lock(&mutex), EOWNERDEAD);
        EQUAL(NAME("and mends it"), pthread_mutex_consistent(&mutex), 0);
        EQUAL(NAME("unlock"), pthread_mutex_unlock(&mutex), 0);
        EQUAL(NAME("as good as new"), pthread_mutex_lock(&mutex) ?: pthread_mutex_unlock(&mutex), 0);
        result_of(start(lock_in_thread, &mutex));
        EQUAL(NAME("try is told too"), pthread_mutex_trylock(&mutex), EOWNERDEAD);
        EQUAL(NAME("let go without mending"), pthread_mutex_unlock(&mutex), 0);
        EQUAL(NAME("it is beyond repair"), pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
    }
}

/* The owner ends while another thread waits. */
static pthread_mutex_t inherited;
static pthread_barrier_t owned;
static void *own_and_end(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&inherited);
    pthread_barrier_wait(&owned);
    pthread_barrier_wait(&owned);
    return 0;
}
static void robust_waiter(void)
{
    inherited = mutex_of(PTHREAD_MUTEX_NORMAL, 1);
    pthread_barrier_init(&owned, 0, 2);
    pthread_t owner = start(own_and_end, 0);
    pthread_barrier_wait(&owned);
    pthread_t waiter = start_waiting(lock_in_thread, &inherited);
    pthread_barrier_wait(&owned);
    EQUAL("robust: who waits is told of the owner's end", (long)result_of(waiter), EOWNERDEAD);
    result_of(owner);
    EQUAL("robust: and so is the next", pthread_mutex_lock(&inherited), EOWNERDEAD);
}

/* muslc marks the mutexes of a thread that ends by its own functions. One that ends without them leaves it to exit(2), which
 * muslc tells of those shared between processes. */
static pthread_mutex_t shared_robust(void)
{
    pthread_mutex_t mutex;
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&mutex, &kind);
    return mutex;
}
static void *lock_and_vanish(void *with)
{
    pthread_mutex_lock(with);
    RAW(SYS_exit, 0, 0, 0, 0, 0, 0);
    return 0;
}
static pthread_mutex_t left_behind;
static void *vanish_while_another_waits(void *unused)
{
    pthread_mutex_lock(&left_behind);
    pthread_barrier_wait(&owned);
    pthread_barrier_wait(&owned);
    RAW(SYS_exit, 0, 0, 0, 0, 0, 0);
    return unused;
}
static void robust_without_muslc(void)
{
    pthread_mutex_t mutex = shared_robust();
    start_waiting(lock_and_vanish, &mutex);
    EQUAL("robust: exit(2) tells the next of the owner's end", pthread_mutex_lock(&mutex), EOWNERDEAD);
    left_behind = shared_robust();
    pthread_barrier_init(&owned, 0, 2);
    start(vanish_while_another_waits, 0);
    pthread_barrier_wait(&owned);
    pthread_t waiter = start_waiting(lock_in_thread, &left_behind);
    pthread_barrier_wait(&owned);
    EQUAL("robust: and wakes who waits", (long)result_of(waiter), EOWNERDEAD);
}

static void attributes(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    EQUAL("no such type", pthread_mutexattr_settype(&kind, 77), EINVAL);
    EQUAL("shared between processes", pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED), 0);
    pthread_mutex_t mutex;
    pthread_mutex_init(&mutex, &kind);
    pthread_mutex_lock(&mutex);
    pthread_t waits = start_waiting(lock_and_unlock, &mutex);
    EQUAL("a shared mutex wakes who waits", pthread_mutex_unlock(&mutex) ?: (long)result_of(waits), 0);
    /* seL4's scheduler has no priority inheritance, and says so. */
    EQUAL("priority inheritance is refused", pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT), ENOSYS);
}

int main(void)
{
    kinds();
    timed();
    robust();
    robust_waiter();
    attributes();
    excludes("normal", PTHREAD_MUTEX_NORMAL, 0);
    excludes("recursive", PTHREAD_MUTEX_RECURSIVE, 0);
    excludes("error-checking", PTHREAD_MUTEX_ERRORCHECK, 0);
    excludes("robust", PTHREAD_MUTEX_NORMAL, 1);
    /* Last: muslc keeps what those threads leave behind. */
    robust_without_muslc();
    return check_end();
}
