/* SPDX-License-Identifier: BSD-2-Clause */
/* BootInfo gives user level all of the RAM, in pieces that are zeroed in reasonable time, and they are zero. */
#include "task.h"

/* What the kernel keeps: its image (2.2 MiB, most of it page tables), the root CNode (2 MiB), a few small objects. */
#define KERNEL_KEEPS (5ul << 20)

static void all_of_ram(void)
{
    word count = bootinfo->untyped.end - bootinfo->untyped.start;
    word image = (bootinfo->userImageFrames.end - bootinfo->userImageFrames.start) << seL4_PageBits;
    word ram = 0, largest = 0, pieces = 0, overlaps = 0;

    for (word i = 0; i < count; i++) {
        const seL4_UntypedDesc *u = &bootinfo->untypedList[i];
        if (u->isDevice) {
            continue;
        }
        pieces++;
        ram += 1ul << u->sizeBits;
        largest = u->sizeBits > largest ? u->sizeBits : largest;
        for (word j = 0; j < i; j++) {
            const seL4_UntypedDesc *v = &bootinfo->untypedList[j];
            overlaps += u->paddr < v->paddr + (1ul << v->sizeBits) && v->paddr < u->paddr + (1ul << u->sizeBits);
        }
    }
    print_number("BootInfo: ", count, " untypeds, of them ");
    print_number("", pieces, " RAM with ");
    print_number("", ram >> 10, " KiB, the largest of 2^");
    print_number("", largest, "\n");
    print_number("kept by the kernel: ", (RAM_BYTES - ram - image) >> 10, " KiB\n");
    check("BootInfo lists all RAM of the platform",
          ram + image <= RAM_BYTES && RAM_BYTES - ram - image <= KERNEL_KEEPS);
    check("BootInfo has room for every untyped", count < CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS);
    check("no two untypeds overlap", overlaps == 0);
    check("no untyped is larger than libsel4 says", largest <= seL4_MaxUntypedBits);
}

static void first_use(void)
{
    word largest = 0;

    for (word i = 0; i < bootinfo->untyped.end - bootinfo->untyped.start; i++) {
        if (!bootinfo->untypedList[i].isDevice && bootinfo->untypedList[i].sizeBits > largest) {
            largest = bootinfo->untypedList[i].sizeBits;
        }
    }
    seL4_CPtr from = untyped(largest);
    word before = ticks();
    make_from(from, seL4_ARM_SmallPageObject, 0);
    word took = ticks() - before;
    print_number("first object of an untyped of 2^", largest, "");
    print_number(" bytes: ", took * 1000 / ticks_per_second(), " ms\n");
}

static void given_back_is_zero(void)
{
    seL4_CPtr from = make(seL4_UntypedObject, seL4_PageBits + 2);
    word bad = 0;

    for (int round = 0; round < 3; round++) {
        seL4_CPtr pages[4];
        for (int i = 0; i < 4; i++) {
            volatile word *at = (word *)(WINDOW + 0x10000 + ((word)i << seL4_PageBits));
            pages[i] = make_from(from, seL4_ARM_SmallPageObject, 0);
            map(pages[i], seL4_CapInitThreadVSpace, (word)at);
            for (word w = 0; w < (1ul << seL4_PageBits) / sizeof(word); w++) {
                bad += at[w] != 0;
                at[w] = ~w;
            }
        }
        for (int i = 0; i < 4; i++) {
            must("CNode_Delete of a page", destroy(pages[i]) == seL4_NoError);
        }
    }
    check("memory that was used before is zero in a new page", bad == 0);
}

void test_memory(void)
{
    all_of_ram();
    first_use();
    given_back_is_zero();
}
