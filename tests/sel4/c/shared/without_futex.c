/* Linked by `run --without-futex`: futex answers ENOSYS, as on the muslc that seL4 ships. The tests of threads must fail then, or
 * they test nothing. Linked with --wrap=__syscall_cp_asm, since cancellation points do not go through __sysinfo. */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>

extern __attribute__((visibility("hidden"))) size_t __sysinfo;
typedef long entry(long, long, long, long, long, long, long);
static entry *real;

static long without(long number, long a, long b, long c, long d, long e, long f)
{
    return number == SYS_futex ? -ENOSYS : real(number, a, b, c, d, e, f);
}

typedef volatile int flag;
long __real___syscall_cp_asm(flag *, long, long, long, long, long, long, long);
long __wrap___syscall_cp_asm(flag *cancel, long number, long a, long b, long c, long d, long e, long f)
{
    return number == SYS_futex ? -ENOSYS : __real___syscall_cp_asm(cancel, number, a, b, c, d, e, f);
}

__attribute__((constructor)) static void begin(void)
{
    real = (entry *)__sysinfo;
    __sysinfo = (size_t)without;
}
