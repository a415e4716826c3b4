/* SPDX-License-Identifier: BSD-2-Clause */
#include "task.h"

/* Arm semihosting, version 2: leave with an exit code */
#define SYS_EXIT_EXTENDED              0x20
#define ADP_STOPPED_APPLICATION_EXIT   0x20026

#define CSPACE_DEPTH seL4_WordBits      /* every slot is addressed in the root CNode, with all its bits */

__thread seL4_IPCBuffer *__sel4_ipc_buffer;
seL4_BootInfo *bootinfo;
struct tls main_tls;

static int failures;
static seL4_CPtr next_slot, common;
static char taken[CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS];
static word next_ipc_buffer = WINDOW + 0x100000;

/* ---- printing: the debug kernel's system call, or UART 0 itself on a release kernel, which prints nothing ---- */

#ifndef CONFIG_DEBUG_BUILD
#define UART_ADDRESS (WINDOW + 0x1ff000)
#define UART_PADDR   0xff000000ul
#define UART(offset) (*(volatile seL4_Uint32 *)(UART_ADDRESS + (offset)))

static void put(char c)
{
    while (UART(0x2c) & 1 << 4) {       /* status: transmitter full */
    }
    UART(0x30) = (seL4_Uint8)c;
}

static void uart_init(void)
{
    for (word i = 0; i < bootinfo->untyped.end - bootinfo->untyped.start; i++) {
        if (bootinfo->untypedList[i].isDevice && bootinfo->untypedList[i].paddr == UART_PADDR) {
            seL4_CPtr frame = make_from(bootinfo->untyped.start + i, seL4_ARM_SmallPageObject, 0);
            seL4_ARM_Page_Map(frame, seL4_CapInitThreadVSpace, UART_ADDRESS, seL4_ReadWrite, seL4_ARM_ExecuteNever);
        }
    }
}
#else
static void put(char c)
{
    seL4_DebugPutChar(c);
}

static void uart_init(void)
{
}
#endif

void print(const char *text)
{
    for (; *text; text++) {
        put(*text);
    }
}

void print_number(const char *before, word number, const char *after)
{
    char digits[24], *p = digits + sizeof digits;

    *--p = 0;
    do {
        *--p = '0' + number % 10;
        number /= 10;
    } while (number);
    print(before);
    print(p);
    print(after);
}

static void leave(void)
{
    word block[2] = { ADP_STOPPED_APPLICATION_EXIT, failures > 0 };

    print_number("kernel tests: ", failures, " failed\n");
    semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
        seL4_Yield();
    }
}

void check(const char *what, int ok)
{
    print(ok ? "PASS " : "FAIL ");
    print(what);
    print("\n");
    failures += !ok;
}

void must(const char *what, int ok)
{
    if (!ok) {
        check(what, 0);
        leave();
    }
}

/* ---- objects ---- */

seL4_CPtr untyped(word bits)
{
    word best = 0, best_bits = seL4_WordBits;

    for (word i = 0; i < bootinfo->untyped.end - bootinfo->untyped.start; i++) {
        const seL4_UntypedDesc *u = &bootinfo->untypedList[i];
        if (!u->isDevice && !taken[i] && u->sizeBits >= bits && u->sizeBits < best_bits) {
            best = i;
            best_bits = u->sizeBits;
        }
    }
    must("an untyped that is large enough", best_bits < seL4_WordBits);
    taken[best] = 1;
    return bootinfo->untyped.start + best;
}

seL4_CPtr make_from(seL4_CPtr from, word type, word bits)
{
    seL4_CPtr slot = next_slot++;

    must("Untyped_Retype",
         seL4_Untyped_Retype(from, type, bits, seL4_CapInitThreadCNode, 0, 0, slot, 1) == seL4_NoError);
    return slot;
}

seL4_CPtr make(word type, word bits)
{
    return make_from(common, type, bits);
}

seL4_CPtr copy(seL4_CPtr cap)
{
    seL4_CPtr slot = next_slot++;

    must("CNode_Copy", seL4_CNode_Copy(seL4_CapInitThreadCNode, slot, CSPACE_DEPTH, seL4_CapInitThreadCNode, cap,
                                       CSPACE_DEPTH, seL4_AllRights) == seL4_NoError);
    return slot;
}

seL4_Error destroy(seL4_CPtr cap)
{
    return seL4_CNode_Delete(seL4_CapInitThreadCNode, cap, CSPACE_DEPTH);
}

void map(seL4_CPtr frame, seL4_CPtr vspace, word address)
{
    must("Page_Map", seL4_ARM_Page_Map(frame, vspace, address, seL4_ReadWrite, seL4_ARM_Default_VMAttributes)
                     == seL4_NoError);
}

void start(struct thread *thread, seL4_CPtr vspace, void (*function)(word), word argument, seL4_CPtr fault_endpoint)
{
    seL4_CPtr buffer = make(seL4_ARM_SmallPageObject, 0);
    word address = next_ipc_buffer;
    seL4_UserContext context = {
        .pc = (word)thread_begin,
        .sp = (word)(thread->stack + sizeof thread->stack / sizeof thread->stack[0]),
        .x0 = (word)function,
        .x1 = argument,
        .x2 = (word)&thread->tls,
    };

    next_ipc_buffer += 1ul << seL4_PageBits;
    map(buffer, vspace, address);
    thread->tls.ipc_buffer = (seL4_IPCBuffer *)address;
    if (!thread->tcb) {
        thread->tcb = make(seL4_TCBObject, 0);
    }
    seL4_PrioProps_t priority = seL4_PrioProps_new(seL4_MaxPrio, seL4_MaxPrio);
    must("TCB_Configure", seL4_TCB_Configure(thread->tcb, fault_endpoint, priority, seL4_CapInitThreadCNode,
                                             seL4_NilData, vspace, seL4_NilData, address, buffer) == seL4_NoError);
    /* pc, sp, spsr, x0, x1, x2 */
    must("TCB_WriteRegisters", seL4_TCB_WriteRegisters(thread->tcb, 1, 0, 6, &context) == seL4_NoError);
}

void task_main(seL4_BootInfo *b)
{
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(&main_tls) : "memory");
    seL4_SetIPCBuffer(b->ipcBuffer);
    bootinfo = b;
    next_slot = b->empty.start;
    common = untyped(19);
    must("PageTable_Map", seL4_ARM_PageTable_Map(make(seL4_ARM_PageTableObject, 0), seL4_CapInitThreadVSpace, WINDOW,
                                                 seL4_ARM_Default_VMAttributes) == seL4_NoError);
    uart_init();
    test_memory();
    test_registers();
    test_fpu_of_deleted_thread();
    test_suspended_thread();
    leave();
}
