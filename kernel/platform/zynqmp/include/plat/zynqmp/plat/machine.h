/* SPDX-License-Identifier: GPL-2.0-only */
/* Zynq UltraScale+ MPSoC: the interrupts of its GIC-400 that the kernel knows by name. */
#ifndef PLAT_MACHINE_H
#define PLAT_MACHINE_H

#define N_INTERRUPTS 192        /* 32 private and 160 shared ones, as QEMU models the board */

enum IRQConstants {
    INTERRUPT_VGIC_MAINTENANCE = 25,
    INTERRUPT_HYP_TIMER        = 26,
    INTERRUPT_VIRT_TIMER       = 27,
    INTERRUPT_SEC_TIMER        = 29,
    INTERRUPT_PHYS_TIMER       = 30,
    maxIRQ                     = N_INTERRUPTS - 1
};

#define IRQ_CNODE_BITS   13     /* 256 slots of 32 bytes: the next power of two above maxIRQ */
#define KERNEL_TIMER_IRQ INTERRUPT_VIRT_TIMER   /* leaves the physical timer, PPI 30, to user level */

#include <arch/machine/gic_pl390.h>

#endif
