/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that is deleted while its registers are in the FPU: the kernel must not save them later, into memory that is
 * no longer a TCB. Fails without kernel/patches/0004-deleted-thread-gives-up-the-fpu.patch. */
#include "task.h"

#define SEED 0x7777

static struct thread dying;
static seL4_CPtr filled, never;

static void fill(word seed)
{
    fpu_fill(seed);
    seL4_Signal(filled);
    for (;;) {
        seL4_Wait(never, seL4_Null);
    }
}

void test_fpu_of_deleted_thread(void)
{
    volatile word *page = (word *)(WINDOW + 0x30000);
    seL4_CPtr memory = make(seL4_UntypedObject, seL4_PageBits);
    word bad = 0;

    filled = make(seL4_NotificationObject, 0);
    never = make(seL4_NotificationObject, 0);
    dying.tcb = make_from(memory, seL4_TCBObject, 0);
    start(&dying, seL4_CapInitThreadVSpace, fill, SEED, 0);
    seL4_Wait(filled, seL4_Null);
    must("CNode_Delete of a thread", destroy(dying.tcb) == seL4_NoError);

    /* The TCB's memory becomes a page, all zero. Then the main thread takes over the FPU. */
    map(make_from(memory, seL4_ARM_SmallPageObject, 0), seL4_CapInitThreadVSpace, (word)page);
    fpu_fill(0);
    for (word i = 0; i < (1ul << seL4_PageBits) / sizeof(word); i++) {
        bad += page[i] != 0;
    }
    print_number("words of the dead thread's FPU registers in the reused memory: ", bad, "\n");
    check("a deleted thread gives up the FPU", bad == 0);
}
