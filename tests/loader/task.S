/* A root task for probe.S: a page of code, sixteen bytes of data, zeroed memory. BIG adds as many bytes of data. */
    .section .text, "ax"
    .globl  _start
_start:
    nop
    b       .
    .section .data, "aw"
    .quad   -1, -1
    .if     BIG
    .fill   BIG / 8, 8, -1
    .endif
    .section .bss, "aw", %nobits
    .skip   0x5001
