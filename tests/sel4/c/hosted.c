// run hosted: hosted exit=7 says="chained 1" says="destructor 1" says="written by exit"
/* A root task that seL4's sel4runtime starts: muslc before it is taken into use, how it is, what the C system keeps, and the
 * end, which runs handlers and destructors once. */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sel4/sel4.h>
#include <sel4runtime.h>
#include <stdalign.h>
#include "sel4std_hosted.h"

#define KEPT_SLOTS 10
#define PATTERN 0x5e145e145e145e14ul

static __thread int initialised = 42;
static __thread long zeroed;
static __thread alignas(16) char last[48];
static alignas(16) char page_of_stack[PAGE];
static int constructed, destructed, chained;

__attribute__((constructor)) static void construct(void)
{
    constructed++;
}

__attribute__((destructor)) static void destruct(void)
{
    /* Only write(2): the buffers of stdio are written later. */
    char text[] = "destructor 0\n";
    text[11] += ++destructed;
    write(1, text, sizeof text - 1);
}

static void at_exit(void)
{
    printf("chained %d\n", chained);
    printf("written by exit");
}

static int before_exit(int code)
{
    chained++;
    return code + 6;
}

static void *in_thread(void *argument)
{
    (void)argument;
    CHECK("a thread's own variables begin anew", initialised == 42 && zeroed == 0);
    CHECK("it has an IPC buffer of its own", seL4_GetIPCBuffer() != sel4runtime_bootinfo()->ipcBuffer);
    return (void *)(long)gettid();
}

/* What the kernel says about memory that the C system keeps: a page made before, from an untyped that is kept. */
static void kept_is_untouched(seL4_CPtr frame, unsigned long *page)
{
    CHECK("a page that C mapped before is still there", *page == PATTERN);
    *page = ~PATTERN;
    CHECK("and can be written", *page == ~PATTERN);
    seL4_ARM_Page_GetAddress_t at = seL4_ARM_Page_GetAddress(frame);
    EQUAL("its capability is valid", at.error, seL4_NoError);
    int error = seL4_CNode_Move(seL4_CapInitThreadCNode, frame + 1, seL4_WordBits, seL4_CapInitThreadCNode, frame, seL4_WordBits);
    EQUAL("and moves within the slots that C keeps", error, seL4_NoError);
}

int main(int argc, char **argv)
{
    seL4_BootInfo *info = sel4runtime_bootinfo();
    int before_variables = initialised == 42 && zeroed == 0 && constructed == 1;
    initialised = 43;
    zeroed = 44;
    strcpy(last, "a value from before");

    /* Nobody answers yet, and nothing breaks. */
    errno = 0;
    int before_calls = syscall(SYS_getpid) == -1 && errno == ENOSYS && malloc(1 << 20) == NULL && read(0, last, 0) == -1
        && clone(NULL, page_of_stack + sizeof page_of_stack, CLONE_VM, NULL) == -1 && errno == ENOSYS;
    pthread_t early;
    int before_thread = pthread_create(&early, NULL, in_thread, NULL);

    /* C maps a page behind the image, from an untyped of its own. */
    unsigned long kept[2] = { 0, 0 };
    for (seL4_Word i = 0; i < info->untyped.end - info->untyped.start && kept[0] == 0; i++)
        if (!info->untypedList[i].isDevice && info->untypedList[i].sizeBits == 16)
            kept[0] = info->untyped.start + i;
    seL4_CPtr frame = info->empty.start, table = info->empty.start + 2;
    extern char _end[];
    unsigned long *page = (void *)(((unsigned long)_end + (4ul << 20)) & -(2ul << 20));
    int made = seL4_Untyped_Retype(kept[0], seL4_ARM_SmallPageObject, 0, seL4_CapInitThreadCNode, 0, 0, frame, 1)
        || seL4_Untyped_Retype(kept[0], seL4_ARM_PageTableObject, 0, seL4_CapInitThreadCNode, 0, 0, table, 1)
        || seL4_ARM_PageTable_Map(table, seL4_CapInitThreadVSpace, (seL4_Word)page, seL4_ARM_Default_VMAttributes)
        || seL4_ARM_Page_Map(frame, seL4_CapInitThreadVSpace, (seL4_Word)page, seL4_AllRights, seL4_ARM_Default_VMAttributes);
    if (!made)
        *page = PATTERN;

    /* What is refused changes nothing. */
    struct sel4_std_kept keeps = { info->empty.start + KEPT_SLOTS, info->empty.end, kept, 1, 0 };
    struct sel4_std_kept wrong = keeps;
    long null = sel4_std_init(NULL), misaligned = sel4_std_init((char *)info + 1);
    wrong.first_slot = info->empty.start - 1;
    long slot = sel4_std_init_beside(info, &wrong);
    wrong.first_slot = info->empty.end - 255;
    long few = sel4_std_init_beside(info, &wrong);
    wrong = keeps;
    unsigned long strange[] = { kept[0], info->untyped.end };
    wrong.untypeds = strange;
    wrong.untyped_count = 2;
    long untyped = sel4_std_init_beside(info, &wrong);
    wrong = keeps;
    unsigned long all[CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS];
    wrong.untypeds = all;
    wrong.untyped_count = 0;
    for (seL4_Word i = info->untyped.start; i < info->untyped.end; i++)
        all[wrong.untyped_count++] = i;
    long memory = sel4_std_init_beside(info, &wrong);

    sel4runtime_set_pre_exit(before_exit);
    atexit(at_exit);
    long taken = sel4_std_init_beside(info, &keeps);

    EQUAL("it is taken into use", taken, 0);
    CHECK("before, C has its variables and constructors", before_variables);
    CHECK("before, calls answer ENOSYS and there is no memory", before_calls);
    EQUAL("before, muslc makes no threads", before_thread, ENOSYS);
    NEED(!made);
    EQUAL("no BootInfo", null, -EINVAL);
    EQUAL("a misaligned BootInfo", misaligned, -EINVAL);
    EQUAL("a slot that is not empty", slot, -EINVAL);
    EQUAL("an untyped that is not there", untyped, -EINVAL);
    EQUAL("too few slots left", few, -ENOSPC);
    EQUAL("no memory left", memory, -ENOMEM);
    EQUAL("a second time", sel4_std_init(info), -EBUSY);

    CHECK("thread-local variables keep their values", initialised == 43 && zeroed == 44 && !strcmp(last, "a value from before"));
    CHECK("constructors ran once", constructed == 1);
    CHECK("the IPC buffer is the kernel's", seL4_GetIPCBuffer() == info->ipcBuffer);
    EQUAL("the thread has an id", gettid(), getpid());
    CHECK("argv is sel4runtime's", argc == 1 && !strcmp(argv[0], "rootserver"));
    CHECK("the environment is the image's", environ != NULL);
    CHECK("untypeds of sel4std.h", sel4std_untyped_alloc(12) > 0);
    kept_is_untouched(frame, page);

    pthread_mutexattr_t recursive;
    pthread_mutex_t mutex;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&mutex, &recursive);
    CHECK("a recursive mutex", pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&mutex) == 0);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *tid = NULL;
        NEED(pthread_create(&thread, NULL, in_thread, NULL) == 0 && pthread_join(thread, &tid) == 0);
        EQUAL("a thread with an id of its own", (long)tid > 1, 1);
    }
    size_t large = 64 * MIB;
    char *block = malloc(large);
    CHECK("a large block", block != NULL && (block[0] = 1, block[large - 1] = 2, block[0] + block[large - 1] == 3));
    free(block);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK("sleeping", (end.tv_sec - start.tv_sec) * 1000000000l + end.tv_nsec - start.tv_nsec >= 20000000);
    return check_end() == 0 ? 1 : 2;
}
