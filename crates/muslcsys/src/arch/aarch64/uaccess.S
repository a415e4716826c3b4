// Access to memory that the caller named. Any of these instructions may fault; the fault thread maps the page if it may
// be mapped, and otherwise sends the thread to uaccess_fault, which is every function's error return: none of
// them uses the stack or a callee-saved register, so the return address in x30 is all it needs.
//
// All return 0, or -EFAULT (-14).
    .section .text.muslcsys_uaccess, "ax"
    .global uaccess_begin
uaccess_begin:

// long uaccess_copy(void *to, const void *from, size_t bytes): either side may be the caller's
    .global uaccess_copy
    .type uaccess_copy, %function
uaccess_copy:
    cmp     x2, #16
    b.lo    2f
1:  ldp     x3, x4, [x1], #16
    stp     x3, x4, [x0], #16
    sub     x2, x2, #16
    cmp     x2, #16
    b.hs    1b
2:  cbz     x2, 4f
3:  ldrb    w3, [x1], #1
    strb    w3, [x0], #1
    subs    x2, x2, #1
    b.ne    3b
4:  mov     x0, #0
    ret

// long uaccess_zero(void *to, size_t bytes)
    .global uaccess_zero
    .type uaccess_zero, %function
uaccess_zero:
    cbz     x1, 2f
1:  strb    wzr, [x0], #1
    subs    x1, x1, #1
    b.ne    1b
2:  mov     x0, #0
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

// long uaccess_probe_ptimer(void): may EL0 use the physical generic timer?
    .global uaccess_probe_ptimer
    .type uaccess_probe_ptimer, %function
uaccess_probe_ptimer:
    mrs     x0, cntp_ctl_el0
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
