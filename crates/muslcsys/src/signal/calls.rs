//! The calls around signals.

use super::send::{Target, send};
use super::{Action, Disposition, SIGNALS, UNBLOCKABLE, bit, deliver, mask};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use crate::thread::sched::{self, FIRST_TID, SCHED};
use crate::time::clock::{self, Deadline};
use crate::uaccess;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as linux;

/// si_code of a signal that the kernel itself sends (asm-generic/siginfo.h).
const SI_KERNEL: i32 = 0x80;
/// Bytes of a signal set, which every call is told.
const SET: usize = 8;

/// Errors: EINVAL for a signal set of another size.
pub(super) fn check_set(bytes: usize) -> Result<(), Errno> {
    if bytes == SET { Ok(()) } else { Err(Errno::EINVAL) }
}

fn check_signal(signal: usize) -> Result<u32, Errno> {
    if signal <= SIGNALS { Ok(signal as u32) } else { Err(Errno::EINVAL) }
}

/// Marks the thread if one of its pending signals is open now.
pub(super) fn look(sched: &sched::Sched, thread: &Thread) {
    let signals = &sched.places[thread.index as usize].signals;
    if signals.deliverable() || sched.program_signals.deliverable(signals.mask) {
        thread.signalled.store(1, Ordering::Release);
    }
}

/// kill(2): `[pid, signal]`: to the program itself, whatever its way of being named. Errors: EINVAL, ESRCH.
pub fn kill(_: &Thread, [pid, signal, ..]: [usize; 6]) -> SysResult {
    let signal = check_signal(signal)?;
    if !matches!(pid as i32, -1 | 0) && (pid as i32).unsigned_abs() != FIRST_TID {
        return Err(Errno::ESRCH);
    }
    send(Target::Program, signal).map(|()| 0)
}

/// tkill(2): `[tid, signal]`. Errors: EINVAL, ESRCH.
pub fn tkill(_: &Thread, [tid, signal, ..]: [usize; 6]) -> SysResult {
    let signal = check_signal(signal)?;
    if tid as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    send(Target::Thread(tid as u32), signal).map(|()| 0)
}

/// tgkill(2): `[pid, tid, signal]`. Errors: EINVAL, ESRCH.
pub fn tgkill(thread: &Thread, [pid, tid, signal, ..]: [usize; 6]) -> SysResult {
    if pid as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    if pid as u32 != FIRST_TID {
        return Err(Errno::ESRCH);
    }
    tkill(thread, [tid, signal, 0, 0, 0, 0])
}

/// rt_sigaction(2): `[signal, new, old, set_bytes]`. Errors: EINVAL, EFAULT.
pub fn rt_sigaction(_: &Thread, [signal, new, old, bytes, ..]: [usize; 6]) -> SysResult {
    check_set(bytes)?;
    let signal = check_signal(signal)?;
    if signal == 0 || (new != 0 && bit(signal) & UNBLOCKABLE != 0) {
        return Err(Errno::EINVAL);
    }
    let asked = if new == 0 { None } else { Some(uaccess::read::<Action>(new)?) };
    let before = {
        let mut sched = SCHED.lock();
        let before = sched.program_signals.actions[signal as usize - 1];
        if let Some(action) = asked {
            sched.program_signals.actions[signal as usize - 1] = action;
            if action.disposition(signal) == Disposition::Ignore {
                // What is ignored from now on does not stay pending (sigaction(3p)).
                sched.program_signals.pending &= !bit(signal);
                sched.places.iter_mut().for_each(|place| place.signals.pending &= !bit(signal));
            }
        }
        before
    };
    if old != 0 {
        uaccess::write(old, &before)?;
    }
    Ok(0)
}

/// rt_sigprocmask(2): `[how, new, old, set_bytes]`. Errors: EINVAL, EFAULT.
pub fn rt_sigprocmask(thread: &Thread, [how, new, old, bytes, ..]: [usize; 6]) -> SysResult {
    check_set(bytes)?;
    let asked = if new == 0 { None } else { Some(uaccess::read::<u64>(new)?) };
    let before = {
        let mut sched = SCHED.lock();
        let mask = &mut sched.places[thread.index as usize].signals.mask;
        let before = *mask;
        if let Some(set) = asked {
            *mask = match how as u32 {
                linux::SIG_BLOCK => before | set,
                linux::SIG_UNBLOCK => before & !set,
                linux::SIG_SETMASK => set,
                _ => return Err(Errno::EINVAL),
            } & !UNBLOCKABLE;
            look(&sched, thread);
        }
        before
    };
    if old != 0 {
        uaccess::write(old, &before)?;
    }
    Ok(0)
}

/// rt_sigpending(2): `[set, set_bytes]`. Errors: EINVAL, EFAULT.
pub fn rt_sigpending(thread: &Thread, [set, bytes, ..]: [usize; 6]) -> SysResult {
    if bytes > SET {
        return Err(Errno::EINVAL);
    }
    let pending = {
        let sched = SCHED.lock();
        let signals = &sched.places[thread.index as usize].signals;
        (signals.pending | sched.program_signals.pending) & signals.mask
    };
    uaccess::copy_out(set, &pending.to_le_bytes()[..bytes])?;
    Ok(0)
}

/// sigaltstack(2): `[new, old]`. Errors: EINVAL, ENOMEM (too small), EPERM (while on it), EFAULT.
pub fn sigaltstack(thread: &Thread, [new, old, ..]: [usize; 6]) -> SysResult {
    let (base, size, flags) = thread.alternate_stack.get();
    let sp = thread.user_frame.get();
    let on_it = flags & linux::SS_DISABLE == 0 && (base..base + size).contains(&sp);
    let asked = if new == 0 { None } else { Some(uaccess::read::<[usize; 3]>(new)?) };
    if old != 0 {
        let state = if on_it { linux::SS_ONSTACK } else { flags };
        uaccess::write(old, &[base, state as usize, size])?;
    }
    if let Some([base, flags, size]) = asked {
        if on_it {
            return Err(Errno::EPERM);
        }
        match flags as u32 {
            linux::SS_DISABLE => thread.alternate_stack.set((0, 0, linux::SS_DISABLE)),
            0 | linux::SS_ONSTACK if size < linux::MINSIGSTKSZ as usize => return Err(Errno::ENOMEM),
            0 | linux::SS_ONSTACK if base.checked_add(size).is_some() => thread.alternate_stack.set((base, size, 0)),
            _ => return Err(Errno::EINVAL),
        }
    }
    Ok(0)
}

/// rt_sigsuspend(2): `[set, set_bytes]`; always ends with EINTR. Errors: EINVAL, EFAULT.
pub fn rt_sigsuspend(thread: &Thread, [set, bytes, ..]: [usize; 6]) -> SysResult {
    check_set(bytes)?;
    let mask = uaccess::read::<u64>(set)? & !UNBLOCKABLE;
    mask::during(thread, Some(mask), || sched::wait(SCHED.lock(), thread, None).map(|()| 0))
}

/// rt_sigtimedwait(2): `[set, info, timeout, set_bytes]`; gives the signal. Errors: EAGAIN (timeout), EINTR, EINVAL, EFAULT.
pub fn rt_sigtimedwait(thread: &Thread, [set, info, timeout, bytes, ..]: [usize; 6]) -> SysResult {
    check_set(bytes)?;
    let set = uaccess::read::<u64>(set)? & !UNBLOCKABLE;
    let deadline = match timeout {
        0 => None,
        at => Some(Deadline::after(clock::read_timespec(at)?)),
    };
    let mut waited = None;
    loop {
        let mut sched = SCHED.lock();
        let sched::Sched { places, program_signals, .. } = &mut *sched;
        let signals = &mut places[thread.index as usize].signals;
        signals.awaited = 0;
        let open = (signals.pending | program_signals.pending) & set;
        if open != 0 {
            let signal = open.trailing_zeros() + 1;
            let own = signals.pending & bit(signal) != 0;
            let from = if own { &mut signals.pending } else { &mut program_signals.pending };
            *from &= !bit(signal);
            look(&sched, thread);
            drop(sched);
            if info != 0 {
                uaccess::zero_out(info, 128)?;
                uaccess::write(info, &signal)?;
            }
            return Ok(signal as usize);
        }
        match waited {
            Some(Err(Errno::ETIMEDOUT)) => return Err(Errno::EAGAIN),
            Some(Err(error)) => return Err(error),
            _ => {}
        }
        if deadline.is_some_and(|deadline| deadline.has_come()) {
            return Err(Errno::EAGAIN);
        }
        signals.awaited = set;
        waited = Some(sched::wait(sched, thread, deadline));
    }
}

/// rt_sigreturn(2), from the return address of a handler: `[frame]`. Errors: a bad frame ends the program as on Linux.
pub fn rt_sigreturn(thread: &Thread, [frame, ..]: [usize; 6]) -> SysResult {
    if deliver::go_back(thread, frame).is_err() {
        // There is nothing to go back to: as a fault, it cannot be blocked or ignored.
        thread.own_fault.set(Some((linux::SIGSEGV, SI_KERNEL, frame)));
        thread.signalled.store(1, Ordering::Relaxed);
    }
    Ok(0)
}
