/* What a program that makes seL4 calls of its own needs beside libsel4: memory, slots and addresses, which muslcsys owns.
 *
 * Every function may be called from any thread. Those that return long give a value that is not negative, or a
 * negated error number of errno.h. Capability pointers are valid in every thread of the program. */
#ifndef SEL4STD_H
#define SEL4STD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's BootInfo (seL4_BootInfo of sel4/bootinfo_types.h), read only. Its untypeds and empty slots are taken. */
const void *sel4std_bootinfo(void);

/* A RAM untyped of at least 2^size_bits bytes, 4 <= size_bits <= 21: of 4 KiB up to size_bits 12, else of 2 MiB. Its memory is
 * zero when it is first retyped. EINVAL, ENOMEM. */
long sel4std_untyped_alloc(unsigned size_bits);
/* Revokes the untyped, so everything made from it is gone, and takes it back. EINVAL if it was not given. */
long sel4std_untyped_free(unsigned long untyped);

/* count empty slots in a row, a power of two up to 64; the first one's capability pointer. EINVAL, ENOSPC. */
long sel4std_slots_alloc(unsigned count);
/* Deletes what is in the slots and takes them back. EINVAL if they were not given. */
long sel4std_slots_free(unsigned long first, unsigned count);

/* How invocations name a slot. CNode invocations take (root, index, depth); seL4_Untyped_Retype takes root, node_index,
 * node_depth and node_offset. */
struct sel4std_path {
    unsigned long root, index, depth;
    unsigned long node_index, node_depth, node_offset;
};
/* EFAULT. */
long sel4std_slot_path(unsigned long slot, struct sel4std_path *path);

/* Addresses that nobody else uses, with page tables in place, for frames that the program maps itself: the start of a range of
 * bytes rounded up to 2 MiB. EINVAL, ENOMEM. */
long sel4std_vspace_reserve(size_t bytes);
/* Takes a range back; its frames must be unmapped. EINVAL. */
long sel4std_vspace_release(void *start, size_t bytes);

/* What is in use; pages are of 4 KiB. */
struct sel4std_counts {
    size_t free_pages;       /* not in use, kept ready or not */
    size_t promised_pages;   /* that the program may touch, touched or not */
    size_t promisable_pages; /* that can be promised in all */
    size_t areas;            /* of the address space */
    size_t threads;          /* alive */
    size_t record_bytes;     /* of muslcsys's own records */
};
/* EFAULT. */
long sel4std_counts(struct sel4std_counts *counts);

#ifdef __cplusplus
}
#endif

#endif
