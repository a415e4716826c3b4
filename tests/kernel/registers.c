/* SPDX-License-Identifier: BSD-2-Clause */
/* TPIDR_EL0 and q0..q31 are the thread's own over every kind of switch. A partner thread does with the main thread what
 * each round asks for; both check their registers after every return from the kernel. */
#include "task.h"

#define ROUNDS 1000
#define MAIN_SEED    0x1000
#define PARTNER_SEED 0x2000

/* what the main thread asks of its partner, in the first word of a message */
enum { ECHO, PING_PONG, SPIN, FAULT };

static struct thread near, far;         /* partners in the main thread's address space, and in one of their own */
static volatile word partner_bad, spins, stop;
static seL4_CPtr endpoint, to_partner, to_main, fault_endpoint;

/* 1 if one of the calling thread's registers has changed */
static word changed(const struct tls *tls, word seed)
{
    return tpidr() != (word)tls || fpu_differs(seed) != 0;
}

static void partner(word tls_address)
{
    const struct tls *tls = (const struct tls *)tls_address;

    partner_bad += fpu_any() != 0;      /* a new thread's FPU registers are zero */
    fpu_fill(PARTNER_SEED);
    seL4_MessageInfo_t info = seL4_Recv(endpoint, seL4_Null);
    for (;;) {
        word answer = 0, length = seL4_MessageInfo_get_length(info), called = 0;
        partner_bad += changed(tls, PARTNER_SEED);
        switch (seL4_GetMR(0)) {
        case ECHO:
            for (word i = 1; i < length; i++) {
                answer += seL4_GetMR((int)i);
            }
            called = 1;
            break;
        case PING_PONG:
            for (int i = 0; i < ROUNDS; i++) {
                seL4_Wait(to_partner, seL4_Null);
                partner_bad += changed(tls, PARTNER_SEED);
                seL4_Signal(to_main);
                partner_bad += changed(tls, PARTNER_SEED);
            }
            break;
        case SPIN:
            seL4_Signal(to_main);
            while (!stop) {
                partner_bad += changed(tls, PARTNER_SEED);
                spins++;
            }
            break;
        case FAULT:
            (void)*(volatile word *)seL4_GetMR(1);
            partner_bad += changed(tls, PARTNER_SEED);
            break;
        }
        if (called) {
            seL4_SetMR(0, answer);
            info = seL4_ReplyRecv(endpoint, seL4_MessageInfo_new(0, 0, 0, 1), seL4_Null);
        } else {
            info = seL4_Recv(endpoint, seL4_Null);
        }
    }
}

static word main_bad;

/* Ask for something, and get the answer. Words beyond the fourth leave the kernel's fast path. */
static word ask(word what, word argument, word words)
{
    seL4_SetMR(0, what);
    for (word i = 1; i < words; i++) {
        seL4_SetMR((int)i, argument);
    }
    seL4_Call(endpoint, seL4_MessageInfo_new(0, 0, 0, words));
    main_bad += changed(&main_tls, MAIN_SEED);
    return seL4_GetMR(0);
}

/* Ask for something, and go on while the partner does it. */
static void ask_only(word what, word argument)
{
    seL4_SetMR(0, what);
    seL4_SetMR(1, argument);
    seL4_Send(endpoint, seL4_MessageInfo_new(0, 0, 0, 2));
    main_bad += changed(&main_tls, MAIN_SEED);
}

static void done(const char *what, int ok)
{
    check(what, ok && main_bad == 0 && partner_bad == 0);
    main_bad = partner_bad = 0;
}

static void calls(const char *what, word words)
{
    word wrong = 0;

    for (word i = 0; i < ROUNDS; i++) {
        wrong += ask(ECHO, i, words) != i * (words - 1);
    }
    done(what, wrong == 0);
}

static void ping_pong(const char *what)
{
    ask_only(PING_PONG, 0);
    for (int i = 0; i < ROUNDS; i++) {
        seL4_Signal(to_partner);
        main_bad += changed(&main_tls, MAIN_SEED);
        seL4_Wait(to_main, seL4_Null);
        main_bad += changed(&main_tls, MAIN_SEED);
    }
    done(what, 1);
}

/* Both compute until each has been interrupted often; a switch shows as a change of the other's counter. */
static void preemption(const char *what)
{
    word switches = 0, seen = 0, limit = ticks() + 20 * ticks_per_second();

    spins = stop = 0;
    ask_only(SPIN, 0);
    seL4_Wait(to_main, seL4_Null);
    while (switches < 50 && ticks() < limit) {
        main_bad += changed(&main_tls, MAIN_SEED);
        if (spins != seen) {
            seen = spins;
            switches++;
        }
    }
    stop = 1;
    ask(ECHO, 0, 1);
    done(what, switches == 50);
}

/* The partner reads a page that is not there; the main thread maps it and lets the partner go on. */
static void fault(const char *what, seL4_CPtr vspace, word address)
{
    seL4_CPtr frame = make(seL4_ARM_SmallPageObject, 0);

    ask_only(FAULT, address);
    seL4_MessageInfo_t info = seL4_Recv(fault_endpoint, seL4_Null);
    main_bad += changed(&main_tls, MAIN_SEED);
    word ok = seL4_MessageInfo_get_label(info) == seL4_Fault_VMFault && seL4_GetMR(seL4_VMFault_Addr) == address;
    map(frame, vspace, address);
    main_bad += changed(&main_tls, MAIN_SEED);
    /* the invocation above did not use up the reply: a fault's handler keeps it until it replies */
    seL4_Reply(seL4_MessageInfo_new(0, 0, 0, 0));
    main_bad += changed(&main_tls, MAIN_SEED);
    ask(ECHO, 0, 1);
    done(what, (int)ok);
}

/* A second address space with the same image at the same place, and with a page table at WINDOW. */
static seL4_CPtr second_vspace(void)
{
    seL4_CPtr vspace = make(seL4_ARM_PageGlobalDirectoryObject, 0);
    word address = (word)image_start, error;

    error = seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace);
    error |= seL4_ARM_PageUpperDirectory_Map(make(seL4_ARM_PageUpperDirectoryObject, 0), vspace, address,
                                             seL4_ARM_Default_VMAttributes);
    error |= seL4_ARM_PageDirectory_Map(make(seL4_ARM_PageDirectoryObject, 0), vspace, address,
                                        seL4_ARM_Default_VMAttributes);
    error |= seL4_ARM_PageTable_Map(make(seL4_ARM_PageTableObject, 0), vspace, address, seL4_ARM_Default_VMAttributes);
    error |= seL4_ARM_PageTable_Map(make(seL4_ARM_PageTableObject, 0), vspace, WINDOW, seL4_ARM_Default_VMAttributes);
    must("objects of a second address space", error == seL4_NoError);
    for (seL4_CPtr frame = bootinfo->userImageFrames.start; frame < bootinfo->userImageFrames.end; frame++) {
        map(copy(frame), vspace, address);
        address += 1ul << seL4_PageBits;
    }
    return vspace;
}

static void with(struct thread *thread, seL4_CPtr vspace, word fault_address)
{
    print(thread == &near ? "-- partner in the same address space\n" : "-- partner in another address space\n");
    endpoint = make(seL4_EndpointObject, 0);
    fault_endpoint = make(seL4_EndpointObject, 0);
    to_partner = make(seL4_NotificationObject, 0);
    to_main = make(seL4_NotificationObject, 0);
    thread->tls.fresh_tpidr = 1;
    start(thread, vspace, partner, (word)&thread->tls, fault_endpoint);
    ask(ECHO, 0, 1);
    done("a new thread has TPIDR_EL0 = 0 and q0-q31 = 0", thread->tls.fresh_tpidr == 0);
    calls("Call and ReplyRecv, fast path", 4);
    calls("Call and ReplyRecv, slow path", 20);
    ping_pong("Signal and Wait");
    preemption("preemption by the timer");
    fault("a fault and its handler's reply", vspace, fault_address);
    must("TCB_Suspend", seL4_TCB_Suspend(thread->tcb) == seL4_NoError);
}

void test_registers(void)
{
    fpu_fill(MAIN_SEED);
    with(&near, seL4_CapInitThreadVSpace, WINDOW + 0x20000);
    with(&far, second_vspace(), WINDOW + 0x20000);
}
