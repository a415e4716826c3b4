/* Threads come and go: many after another, many at once, until memory ends; what they cost comes back. */
// run threads-come-and-go: time=240 args=10000 long=100000
// run threads-fill-memory: time=120 args=memory
#include "threads.h"
#include <sys/mman.h>

static void *nothing(void *value) { return value; }

static void same(const char *what, struct sel4std_counts before, struct sel4std_counts after)
{
    char name[96];
#define SAME(field) snprintf(name, sizeof name, "%s: %s", what, #field); EQUAL(name, after.field, before.field)
    SAME(free_pages);
    SAME(promised_pages);
    SAME(areas);
    SAME(threads);
    SAME(record_bytes);
}

/* The same but for what is kept for the next time: up to 16 empty page tables, each with its record, and the objects of 16
 * threads, which may lie in as many tables or in one, and in one block of memory or each in two, with eight pages of CNodes a block. */
static void nearly_same(const char *what, struct sel4std_counts before, struct sel4std_counts after)
{
    long pages = before.free_pages - after.free_pages, bytes = after.record_bytes - before.record_bytes;
    if (labs(pages) <= 32 + 2 * 16 * 8)
        after.free_pages = before.free_pages;
    if (labs(bytes) <= 16 * 2200)
        after.record_bytes = before.record_bytes;
    same(what, before, after);
}

static pthread_barrier_t gate;
static void *meet(void *value)
{
    volatile char used[8192];
    used[0] = used[4096] = used[8191] = 1;
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    return value;
}

static void one_after_another(int count)
{
    char name[80];
    struct sel4std_counts before = {0};
    int wrong = 0;
    /* The objects of up to 16 ended threads are kept ready: enough threads at once to have them all. */
    pthread_t warm[32];
    pthread_barrier_init(&gate, 0, 33);
    for (long i = 0; i < 32; i++)
        warm[i] = start(meet, (void *)i);
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    for (int i = 0; i < 32; i++)
        result_of(warm[i]);
    for (int i = 0; i < count + 100; i++) {
        if (i == 100)
            before = counts_now();
        pthread_t thread;
        int error = pthread_create(&thread, 0, nothing, (void *)(long)i);
        if (error) {
            check(0, "one after another", "thread %d: error %d", i, error);
            return;
        }
        wrong += (long)result_of(thread) != i;
    }
    snprintf(name, sizeof name, "%d threads one after another", count);
    EQUAL(name, wrong, 0);
    same("one after another", before, counts_now());
}

enum { AT_ONCE = 1000 };
static pthread_t threads[AT_ONCE];
static void many_at_once(void)
{
    struct sel4std_counts before = {0};
    for (int round = 0; round < 3; round++) {
        long sum = 0;
        if (round == 1)
            before = counts_now();
        pthread_barrier_init(&gate, 0, AT_ONCE + 1);
        for (long i = 0; i < AT_ONCE; i++)
            threads[i] = start(meet, (void *)i);
        pthread_barrier_wait(&gate);
        EQUAL("1,000 alive at once", counts_now().threads, AT_ONCE + 1);
        pthread_barrier_wait(&gate);
        for (int i = 0; i < AT_ONCE; i++)
            sum += (long)result_of(threads[i]);
        EQUAL("each gives its result", sum, AT_ONCE * (AT_ONCE - 1) / 2);
    }
    nearly_same("1,000 at once", before, counts_now());
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int leave;
static void *stay(void *value)
{
    pthread_mutex_lock(&mutex);
    while (!leave)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return value;
}

enum { MOST = 4096 };
static pthread_t staying[MOST];
static int until_no_more(pthread_attr_t *attributes, int *error)
{
    int made = 0;
    leave = 0;
    while (made < MOST && !(*error = pthread_create(&staying[made], attributes, stay, 0)))
        made++;
    return made;
}
static void all_leave(int made)
{
    pthread_mutex_lock(&mutex);
    leave = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < made; i++)
        result_of(staying[i]);
}

/* Memory is promised away until only threads' own objects are left to ask for, and until not even a stack is. */
static void until_memory_ends(void)
{
    struct sel4std_counts before = {0};
    int error = 0, made;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = counts_now();
        pthread_attr_setstacksize(&attributes, 16 << 20);
        made = until_no_more(&attributes, &error);
        EQUAL("threads with stacks of 16 MiB end with EAGAIN", error, EAGAIN);
        check(made > 200 && made < 256, "about as many as memory has stacks", "%d", made);
        free(malloc(100));
        EQUAL("the program goes on", error, EAGAIN);
        all_leave(made);
        result_of(start(nothing, 0));
    }
    nearly_same("threads until memory ends", before, counts_now());

    for (int round = 0; round < 6; round++) {
        struct sel4std_counts now = counts_now();
        if (round == 1)
            before = now;
        /* All but 8 MiB is promised to somebody else. */
        size_t rest = (now.promisable_pages - now.promised_pages) * PAGE - 8 * MIB;
        char *taken = mmap(0, rest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        NEED(taken != MAP_FAILED);
        pthread_attr_setstacksize(&attributes, 16384);
        made = until_no_more(&attributes, &error);
        EQUAL("small threads end with EAGAIN", error, EAGAIN);
        check(made > 50 && made < 400, "about as many as 8 MiB hold", "%d", made);
        munmap(taken, rest);
        all_leave(made);
    }
    nearly_same("small threads until memory ends", before, counts_now());

    /* Memory that is promised can be touched, all of it, with threads about: nobody is killed for memory. */
    struct sel4std_counts now = counts_now();
    size_t rest = (now.promisable_pages - now.promised_pages) * PAGE - 64 * MIB;
    char *taken = mmap(0, rest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(taken != MAP_FAILED);
    for (size_t i = 0; i < rest; i += PAGE)
        taken[i] = 1;
    CHECK("all that is promised is there", taken[rest - PAGE] == 1);
    pthread_attr_setstacksize(&attributes, 65536);
    made = until_no_more(&attributes, &error);
    EQUAL("threads beside it end with EAGAIN", error, EAGAIN);
    all_leave(made);
    EQUAL("munmap of all of it", munmap(taken, rest), 0);
    check(counts_now().free_pages + 2048 > now.free_pages, "it comes back", "%zu of %zu", counts_now().free_pages, now.free_pages);
}

int main(int count, char **arguments)
{
    if (count > 1 && !strcmp(arguments[1], "memory"))
        until_memory_ends();
    else {
        one_after_another(count > 1 ? atoi(arguments[1]) : 1000);
        many_at_once();
    }
    return check_end();
}
