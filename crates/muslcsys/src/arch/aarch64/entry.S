// long entry(long number, long a, long b, long c, long d, long e, long f)
//
// What muslc's __sysinfo points to. The caller's stack may be tiny and may be not yet backed by memory, and what runs here
// holds locks that the fault thread needs: so everything but the clocks runs on the thread's own kernel stack, which
// is always mapped. x29 (callee saved) remembers the caller's stack, so backtraces walk through.
//
// THREAD_OFFSET, THREAD_KSTACK, THREAD_USER_FRAME: where the thread record lies behind the IPC buffer, and two words of it:
    .section .text.muslcsys_entry, "ax"
    .global muslcsys_entry
    .type muslcsys_entry, %function
muslcsys_entry:
    .cfi_startproc
    cmp     x0, #113                    // clock_gettime: a read of the counter, no lock, no kernel stack
    b.eq    muslcsys_clock_gettime
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    // From here until it is on the kernel stack, a thread that is interrupted goes back to the entry's beginning (signal/deliver.rs).
    .global muslcsys_entry_pushed
muslcsys_entry_pushed:
    mov     x29, sp
    .cfi_def_cfa_register x29
    mrs     x9, tpidr_el0
    add     x9, x9, #:tprel_hi12:__sel4_ipc_buffer, lsl #12
    ldr     x10, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    cbz     x10, 2f
1:  ldr     x11, [x10, #{THREAD_KSTACK}]
    .global muslcsys_entry_last
muslcsys_entry_last:
    mov     sp, x11
    str     x29, [x10, #{THREAD_USER_FRAME}]
    add     x7, x10, #{THREAD_OFFSET}   // eighth argument: the thread record
    bl      muslcsys_dispatch
    // A signal that came during the call is delivered now. One that comes between this look and the last instruction on the
    // kernel stack has its sender set this thread back to muslcsys_leave (signal/send.rs).
    .global muslcsys_leave
muslcsys_leave:
    mrs     x9, tpidr_el0
    add     x9, x9, #:tprel_hi12:__sel4_ipc_buffer, lsl #12
    ldr     x9, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    ldr     w9, [x9, #{THREAD_SIGNALLED}]
    cbnz    w9, 3f
    .global muslcsys_leave_last
muslcsys_leave_last:
    mov     sp, x29
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa sp, 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_def_cfa x29, 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    // The caller's context is what a function call must keep, and the result.
3:  sub     sp, sp, #{CONTEXT_BYTES}
    stp     x0, xzr, [sp, #8 * 0]
    stp     x19, x20, [sp, #8 * 19]
    stp     x21, x22, [sp, #8 * 21]
    stp     x23, x24, [sp, #8 * 23]
    stp     x25, x26, [sp, #8 * 25]
    stp     x27, x28, [sp, #8 * 27]
    ldp     x1, x2, [x29]
    stp     x1, x2, [sp, #8 * 29]       // x29, x30
    add     x1, x29, #16
    stp     x1, x2, [sp, #8 * 31]       // sp, pc
    mov     x0, sp
    bl      muslcsys_save_vectors
    mov     x0, sp
    bl      muslcsys_deliver_after_call
    cbnz    x0, muslcsys_enter_handler
    // Nothing was delivered; one that came since is seen by looking again.
    ldr     x0, [sp]
    add     sp, sp, #{CONTEXT_BYTES}
    b       muslcsys_leave
    // The initial thread calls for the first time after muslc gave it a thread pointer of its own: every other thread's word
    // is set before its first instruction (thread/clone.rs), so a null word can only be the initial thread's.
2:  adrp    x10, boot_tls_word
    ldr     x10, [x10, :lo12:boot_tls_word]
    str     x10, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    b       1b
    .cfi_endproc
    .size muslcsys_entry, . - muslcsys_entry

// void muslcsys_save_vectors(struct context *), and back: the registers of SIMD and floating point
    .section .text.muslcsys_vectors, "ax"
    .type muslcsys_save_vectors, %function
muslcsys_save_vectors:
    mrs     x1, fpsr
    mrs     x2, fpcr
    add     x3, x0, #{CONTEXT_FPSR}
    stp     w1, w2, [x3]
    add     x0, x0, #{CONTEXT_VECTORS}
    stp     q0, q1, [x0, #16 * 0]
    stp     q2, q3, [x0, #16 * 2]
    stp     q4, q5, [x0, #16 * 4]
    stp     q6, q7, [x0, #16 * 6]
    stp     q8, q9, [x0, #16 * 8]
    stp     q10, q11, [x0, #16 * 10]
    stp     q12, q13, [x0, #16 * 12]
    stp     q14, q15, [x0, #16 * 14]
    stp     q16, q17, [x0, #16 * 16]
    stp     q18, q19, [x0, #16 * 18]
    stp     q20, q21, [x0, #16 * 20]
    stp     q22, q23, [x0, #16 * 22]
    stp     q24, q25, [x0, #16 * 24]
    stp     q26, q27, [x0, #16 * 26]
    stp     q28, q29, [x0, #16 * 28]
    stp     q30, q31, [x0, #16 * 30]
    ret
    .type muslcsys_load_vectors, %function
muslcsys_load_vectors:
    add     x3, x0, #{CONTEXT_FPSR}
    ldp     w1, w2, [x3]
    msr     fpsr, x1
    msr     fpcr, x2
    add     x0, x0, #{CONTEXT_VECTORS}
    ldp     q0, q1, [x0, #16 * 0]
    ldp     q2, q3, [x0, #16 * 2]
    ldp     q4, q5, [x0, #16 * 4]
    ldp     q6, q7, [x0, #16 * 6]
    ldp     q8, q9, [x0, #16 * 8]
    ldp     q10, q11, [x0, #16 * 10]
    ldp     q12, q13, [x0, #16 * 12]
    ldp     q14, q15, [x0, #16 * 14]
    ldp     q16, q17, [x0, #16 * 16]
    ldp     q18, q19, [x0, #16 * 18]
    ldp     q20, q21, [x0, #16 * 20]
    ldp     q22, q23, [x0, #16 * 22]
    ldp     q24, q25, [x0, #16 * 24]
    ldp     q26, q27, [x0, #16 * 26]
    ldp     q28, q29, [x0, #16 * 28]
    ldp     q30, q31, [x0, #16 * 30]
    ret

// A thread that was running the program's code is sent here, on its kernel stack, with its context of general registers at x0 = sp.
    .section .text.muslcsys_interrupted, "ax"
    .global muslcsys_interrupted
    .type muslcsys_interrupted, %function
muslcsys_interrupted:
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, sp
    bl      muslcsys_save_vectors
    mov     x0, sp
    bl      muslcsys_deliver
    cbnz    x0, muslcsys_enter_handler
    mov     x0, sp
    b       muslcsys_resume

// The context at sp is a handler's first: signal, siginfo, ucontext, its stack, and where it returns to.
    .section .text.muslcsys_enter_handler, "ax"
    .type muslcsys_enter_handler, %function
muslcsys_enter_handler:
    ldp     x0, x1, [sp, #8 * 0]
    ldr     x2, [sp, #8 * 2]
    ldp     x29, x30, [sp, #8 * 29]
    ldp     x3, x16, [sp, #8 * 31]      // sp, pc
    mov     sp, x3
    br      x16

// _Noreturn void muslcsys_resume(struct context *): all registers as they were. No instruction of EL0 loads them all and jumps, so
// the last one faults on purpose, and the fault thread does it (fault.rs).
    .section .text.muslcsys_resume, "ax"
    .global muslcsys_resume
    .type muslcsys_resume, %function
muslcsys_resume:
    mov     x19, x0
    bl      muslcsys_load_vectors
    mov     x0, x19
    .global muslcsys_resume_trap
muslcsys_resume_trap:
    udf     #0

// musl's own variable, which every system call jumps through. Until start-up has set it, where another runtime started the task,
// a call answers -ENOSYS: there is no kernel stack yet. muslc sets it again from the auxiliary vector.
    .section .data.__sysinfo, "aw"
    .balign 8
    .global __sysinfo
    .type __sysinfo, %object
    .size __sysinfo, 8
__sysinfo:
    .xword  muslcsys_not_yet

    .section .text.muslcsys_not_yet, "ax"
    .type muslcsys_not_yet, %function
muslcsys_not_yet:
    mov     x0, #-38                    // ENOSYS
    ret
    .size muslcsys_not_yet, . - muslcsys_not_yet
