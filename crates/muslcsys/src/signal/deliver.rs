//! A handler's frame on the program's stack, and the way back from it.

use super::context::{Context, FRAME_BYTES, Frame, SigInfo, UCONTEXT};
use super::{Disposition, UNBLOCKABLE, bit};
use crate::arch;
use crate::errno::Errno;
use crate::thread::sched::{SCHED, Sched};
use crate::thread::{RECORD_OFFSET, Thread, exit};
use crate::uaccess;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as linux;

/// A signal for a thread to deal with now.
struct Taken {
    signal: u32,
    info: SigInfo,
    action: super::Action,
    /// The mask that returning from the handler brings back.
    old_mask: u64,
}

/// si_code of a signal that a thread sent (asm-generic/siginfo.h).
const SI_TKILL: i32 = -6;

/// The running thread.
pub fn current() -> &'static Thread {
    // SAFETY: reads the running thread's own variable, and the record behind its IPC buffer.
    unsafe { &*((libsel4_sys::seL4_GetIPCBuffer() as usize + RECORD_OFFSET) as *const Thread) }
}

/// Takes the next signal that has something done; ignored ones are forgotten on the way.
fn take(sched: &mut Sched, thread: &Thread) -> Option<Taken> {
    let Sched { places, program_signals, .. } = sched;
    let signals = &mut places[thread.index as usize].signals;
    loop {
        let (signal, info) = match thread.own_fault.take() {
            // A fault cannot wait: blocked or ignored it ends the program, as on Linux.
            Some((signal, code, address)) => {
                let action = &mut program_signals.actions[signal as usize - 1];
                if signals.mask & bit(signal) != 0 || action.disposition(signal) != Disposition::Handle {
                    action.handler = 0;
                }
                (signal, SigInfo::new(signal, code, address))
            }
            None => {
                let open = (signals.pending | program_signals.pending) & !(signals.mask & !UNBLOCKABLE);
                if open == 0 {
                    thread.signalled.store(0, Ordering::Relaxed);
                    // A sigsuspend that only ignored signals ended.
                    if let Some(mask) = signals.mask_to_restore.take() {
                        signals.mask = mask;
                    }
                    return None;
                }
                let signal = open.trailing_zeros() + 1;
                let own = signals.pending & bit(signal) != 0;
                let from = if own { &mut signals.pending } else { &mut program_signals.pending };
                *from &= !bit(signal);
                (signal, SigInfo::new(signal, if own { SI_TKILL } else { 0 }, crate::thread::sched::FIRST_TID as usize))
            }
        };
        let action = program_signals.actions[signal as usize - 1];
        if action.disposition(signal) == Disposition::Ignore {
            continue;
        }
        let old_mask = signals.mask_to_restore.take().unwrap_or(signals.mask);
        if action.disposition(signal) == Disposition::Handle {
            let during = if action.flags as u32 & linux::SA_NODEFER != 0 { 0 } else { bit(signal) };
            signals.mask |= (action.mask | during) & !UNBLOCKABLE;
            if action.flags as u32 & linux::SA_RESETHAND != 0 {
                program_signals.actions[signal as usize - 1].handler = 0;
            }
        }
        return Some(Taken { signal, info, action, old_mask });
    }
}

/// Calls that begin again after a handler with SA_RESTART (signal(7)).
fn restarts((number, arguments): (usize, [usize; 6])) -> bool {
    const READ: usize = 63;
    const WRITEV: usize = 66;
    const FUTEX: usize = 98;
    match number {
        READ..=WRITEV => true,
        FUTEX => {
            let operation = arguments[1] as u32 & !(linux::FUTEX_PRIVATE_FLAG | linux::FUTEX_CLOCK_REALTIME);
            operation == linux::FUTEX_WAIT_BITSET || arguments[3] == 0
        }
        _ => false,
    }
}

/// Called by entry.S when a call is over and the thread is marked: 1 if `context` is a handler's first now, 0 if it stays.
#[unsafe(no_mangle)]
extern "C" fn muslcsys_deliver_after_call(context: &mut Context) -> usize {
    let call = current().interrupted_call.take().filter(|_| context.x[0] as isize == Errno::EINTR.to_word());
    let result = deliver(context, call);
    if result == 0 && call.is_some_and(restarts) {
        // Only ignored signals came: nobody is told.
        restart(context, call);
        // SAFETY: the context is that of the call this thread is in, on its kernel stack.
        unsafe { arch::resume(context) }
    }
    result
}

/// Called by entry.S in a thread that was stopped in the program's code.
#[unsafe(no_mangle)]
extern "C" fn muslcsys_deliver(context: &mut Context) -> usize {
    rewind(context);
    deliver(context, None)
}

/// A thread that was stopped at the entry of a call, on its own stack, has not begun the call: it goes back to before it, at a
/// cancellation point to the branch, since muslc's handler of cancellations looks whether the call is still to come.
fn rewind(context: &mut Context) {
    let (entering, pushed) = arch::entering();
    if !entering.contains(&context.pc) {
        return;
    }
    if context.pc >= pushed {
        let Ok([x29, x30]) = uaccess::read::<[usize; 2]>(context.sp) else { return };
        (context.x[29], context.x[30]) = (x29, x30);
        context.sp += size_of::<[usize; 2]>();
    }
    context.pc = match context.x[30] == arch::cancellation_point_end() {
        true => context.x[30] - INSTRUCTION,
        false => arch::entry(),
    };
}

/// Makes a context that enters the interrupted call again: at the branch of a cancellation point, or at the entry itself.
fn restart(context: &mut Context, call: Option<(usize, [usize; 6])>) {
    let Some((number, arguments)) = call else { return };
    context.x[0] = number;
    context.x[1..7].copy_from_slice(&arguments);
    context.pc = match context.pc == arch::cancellation_point_end() {
        true => context.pc - INSTRUCTION,
        false => arch::entry(),
    };
}

/// Bytes of an instruction.
const INSTRUCTION: usize = 4;

fn deliver(context: &mut Context, call: Option<(usize, [usize; 6])>) -> usize {
    let thread = current();
    let Some(taken) = take(&mut SCHED.lock(), thread) else { return 0 };
    if taken.action.disposition(taken.signal) == Disposition::End {
        exit::end(match taken.info.code > 0 {
            true => crate::fault::report(thread, context, taken.signal, taken.info.address),
            false => 128 + taken.signal as u8,
        });
    }
    if let Some(call) = call {
        if taken.action.flags as u32 & linux::SA_RESTART != 0 && restarts(call) {
            restart(context, Some(call));
        } else if context.pc == arch::cancellation_point_end() {
            // muslc's handler of cancellations must see that the call did nothing yet.
            context.pc -= INSTRUCTION;
        }
    }
    match enter_handler(thread, context, &taken) {
        Ok(()) => 1,
        Err(_) => exit::end(crate::fault::report(thread, context, linux::SIGSEGV, context.sp)),
    }
}

/// Writes the frame and turns the context into the handler's first.
fn enter_handler(thread: &Thread, context: &mut Context, taken: &Taken) -> Result<(), Errno> {
    let (base, size, flags) = thread.alternate_stack.get();
    let on_alternate = (base..base + size).contains(&context.sp);
    let wants = taken.action.flags as u32 & linux::SA_ONSTACK != 0 && flags & linux::SS_DISABLE == 0;
    let top = if wants && !on_alternate { base + size } else { context.sp };
    // A frame record on top, so that a backtrace leads from the handler to what it interrupted.
    let record = top.checked_sub(16).ok_or(Errno::EFAULT)? & !15;
    let at = record.checked_sub(FRAME_BYTES).ok_or(Errno::EFAULT)? & !15;
    uaccess::write(record, &[context.x[29], context.pc])?;
    let state = if on_alternate { linux::SS_ONSTACK } else { flags };
    uaccess::write(at, &Frame::new(context, taken.info, taken.old_mask, (base, size, state)))?;
    context.x[0] = taken.signal as usize;
    context.x[1] = at;
    context.x[2] = at + UCONTEXT;
    context.x[29] = record;
    context.x[30] = taken.action.restorer;
    context.sp = at;
    context.pc = taken.action.handler;
    Ok(())
}

/// Goes back to what a handler interrupted, as its frame has it now.
pub fn go_back(thread: &Thread, at: usize) -> Result<(), Errno> {
    let frame = uaccess::read::<Frame>(at)?;
    let mut context = frame.context();
    if context.pc == arch::cancellation_point_end() - INSTRUCTION && context.x[0] as isize == Errno::EINTR.to_word() {
        context.pc += INSTRUCTION;
    }
    {
        let mut sched = SCHED.lock();
        let signals = &mut sched.places[thread.index as usize].signals;
        signals.mask = frame.mask & !UNBLOCKABLE;
        let more = signals.deliverable() || sched.program_signals.deliverable(frame.mask);
        thread.signalled.store(u32::from(more), Ordering::Relaxed);
    }
    if thread.signalled.load(Ordering::Relaxed) != 0 {
        deliver(&mut context, None);
    }
    // SAFETY: the context is what the thread was interrupted in, or the next handler's first; it lies on its kernel stack.
    unsafe { arch::resume(&context) }
}
