//! Waiting for any of several descriptors: ppoll(2) and pselect(2). Both look first, and only if nothing is ready enter the files' queues,
//! look again, and sleep.

use super::descriptors;
use super::file::File;
use super::wait_queue::{self, Poller, Watcher};
use crate::errno::{Errno, SysResult};
use crate::mm::SPACE;
use crate::signal::mask;
use crate::thread::Thread;
use crate::time::clock::{self, Deadline, Timespec};
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general as linux;

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

/// One descriptor that is looked at, and what came of it.
struct Looked {
    fd: i32,
    events: u32,
    found: u32,
}

impl Looked {
    fn new(fd: i32, events: u32) -> Self {
        Self { fd, events: events | wait_queue::ALWAYS, found: 0 }
    }
}

/// Looks once at each; gives how many have something to tell.
fn look(all: &mut [Looked]) -> usize {
    let mut ready = 0;
    for one in all {
        one.found = match descriptors::get(one.fd as usize) {
            _ if one.fd < 0 => 0,
            Err(_) => linux::POLLNVAL,
            Ok(file) => file.ready() & one.events,
        };
        ready += usize::from(one.found != 0);
    }
    ready
}

/// The files whose queues a poll is in; leaving them is what dropping does.
struct Watching {
    watcher: Arc<dyn Watcher>,
    files: Vec<Arc<dyn File>>,
}

impl Watching {
    fn enter(watcher: Arc<dyn Watcher>, all: &[Looked]) -> Self {
        let open = |one: &Looked| Some((descriptors::get(one.fd as usize).ok()?, one.events));
        let mut files = Vec::with_capacity(all.len());
        for (file, events) in all.iter().filter(|one| one.fd >= 0).filter_map(open) {
            if let Some(queue) = file.wait_queue() {
                queue.watch(watcher.clone(), events, false);
                files.push(file);
            }
        }
        Self { watcher, files }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.files.iter().filter_map(|file| file.wait_queue()).for_each(|queue| queue.unwatch(&self.watcher));
    }
}

/// Looks at all until one has something to tell or the deadline comes; gives how many have. Errors: EINTR, ENOMEM.
fn poll(all: &mut [Looked], deadline: Option<Deadline>) -> SysResult {
    let ready = look(all);
    if ready > 0 || deadline.is_some_and(|deadline| deadline.has_come()) {
        return Ok(ready);
    }
    drop(SPACE.prepare()?);
    let poller = Poller::new();
    let _watching = Watching::enter(poller.clone(), all);
    loop {
        let ready = look(all);
        if ready > 0 || deadline.is_some_and(|deadline| deadline.has_come()) {
            return Ok(ready);
        }
        match poller.sleep(deadline) {
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A timeout of the program's, relative; none for a null pointer. Errors: EFAULT, EINVAL.
pub(super) fn deadline(timeout: usize) -> Result<Option<Deadline>, Errno> {
    match timeout {
        0 => Ok(None),
        at => Ok(Some(Deadline::after(clock::read_timespec(at)?))),
    }
}

/// Tells the program what is left of its timeout; that it cannot be told is no error (select(2)).
fn tell_rest(timeout: usize, deadline: Option<Deadline>) {
    if let Some(deadline) = deadline {
        let _ = uaccess::write(timeout, &Timespec::from_nanoseconds(clock::until(deadline.tick)));
    }
}

/// ppoll(2): `[fds, count, timeout, mask, mask_bytes]`. What is left of the timeout is written back. Errors: EFAULT, EINVAL, EINTR, ENOMEM.
pub fn ppoll(thread: &Thread, [fds, count, timeout, mask, mask_bytes, _]: [usize; 6]) -> SysResult {
    let deadline = deadline(timeout)?;
    let mask = mask::asked(mask, mask_bytes)?;
    let count = count as u32 as usize;
    if count > descriptors::limit() {
        return Err(Errno::EINVAL);
    }
    drop(SPACE.prepare()?);
    let at = |index: usize| fds.wrapping_add(index * size_of::<PollFd>());
    let read = |index| uaccess::read::<PollFd>(at(index)).map(|entry| Looked::new(entry.fd, entry.events.into()));
    let mut all = (0..count).map(read).collect::<Result<Vec<_>, _>>()?;
    let result = mask::during(thread, mask, || poll(&mut all, deadline));
    tell_rest(timeout, deadline);
    let ready = result?;
    for (index, one) in all.iter().enumerate() {
        uaccess::write(at(index) + core::mem::offset_of!(PollFd, revents), &(one.found as u16))?;
    }
    Ok(ready)
}

/// What makes a descriptor ready in each of select(2)'s sets.
const SETS: [u32; 3] = [
    wait_queue::IN | linux::POLLRDBAND | linux::POLLHUP | linux::POLLERR,
    wait_queue::OUT | linux::POLLWRBAND | linux::POLLERR,
    linux::POLLPRI,
];
/// Bits of a word of a set.
const BITS: usize = u64::BITS as usize;

/// pselect6(2): `[count, readable, writable, exceptional, timeout, mask]`, the last a pointer to the mask's address and bytes. What is left of
/// the timeout is written back. Errors: EBADF, EFAULT, EINVAL, EINTR, ENOMEM.
pub fn pselect6(thread: &Thread, [count, sets @ .., timeout, mask]: [usize; 6]) -> SysResult {
    let deadline = deadline(timeout)?;
    let mask = match mask {
        0 => None,
        at => {
            let [mask, bytes] = uaccess::read::<[usize; 2]>(at)?;
            mask::asked(mask, bytes)?
        }
    };
    let count = usize::try_from(count as i32).map_err(|_| Errno::EINVAL)?.min(descriptors::limit());
    drop(SPACE.prepare()?);
    let words = count.div_ceil(BITS);
    let mut asked = Vec::with_capacity(3 * words);
    for at in sets {
        let word = |index: usize| if at == 0 { Ok(0) } else { uaccess::read::<u64>(at.wrapping_add(index * 8)) };
        for index in 0..words {
            asked.push(word(index)?);
        }
    }
    let mut all = Vec::new();
    for fd in 0..count {
        let wanted = |set: usize| asked[set * words + fd / BITS] >> (fd % BITS) & 1 != 0;
        let events = (0..3).filter(|&set| wanted(set)).fold(0, |events, set| events | SETS[set]);
        if events != 0 {
            descriptors::get(fd)?;
            all.push(Looked { fd: fd as i32, events, found: 0 });
        }
    }
    let result = mask::during(thread, mask, || poll(&mut all, deadline));
    tell_rest(timeout, deadline);
    result?;
    let mut found = Vec::new();
    found.resize(3 * words, 0u64);
    let mut ready = 0;
    for one in &all {
        // A descriptor that was closed meanwhile is told as ready in every set, so that using it tells the error.
        let events = if one.found & linux::POLLNVAL != 0 { u32::MAX } else { one.found };
        for (set, makes) in SETS.iter().enumerate() {
            let (word, bit) = (set * words + one.fd as usize / BITS, 1 << (one.fd as usize % BITS));
            if asked[word] & bit != 0 && events & makes != 0 {
                found[word] |= bit;
                ready += 1;
            }
        }
    }
    for (set, at) in sets.into_iter().enumerate().filter(|&(_, at)| at != 0) {
        for index in 0..words {
            uaccess::write(at.wrapping_add(index * 8), &found[set * words + index])?;
        }
    }
    Ok(ready)
}
