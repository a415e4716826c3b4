/* A kernel that checks how it was entered, and ends QEMU by semihosting: code 0 if all is well, else the number of the check
 * that failed. LEVEL: the exception level it expects; DTB: 1 if it expects a device tree; BIG: as for task.S.
 *
 * The root task's image is expected to be task.S's: its first word, its zeroed memory, the boot parameters behind it. */

    .macro  expect number, condition
    mov     w20, #\number
    b.\condition 9f
    b       fail
9:
    .endm

    .section .text, "ax"
    .globl  _start
_start:
    mrs     x10, CurrentEL
    cmp     x10, #(LEVEL << 2)
    expect  1, eq
    mrs     x10, daif                   /* all masked */
    cmp     x10, #0x3c0
    expect  2, eq
    adr     x10, _start                 /* running at the linked address */
    ldr     x11, =_start
    cmp     x10, x11
    expect  3, eq
    ldr     x10, =last                  /* the end of the kernel's memory is mapped, and zero */
    ldr     x10, [x10]
    cmp     x10, #0
    expect  4, eq
    ldr     x11, =marker                /* and its data is what was linked */
    ldr     x11, [x11]
    ldr     x12, =0x6b65726e656c2121
    cmp     x11, x12
    expect  5, eq

    tst     x0, #0x1fffff               /* root task: at a large page, in whole pages */
    expect  10, eq
    tst     x1, #0xfff
    expect  11, eq
    cmp     x0, x1
    expect  12, lo
    sub     x10, x0, x2                 /* physical minus virtual address */
    ldr     x11, =0x400000
    cmp     x10, x11
    expect  13, eq
    cmp     x3, x11                     /* entry point */
    expect  14, eq
    ldr     w10, [x0]                   /* its first instruction; the identity map is still there */
    ldr     w11, =0xd503201f
    cmp     w10, w11
    expect  15, eq
    sub     x10, x1, #4096              /* one page of boot parameters, at the end */
    ldr     x11, [x10]
    ldr     x12, =0x01647473346c6573    /* "sel4std\x01" */
    cmp     x11, x12
    expect  16, eq
    add     x12, x0, #0x1000            /* from the end of its data to the boot parameters all is zero */
    ldr     x11, =(16 + BIG)
    add     x12, x12, x11
1:  ldr     x11, [x12], #8
    cmp     x11, #0
    expect  17, eq
    cmp     x12, x10
    b.lo    1b

    .if     DTB                         /* device tree: between kernel and root task */
    ldr     w10, [x4]
    ldr     w11, =0xedfe0dd0
    cmp     w10, w11
    expect  20, eq
    tst     x4, #0xfff
    expect  21, eq
    cmp     x4, x0
    expect  22, lo
    cmp     x5, #64
    expect  23, eq
    .else
    orr     x10, x4, x5
    cmp     x10, #0
    expect  24, eq
    .endif

    mrs     x10, cntkctl_el1            /* EL0PTEN, EL0VCTEN, EL0PCTEN */
    cmp     x10, #0x203
    expect  30, eq
    mrs     x10, pmuserenr_el0
    cmp     x10, #0
    expect  31, eq
    .if     LEVEL == 1
    mrs     x10, sctlr_el1
    ldr     x11, =0x34d5d805            /* MMU, caches; DZE, UCT, UCI, nTWI, nTWE; bits that are always one */
    cmp     x10, x11
    expect  32, eq
    mrs     x10, cpacr_el1              /* floating point is trapped, as after reset */
    cmp     x10, #0
    expect  33, eq
    mrs     x10, mair_el1
    ldr     x11, =0x000000ff440c0400
    cmp     x10, x11
    expect  34, eq
    .endif
    mov     w20, #0

fail:                                   /* SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit, code */
    ldr     x1, =block
    uxtw    x20, w20
    str     x20, [x1, #8]
    mov     w0, #0x20
    hlt     #0xf000
    b       .
    .ltorg

    .section .data, "aw"
    .balign 8
marker: .quad   0x6b65726e656c2121
block:  .quad   0x20026, 0

    .section .bss, "aw", %nobits
    .balign 8
    .skip   0x230000                    /* reaches into a second large page */
last:   .skip   8
