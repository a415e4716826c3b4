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
    mov     x29, sp
    .cfi_def_cfa_register x29
    mrs     x9, tpidr_el0
    add     x9, x9, #:tprel_hi12:__sel4_ipc_buffer, lsl #12
    ldr     x10, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    cbz     x10, 2f
1:  ldr     x11, [x10, #{THREAD_KSTACK}]
    str     x29, [x10, #{THREAD_USER_FRAME}]
    mov     sp, x11
    add     x7, x10, #{THREAD_OFFSET}   // eighth argument: the thread record
    bl      muslcsys_dispatch
    mov     sp, x29
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa sp, 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_def_cfa x29, 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    // The initial thread calls for the first time after muslc gave it a thread pointer of its own: every other thread's word
    // is set before its first instruction (thread/clone.rs), so a null word can only be the initial thread's.
2:  adrp    x10, boot_tls_word
    ldr     x10, [x10, :lo12:boot_tls_word]
    str     x10, [x9, #:tprel_lo12_nc:__sel4_ipc_buffer]
    b       1b
    .cfi_endproc
    .size muslcsys_entry, . - muslcsys_entry

// musl's own variable, which every system call jumps through. From the first instruction on it is set; muslc sets it again from
// the auxiliary vector.
    .section .data.__sysinfo, "aw"
    .balign 8
    .global __sysinfo
    .type __sysinfo, %object
    .size __sysinfo, 8
__sysinfo:
    .xword  muslcsys_entry
