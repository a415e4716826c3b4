/* From the machine's reset state, at EL3, EL2 or EL1, to Rust with MMU and caches on.
 *
 * The loader stays at EL2 where it can, since only the kernel's ELF file tells whether the kernel wants EL2. Nothing is
 * written to memory before the caches are on, so nothing must be kept coherent by hand; page tables are constants.
 * x19 holds the level of entry throughout. */

/* What a core needs at its level to run Rust with MMU and caches on; vectors, tables and registers are the same for all. */
    .macro  begin_at_el2
    ldr     x1, ={hcr_el2}
    msr     hcr_el2, x1
    mov     x1, #{cnthctl_el2}
    msr     cnthctl_el2, x1
    msr     cntvoff_el2, xzr
    mov     x1, #{cptr_el2}
    msr     cptr_el2, x1
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x1, midr_el1
    msr     vpidr_el2, x1
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1
    ldr     x1, =vectors
    msr     vbar_el2, x1
    ldr     x1, ={sctlr_el2_off}
    msr     sctlr_el2, x1
    isb
    ldr     x1, ={mair}
    msr     mair_el2, x1
    ldr     x1, ={tcr_el2}
    msr     tcr_el2, x1
    ldr     x1, =identity_l0
    msr     ttbr0_el2, x1
    isb
    tlbi    alle2
    ic      iallu
    dsb     sy
    isb
    ldr     x1, ={sctlr_el2}
    msr     sctlr_el2, x1
    isb
    .endm

    .macro  begin_at_el1
    ldr     x1, ={cpacr_el1_fp}
    msr     cpacr_el1, x1
    ldr     x1, =vectors
    msr     vbar_el1, x1
    ldr     x1, ={sctlr_el1_off}
    msr     sctlr_el1, x1
    isb
    ldr     x1, ={mair}
    msr     mair_el1, x1
    ldr     x1, ={tcr_el1}
    msr     tcr_el1, x1
    ldr     x1, =identity_l0
    msr     ttbr0_el1, x1
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb
    ldr     x1, ={sctlr_el1}
    msr     sctlr_el1, x1
    isb
    .endm

    .section .text.head, "ax"
    .globl  _start
_start:
    msr     daifset, #0xf
    mrs     x19, CurrentEL
    lsr     x19, x19, #2
    cmp     x19, #3
    b.eq    at_el3
    cmp     x19, #2
    b.eq    at_el2
    b       at_el1

at_el3:
    ldr     x1, ={scr_el3}
    msr     scr_el3, x1
    msr     cptr_el3, xzr
    /* All interrupts become non-secure (group 1), and the non-secure side may see every priority. */
    ldr     x1, ={gicd}
    mov     x2, #0
    mov     w3, #-1
1:  add     x4, x1, x2, lsl #2
    str     w3, [x4, #0x80]             /* GICD_IGROUPRn */
    add     x2, x2, #1
    cmp     x2, #{igroupr_count}
    b.lt    1b
    mov     w3, #3
    str     w3, [x1]                    /* GICD_CTLR: both groups on */
    ldr     x1, ={gicc}
    mov     w4, #0xff
    str     w4, [x1, #4]                /* GICC_PMR: lowest threshold */
    str     w3, [x1]                    /* GICC_CTLR: both groups on */
    dsb     sy
    mrs     x1, id_aa64pfr0_el1
    ubfx    x1, x1, #8, #4              /* is there an EL2? */
    cbz     x1, 2f
    ldr     x1, ={sctlr_el2_off}
    msr     sctlr_el2, x1
    mov     x1, #{spsr_el2h}
    adr     x2, at_el2
    b       3f
2:  ldr     x1, ={sctlr_el1_off}
    msr     sctlr_el1, x1
    mov     x1, #{spsr_el1h}
    adr     x2, at_el1
3:  msr     spsr_el3, x1
    msr     elr_el3, x2
    isb
    eret

at_el2:
    begin_at_el2
    b       running

at_el1:
    begin_at_el1

running:
    msr     spsel, #1
    ldr     x1, =__stack_top
    mov     sp, x1
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  mov     x29, xzr
    mov     x30, xzr
    mov     x0, x19
    b       {main}
    .ltorg

/* Where another core starts, at the level of the core that had it started: x0 holds its number, 1 or above. */
    .globl  secondary_start
secondary_start:
    msr     daifset, #0xf
    mov     x19, x0
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.eq    1f
    begin_at_el1
    b       2f
1:  begin_at_el2
2:  msr     spsel, #1
    ldr     x1, =secondary_stacks
    add     x1, x1, x19, lsl #{secondary_stack_bits}
    mov     sp, x1                      /* the stack of core 1 ends where that of core 2 begins */
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x19
    b       {secondary}
    .ltorg

/* An exception in the loader is an error of the loader or of the machine: report it on a fresh stack. */
    .balign 0x800
vectors:
    .rept   16
    .balign 0x80
    b       exception
    .endr

exception:
    ldr     x3, =__stack_top
    mov     sp, x3
    mrs     x3, CurrentEL
    cmp     x3, #(2 << 2)
    b.eq    1f
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       {exception}
1:  mrs     x0, esr_el2
    mrs     x1, elr_el2
    mrs     x2, far_el2
    b       {exception}
    .ltorg

/* The identity map's level 0 table. A hypervisor kernel's window is added to it, so it is not constant. */
    .section .data.identity_l0, "aw"
    .balign 4096
    .globl  identity_l0
identity_l0:
    .quad   {identity_l1} + 3           /* descriptor of a table */
    .zero   511 * 8

    .section .bss.secondary_stacks, "aw", %nobits
    .balign 16
secondary_stacks:
    .skip   {secondaries} << {secondary_stack_bits}
