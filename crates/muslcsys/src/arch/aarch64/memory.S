// memcpy and memcmp as compiled code calls them. compiler_builtins has both, moving or comparing a byte at a time what is short, as
// names and records are; these take its weak definitions' place. Unaligned accesses to normal memory are allowed.
    .section .text.muslcsys_memory, "ax"

// void *memcpy(void *to, const void *from, size_t bytes)
    .global memcpy
    .type memcpy, %function
memcpy:
    mov     x3, x0
    cmp     x2, #16
    b.hs    2f
    // Two pieces that may overlap, from both ends.
    add     x4, x1, x2
    add     x5, x3, x2
    tbz     x2, #3, 1f
    ldr     x6, [x1]
    ldr     x7, [x4, #-8]
    str     x6, [x3]
    str     x7, [x5, #-8]
    ret
1:  tbz     x2, #2, 4f
    ldr     w6, [x1]
    ldr     w7, [x4, #-4]
    str     w6, [x3]
    str     w7, [x5, #-4]
    ret
4:  tbz     x2, #1, 5f
    ldrh    w6, [x1]
    ldrh    w7, [x4, #-2]
    strh    w6, [x3]
    strh    w7, [x5, #-2]
    ret
5:  cbz     x2, 6f
    ldrb    w6, [x1]
    strb    w6, [x3]
6:  ret
    // 64 bytes at a time, then 16, and the last 16 once more from the end.
2:  add     x4, x1, x2
    add     x5, x3, x2
    subs    x2, x2, #64
    b.lo    8f
7:  ldp     q0, q1, [x1], #32
    ldp     q2, q3, [x1], #32
    stp     q0, q1, [x3], #32
    stp     q2, q3, [x3], #32
    subs    x2, x2, #64
    b.hs    7b
8:  tbz     x2, #5, 9f
    ldp     q0, q1, [x1], #32
    stp     q0, q1, [x3], #32
9:  tbz     x2, #4, 10f
    ldr     q0, [x1]
    str     q0, [x3]
10: ldr     q0, [x4, #-16]
    str     q0, [x5, #-16]
    ret
    .size memcpy, . - memcpy

// int memcmp(const void *a, const void *b, size_t bytes); bcmp asks only whether it is zero
    .global memcmp
    .global bcmp
    .type memcmp, %function
    .type bcmp, %function
memcmp:
bcmp:
    subs    x2, x2, #8
    b.lo    2f
1:  ldr     x3, [x0], #8
    ldr     x4, [x1], #8
    cmp     x3, x4
    b.ne    5f
    subs    x2, x2, #8
    b.hs    1b
2:  adds    x2, x2, #8
    b.eq    4f
3:  ldrb    w3, [x0], #1
    ldrb    w4, [x1], #1
    subs    w3, w3, w4
    b.ne    6f
    subs    x2, x2, #1
    b.ne    3b
4:  mov     w0, #0
    ret
    // The first byte that differs decides: with it in front the words compare as numbers do.
5:  rev     x3, x3
    rev     x4, x4
    cmp     x3, x4
    mov     w3, #1
    cneg    w3, w3, lo
6:  mov     w0, w3
    ret
    .size memcmp, . - memcmp
