//! How threads and the program end.

use super::Thread;
use super::clone::{SERVICE_PRIORITY, keep_place};
use super::futex_calls::{wake, walk_robust_list};
use super::record::OWN_WORD_OFFSET;
use super::sched::SCHED;
use crate::arch;
use crate::errno::SysResult;
use crate::sel4;
use crate::signal::deliver::current;
use crate::signal::send;
use crate::uaccess;
use core::sync::atomic::Ordering;

/// exit(2): `[status]`; ends the calling thread, and the program with its last thread.
pub fn exit(thread: &Thread, [status, ..]: [usize; 6]) -> SysResult {
    leave_tls(thread);
    walk_robust_list(thread);
    let mut sched = SCHED.lock();
    let index = thread.index;
    sched.drop_tid(thread.tid());
    sched.places[index as usize].thread = None;
    let core = sched.places[index as usize].core;
    sched.cores.leave(core);
    if index == 0 {
        sched.status = status as u8;
    }
    let last = sched.living() == 0;
    let status = sched.status;
    let initial = sched.places[index as usize].unit.is_none();
    if last {
        drop(sched);
        end(status);
    }
    send::offer_again(&mut sched);
    if !initial {
        keep_place(&mut sched, index);
    }
    drop(sched);
    // From here on another thread may unmap the stack that this thread used, or join it: this is a kernel stack.
    let word = thread.clear_tid.get();
    if word != 0 && uaccess::store_u32(word, 0).is_ok() {
        let _ = wake(word, 1, u32::MAX);
    }
    let tcb = thread.tcb;
    thread.gone.store(true, Ordering::Release);
    loop {
        let _ = sel4::tcb_suspend(tcb);
    }
}

/// The private call behind `__unmapself`: `[address, length]`; unmaps the calling thread's own stack and ends it.
pub fn exit_unmap(thread: &Thread, arguments: [usize; 6]) -> SysResult {
    leave_tls(thread);
    let _ = crate::mm::calls::munmap(thread, arguments);
    exit(thread, [0; 6])
}

/// The TLS lies with the stack: it goes while this thread still makes calls of the kernel, whose stubs look for the IPC buffer in it.
fn leave_tls(thread: &Thread) {
    let buffer = thread.ipc_buffer();
    // SAFETY: the word is in the thread's own page, behind its record, and the thread is ending.
    unsafe { arch::leave_tls(buffer, buffer + OWN_WORD_OFFSET) }
    sel4::tcb_set_thread_pointer(thread.tcb, arch::thread_pointer());
}

/// exit_group(2): `[status]`; ends the program.
pub fn exit_group(_: &Thread, [status, ..]: [usize; 6]) -> SysResult {
    end(status as u8)
}

/// Stops every thread of the program, the caller too: where there is nothing that a program could go back to.
pub fn stop() -> ! {
    let me = current();
    if let Some(sched) = SCHED.try_lock() {
        let others = sched.places.iter().filter_map(|place| place.thread).filter(|&thread| !core::ptr::eq(thread, me));
        for thread in others {
            let _ = sel4::tcb_suspend(thread.tcb);
        }
        // Kept: who waits for the lock need not run any more.
        core::mem::forget(sched);
    } else {
        // A defect is being reported under the lock, or beside its holder: above the others, this thread alone runs on.
        let _ = sel4::tcb_set_priority(me.tcb, SERVICE_PRIORITY);
        loop {
            sel4::yield_now();
        }
    }
    loop {
        let _ = sel4::tcb_suspend(me.tcb);
    }
}

/// Ends the program with Linux's exit status: what it passed to exit, or 128 plus the signal that killed it.
pub fn end(status: u8) -> ! {
    crate::fs::console::drain();
    crate::platform::end(status)
}
