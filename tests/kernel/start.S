/* SPDX-License-Identifier: BSD-2-Clause */
/* How the root task and its threads begin, how QEMU ends, and the FPU registers as the tests fill and read them. */

    .section .text.start, "ax"
    .globl _start
_start:                                 /* x0 = BootInfo; no stack yet */
    adrp    x1, main_stack_end
    add     sp, x1, :lo12:main_stack_end
    mov     x29, xzr
    mov     x30, xzr
    bl      task_main                   /* does not return */

    /* A thread begins here: x0 = function, x1 = its argument, x2 = its struct tls. */
    .globl thread_begin
thread_begin:
    mrs     x3, tpidr_el0
    str     x3, [x2, #8]                /* tls.fresh_tpidr */
    msr     tpidr_el0, x2
    mov     x29, xzr
    mov     x9, x0
    mov     x0, x1
    blr     x9
1:  b       1b

    /* semihosting(operation, parameter block): the host's answer */
    .globl semihosting
semihosting:
    hlt     #0xf000
    ret

    /* fpu_fill(seed): every half of q0..q31 gets a value of its own; fpu_differs(seed): 0 if all still have it */
    .globl fpu_fill
fpu_fill:
    mov     x1, x0
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x1, #17
    fmov    d\n, x1
    mvn     x2, x1
    ins     v\n\().d[1], x2
    .endr
    ret

    .globl fpu_differs
fpu_differs:
    mov     x1, x0
    mov     x0, xzr
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x1, #17
    umov    x2, v\n\().d[0]
    eor     x2, x2, x1
    orr     x0, x0, x2
    mvn     x3, x1
    umov    x2, v\n\().d[1]
    eor     x2, x2, x3
    orr     x0, x0, x2
    .endr
    ret

    /* fpu_any(): not 0 if a bit is set in any of q0..q31 */
    .globl fpu_any
fpu_any:
    mov     x0, xzr
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    umov    x2, v\n\().d[0]
    orr     x0, x0, x2
    umov    x2, v\n\().d[1]
    orr     x0, x0, x2
    .endr
    ret

    .section .bss.stack, "aw", %nobits
    .balign 16
    .skip   16384
main_stack_end:
