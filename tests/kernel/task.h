/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's tests share: printing, making objects, starting threads. No C library stands behind it. */
#pragma once
#include <sel4/sel4.h>

typedef seL4_Word word;

/* What TPIDR_EL0 points to, laid out as the linker expects it: two words, then the thread-local variables. The first
 * word is unused; libsel4's __sel4_ipc_buffer is the only variable. */
struct tls {
    word unused, fresh_tpidr;
    seL4_IPCBuffer *ipc_buffer;
};

struct thread {
    seL4_CPtr tcb;
    struct tls tls;
    word stack[1024] __attribute__((aligned(16)));
};

extern seL4_BootInfo *bootinfo;
extern struct tls main_tls;
extern char image_start[];

/* start.S */
void thread_begin(void);
word semihosting(word operation, void *parameters);
void fpu_fill(word seed);
word fpu_differs(word seed);
word fpu_any(void);

void print(const char *text);
void print_number(const char *before, word number, const char *after);
/* Counts a failure if not ok. */
void check(const char *what, int ok);
/* A step without which the test cannot go on: ends the run if not ok. */
void must(const char *what, int ok);

/* An unused RAM untyped of BootInfo with at least the given size, the smallest there is; not given out twice. */
seL4_CPtr untyped(word bits);
/* A new object, from that untyped or from the tests' common one. bits: of an untyped, 0 for what has a fixed size. */
seL4_CPtr make_from(seL4_CPtr from, word type, word bits);
seL4_CPtr make(word type, word bits);
seL4_CPtr copy(seL4_CPtr cap);
seL4_Error destroy(seL4_CPtr cap);

/* Virtual memory: 2 MiB of the root task's own from WINDOW on, with its page table in place. */
#define WINDOW 0x10000000ul
void map(seL4_CPtr frame, seL4_CPtr vspace, word address);

/* A thread of the root task's priority that runs function(argument). */
void start(struct thread *thread, seL4_CPtr vspace, void (*function)(word), word argument, seL4_CPtr fault_endpoint);

static inline word tpidr(void)
{
    word value;
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(value));
    return value;
}

/* ticks of the virtual counter; ticks_per_second() of them make a second */
static inline word ticks(void)
{
    word value;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value) : : "memory");
    return value;
}

static inline word ticks_per_second(void)
{
    word value;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/* the tests, a file each */
void test_memory(void);
void test_registers(void);
void test_fpu_of_deleted_thread(void);
void test_suspended_thread(void);
