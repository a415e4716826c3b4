/* A root task that another C runtime has started, as seL4's sel4runtime does, takes muslc, its threads and Rust's std into
 * use. docs/c-systems.md tells how such a task is linked, and what it cannot have. */
#ifndef SEL4STD_HOSTED_H
#define SEL4STD_HOSTED_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the task over: call it once, from the initial thread, before any other thread runs muslc's code, and before the first
 * call of Rust. Until then each of muslc's system calls answers ENOSYS, unless somebody else stands behind __sysinfo.
 *
 * bootinfo is the kernel's (seL4_BootInfo, as sel4runtime_bootinfo() gives it). From here on these are muslcsys's:
 *   - every untyped and every empty slot that it lists; ask for yours with sel4std.h
 *   - the calling thread: its CSpace root gains levels (capability pointers stay valid), its faults go to muslcsys, its
 *     priority is 100, its thread-local storage moves (variables keep their values), and it is a thread of muslc's
 *   - addresses from 16 GiB up to 512 GiB, and the access rights of the image's pages
 *   - the console's UART and a timer, with their interrupts
 *   - __sysinfo, so all of muslc's calls; and the end: when main returns to sel4runtime, muslc's exit() is called
 *
 * 0, or a negated error number of errno.h; nothing has changed then.
 *   EINVAL  bootinfo is null or misaligned
 *   EBUSY   it was called before, or muslcsys started this task itself
 *   ENOMEM  there is less than 32 MiB of memory in untypeds of at least 2 MiB, or none of 1 or 2 MiB
 *   ENOSPC  there are fewer than 256 empty slots */
long sel4_std_init(const void *bootinfo);

/* What the C system keeps of what BootInfo lists, because it is in use already or will be. */
struct sel4_std_kept {
    unsigned long first_slot, end_slot; /* the empty slots that are left to muslcsys; both 0: all */
    const unsigned long *untypeds;      /* capability pointers of the untypeds kept, of memory or devices */
    size_t untyped_count;
    int console;                        /* not 0: UART and interrupt are kept; what is written to stdout is dropped */
};

/* The same beside a C system that keeps some; kept is read during the call only, null for nothing. Also
 *   EINVAL  a slot or untyped is not among BootInfo's */
long sel4_std_init_beside(const void *bootinfo, const struct sel4_std_kept *kept);

#ifdef __cplusplus
}
#endif

#endif
