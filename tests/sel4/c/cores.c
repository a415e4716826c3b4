/* Where threads run: what affinities say and do, and that locks hold when threads run at the same time. With one core there is less
 * to see, and all of it still holds. */
// run cores: futex args="100 @cores" long="1000 @cores" time=240
#include "threads.h"
#include <signal.h>
#include <sys/mman.h>

static int cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    NEED(sched_getaffinity(0, sizeof set, &set) == 0);
    return CPU_COUNT(&set);
}

static int allow(pthread_t thread, int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return pthread_setaffinity_np(thread, sizeof set, &set);
}

static void *where(void *unused)
{
    (void)unused;
    return (void *)(long)sched_getcpu();
}

/* A new thread has its creator's affinity, and a thread whose affinity changes is at once where it may be. */
static void affinities(int count)
{
    int moved = 0, inherited = 0;
    for (int core = 0; core < count; core++) {
        void *child = (void *)-1;
        moved += allow(pthread_self(), core) == 0 && sched_getcpu() == core && cores() == 1;
        pthread_join(start(where, 0), &child);
        inherited += (long)child == core;
    }
    EQUAL("a thread moves to each core", moved, count);
    EQUAL("a new thread has its creator's affinity", inherited, count);
    cpu_set_t set;
    CPU_ZERO(&set);
    ERRNO("no core", sched_setaffinity(0, sizeof set, &set), EINVAL);
    CPU_SET(count, &set);
    ERRNO("a core that is not there", sched_setaffinity(0, sizeof set, &set), EINVAL);
    CPU_SET(0, &set);
    EQUAL("a core that is there and one that is not", sched_setaffinity(0, sizeof set, &set), 0);
    EQUAL("only the first is left", cores(), 1);
    ERRNO("a thread that is not there", syscall(SYS_sched_setaffinity, 99999, sizeof set, &set), ESRCH);
    for (int core = 0; core < count; core++)
        CPU_SET(core, &set);
    EQUAL("every core again", sched_setaffinity(0, sizeof set, &set), 0);
}

static atomic_int arrived, leave;

static void *stay(void *unused)
{
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    while (!leave)
        sched_yield();
    return (void *)(long)sched_getcpu();
}

/* As many threads as there are cores, with this one, are one on each. */
static void spread(int count)
{
    pthread_t threads[CPU_SETSIZE];
    unsigned long seen = 1ul << sched_getcpu();
    for (int i = 1; i < count; i++)
        threads[i] = start(stay, 0);
    while (arrived < count - 1)
        sched_yield();
    leave = 1;
    for (int i = 1; i < count; i++) {
        void *core;
        pthread_join(threads[i], &core);
        seen |= 1ul << (long)core;
    }
    EQUAL("threads are spread over the cores", __builtin_popcountl(seen), count);
}

#define THREADS 8
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long count, turn;
    char *block;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static int rounds;

/* Contended mutex, condition, heap and page faults in turn; each thread also moves from core to core. */
static void *contend(void *with)
{
    long me = (long)with;
    int count = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < rounds; i++) {
        pthread_mutex_lock(&shared.mutex);
        shared.count++;
        if (me == 0) {
            free(shared.block);
            shared.block = malloc(64 << 10);
            if (shared.block)
                shared.block[i * 61 % (64 << 10)] = 1;
        }
        while (shared.turn % THREADS != me)
            pthread_cond_wait(&shared.changed, &shared.mutex);
        shared.turn++;
        pthread_cond_broadcast(&shared.changed);
        pthread_mutex_unlock(&shared.mutex);
        if (i % 50 == me)
            allow(pthread_self(), (i + me) % count);
    }
    return 0;
}

static void contention(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(contend, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], 0);
    EQUAL("every round was counted", shared.count, (long)THREADS * rounds);
    EQUAL("every turn was taken", shared.turn, (long)THREADS * rounds);
}

static volatile sig_atomic_t handled;
static atomic_int ready, stop;
static atomic_long touched;

static void handler(int signal)
{
    (void)signal;
    handled++;
}

/* Touches fresh memory all the time, so that it is often stopped inside a fault. */
static void *touch(void *unused)
{
    (void)unused;
    ready = 1;
    while (!stop) {
        size_t size = 64 * PAGE;
        volatile char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; at < size; at += PAGE)
            touched += memory[at] = 1;
        munmap((void *)memory, size);
    }
    return 0;
}

/* Signals reach a thread on another core wherever it stands: in its own code, in a call, in a page fault. */
static void signals_across(int count)
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, 0);
    pthread_t thread = start(touch, 0);
    allow(thread, count - 1);
    while (!ready)
        sched_yield();
    int sent = 0;
    for (int i = 0; i < rounds; i++) {
        int before = handled;
        pthread_kill(thread, SIGUSR1);
        while (handled == before)
            sched_yield();
        sent++;
    }
    stop = 1;
    pthread_join(thread, 0);
    EQUAL("every signal was handled", handled, sent);
    CHECK("memory was touched meanwhile", touched > 0);
}

int main(int count, char **arguments)
{
    NEED(count == 3);
    rounds = atoi(arguments[1]);
    int available = atoi(arguments[2]);
    EQUAL("cores there are", sysconf(_SC_NPROCESSORS_ONLN), available);
    EQUAL("a thread may be on each", cores(), available);
    affinities(available);
    spread(available);
    contention();
    signals_across(available);
    return check_end();
}
