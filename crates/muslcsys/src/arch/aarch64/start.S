// From the kernel to Rust, and from Rust to muslc's own start file.
//
// The kernel enters with x0 = BootInfo, no stack, and TPIDR_EL0 = 0. libsel4 finds the IPC buffer through the thread-local
// __sel4_ipc_buffer, so the thread pointer is set first, such that this one variable falls onto boot_tls_word, whatever
// the size of the program's TLS. muslc replaces the thread pointer by its own soon after (see entry.S, adopt).
    .section .text._sel4_start, "ax"
    .global _sel4_start
    .type _sel4_start, %function
_sel4_start:
    mov     x29, xzr
    mov     x30, xzr
    adrp    x1, boot_stack_top
    add     x1, x1, :lo12:boot_stack_top
    mov     sp, x1
    movz    x2, #:tprel_g1:__sel4_ipc_buffer
    movk    x2, #:tprel_g0_nc:__sel4_ipc_buffer
    adrp    x1, boot_tls_word
    add     x1, x1, :lo12:boot_tls_word
    sub     x1, x1, x2
    msr     tpidr_el0, x1
    bl      muslcsys_start              // x0 = BootInfo; returns the initial stack, as Linux lays it out
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    b       _start                      // crt1.o
    .size _sel4_start, . - _sel4_start

// long muslcsys_on_boot_stack(void *argument, long (*function)(void *))
    .section .text.muslcsys_on_boot_stack, "ax"
    .global muslcsys_on_boot_stack
    .type muslcsys_on_boot_stack, %function
muslcsys_on_boot_stack:
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    adrp    x9, boot_stack_top
    add     x9, x9, :lo12:boot_stack_top
    mov     sp, x9
    blr     x1
    mov     sp, x29
    ldp     x29, x30, [sp], #16
    ret
    .size muslcsys_on_boot_stack, . - muslcsys_on_boot_stack

// Addresses of what a program may have or not: 0 if not.
    .section .rodata.muslcsys_optional, "a"
    .balign 8
    .weak   __stack_chk_guard
    .global muslcsys_stack_guard
muslcsys_stack_guard:
    .xword  __stack_chk_guard
    .weak   sel4runtime_set_pre_exit
    .global muslcsys_set_pre_exit
muslcsys_set_pre_exit:
    .xword  sel4runtime_set_pre_exit

    .section .bss.boot_stack, "aw", %nobits
    .balign 16
    .skip   65536                       // about half of it is used, by copies of BootInfo and of the tables that start-up fills
boot_stack_top:
    .section .data.boot_tls_word, "aw"
    .balign 16
    .global boot_tls_word
boot_tls_word:
    .xword  0, 0

// The word through which libsel4 finds the running thread's IPC buffer; our own thread record lies behind the buffer.
    .section .tbss.__sel4_ipc_buffer, "awT", %nobits
    .balign 8
    .weak   __sel4_ipc_buffer
    .type __sel4_ipc_buffer, %object
    .size __sel4_ipc_buffer, 8
__sel4_ipc_buffer:
    .skip   8
