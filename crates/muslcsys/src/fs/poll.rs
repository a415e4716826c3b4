//! ppoll(2).

use super::{console, descriptors};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use crate::thread::sched::{self, SCHED};
use crate::time::clock::{self, Deadline};
use crate::uaccess;
use linux_raw_sys::general as linux;

/// Most descriptors that one ppoll may name.
const POLL_MAX: usize = descriptors::DESCRIPTORS;

/// struct pollfd.
#[derive(Clone, Copy)]
#[repr(C)]
struct PollFd {
    fd: i32,
    events: u16,
    revents: u16,
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for PollFd {}

/// Looks once at every descriptor; gives the number that have something to tell, and whether any of them waits for input.
fn poll_once(at: usize, count: usize) -> Result<(usize, bool), Errno> {
    let (mut ready, mut for_input) = (0, false);
    for index in 0..count {
        let at = at.wrapping_add(index * size_of::<PollFd>());
        let mut entry = uaccess::read::<PollFd>(at)?;
        let events = entry.events as u32;
        entry.revents = match descriptors::get(entry.fd as usize) {
            _ if entry.fd < 0 => 0,
            Err(_) => linux::POLLNVAL as u16,
            Ok(file) => {
                for_input |= events & (linux::POLLIN | linux::POLLRDNORM) != 0;
                (events & file.ready()) as u16
            }
        };
        ready += usize::from(entry.revents != 0);
        uaccess::write(at, &entry)?;
    }
    Ok((ready, for_input))
}

/// ppoll(2): `[fds, count, timeout, mask]`. Errors: EFAULT, EINVAL, EINTR.
pub fn ppoll(thread: &Thread, [fds, count, timeout, ..]: [usize; 6]) -> SysResult {
    if count > POLL_MAX {
        return Err(Errno::EINVAL);
    }
    let deadline = match timeout {
        0 => None,
        at => Some(Deadline::after(clock::read_timespec(at)?)),
    };
    loop {
        let (ready, for_input) = poll_once(fds, count)?;
        if ready > 0 || deadline.is_some_and(|deadline| deadline.has_come()) {
            return Ok(ready);
        }
        let mut sched = SCHED.lock();
        if for_input && console::available() > 0 {
            continue;
        }
        if for_input {
            console::watch(&mut sched, thread);
        }
        match sched::wait(sched, thread, deadline) {
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}
