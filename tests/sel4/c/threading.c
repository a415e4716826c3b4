/* The rest of pthreads: keys, once, detached threads, attributes, names, C11 threads, malloc and stdio from many threads. */
// run threading: futex
#include "threads.h"
#include <limits.h>
#include <threads.h>
#include <sys/mman.h>

static pthread_key_t key, again;
static atomic_int destroyed, rounds;
static void destroy(void *value)
{
    destroyed += (int)(long)value;
}
static void set_again(void *value)
{
    rounds++;
    pthread_setspecific(again, value);
}
static void *use_keys(void *value)
{
    if (pthread_getspecific(key))
        return (void *)-1l;
    pthread_setspecific(key, value);
    pthread_setspecific(again, value);
    sched_yield();
    return pthread_getspecific(key);
}

static void keys(void)
{
    pthread_t threads[4];
    EQUAL("pthread_key_create", pthread_key_create(&key, destroy) ?: pthread_key_create(&again, set_again), 0);
    CHECK("a new key is empty", !pthread_getspecific(key));
    for (long i = 0; i < 4; i++)
        threads[i] = start(use_keys, (void *)(1l << i));
    long sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (long)result_of(threads[i]);
    EQUAL("each thread has a value of its own", sum, 15);
    EQUAL("each value is destroyed once", destroyed, 15);
    EQUAL("a destructor that sets its value runs again, not for ever", rounds, 4 * PTHREAD_DESTRUCTOR_ITERATIONS);
    EQUAL("pthread_key_delete", pthread_key_delete(key) ?: pthread_key_delete(again), 0);
    pthread_key_t many[PTHREAD_KEYS_MAX + 1];
    int made = 0, error = 0;
    while (made <= PTHREAD_KEYS_MAX && !(error = pthread_key_create(&many[made], 0)))
        made++;
    EQUAL("keys end with EAGAIN", error, EAGAIN);
    CHECK("there are as many as promised", made >= 100);
    while (made--)
        pthread_key_delete(many[made]);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int initialised, seen_uninitialised;
static void initialise(void)
{
    sched_yield();
    initialised++;
}
static void *use_once(void *unused)
{
    pthread_once(&once, initialise);
    seen_uninitialised += initialised != 1;
    return unused;
}

static atomic_int left;
static pthread_barrier_t gate;
static void *detached(void *unused)
{
    pthread_barrier_wait(&gate);
    left--;
    return unused;
}

static void detach(void)
{
    struct sel4std_counts before = counts_now();
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    EQUAL("attribute: detached", pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED), 0);
    pthread_barrier_init(&gate, 0, 3);
    left = 2;
    pthread_t thread;
    NEED(!pthread_create(&thread, &attributes, detached, 0));
    pthread_t second = start(detached, 0);
    EQUAL("pthread_detach", pthread_detach(second), 0);
    pthread_barrier_wait(&gate);
    /* They are gone when the count of threads says so: they must have given their stacks back themselves. */
    while (counts_now().threads > before.threads)
        sched_yield();
    EQUAL("detached threads ran", left, 0);
    EQUAL("and gave their stacks back", counts_now().areas, before.areas);
}

static void *where_is_stack(void *size)
{
    char *here = __builtin_frame_address(0);
    pthread_attr_t own;
    void *base;
    size_t bytes;
    pthread_getattr_np(pthread_self(), &own);
    pthread_attr_getstack(&own, &base, &bytes);
    *(size_t *)size = bytes;
    return (void *)(here > (char *)base && here < (char *)base + bytes ? 1l : 0l);
}

static void *deep(void *unused)
{
    volatile char room[8192];
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = 1;
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    return unused;
}

static void stacks(void)
{
    pthread_attr_t attributes;
    size_t size = 0;
    pthread_attr_init(&attributes);
    EQUAL("a stack that is too small", pthread_attr_setstacksize(&attributes, 100), EINVAL);
    EQUAL("a stack of 512 KiB", pthread_attr_setstacksize(&attributes, 512 << 10), 0);
    pthread_t thread;
    NEED(!pthread_create(&thread, &attributes, where_is_stack, &size));
    EQUAL("the thread runs on its stack", (long)result_of(thread), 1);
    check(size >= 512 << 10 && size < 576 << 10, "which is as large as asked for", "%zu", size);
#ifndef main /* where sel4runtime has started the program, main's stack is its own affair */
    EQUAL("main is on its own", (long)where_is_stack(&size), 1);
#endif

    char *own = mmap(0, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attributes);
    EQUAL("a stack of the program's", pthread_attr_setstack(&attributes, own, MIB), 0);
    NEED(!pthread_create(&thread, &attributes, where_is_stack, &size));
    EQUAL("runs a thread", (long)result_of(thread), 1);
    munmap(own, MIB);

    /* 2 MiB of stack of which 8 KiB are used. */
    pthread_barrier_init(&gate, 0, 2);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 2 << 20);
    for (int round = 0; round < 2; round++) {
        enum { THREADS = 24 };
        pthread_t threads[THREADS];
        pthread_barrier_init(&gate, 0, THREADS + 1);
        struct sel4std_counts before = counts_now();
        for (int i = 0; i < THREADS; i++)
            NEED(!pthread_create(&threads[i], &attributes, deep, 0));
        pthread_barrier_wait(&gate);
        long cost = (before.free_pages - counts_now().free_pages) * PAGE / THREADS;
        if (round == 0)
            check(cost > 0 && cost < 65536, "8 KiB of a stack of 2 MiB cost less than 64 KiB", "%ld bytes a thread", cost);
        pthread_barrier_wait(&gate);
        for (int i = 0; i < THREADS; i++)
            result_of(threads[i]);
    }
}

static void *name_itself(void *unused)
{
    pthread_setname_np(pthread_self(), "worker");
    return unused;
}

static void names(void)
{
    char name[16] = "";
    EQUAL("pthread_setname_np", pthread_setname_np(pthread_self(), "fifteen letters"), 0);
    EQUAL("pthread_getname_np", pthread_getname_np(pthread_self(), name, sizeof name), 0);
    CHECK("the name is kept", !strcmp(name, "fifteen letters"));
    EQUAL("a name that is too long", pthread_setname_np(pthread_self(), "sixteen letters!"), ERANGE);
    result_of(start(name_itself, 0));
    pthread_getname_np(pthread_self(), name, sizeof name);
    CHECK("another thread's name is another's", !strcmp(name, "fifteen letters"));
    pthread_setname_np(pthread_self(), "main");
}

static void *own_ids(void *at)
{
    long *ids = at;
    ids[0] = gettid();
    ids[1] = getpid();
    return 0;
}

static volatile int ran;
static void *run_at_once(void *unused)
{
    ran = 1;
    return unused;
}

static void scheduling(void)
{
    struct sched_param priority = {0};
    int policy;
    long ids[2];
    EQUAL("pthread_getschedparam", pthread_getschedparam(pthread_self(), &policy, &priority), 0);
    EQUAL("SCHED_OTHER at the start", policy * 1000 + priority.sched_priority, SCHED_OTHER * 1000);
    priority.sched_priority = 5;
    EQUAL("SCHED_RR", pthread_setschedparam(pthread_self(), SCHED_RR, &priority), 0);
    pthread_getschedparam(pthread_self(), &policy, &priority);
    EQUAL("is kept", policy * 1000 + priority.sched_priority, SCHED_RR * 1000 + 5);
    EQUAL("SCHED_FIFO is refused", pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority), EINVAL);
    priority.sched_priority = 0;
    EQUAL("SCHED_RR without a priority is refused", pthread_setschedparam(pthread_self(), SCHED_RR, &priority), EINVAL);
    EQUAL("back to SCHED_OTHER", pthread_setschedparam(pthread_self(), SCHED_OTHER, &priority), 0);
    pthread_t raised = start_waiting(run_at_once, (ran = 0, (void *)0));
    EQUAL("a thread of higher priority runs at once", ran, 1);
    result_of(raised);
    result_of(start(own_ids, ids));
    CHECK("a thread has an id of its own", ids[0] != gettid() && ids[0] > 0);
    EQUAL("and the program's process id", ids[1], getpid());
}

static mtx_t c_mutex;
static cnd_t c_condition;
static tss_t c_key;
static once_flag c_once = ONCE_FLAG_INIT;
static int c_value, c_once_ran;
static void c_initialise(void) { c_once_ran++; }
static int c_thread(void *value)
{
    call_once(&c_once, c_initialise);
    tss_set(c_key, value);
    mtx_lock(&c_mutex);
    c_value = 1;
    cnd_signal(&c_condition);
    mtx_unlock(&c_mutex);
    thrd_yield();
    return *(int *)tss_get(c_key);
}

static void c11(void)
{
    thrd_t thread;
    int result = 0, value = 42;
    EQUAL("mtx_init", mtx_init(&c_mutex, mtx_recursive | mtx_timed), thrd_success);
    EQUAL("cnd_init", cnd_init(&c_condition), thrd_success);
    EQUAL("tss_create", tss_create(&c_key, 0), thrd_success);
    mtx_lock(&c_mutex);
    EQUAL("thrd_create", thrd_create(&thread, c_thread, &value), thrd_success);
    while (!c_value)
        cnd_wait(&c_condition, &c_mutex);
    EQUAL("mtx_lock again", mtx_lock(&c_mutex), thrd_success);
    mtx_unlock(&c_mutex);
    struct timespec soon = in(CLOCK_REALTIME, MILLISECOND);
    EQUAL("cnd_timedwait", cnd_timedwait(&c_condition, &c_mutex, &soon), thrd_timedout);
    mtx_unlock(&c_mutex);
    EQUAL("thrd_join", thrd_join(thread, &result), thrd_success);
    EQUAL("its result", result, 42);
    call_once(&c_once, c_initialise);
    EQUAL("call_once ran once", c_once_ran, 1);
    EQUAL("thrd_sleep", thrd_sleep(&(struct timespec){0, MILLISECOND}, 0), 0);
}

static void *allocate(void *seed)
{
    unsigned random = (unsigned)(long)seed;
    struct { unsigned char *at; size_t bytes; } blocks[64] = {0};
    long wrong = 0;
    for (int i = 0; i < 4000; i++) {
        random = random * 1103515245 + 12345;
        int which = random >> 16 & 63;
        if (blocks[which].at) {
            for (size_t k = 0; k < blocks[which].bytes; k += 97)
                wrong += blocks[which].at[k] != (unsigned char)(which + (long)seed);
            free(blocks[which].at);
        }
        blocks[which].bytes = (random >> 8 & 7) ? random >> 20 & 1023 : random >> 12 & 0x3ffff;
        blocks[which].at = malloc(blocks[which].bytes);
        if (blocks[which].bytes && !blocks[which].at) {
            wrong++;
            continue;
        }
        memset(blocks[which].at, which + (int)(long)seed, blocks[which].bytes);
    }
    for (int i = 0; i < 64; i++)
        free(blocks[i].at);
    return (void *)wrong;
}

static FILE *text;
static char *text_at;
static size_t text_bytes;
static void *write_lines(void *letter)
{
    for (int i = 0; i < 200; i++)
        fprintf(text, "%s %c\n", "a line that is in one piece", (char)(long)letter);
    return 0;
}

static void many(void)
{
    pthread_t threads[6];
    long wrong = 0;
    for (long i = 0; i < 6; i++)
        threads[i] = start(allocate, (void *)(i + 1));
    for (int i = 0; i < 6; i++)
        wrong += (long)result_of(threads[i]);
    EQUAL("24,000 blocks of 6 threads hold what they should", wrong, 0);

    text = open_memstream(&text_at, &text_bytes);
    NEED(text);
    for (long i = 0; i < 6; i++)
        threads[i] = start(write_lines, (void *)('a' + i));
    for (int i = 0; i < 6; i++)
        result_of(threads[i]);
    fclose(text);
    int lines = 0, broken = 0, each[6] = {0};
    for (char *line = strtok(text_at, "\n"); line; line = strtok(0, "\n"), lines++)
        if (strncmp(line, "a line that is in one piece ", 28) || strlen(line) != 29 || line[28] < 'a' || line[28] > 'f')
            broken++;
        else
            each[line[28] - 'a']++;
    EQUAL("1,200 lines of 6 threads", lines, 1200);
    EQUAL("none is broken", broken, 0);
    EQUAL("as many of each", each[0] == 200 && each[3] == 200 && each[5] == 200, 1);
    free(text_at);
}

int main(void)
{
    pthread_t threads[4];
    keys();
    for (int i = 0; i < 4; i++)
        threads[i] = start(use_once, 0);
    for (int i = 0; i < 4; i++)
        result_of(threads[i]);
    EQUAL("once ran once", initialised, 1);
    EQUAL("nobody passed it before", seen_uninitialised, 0);
    detach();
    stacks();
    names();
    scheduling();
    c11();
    many();
    return check_end();
}
