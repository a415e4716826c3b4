/* SPDX-License-Identifier: GPL-2.0-only */
/* Zynq UltraScale+ MPSoC: the kernel's timer and the outer cache. */
#include <config.h>
#include <types.h>
#include <arch/machine.h>
#include <mode/machine/timer.h>
#include <arch/linker.h>

void
resetTimer(void)
{
    resetGenericTimer();
}

BOOT_CODE void
initTimer(void)
{
    initGenericTimer();
}

/* The L2 of the A53 obeys the architecture's cache instructions: nothing to start, nothing to clean beside them. */

BOOT_CODE void
initL2Cache(void)
{
}

void
plat_cleanL2Range(paddr_t start, paddr_t end)
{
    (void)start;
    (void)end;
}

void
plat_invalidateL2Range(paddr_t start, paddr_t end)
{
    (void)start;
    (void)end;
}

void
plat_cleanInvalidateL2Range(paddr_t start, paddr_t end)
{
    (void)start;
    (void)end;
}

void
plat_cleanInvalidateCache(void)
{
}
