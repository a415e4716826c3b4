// Access to memory that the caller named. Any of these instructions may fault; the fault thread maps the page if it may
// be mapped, and otherwise sends the thread to uaccess_fault, which is every function's error return: none of
// them uses the stack or a callee-saved register, so the return address in x30 is all it needs.
//
// All return 0, or -EFAULT (-14).
    .section .text.muslcsys_uaccess, "ax"
    .global uaccess_begin
uaccess_begin:

// long uaccess_copy(void *to, const void *from, size_t bytes): either side may be the caller's. A system call is a call, so the
// vectors that calls do not preserve are free.
    .global uaccess_copy
    .type uaccess_copy, %function
uaccess_copy:
    subs    x2, x2, #128
    b.lo    2f
1:  ldp     q0, q1, [x1], #32
    ldp     q2, q3, [x1], #32
    ldp     q4, q5, [x1], #32
    ldp     q6, q7, [x1], #32
    stp     q0, q1, [x0], #32
    stp     q2, q3, [x0], #32
    stp     q4, q5, [x0], #32
    stp     q6, q7, [x0], #32
    subs    x2, x2, #128
    b.hs    1b
    // What is left, 128 bytes too few: its lower bits are those of the rest.
2:  tbz     x2, #6, 3f
    ldp     q0, q1, [x1], #32
    ldp     q2, q3, [x1], #32
    stp     q0, q1, [x0], #32
    stp     q2, q3, [x0], #32
3:  tbz     x2, #5, 4f
    ldp     q0, q1, [x1], #32
    stp     q0, q1, [x0], #32
4:  tbz     x2, #4, 5f
    ldr     q0, [x1], #16
    str     q0, [x0], #16
5:  tbz     x2, #3, 6f
    ldr     x3, [x1], #8
    str     x3, [x0], #8
6:  tbz     x2, #2, 7f
    ldr     w3, [x1], #4
    str     w3, [x0], #4
7:  tbz     x2, #1, 8f
    ldrh    w3, [x1], #2
    strh    w3, [x0], #2
8:  tbz     x2, #0, 9f
    ldrb    w3, [x1]
    strb    w3, [x0]
9:  mov     x0, #0
    ret

// long uaccess_zero(void *to, size_t bytes)
    .global uaccess_zero
    .type uaccess_zero, %function
uaccess_zero:
    movi    v0.2d, #0
    movi    v1.2d, #0
    subs    x1, x1, #64
    b.lo    2f
1:  stp     q0, q1, [x0], #32
    stp     q0, q1, [x0], #32
    subs    x1, x1, #64
    b.hs    1b
2:  tbz     x1, #5, 3f
    stp     q0, q1, [x0], #32
3:  tbz     x1, #4, 4f
    str     q0, [x0], #16
4:  tbz     x1, #3, 5f
    str     xzr, [x0], #8
5:  tbz     x1, #2, 6f
    str     wzr, [x0], #4
6:  tbz     x1, #1, 7f
    strh    wzr, [x0], #2
7:  tbz     x1, #0, 8f
    strb    wzr, [x0]
8:  mov     x0, #0
    ret

// long uaccess_store_pair(uint64_t first, uint64_t second, uint64_t *to): `to` last, where clock_gettime has it
    .global uaccess_store_pair
    .type uaccess_store_pair, %function
uaccess_store_pair:
    stp     x0, x1, [x2]
    mov     x0, #0
    ret

// long uaccess_load32(const uint32_t *from, uint32_t *to): one single-copy atomic load
    .global uaccess_load32
    .type uaccess_load32, %function
uaccess_load32:
    ldar    w2, [x0]
    str     w2, [x1]
    mov     x0, #0
    ret

// long uaccess_store32(uint32_t *to, uint32_t value): one single-copy atomic store
    .global uaccess_store32
    .type uaccess_store32, %function
uaccess_store32:
    stlr    w1, [x0]
    mov     x0, #0
    ret

// long uaccess_cas32(uint32_t *at, uint32_t expected, uint32_t new, uint32_t *found)
    .global uaccess_cas32
    .type uaccess_cas32, %function
uaccess_cas32:
1:  ldaxr   w4, [x0]
    cmp     w4, w1
    b.ne    2f
    stlxr   w5, w2, [x0]
    cbnz    w5, 1b
2:  str     w4, [x3]
    mov     x0, #0
    ret

// long uaccess_probe_ptimer(void): may EL0 use the physical generic timer, and read the counter that it compares with?
    .global uaccess_probe_ptimer
    .type uaccess_probe_ptimer, %function
uaccess_probe_ptimer:
    mrs     x0, cntp_ctl_el0
    mrs     x0, cntpct_el0
    mov     x0, #0
    ret

// long uaccess_probe_vcounter(void): may EL0 read the virtual counter?
    .global uaccess_probe_vcounter
    .type uaccess_probe_vcounter, %function
uaccess_probe_vcounter:
    mrs     x0, cntvct_el0
    mov     x0, #0
    ret

    .global uaccess_end
uaccess_end:
    .global uaccess_fault
    .type uaccess_fault, %function
uaccess_fault:
    mov     x0, #-14
    ret
