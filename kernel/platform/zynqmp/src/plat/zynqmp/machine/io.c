/* SPDX-License-Identifier: GPL-2.0-only */
/* Zynq UltraScale+ MPSoC: debug output on UART 0 (Cadence), polled. The boot loader has enabled it. */
#include <config.h>
#include <stdint.h>
#include <util.h>
#include <machine/io.h>
#include <plat/machine/devices.h>

/* UG1087, module UART: Channel_sts_reg0 and its bit TFUL, TX_RX_FIFO0 */
#define UART_STATUS  0x2c
#define UART_TX_FULL BIT(4)
#define UART_FIFO    0x30

#define UART_REG(offset) (*(volatile uint32_t *)(UART_PPTR + (offset)))

#if defined(CONFIG_DEBUG_BUILD) || defined(CONFIG_PRINTING)
void
putDebugChar(unsigned char c)
{
    while (UART_REG(UART_STATUS) & UART_TX_FULL) {
    }
    UART_REG(UART_FIFO) = c;
}
#endif

#ifdef CONFIG_DEBUG_BUILD
/* Input belongs to user level. */
unsigned char
getDebugChar(void)
{
    return 0;
}
#endif
