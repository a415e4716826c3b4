// muslc's own assembly issues svc instructions, which mean nothing on seL4. Each function of it is defined here, in an
// object that is always linked, so that libc.a's member stays out of the program, with any muslc, unpatched.

// int __clone(int (*func)(void *), void *stack, int flags, void *arg, pid_t *ptid, void *tls, pid_t *ctid)
    .section .text.__clone, "ax"
    .global __clone
    .type __clone, %function
__clone:
    and     x1, x1, #-16
    stp     x0, x3, [x1, #-16]!         // the child takes function and argument from its stack
    adrp    x7, muslcsys_thread_begin
    add     x7, x7, :lo12:muslcsys_thread_begin
    stp     xzr, x7, [x1, #-16]!        // as a call's entry leaves x29 and x30: the child goes there
    mov     x7, x1
    uxtw    x1, w2                      // flags
    mov     x2, x7                      // stack
    mov     x3, x4                      // ptid
    mov     x4, x5                      // tls
    mov     x5, x6                      // ctid
    mov     x0, #220                    // clone
    adrp    x9, __sysinfo
    ldr     x9, [x9, :lo12:__sysinfo]
    br      x9
    .size __clone, . - __clone

// Where a new thread starts, on its kernel stack: x0 = its IPC buffer, x1 = its thread pointer, x2 = its stack as __clone left it.
// It then leaves as from a call: a signal that comes before it has a thread pointer is delivered once it has.
    .section .text.muslcsys_thread_entry, "ax"
    .global muslcsys_thread_entry
    .type muslcsys_thread_entry, %function
muslcsys_thread_entry:
    msr     tpidr_el0, x1
    add     x9, x1, #:tprel_hi12:__sel4_ipc_buffer, lsl #12
    str     x0, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    mov     x29, x2
    mov     x0, xzr
    b       muslcsys_leave
    .size muslcsys_thread_entry, . - muslcsys_thread_entry

    .section .text.muslcsys_thread_begin, "ax"
    .type muslcsys_thread_begin, %function
muslcsys_thread_begin:
    .cfi_startproc
    .cfi_undefined x30
    mov     x30, xzr
    ldp     x1, x0, [sp], #16
    blr     x1
    mov     x1, x0
    mov     x0, #93                     // exit
    bl      muslcsys_entry
    brk     #1
    .cfi_endproc
    .size muslcsys_thread_begin, . - muslcsys_thread_begin

// A service thread: x0 = its IPC buffer, x1 = a thread pointer that puts __sel4_ipc_buffer onto a word of its own, x2 = function.
    .section .text.muslcsys_service_entry, "ax"
    .global muslcsys_service_entry
    .type muslcsys_service_entry, %function
muslcsys_service_entry:
    .cfi_startproc
    .cfi_undefined x30
    mov     x19, x2
    bl      muslcsys_own_thread_pointer
    mov     x2, x19
    mov     x29, xzr
    mov     x30, xzr
    blr     x2
    brk     #1
    .cfi_endproc
    .size muslcsys_service_entry, . - muslcsys_service_entry

// void muslcsys_own_thread_pointer(buffer, word): from here on the thread-local __sel4_ipc_buffer is that word, whoever frees the TLS.
    .section .text.muslcsys_own_thread_pointer, "ax"
    .global muslcsys_own_thread_pointer
    .type muslcsys_own_thread_pointer, %function
muslcsys_own_thread_pointer:
    str     x0, [x1]
    movz    x3, #:tprel_g1:__sel4_ipc_buffer
    movk    x3, #:tprel_g0_nc:__sel4_ipc_buffer
    sub     x3, x1, x3
    msr     tpidr_el0, x3
    ret
    .size muslcsys_own_thread_pointer, . - muslcsys_own_thread_pointer

// _Noreturn void __unmapself(void *base, size_t size): munmap and exit run on the kernel stack, so the caller's stack may go.
    .section .text.__unmapself, "ax"
    .global __unmapself
    .type __unmapself, %function
__unmapself:
    mov     x2, x1
    mov     x1, x0
    mov     x0, #{NR_EXIT_UNMAP}
    bl      muslcsys_entry
    brk     #1
    .size __unmapself, . - __unmapself

// long __syscall_cp_asm(volatile int *cancel, long number, long a, long b, long c, long d, long e, long f)
//
// A cancellation point. muslc's cancellation handler looks whether the interrupted instruction lies in
// [__cp_begin, __cp_end) and then redirects it to __cp_cancel. A call that was interrupted before it did anything reports the
// address of the branch below as its instruction (signal.rs); one that is complete returns behind __cp_end.
    .section .text.__syscall_cp_asm, "ax"
    .global __syscall_cp_asm
    .type __syscall_cp_asm, %function
    .global __cp_begin
    .global __cp_end
    .global __cp_cancel
__syscall_cp_asm:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov     x29, sp
    adrp    x9, boot_tls_word
    ldr     x9, [x9, :lo12:boot_tls_word]
    cbz     x9, 1f                      // before sel4_std_init: whoever stands behind __sysinfo then
__cp_begin:
    ldr     w0, [x0]
    cbnz    w0, __cp_cancel
    mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    mov     x3, x4
    mov     x4, x5
    mov     x5, x6
    mov     x6, x7
    bl      muslcsys_entry
__cp_end:
    ldp     x29, x30, [sp], #16
    ret
__cp_cancel:
    ldp     x29, x30, [sp], #16
    b       __cancel
1:  mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    mov     x3, x4
    mov     x4, x5
    mov     x5, x6
    mov     x6, x7
    adrp    x9, __sysinfo
    ldr     x9, [x9, :lo12:__sysinfo]
    ldp     x29, x30, [sp], #16
    br      x9
    .cfi_endproc
    .size __syscall_cp_asm, . - __syscall_cp_asm

// Where a signal handler returns to: rt_sigreturn with the frame's address, which is sp as it was when the handler was entered.
    .section .text.__restore_rt, "ax"
    .global __restore
    .global __restore_rt
    .type __restore_rt, %function
__restore:
__restore_rt:
    mov     x1, sp
    mov     x0, #139                    // rt_sigreturn
    b       muslcsys_entry

// pid_t vfork(void): there is one address space and no second one to run in.
    .section .text.vfork, "ax"
    .global vfork
    .type vfork, %function
vfork:
    mov     x0, #-38                    // ENOSYS
    b       __syscall_ret
