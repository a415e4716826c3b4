/* Signals and ends of threads at the moments that are easily overlooked: rounds of each, since the moments are short. */
// run races: time=120
#include "threads.h"
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

static atomic_int handled;
static void handler(int signal) { handled += signal != 0; }

/* A thread that was just woken is signalled before it runs: its wait is complete, and is not made again. */
static sem_t posted;
static atomic_int taken;
static void *take(void *rounds)
{
    for (long i = 0; i < (long)rounds; i++) {
        while (sem_wait(&posted)) {}
        taken++;
    }
    return 0;
}
static void woken_and_signalled(void)
{
    enum { ROUNDS = 200 };
    sem_init(&posted, 0, 0);
    pthread_t thread = start_waiting(take, (void *)ROUNDS);
    struct sched_param ordinary = {0};
    NEED(!pthread_setschedparam(thread, SCHED_OTHER, &ordinary));
    for (int i = 0; i < ROUNDS; i++) {
        sem_post(&posted);
        pthread_kill(thread, SIGUSR1);
        while (taken <= i)
            sched_yield();
    }
    result_of(thread);
    EQUAL("a wait that is over is not made again for a signal", taken, ROUNDS);
}

/* The program's own code is interrupted wherever it is, also between two calls: no handler waits for the next one. */
static pthread_t computing;
static atomic_int all_seen;
static void *signal_again_and_again(void *rounds)
{
    long lost = 0;
    for (long i = 0; i < (long)rounds && !lost; i++) {
        int before = handled;
        pthread_kill(computing, SIGUSR1);
        long until = now_on(CLOCK_MONOTONIC) + 10 * SECOND;
        while (handled == before && !(lost = now_on(CLOCK_MONOTONIC) > until))
            sched_yield();
    }
    all_seen = 1;
    return (void *)lost;
}
static void between_two_calls(void)
{
    computing = pthread_self();
    pthread_t thread = start(signal_again_and_again, (void *)2000);
    for (unsigned long i = 0; !all_seen; i++) {
        if (i % 3 == 0)
            getppid();
        if (i % 7 == 0)
            sched_yield();
    }
    EQUAL("a signal is handled though the thread makes no further call", (long)result_of(thread), 0);
}

/* A thread is cancelled while it enters a call that waits. */
static sem_t never;
static atomic_int entering;
static void *enter(void *unused)
{
    entering = 1;
    for (;;)
        sem_wait(&never);
    return unused;
}
static void cancelled_on_the_way_in(void)
{
    int wrong = 0;
    sem_init(&never, 0, 0);
    for (int i = 0; i < 1500; i++) {
        entering = 0;
        pthread_t thread = start(enter, 0);
        while (!entering)
            sched_yield();
        for (volatile int delay = 0; delay < i % 97; delay++) {}
        if (i % 2)
            sem_post(&never);
        pthread_cancel(thread);
        wrong += result_of(thread) != PTHREAD_CANCELED;
        while (!sem_trywait(&never)) {}
    }
    EQUAL("a thread that enters a wait is cancelled", wrong, 0);
}

/* Threads end while others are made: the stack and thread-local memory of an ended one are used again at once. */
static void *nothing(void *value) { return value; }
static void *make_and_join(void *rounds)
{
    long wrong = 0;
    for (long i = 0; i < (long)rounds; i++) {
        pthread_t thread = start(nothing, (void *)i);
        if (i % 2)
            wrong += (long)result_of(thread) != i;
        else
            pthread_detach(thread);
    }
    return (void *)wrong;
}
static void many_at_once_come_and_go(void)
{
    pthread_t makers[6];
    long wrong = 0;
    for (int i = 0; i < 6; i++)
        makers[i] = start(make_and_join, (void *)1000);
    for (int i = 0; i < 6; i++)
        wrong += (long)result_of(makers[i]);
    EQUAL("threads are joined and detached by six at a time", wrong, 0);
}

/* Every thread may set priorities, for itself and for others. */
static void *set_own_priority(void *unused)
{
    struct sched_param high = {.sched_priority = 5}, ordinary = {0};
    (void)unused;
    long error = pthread_setschedparam(pthread_self(), SCHED_RR, &high);
    return (void *)(error ? error : pthread_setschedparam(pthread_self(), SCHED_OTHER, &ordinary));
}

/* More than half of what can be promised, and moved: the pages are promised once. */
static void move_more_than_half(void)
{
    struct sel4std_counts before = counts_now(), after;
    size_t all = (before.promisable_pages - before.promised_pages) * PAGE, old = all / 5 * 2 / PAGE * PAGE, new = all / 10 * 9 / PAGE * PAGE;
    char *at = mmap(0, old, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(at != MAP_FAILED);
    void *behind = mmap(at + old, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    at[0] = 1;
    at[old - 1] = 2;
    char *moved = mremap(at, old, new, MREMAP_MAYMOVE);
    CHECK("an area grows to nine tenths of memory", moved != MAP_FAILED);
    if (moved != MAP_FAILED) {
        CHECK("with what was in it", moved[0] == 1 && moved[old - 1] == 2);
        munmap(moved, new);
    }
    if (behind != MAP_FAILED)
        munmap(behind, PAGE);
    after = counts_now();
    EQUAL("and is no longer promised", after.promised_pages, before.promised_pages);
}

/* One thread changes what may be done with memory that another takes away, from its first page to its last and back: every piece of it is
 * either still there or gone, whichever comes first. */
enum { CONTESTED = 512 };
static char *contested;
static sem_t go, gone;
static void *take_away(void *rounds)
{
    long wrong = 0;
    for (long i = 0; i < (long)rounds; i++) {
        while (sem_wait(&go)) {}
        /* Within what the other's call takes, another moment in each round. */
        nanosleep(&(struct timespec){0, 20000 + i * 7000}, 0);
        wrong += munmap(contested, CONTESTED * PAGE) != 0;
        sem_post(&gone);
    }
    return (void *)wrong;
}
static void protected_and_unmapped(void)
{
    enum { ROUNDS = 60 };
    int untouched = 0, refused = 0, unexpected = 0;
    sem_init(&go, 0, 0), sem_init(&gone, 0, 0);
    /* It runs as soon as its time has come. */
    pthread_t thread = start_waiting(take_away, (void *)ROUNDS);
    for (int i = 0; i < ROUNDS; i++) {
        contested = mmap(0, CONTESTED * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        NEED(contested != MAP_FAILED && madvise(contested, CONTESTED * PAGE, MADV_NOHUGEPAGE) == 0);
        for (int page = 0; page < CONTESTED; page++)
            contested[page * PAGE] = 1;
        NEED(mprotect(contested, CONTESTED * PAGE, PROT_READ) == 0);
        sem_post(&go);
        int result = mprotect(contested, CONTESTED * PAGE, PROT_READ | PROT_WRITE);
        refused += result && errno == ENOMEM, unexpected += result && errno != ENOMEM;
        while (sem_wait(&gone)) {}
        char *again = mmap(contested, CONTESTED * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        NEED(again == contested);
        for (int page = 0; page < CONTESTED; page++)
            untouched += !contested[page * PAGE];
        munmap(contested, CONTESTED * PAGE);
    }
    EQUAL("memory that another protects is taken away", (long)result_of(thread), 0);
    EQUAL("protecting it works, or there is none", unexpected, 0);
    printf("   %d of %d were gone before\n", refused, ROUNDS);
    EQUAL("and the same addresses are zero afterwards", untouched, ROUNDS * CONTESTED);
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler};
    NEED(!sigaction(SIGUSR1, &action, 0));
    woken_and_signalled();
    between_two_calls();
    cancelled_on_the_way_in();
    many_at_once_come_and_go();
    EQUAL("a thread sets its own priority", (long)result_of(start(set_own_priority, 0)), 0);
    move_more_than_half();
    protected_and_unmapped();
    return check_end();
}
