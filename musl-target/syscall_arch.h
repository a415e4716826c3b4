/* Takes the place of muslc's arch/aarch64/syscall_arch.h: a system call is a call of the function whose address is in
 * __sysinfo.
 *
 * __sysinfo is muslc's own variable (src/internal/defsysinfo.c), which Linux ports fill from the auxiliary vector. Here
 * muslcsys defines it, with its handler's address from the first instruction on. The handler gets Linux's number of the
 * call and always six arguments, those not given as 0, so that it can read six whatever the call is. It answers as Linux
 * does: the result, or minus the error number. seL4's own musllibc uses the same convention.
 */

extern __attribute__((__visibility__("hidden"))) __SIZE_TYPE__ __sysinfo;

#define __SYSINFO_CALL(n, a, b, c, d, e, f) (((long (*)(long, ...))__sysinfo)((n), (a), (b), (c), (d), (e), (f)))

static inline long __syscall0(long n)
{
	return __SYSINFO_CALL(n, 0L, 0L, 0L, 0L, 0L, 0L);
}

static inline long __syscall1(long n, long a)
{
	return __SYSINFO_CALL(n, a, 0L, 0L, 0L, 0L, 0L);
}

static inline long __syscall2(long n, long a, long b)
{
	return __SYSINFO_CALL(n, a, b, 0L, 0L, 0L, 0L);
}

static inline long __syscall3(long n, long a, long b, long c)
{
	return __SYSINFO_CALL(n, a, b, c, 0L, 0L, 0L);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
	return __SYSINFO_CALL(n, a, b, c, d, 0L, 0L);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return __SYSINFO_CALL(n, a, b, c, d, e, 0L);
}

static inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return __SYSINFO_CALL(n, a, b, c, d, e, f);
}

/* A 64-bit argument fits one register. */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

/* AArch64 has no old forms of the System V IPC calls. */
#define IPC_64 0

/* VDSO_USEFUL stays undefined: there is no vDSO, clocks are read by calls too. */
