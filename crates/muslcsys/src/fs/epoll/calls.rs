//! The calls of epoll(7).

use super::{Asked, Epoll};
use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::{self, get};
use crate::fs::poll;
use crate::fs::wait_queue::Deadline;
use crate::mm::SPACE;
use crate::signal::mask;
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// struct epoll_event (AArch64: not packed).
#[derive(Clone, Copy)]
#[repr(C)]
struct Event {
    events: u32,
    unused: u32,
    data: u64,
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Event {}

/// Held while an epoll is added to another, so that two threads make no loop together.
static NESTING: Mutex<()> = Mutex::new(());

/// epoll_create1(2): `[flags]`: EPOLL_CLOEXEC. Errors: EINVAL, EMFILE, ENOMEM.
pub fn epoll_create1(_: &Thread, [flags, ..]: [usize; 6]) -> SysResult {
    if flags as u32 & !linux::EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    drop(SPACE.prepare()?);
    descriptors::install(Arc::new(Epoll::new()), flags as u32 & linux::EPOLL_CLOEXEC != 0)
}

/// The open epoll with a number. Errors: EBADF, EINVAL if it is something else.
fn with_epoll(fd: usize, call: impl FnOnce(&Epoll) -> SysResult) -> SysResult {
    let file = get(fd)?;
    call(file.epoll().ok_or(Errno::EINVAL)?)
}

/// epoll_ctl(2): `[epoll, operation, fd, event]`. Errors: EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, EPERM, EFAULT.
pub fn epoll_ctl(_: &Thread, [epoll, operation, fd, event, ..]: [usize; 6]) -> SysResult {
    let operation = operation as u32;
    let asked = match operation {
        linux::EPOLL_CTL_DEL => Asked { events: 0, data: 0 },
        _ => uaccess::read::<Event>(event).map(|event| Asked { events: event.events, data: event.data })?,
    };
    let outer = get(epoll)?;
    let file = get(fd)?;
    if file.wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    let epoll = outer.epoll().filter(|_| !Arc::ptr_eq(&outer, &file)).ok_or(Errno::EINVAL)?;
    drop(SPACE.prepare()?);
    let fd = fd as i32;
    match operation {
        linux::EPOLL_CTL_ADD => {
            let _nesting = file.epoll().map(|_| NESTING.lock());
            epoll.add(fd, &file, asked)
        }
        linux::EPOLL_CTL_MOD => epoll.modify(fd, &file, asked),
        linux::EPOLL_CTL_DEL => epoll.remove(fd, &file),
        _ => Err(Errno::EINVAL),
    }
    .map(|()| 0)
}

/// Collects events, waiting for the first until the deadline. Errors: EINTR, EFAULT.
fn collect(epoll: &Epoll, events: usize, most: usize, deadline: Option<Deadline>) -> SysResult {
    loop {
        drop(SPACE.prepare()?);
        let mut at = events;
        let given = epoll.collect(most, |Asked { events, data }| {
            uaccess::write(at, &Event { events, unused: 0, data })?;
            at = at.wrapping_add(size_of::<Event>());
            Ok(())
        })?;
        if given > 0 || deadline.is_some_and(|deadline| deadline.has_come()) {
            return Ok(given);
        }
        match epoll.wait(deadline) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => return Ok(0),
            Err(error) => return Err(error),
        }
    }
}

fn wait(
    thread: &Thread,
    epoll: usize,
    [events, most]: [usize; 2],
    deadline: Option<Deadline>,
    [mask, mask_bytes]: [usize; 2],
) -> SysResult {
    let most = most as i32;
    if most <= 0 || most as usize > i32::MAX as usize / size_of::<Event>() {
        return Err(Errno::EINVAL);
    }
    let most = most as usize;
    uaccess::check(events, most * size_of::<Event>())?;
    let mask = mask::asked(mask, mask_bytes)?;
    with_epoll(epoll, |epoll| mask::during(thread, mask, || collect(epoll, events, most, deadline)))
}

/// epoll_pwait(2): `[epoll, events, most, milliseconds, mask, mask_bytes]`. Errors: EBADF, EFAULT, EINTR, EINVAL.
pub fn epoll_pwait(thread: &Thread, [epoll, events, most, timeout, mask, mask_bytes]: [usize; 6]) -> SysResult {
    const MILLISECOND: u64 = 1_000_000;
    let deadline = u64::try_from(timeout as i32).ok().map(|timeout| Deadline::after(timeout * MILLISECOND));
    wait(thread, epoll, [events, most], deadline, [mask, mask_bytes])
}

/// epoll_pwait2(2): `[epoll, events, most, timeout, mask, mask_bytes]`. Errors: EBADF, EFAULT, EINTR, EINVAL.
pub fn epoll_pwait2(thread: &Thread, [epoll, events, most, timeout, mask, mask_bytes]: [usize; 6]) -> SysResult {
    wait(thread, epoll, [events, most], poll::deadline(timeout)?, [mask, mask_bytes])
}
