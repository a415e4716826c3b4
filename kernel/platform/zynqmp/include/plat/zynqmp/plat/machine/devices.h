/* SPDX-License-Identifier: GPL-2.0-only */
/* Zynq UltraScale+ MPSoC: the devices that the kernel itself uses. */
#ifndef PLAT_MACHINE_DEVICES_H
#define PLAT_MACHINE_DEVICES_H

/* where they are (UG1085, table 10-1) */
#define UART0_PADDR           0xff000000
#define GIC_DISTRIBUTOR_PADDR 0xf9010000
#define GIC_CONTROLLER_PADDR  0xf9020000

/* where the kernel sees them: in its device page table, which covers the last 2 MiB of addresses */
#define UART_PPTR                  0xffffffffffff0000
#define GIC_PL390_DISTRIBUTOR_PPTR 0xffffffffffff3000
#define GIC_PL390_CONTROLLER_PPTR  0xffffffffffff4000

#endif
