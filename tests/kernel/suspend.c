/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread is suspended when a call of its is complete, but it has not run since; resumed, it goes on behind the call. */
#include "task.h"

static struct thread waiter;
static seL4_CPtr bell, answer;

static void wait_once(word unused)
{
    seL4_Wait(bell, seL4_Null);
    seL4_Send(answer, seL4_MessageInfo_new(0, 0, 0, 0));
    seL4_Wait(bell, seL4_Null);
}

void test_suspended_thread(void)
{
    bell = make(seL4_NotificationObject, 0);
    answer = make(seL4_EndpointObject, 0);
    /* its faults come the same way as its answer: with a label */
    start(&waiter, seL4_CapInitThreadVSpace, wait_once, 0, answer);
    seL4_Yield();                       /* it waits now */
    seL4_Signal(bell);                  /* its wait is complete; of the same priority, it does not run before we wait */
    must("TCB_Suspend", seL4_TCB_Suspend(waiter.tcb) == seL4_NoError);
    must("TCB_Resume", seL4_TCB_Resume(waiter.tcb) == seL4_NoError);
    check("a suspended thread goes on behind its call",
          seL4_MessageInfo_get_label(seL4_Recv(answer, seL4_Null)) == 0);
    must("TCB_Suspend", seL4_TCB_Suspend(waiter.tcb) == seL4_NoError);
}
