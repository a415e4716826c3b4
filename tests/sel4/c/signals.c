/* Signals within the program: sent, blocked, waited for, handled, on which stack, and what a handler leaves untouched. */
// run signals:
#include "threads.h"
#include <setjmp.h>
#include <signal.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <ucontext.h>

static volatile sig_atomic_t handled, last, depth, most;
static char *volatile handler_sp;

static void handler(int signal)
{
    char here;
    handler_sp = &here;
    handled++;
    last = signal;
}

static void act(int signal, void (*with)(int), int flags, sigset_t *mask)
{
    struct sigaction action = {.sa_handler = with, .sa_flags = flags};
    if (mask)
        action.sa_mask = *mask;
    sigaction(signal, &action, 0);
}
static sigset_t set_of(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    if (signal)
        sigaddset(&set, signal);
    return set;
}

static void raising(void)
{
    struct sigaction old;
    sigset_t set = set_of(SIGUSR1), now;
    act(SIGUSR1, handler, 0, 0);
    EQUAL("raise", raise(SIGUSR1), 0);
    EQUAL("its handler ran before raise returned", handled * 100 + last, 100 + SIGUSR1);
    sigaction(SIGUSR1, 0, &old);
    CHECK("sigaction tells the handler", old.sa_handler == handler);
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1), raise(SIGUSR1);
    EQUAL("blocked it waits", handled, 1);
    sigpending(&now);
    EQUAL("and is pending", sigismember(&now, SIGUSR1), 1);
    sigprocmask(SIG_UNBLOCK, &set, &now);
    EQUAL("unblocked it is delivered, once", handled, 2);
    EQUAL("the old mask is told", sigismember(&now, SIGUSR1), 1);
    kill(getpid(), SIGUSR1);
    EQUAL("kill of the program", handled, 3);
    act(SIGUSR1, SIG_IGN, 0, 0);
    raise(SIGUSR1);
    EQUAL("ignored it does nothing", handled, 3);
    raise(SIGCHLD), raise(SIGWINCH), raise(SIGURG), raise(SIGCONT);
    CHECK("what is ignored by default does nothing", 1);
    sigprocmask(SIG_BLOCK, &set, 0);
    act(SIGUSR1, handler, 0, 0);
    raise(SIGUSR1);
    act(SIGUSR1, SIG_IGN, 0, 0);
    act(SIGUSR1, handler, 0, 0);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    EQUAL("ignoring forgets what is pending", handled, 3);
    ERRNO("no such signal", raise(65), EINVAL);
    ERRNO("kill of nobody", kill(4711, 0), ESRCH);
    EQUAL("kill with 0 asks", kill(getpid(), 0), 0);
    ERRNO("SIGKILL has no handler", sigaction(SIGKILL, &(struct sigaction){.sa_handler = handler}, 0), EINVAL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &now);
    sigprocmask(SIG_SETMASK, &now, &all);
    EQUAL("SIGKILL cannot be blocked", sigismember(&all, SIGKILL), 0);
}

static void one_shot(int signal)
{
    handler(signal);
}
static void nest(int signal)
{
    last = signal;
    if (++depth > most)
        most = depth;
    if (++handled < 5)
        raise(signal);
    depth--;
}
static void flags(void)
{
    struct sigaction now;
    handled = 0;
    act(SIGUSR1, one_shot, SA_RESETHAND, 0);
    raise(SIGUSR1);
    sigaction(SIGUSR1, 0, &now);
    CHECK("SA_RESETHAND resets", handled == 1 && now.sa_handler == SIG_DFL);
    handled = depth = most = 0;
    act(SIGUSR1, nest, SA_NODEFER, 0);
    raise(SIGUSR1);
    EQUAL("SA_NODEFER: it nests", most * 10 + handled, 55);
    handled = depth = most = 0;
    act(SIGUSR1, nest, 0, 0);
    raise(SIGUSR1);
    EQUAL("else it does not, and each is delivered", most * 10 + handled, 15);
}

static char order[8];
static int ordered;
static void inner(int signal) { (void)signal; order[ordered++] = 'i'; }
static void outer(int signal)
{
    (void)signal;
    order[ordered++] = 'o';
    raise(SIGUSR2);
    order[ordered++] = 'p';
}
static void nested(void)
{
    sigset_t both = set_of(SIGUSR2);
    act(SIGUSR2, inner, 0, 0);
    act(SIGUSR1, outer, 0, 0);
    raise(SIGUSR1);
    CHECK("a handler is interrupted by another signal's", !strcmp(order, "oip"));
    memset(order, 0, sizeof order), ordered = 0;
    act(SIGUSR1, outer, 0, &both);
    raise(SIGUSR1);
    CHECK("unless its mask holds it back until the handler is done", !strcmp(order, "opi"));
}

static sem_t started;
static volatile int stop;
static void stopper(int signal) { (void)signal; stop = 1; }
/* Integer, flag, SIMD and floating-point registers hold what they should while signals come. Written so that nothing but
 * the loop's own instructions touches them. */
static void *spin(void *rounds)
{
    unsigned long bad = 0, n = 0;
    volatile int *end = &stop;
    sem_post(&started);
    __asm__ volatile(
        "mov x9, #0x1234\n dup v0.2d, x9\n"
        "mov x10, #9\n dup v7.2d, x10\n dup v8.2d, x9\n dup v16.2d, x10\n dup v31.2d, x9\n"
        "mov x19, #77\n mov x20, #78\n mov x28, #79\n mov x16, #80\n mov x17, #81\n mov x18, #82\n mov x30, #83\n"
        "1: add %1, %1, #1\n"
        "subs xzr, x9, x10\n"                 /* flags: C set, Z clear, N clear */
        "nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
        "b.ls 3f\n b.mi 3f\n"
        "umov x11, v0.d[1]\n cmp x11, x9\n b.ne 3f\n"
        "umov x11, v7.d[0]\n cmp x11, x10\n b.ne 3f\n"
        "umov x11, v8.d[1]\n cmp x11, x9\n b.ne 3f\n"
        "umov x11, v16.d[1]\n cmp x11, x10\n b.ne 3f\n"
        "umov x11, v31.d[0]\n cmp x11, x9\n b.ne 3f\n"
        "cmp x19, #77\n b.ne 3f\n cmp x20, #78\n b.ne 3f\n cmp x28, #79\n b.ne 3f\n"
        "cmp x16, #80\n b.ne 3f\n cmp x17, #81\n b.ne 3f\n cmp x18, #82\n b.ne 3f\n cmp x30, #83\n b.ne 3f\n"
        "ldr w11, [%2]\n cbz w11, 1b\n b 2f\n"
        "3: mov %0, #1\n"
        "2:\n"
        : "+r"(bad), "+r"(n) : "r"(end)
        : "x9", "x10", "x11", "x16", "x17", "x18", "x19", "x20", "x28", "x30", "v0", "v7", "v8", "v16", "v31", "cc", "memory");
    *(unsigned long *)rounds = n;
    return (void *)bad;
}

static volatile double sink;
static void clobber(int signal)
{
    (void)signal;
    __asm__ volatile("movi v0.16b, #255\n movi v7.16b, #255\n movi v8.16b, #255\n movi v16.16b, #255\n movi v31.16b, #255\n"
                     "cmp xzr, xzr\n mov x9, #0\n mov x10, #0\n mov x11, #0\n mov x16, #0\n mov x17, #0\n mov x18, #0\n"
                     ::: "v0", "v7", "v8", "v16", "v31", "x9", "x10", "x11", "x16", "x17", "x18", "cc");
    sink = sink * 1.5 + 1;
    handled++;
}

static void to_a_spinning_thread(void)
{
    unsigned long rounds = 0;
    int sent = 0;
    handled = 0;
    sem_init(&started, 0, 0);
    act(SIGUSR1, clobber, SA_RESTART, 0);
    act(SIGUSR2, stopper, 0, 0);
    pthread_t thread = start(spin, &rounds);
    sem_wait(&started);
    for (; sent < 300; sent++) {
        int before = handled;
        if (pthread_kill(thread, SIGUSR1))
            break;
        while (handled == before && !stop)
            sched_yield();
    }
    EQUAL("300 signals to a spinning thread are handled", handled, 300);
    EQUAL("pthread_kill with 0 asks", pthread_kill(thread, 0), 0);
    pthread_kill(thread, SIGUSR2);
    EQUAL("its registers and flags are what they were", (long)result_of(thread), 0);
    CHECK("it did spin", rounds > 0);
}

static sigjmp_buf back;
static void *volatile fault_at;
static volatile int fault_code;
static void on_fault(int signal, siginfo_t *info, void *context)
{
    char here;
    (void)signal;
    (void)context;
    handler_sp = &here;
    fault_at = info->si_addr;
    fault_code = info->si_code;
    handled++;
    siglongjmp(back, 1);
}
static void skip(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.pc += 4;
    handled++;
}
__attribute__((noinline)) static long overflow(volatile char *up)
{
    volatile char room[1024];
    room[0] = up[0];
    return overflow(room) + room[1];
}
static char alternate[65536];
static void *overflow_in_thread(void *unused)
{
    char here = 0;
    char *own = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = own, .ss_size = 65536};
    (void)unused;
    sigaltstack(&stack, 0);
    if (!sigsetjmp(back, 1))
        overflow(&here);
    return (void *)(long)(handler_sp > own && handler_sp < own + 65536);
}

static void faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    char *page = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *none = page + (1ul << 33);
    sigset_t now;
    handled = 0;
    sigaction(SIGSEGV, &action, 0);
    if (!sigsetjmp(back, 1))
        *none = 1;
    EQUAL("SIGSEGV: the address is told", fault_at == (void *)none, 1);
    EQUAL("SIGSEGV: nothing is there", fault_code, SEGV_MAPERR);
    if (!sigsetjmp(back, 1))
        *(volatile char *)(page + PAGE + 5) = 1;
    EQUAL("SIGSEGV: the read-only address is told", (char *)fault_at - page, PAGE + 5);
    EQUAL("SIGSEGV: it may not be written", fault_code, SEGV_ACCERR);
    EQUAL("each time out by siglongjmp", handled, 2);
    sigprocmask(SIG_BLOCK, 0, &now);
    EQUAL("which brings the mask back", sigismember(&now, SIGSEGV), 0);
    if (!sigsetjmp(back, 1))
        ((void (*)(void))page)();
    EQUAL("SIGSEGV: data is not executed", (char *)fault_at - page, 0);
    mprotect(page, PAGE, PROT_NONE);
    if (!sigsetjmp(back, 1))
        (void)*(volatile char *)page;
    EQUAL("SIGSEGV: a hidden page is not read", handled, 4);

    struct sigaction skipping = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &skipping, 0);
    sigaction(SIGSEGV, &skipping, 0);
    handled = 0;
    __asm__ volatile("udf #0");
    EQUAL("SIGILL: a handler can step over it", handled, 1);
    __asm__ volatile("str wzr, [%0]" ::"r"(none) : "memory");
    EQUAL("SIGSEGV: so it can here", handled, 2);
    sigaction(SIGILL, &(struct sigaction){.sa_handler = SIG_DFL}, 0);
    sigaction(SIGSEGV, &action, 0);

    EQUAL("sigaltstack", sigaltstack(&stack, 0), 0);
    EQUAL("it is told", sigaltstack(0, &old) ?: old.ss_sp != alternate || old.ss_size != sizeof alternate, 0);
    ERRNO("one that is too small", sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 100}, 0), ENOMEM);
    ERRNO("with unknown flags", sigaltstack(&(stack_t){.ss_flags = 0x77}, 0), EINVAL);
    if (!sigsetjmp(back, 1))
        *none = 1;
    CHECK("the handler runs on it", handler_sp > alternate && handler_sp < alternate + sizeof alternate);
#ifndef HANDED_OVER /* There main's stack is sel4runtime's, which has no guard. */
    char here = 0;
    handled = 0;
    if (!sigsetjmp(back, 1))
        overflow(&here);
    EQUAL("main's stack overflow is handled on it", handled, 1);
    if (!sigsetjmp(back, 1))
        overflow(&here);
    EQUAL("and once more", handled, 2);
#endif
    EQUAL("a thread's stack overflow on its own", (long)result_of(start(overflow_in_thread, 0)), 1);
    stack.ss_flags = SS_DISABLE;
    EQUAL("disabled", sigaltstack(&stack, 0), 0);
    if (!sigsetjmp(back, 1))
        *none = 1;
    CHECK("the handler runs elsewhere", handler_sp < alternate || handler_sp >= alternate + sizeof alternate);
    sigaction(SIGSEGV, &(struct sigaction){.sa_handler = SIG_DFL}, 0);
}

static pthread_t target;
static void *send_usr1(void *unused)
{
    (void)unused;
    pthread_kill(target, SIGUSR1);
    return 0;
}
/* muslc's function begins again after EINTR, so the call is made without it. */
static void *wait_for_usr2(void *unused)
{
    sigset_t other = set_of(SIGUSR2);
    (void)unused;
    pthread_sigmask(SIG_BLOCK, &other, 0);
    return (void *)RAW(SYS_rt_sigtimedwait, &other, 0, 0, 8, 0, 0);
}
static void waiting(void)
{
    sigset_t set = set_of(SIGUSR1), none = set_of(0), now;
    int signal = 0;
    siginfo_t info;
    target = pthread_self();
    handled = 0;
    act(SIGUSR1, handler, 0, 0);
    sigprocmask(SIG_BLOCK, &set, 0);
    pthread_t thread = start(send_usr1, 0);
    ERRNO("sigsuspend ends with a handler", sigsuspend(&none), EINTR);
    EQUAL("which ran", handled, 1);
    result_of(thread);
    sigprocmask(SIG_BLOCK, 0, &now);
    EQUAL("and the mask is the old one", sigismember(&now, SIGUSR1), 1);
    raise(SIGUSR1);
    ERRNO("sigsuspend with a signal that is pending", sigsuspend(&none), EINTR);
    EQUAL("its handler ran", handled, 2);

    thread = start(send_usr1, 0);
    EQUAL("sigwait", sigwait(&set, &signal), 0);
    EQUAL("gives the signal", signal, SIGUSR1);
    result_of(thread);
    raise(SIGUSR1);
    EQUAL("sigtimedwait of one that is pending", sigtimedwait(&set, &info, &(struct timespec){0, 0}), SIGUSR1);
    EQUAL("tells which", info.si_signo, SIGUSR1);
    long before = now_on(CLOCK_MONOTONIC);
    ERRNO("sigtimedwait in vain", sigtimedwait(&set, &info, &(struct timespec){0, 5 * MILLISECOND}), EAGAIN);
    CHECK("waits as long as it should", now_on(CLOCK_MONOTONIC) - before >= 5 * MILLISECOND);
    sigprocmask(SIG_SETMASK, &none, 0);
    thread = start_waiting(wait_for_usr2, 0);
    pthread_kill(thread, SIGUSR1);
    EQUAL("the call behind it is ended by another signal's handler", (long)result_of(thread), -EINTR);
    thread = start_waiting(wait_for_usr2, 0);
    pthread_kill(thread, SIGUSR2);
    EQUAL("and by what it waits for", (long)result_of(thread), SIGUSR2);
    EQUAL("no handler ran for what was waited for", handled, 3);
    sigprocmask(SIG_SETMASK, &none, 0);
}

static sem_t never;
static int pipe_like;
static void *wait_interrupted(void *unused)
{
    (void)unused;
    errno = 0;
    long result = nanosleep(&(struct timespec){100, 0}, 0);
    return (void *)(result == -1 ? errno : 0l);
}
static void *sleep_and_tell(void *left)
{
    nanosleep(&(struct timespec){100, 0}, left);
    return 0;
}
static void *sem_interrupted(void *unused)
{
    (void)unused;
    errno = 0;
    return (void *)(long)(sem_wait(&never) ? errno : 0);
}
static void *read_interrupted(void *unused)
{
    char byte;
    (void)unused;
    errno = 0;
    return (void *)(long)(read(0, &byte, 1) < 0 ? errno : 0);
}
static void *wait_restarted(void *unused)
{
    (void)unused;
    /* FUTEX_WAIT without a timeout begins again; a wake then ends it. */
    return (void *)RAW(SYS_futex, &pipe_like, 0, 0, 0, 0, 0);
}

static void interrupted(void)
{
    struct timespec left = {0, 0};
    handled = 0;
    sem_init(&never, 0, 0);
    act(SIGUSR1, handler, 0, 0);
    act(SIGUSR2, handler, SA_RESTART, 0);
    pthread_t thread = start_waiting(wait_interrupted, 0);
    pthread_kill(thread, SIGUSR1);
    EQUAL("nanosleep: EINTR", (long)result_of(thread), EINTR);
    thread = start_waiting(wait_interrupted, 0);
    pthread_kill(thread, SIGUSR2);
    EQUAL("nanosleep: EINTR with SA_RESTART too", (long)result_of(thread), EINTR);
    thread = start_waiting(sleep_and_tell, &left);
    pthread_kill(thread, SIGUSR1);
    result_of(thread);
    check(left.tv_sec >= 90 && left.tv_sec < 100, "nanosleep tells what is left", "%ld s", (long)left.tv_sec);
    thread = start_waiting(sem_interrupted, 0);
    pthread_kill(thread, SIGUSR1);
    EQUAL("sem_wait: EINTR", (long)result_of(thread), EINTR);
    thread = start_waiting(sem_interrupted, 0);
    pthread_kill(thread, SIGUSR2);
    sem_post(&never);
    EQUAL("sem_wait: goes on with SA_RESTART", (long)result_of(thread), 0);
    thread = start_waiting(read_interrupted, 0);
    pthread_kill(thread, SIGUSR1);
    EQUAL("read: EINTR", (long)result_of(thread), EINTR);
    thread = start_waiting(read_interrupted, 0);
    pthread_kill(thread, SIGUSR2);
    EQUAL("read: goes on with SA_RESTART", pthread_tryjoin_np(thread, 0), EBUSY);
    pthread_kill(thread, SIGUSR1);
    EQUAL("read: until another signal", (long)result_of(thread), EINTR);
    thread = start_waiting(wait_restarted, 0);
    pthread_kill(thread, SIGUSR1);
    EQUAL("futex: EINTR", (long)result_of(thread), -EINTR);
    thread = start_waiting(wait_restarted, 0);
    pthread_kill(thread, SIGUSR2);
    EQUAL("futex: the handler ran", last, SIGUSR2);
    EQUAL("futex: waits again with SA_RESTART", RAW(SYS_futex, &pipe_like, 1, 1, 0, 0, 0), 1);
    EQUAL("futex: and is woken", (long)result_of(thread), 0);
    EQUAL("every handler ran", handled, 10);
    thread = start_waiting(sem_interrupted, 0);
    act(SIGUSR2, SIG_IGN, 0, 0);
    pthread_kill(thread, SIGUSR2);
    sem_post(&never);
    EQUAL("an ignored signal interrupts nothing", (long)result_of(thread), 0);
}

static volatile long thread_handled;
static void note_thread(int signal) { (void)signal; thread_handled = gettid(); }
static void *open_for_signal(void *unused)
{
    sigset_t set = set_of(SIGUSR1), none = set_of(0);
    (void)unused;
    pthread_sigmask(SIG_SETMASK, &none, 0);
    (void)set;
    sem_wait(&never);
    return (void *)(long)gettid();
}
static void *tell_mask(void *unused)
{
    sigset_t now;
    (void)unused;
    pthread_sigmask(SIG_BLOCK, 0, &now);
    return (void *)(long)sigismember(&now, SIGUSR1);
}
static void between_threads(void)
{
    sigset_t set = set_of(SIGUSR1);
    act(SIGUSR1, note_thread, SA_RESTART, 0);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    EQUAL("a thread inherits the mask", (long)result_of(start(tell_mask, 0)), 1);
    pthread_t thread = start_waiting(open_for_signal, 0);
    kill(getpid(), SIGUSR1);
    sem_post(&never);
    EQUAL("the program's signal goes to a thread that does not block it", (long)result_of(thread), thread_handled);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    EQUAL("and only there", thread_handled != gettid(), 1);
}

int main(void)
{
    raising();
    flags();
    nested();
    to_a_spinning_thread();
    faults();
    waiting();
    interrupted();
    between_threads();
    return check_end();
}
