/* How a program ends: its exit code is Linux's, and what ended it is said. Each ending is a boot of its own. */
// run end-return: args=return exit=42
// run end-exit-in-thread: args=exit-in-thread exit=43
// run end-main-pthread_exit: args=main-pthread_exit exit=0 says="the last thread ends"
// run end-abort: args=abort exit=134
// run end-term: args=term exit=143
// run end-kill: args=kill exit=137
// run end-alarm-thread: args=thread-signal exit=138
// run end-null: args=null exit=139 says="at address 0x8," says="stack backtrace:"
// run end-write-text: args=write-text exit=139 says=SIGSEGV
// run end-write-constant: args=write-constant exit=139 says=SIGSEGV
// run end-execute-data: args=execute-data exit=139 says=SIGSEGV
// run end-illegal: args=illegal exit=132 says=SIGILL
// run end-breakpoint: args=breakpoint exit=133 says=SIGTRAP
// run end-misaligned: args=misaligned exit=135 says=SIGBUS
// run end-no-frame: args=no-frame exit=139 says="at address 0x8,"
// run end-svc: args=svc exit=159 says=SIGSYS
// run end-overflow: args=overflow exit=139 says=SIGSEGV says="has overflowed its stack"
// run end-fault-in-thread: args=fault-in-thread exit=139 says="thread 'faulty'"
// run end-fault-with-lock: args=fault-with-lock exit=139 says="thread 'holder'"
// run end-fault-blocked: args=fault-blocked exit=139 says=SIGSEGV
// run end-lost-stack: args=lost-stack exit=139 says=SIGSEGV
// run end-unused-codes: args=big exit=1
#include "threads.h"
#include <signal.h>
#include <sys/mman.h>

/* The count comes first where the program does not come to its end. */
static void about_to_end(const char *how)
{
    printf("ok %s begins\n1 checks, 0 failed\n", how);
    fflush(stdout);
}

static const char constant[] = "constant";
static void touch(volatile char *at) { *at = 1; }

static void *exit_in_thread(void *unused)
{
    (void)unused;
    exit(43);
}
static pthread_t main_thread;
static void *outlive(void *unused)
{
    /* main has ended by pthread_exit: it can be joined as any other. */
    void *value = 0;
    int error = pthread_join(main_thread, &value);
    printf("the last thread ends%s\n", error || value != (void *)5 ? ", wrongly" : "");
    printf("1 checks, %d failed\n", error || value != (void *)5);
    return unused;
}
static void *fault(void *name)
{
    pthread_setname_np(pthread_self(), name);
    touch((char *)16);
    return 0;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *fault_with_lock(void *name)
{
    /* It holds a lock of the program's and, in the middle of printf's, one of muslc's. */
    pthread_mutex_lock(&mutex);
    flockfile(stdout);
    return fault(name);
}
static void *forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}
__attribute__((noinline)) static long overflow(volatile char *up)
{
    volatile char room[1024];
    room[0] = up[0];
    return overflow(room) + room[1];
}

/* The runner refuses a program with such an instruction anywhere but here and in seL4's stubs. */
__attribute__((noinline)) static void deliberate_system_call(void)
{
    __asm__ volatile("mov x7, #100\n svc #0" ::: "x7", "memory");
}

int main(int count, char **arguments)
{
    const char *how = count > 1 ? arguments[1] : "";
    about_to_end(how);
    if (!strcmp(how, "return")) {
        start_waiting(forever, 0);
        return 42;
    } else if (!strcmp(how, "exit-in-thread")) {
        start_waiting(forever, 0);
        start(exit_in_thread, 0);
        forever(0);
    } else if (!strcmp(how, "main-pthread_exit")) {
        main_thread = pthread_self();
        start(outlive, 0);
        pthread_exit((void *)5);
    } else if (!strcmp(how, "abort")) {
        abort();
    } else if (!strcmp(how, "term")) {
        raise(SIGTERM);
    } else if (!strcmp(how, "kill")) {
        kill(getpid(), SIGKILL);
    } else if (!strcmp(how, "thread-signal")) {
        pthread_kill(start_waiting(forever, 0), SIGUSR1);
    } else if (!strcmp(how, "null")) {
        touch((char *)8);
    } else if (!strcmp(how, "write-text")) {
        touch((char *)(uintptr_t)overflow);
    } else if (!strcmp(how, "write-constant")) {
        touch((char *)constant);
    } else if (!strcmp(how, "execute-data")) {
        static uint32_t code[] = {0xd65f03c0};
        ((void (*)(void))(uintptr_t)code)();
    } else if (!strcmp(how, "illegal")) {
        __asm__ volatile("udf #1");
    } else if (!strcmp(how, "breakpoint")) {
        __asm__ volatile("brk #1");
    } else if (!strcmp(how, "misaligned")) {
        /* the page is there, so mapping it once more would not help */
        static int words[2];
        unsigned word;
        __asm__ volatile("ldaxr %w0, [%1]" : "=r"(word) : "r"((char *)words + 1));
    } else if (!strcmp(how, "no-frame")) {
        /* code without frame pointers keeps in x29 what it likes */
        __asm__ volatile("mov x29, %0\n\tldr x0, [%1]" : : "r"(0xdeadbeefdead0000), "r"(8l) : "x0");
    } else if (!strcmp(how, "svc")) {
        deliberate_system_call();
    } else if (!strcmp(how, "overflow")) {
        char here = 0;
        overflow(&here);
    } else if (!strcmp(how, "fault-in-thread")) {
        pthread_join(start(fault, "faulty"), 0);
    } else if (!strcmp(how, "fault-with-lock")) {
        pthread_join(start(fault_with_lock, "holder"), 0);
    } else if (!strcmp(how, "fault-blocked")) {
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, 0);
        signal(SIGSEGV, SIG_IGN);
        touch((char *)8);
    } else if (!strcmp(how, "lost-stack")) {
        /* A handler without a stack to run on. */
        signal(SIGSEGV, (void (*)(int))forever);
        __asm__ volatile("mov sp, #64\n ldr x0, [sp]" ::: "x0", "memory");
    } else if (!strcmp(how, "big")) {
        _exit(0x101);
    }
    printf("FAILED %s: the program went on\n", how);
    return 99;
}
