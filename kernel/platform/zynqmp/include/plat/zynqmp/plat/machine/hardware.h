/* SPDX-License-Identifier: GPL-2.0-only */
/* Zynq UltraScale+ MPSoC: memory layout. */
#ifndef PLAT_MACHINE_HARDWARE_H
#define PLAT_MACHINE_HARDWARE_H

#include <config.h>
#include <basic_types.h>
#include <arch/linker.h>
#include <plat/machine.h>
#include <plat/machine/devices.h>

/* CNTFRQ: 62.5 MHz on QEMU, 100 MHz on the board. A debug kernel halts when CNTFRQ_EL0 is neither 0 nor this. */
#define TIMER_CLOCK_HZ CONFIG_TIMER_FREQUENCY

/* The kernel's window of physical memory. src/plat/zynqmp/linker.lds must agree. */
#define physBase   0x00000000
#define kernelBase 0xffffff8000000000

/* highest virtual address that user level may map: 48 bits */
#define USER_TOP 0x0000ffffffffffff

static const kernel_frame_t BOOT_RODATA kernel_devices[] = {
    { GIC_CONTROLLER_PADDR,  GIC_PL390_CONTROLLER_PPTR,  true },
    { GIC_DISTRIBUTOR_PADDR, GIC_PL390_DISTRIBUTOR_PPTR, true },
#ifdef CONFIG_PRINTING
    { UART0_PADDR,           UART_PPTR,                  true },
#endif
};

/* avail_p_regs (RAM) and dev_p_regs (devices for user level), from kernel/platform/zynqmp.json */
#include <plat/machine/regions_gen.h>

static inline void
handleReservedIRQ(irq_t irq)
{
    (void)irq;
}

#endif
