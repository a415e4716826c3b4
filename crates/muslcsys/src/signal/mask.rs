//! The signal mask that a call has for as long as it waits: ppoll(2), pselect(2), epoll_pwait(2), sigsuspend(2).

use super::{UNBLOCKABLE, calls};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use crate::thread::sched::SCHED;
use crate::uaccess;

/// The mask that a call names, none for a null pointer. Errors: EFAULT, EINVAL for another size.
pub fn asked(at: usize, bytes: usize) -> Result<Option<u64>, Errno> {
    if at == 0 {
        return Ok(None);
    }
    calls::check_set(bytes)?;
    Ok(Some(uaccess::read::<u64>(at)? & !UNBLOCKABLE))
}

/// Does what waits with another mask, as if exchanged in one step with it. When a signal has ended the wait, its handler runs as the call
/// is left, and returning from it brings the old mask back; else the old mask is back here.
pub fn during(thread: &Thread, mask: Option<u64>, wait: impl FnOnce() -> SysResult) -> SysResult {
    let Some(mask) = mask else { return wait() };
    {
        let mut sched = SCHED.lock();
        let signals = &mut sched.places[thread.index as usize].signals;
        signals.mask_to_restore = Some(core::mem::replace(&mut signals.mask, mask));
        calls::look(&sched, thread);
    }
    let result = wait();
    let mut sched = SCHED.lock();
    let signals = &sched.places[thread.index as usize].signals;
    let comes = signals.deliverable() || sched.program_signals.deliverable(mask);
    if result != Err(Errno::EINTR) || !comes {
        let signals = &mut sched.places[thread.index as usize].signals;
        if let Some(mask) = signals.mask_to_restore.take() {
            signals.mask = mask;
        }
        // Marked under the other mask, perhaps for a signal that is blocked again: leaving the call finds that out.
        calls::look(&sched, thread);
    }
    result
}
