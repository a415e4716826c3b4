/* Takes the place of muslc's arch/aarch64/syscall_arch.h: a system call is a call of the function whose address is in
 * __sysinfo.
 *
 * __sysinfo is muslc's own variable (src/internal/defsysinfo.c), which Linux ports fill from the auxiliary vector. Here
 * muslcsys defines it, with its handler's address from the first instruction on. The handler gets Linux's number of the
 * call and its arguments in registers; what is in the registers of arguments that a call does not have is undefined, as
 * on Linux. It answers as Linux does: the result, or minus the error number. seL4's own musllibc uses the same convention.
 */

extern __attribute__((__visibility__("hidden"))) __SIZE_TYPE__ __sysinfo;

#define __SYSINFO_CALL(...) (((long (*)(long, ...))__sysinfo)(__VA_ARGS__))

static inline long __syscall0(long n)
{
	return __SYSINFO_CALL(n);
}

static inline long __syscall1(long n, long a)
{
	return __SYSINFO_CALL(n, a);
}

static inline long __syscall2(long n, long a, long b)
{
	return __SYSINFO_CALL(n, a, b);
}

static inline long __syscall3(long n, long a, long b, long c)
{
	return __SYSINFO_CALL(n, a, b, c);
}

static inline long __syscall4(long n, long a, long b, long c, long d)
{
	return __SYSINFO_CALL(n, a, b, c, d);
}

static inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return __SYSINFO_CALL(n, a, b, c, d, e);
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
