/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long after power-on does main begin? The virtual counter starts at 0 with the board. Under QEMU's -icount shift=0 a
 * nanosecond of it is one instruction (tools/measure); without, it is time of the building machine.
 */
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
    uint64_t ticks, hz;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0" : "=r"(ticks), "=r"(hz));
    printf("main after %" PRIu64 " ns\n", ticks * (1000000000 / hz));
    return 0;
}
