//! Sending a signal: it becomes pending, and a thread that does not block it is brought to deliver it.

use super::context::Context;
use super::{Disposition, UNBLOCKABLE, bit};
use crate::arch;
use crate::errno::Errno;
use crate::sel4;
use crate::thread::sched::{SCHED, Sched};
use crate::thread::{Thread, exit, standstill};
use core::sync::atomic::Ordering;

/// Whom a signal is for.
#[derive(Clone, Copy)]
pub enum Target {
    /// The program: any thread that does not block it.
    Program,
    /// The thread with this id.
    Thread(u32),
}

/// Sends a signal; 0 only asks whether the target exists. Errors: ESRCH.
pub fn send(target: Target, signal: u32) -> Result<(), Errno> {
    let mut sched = SCHED.lock();
    let index = match target {
        Target::Thread(tid) => Some(sched.by_tid(tid).ok_or(Errno::ESRCH)?),
        Target::Program => {
            let open = |index: &u32| {
                let signals = &sched.places[*index as usize].signals;
                signals.mask & bit(signal.max(1)) == 0 || signals.awaited & bit(signal.max(1)) != 0
            };
            sched.living_places().find(open)
        }
    };
    if signal == 0 {
        return Ok(());
    }
    let set = bit(signal);
    let disposition = sched.program_signals.actions[signal as usize - 1].disposition(signal);
    let blocked = index.is_none_or(|index| {
        let signals = &sched.places[index as usize].signals;
        signals.mask & set & !UNBLOCKABLE != 0 && signals.awaited & set == 0
    });
    let awaited = index.is_some_and(|index| sched.places[index as usize].signals.awaited & set != 0);
    match disposition {
        Disposition::End if !blocked && !awaited => {
            drop(sched);
            exit::end(128 + signal as u8);
        }
        Disposition::Ignore if !blocked && !awaited => return Ok(()),
        _ => {}
    }
    match (target, index) {
        (Target::Thread(_), Some(index)) => sched.places[index as usize].signals.pending |= set,
        _ => sched.program_signals.pending |= set,
    }
    if let Some(index) = index
        && !blocked
    {
        notice(&mut sched, index);
    }
    Ok(())
}

/// Finds threads for the signals of the program that are pending: the one that they were offered to is ending.
pub fn offer_again(sched: &mut Sched) {
    let pending = sched.program_signals.pending;
    let takes = |index: &u32| {
        let signals = &sched.places[*index as usize].signals;
        pending & (!signals.mask | signals.awaited) != 0
    };
    let taker = if pending == 0 { None } else { sched.living_places().find(takes) };
    if let Some(index) = taker {
        notice(sched, index);
    }
}

/// Brings a thread for which a signal is pending to deliver it: out of its wait, or out of the program's code.
fn notice(sched: &mut Sched, index: u32) {
    let Some(thread) = sched.places[index as usize].thread else { return };
    thread.signalled.store(1, Ordering::Release);
    if !sched.interrupt(index) {
        stop_if_running(thread);
    }
}

/// The thread that runs this, by the IPC buffer that it has.
fn is_caller(thread: &Thread) -> bool {
    let record = core::ptr::from_ref(thread) as usize;
    // SAFETY: reads the running thread's own variable.
    let buffer = unsafe { libsel4_sys::seL4_GetIPCBuffer() } as usize;
    buffer + crate::thread::RECORD_OFFSET == record
}

/// Stops a thread and, if it runs the program's code, sends it to deliver its signals. Inside a call it will look itself.
fn stop_if_running(thread: &'static Thread) {
    if is_caller(thread) {
        return;
    }
    let Some(stopping) = standstill::stop(thread) else { return };
    let inside = |sp: usize, pc: usize| thread.is_on_kernel_stack(sp) && !arch::leaving().contains(&pc);
    // On one core, one look without stopping it: a thread that waits for a lock, or was just woken, stays as it is. Of one that runs on
    // another core, what can be read is old.
    if !standstill::is_parallel() {
        match sel4::tcb_read_registers(thread.tcb, false) {
            Ok(registers) if inside(registers.sp as usize, registers.pc as usize) => return,
            Ok(_) => {}
            Err(_) => return,
        }
    }
    stopping.suspends();
    let Ok(mut registers) = sel4::tcb_read_registers(thread.tcb, true) else { return };
    let (pc, sp) = (registers.pc as usize, registers.sp as usize);
    if !thread.is_on_kernel_stack(sp) {
        let mut registers = divert(thread, Context::from_registers(&registers));
        let _ = sel4::tcb_write_registers(thread.tcb, &mut registers, true);
        return;
    }
    if arch::leaving().contains(&pc) {
        registers.pc = *arch::leaving().start() as _;
        let _ = sel4::tcb_write_registers(thread.tcb, &mut registers, true);
        return;
    }
    let _ = sel4::tcb_resume(thread.tcb);
}

/// Puts the context of a stopped thread onto its kernel stack, which it does not use, and gives the registers with which it goes on to
/// deliver its signals.
pub fn divert(thread: &Thread, context: Context) -> sel4::Registers {
    let at = thread.kernel_stack.get() - size_of::<Context>();
    // SAFETY: the thread is stopped outside of any call, so its kernel stack is unused; it is mapped and aligned.
    unsafe { (at as *mut Context).write(context) };
    let mut registers = sel4::empty_registers();
    registers.pc = arch::interrupted() as _;
    registers.sp = at as _;
    registers
}
