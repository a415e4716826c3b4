//! Open file descriptions: what a descriptor refers to, and what its duplicates share.

use super::buffers::{Sink, Source};
use super::epoll::Epoll;
use super::node::{Metadata, Node};
#[cfg(not(loom))]
use super::pipe;
#[cfg(target_vendor = "sel4")]
use super::timerfd::open::TimerFd;
use super::wait_queue::WaitQueue;
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use linux_raw_sys::general as linux;

/// Status flags that fcntl(2) may change; the others stay as the file was opened.
pub const SETTABLE: u32 = linux::O_APPEND | linux::O_NONBLOCK | linux::O_NOATIME | linux::O_DIRECT;

/// A bit that no flag of open(2) has: the program has put locks on the file through this description.
const LOCKS: u32 = 1 << 31;

/// Access mode and status flags of an open file description (open(2)), which its duplicates share.
pub struct Status(AtomicU32);

impl Status {
    /// From the flags that open(2) was called with, without those that act on opening alone.
    pub const fn new(flags: u32) -> Self {
        const OPENING: u32 = linux::O_CREAT | linux::O_EXCL | linux::O_NOCTTY | linux::O_TRUNC | linux::O_CLOEXEC;
        Self(AtomicU32::new(flags & !(OPENING | LOCKS)))
    }

    /// The flags as F_GETFL tells them.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed) & !LOCKS
    }

    /// Says that closing it has locks to forget.
    pub fn note_locks(&self) {
        self.0.fetch_or(LOCKS, Ordering::Relaxed);
    }

    /// Whether closing it may have locks to forget.
    pub fn has_locks(&self) -> bool {
        self.0.load(Ordering::Relaxed) & LOCKS != 0
    }

    /// F_SETFL: what may be changed is set as in `flags`.
    pub fn set(&self, flags: u32) {
        let new = |old: u32| Some(old & !SETTABLE | flags & SETTABLE);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, new);
    }

    /// Whether it was opened for reading.
    pub fn may_read(&self) -> bool {
        self.get() & (linux::O_ACCMODE | linux::O_PATH) != linux::O_WRONLY && !self.is_path()
    }

    /// Whether it was opened for writing.
    pub fn may_write(&self) -> bool {
        self.get() & linux::O_ACCMODE != linux::O_RDONLY && !self.is_path()
    }

    /// Whether it only names a file (O_PATH).
    pub fn is_path(&self) -> bool {
        self.get() & linux::O_PATH != 0
    }

    /// Whether calls that would wait answer EAGAIN (O_NONBLOCK).
    pub fn is_nonblocking(&self) -> bool {
        self.get() & linux::O_NONBLOCK != 0
    }

    /// Whether each write goes to the end (O_APPEND).
    pub fn appends(&self) -> bool {
        self.get() & linux::O_APPEND != 0
    }
}

/// What each open description of something in a tree of files has: the node that was opened, and flags. Dropping it forgets the locks that
/// were had through it.
pub struct Opened {
    /// What was opened.
    pub node: Arc<dyn Node>,
    /// How.
    pub status: Status,
}

impl Opened {
    /// `flags` as in open(2).
    pub fn new(node: Arc<dyn Node>, flags: u32) -> Self {
        Self { node, status: Status::new(flags) }
    }
}

#[cfg(not(loom))]
impl Drop for Opened {
    fn drop(&mut self) {
        if self.status.has_locks() {
            super::locks::closed_description(self);
        }
    }
}

/// Where lseek(2) leads in a file of `size` bytes whose position is `position`; no size, no SEEK_END. Errors: EINVAL.
pub fn sought(position: u64, offset: i64, whence: u32, size: Option<u64>) -> Result<u64, Errno> {
    let base = match whence {
        linux::SEEK_SET => Some(0),
        linux::SEEK_CUR => Some(position),
        linux::SEEK_END => size,
        _ => None,
    };
    base.and_then(|base| base.checked_add_signed(offset)).filter(|&at| at <= i64::MAX as u64).ok_or(Errno::EINVAL)
}

/// An open file description. Dropping the last reference closes it. Whether it was opened for reading and for writing is checked before
/// its functions are called.
pub trait File: Send + Sync {
    /// Access mode and status flags.
    fn status(&self) -> &Status;

    /// What it is an open description of, if that is in a tree of files: what locks are on.
    fn opened(&self) -> Option<&Opened> {
        None
    }

    /// Type, numbers and times of what is open.
    fn metadata(&self) -> Metadata {
        self.opened().map_or_else(Metadata::nameless, |opened| opened.node.metadata())
    }

    /// The node that was opened, if there is one: what /proc/self/fd leads to.
    fn node(&self) -> Option<&Arc<dyn Node>> {
        self.opened().map(|opened| &opened.node)
    }

    /// read(2) at the position, which moves; 0 at the end. Errors: EINVAL for what cannot be read, EAGAIN, EINTR, EFAULT.
    fn read(&self, _thread: &Thread, _to: &mut Sink<'_>) -> SysResult {
        Err(Errno::EINVAL)
    }

    /// write(2) at the position, which moves. Errors: EINVAL for what cannot be written, EAGAIN, EINTR, EFAULT, ENOSPC, EPIPE.
    fn write(&self, _thread: &Thread, _from: &mut Source<'_>) -> SysResult {
        Err(Errno::EINVAL)
    }

    /// pread(2): the position stays. Errors: ESPIPE for what has none, EFAULT.
    fn read_at(&self, _to: &mut Sink<'_>, _offset: u64) -> SysResult {
        Err(Errno::ESPIPE)
    }

    /// pwrite(2): the position stays. Errors: ESPIPE for what has none, EFAULT, ENOSPC, EFBIG.
    fn write_at(&self, _from: &mut Source<'_>, _offset: u64) -> SysResult {
        Err(Errno::ESPIPE)
    }

    /// lseek(2): `whence` is SEEK_SET and so on. Errors: ESPIPE for what has no position, EINVAL, ENXIO.
    fn seek(&self, _offset: i64, _whence: u32) -> SysResult {
        Err(Errno::ESPIPE)
    }

    /// Directory entries from the position on, as getdents64(2) lays them out. Errors: ENOTDIR, EINVAL if not one fits, EFAULT, ENOENT.
    fn read_entries(&self, _to: &mut Sink<'_>) -> SysResult {
        Err(Errno::ENOTDIR)
    }

    /// What poll(2) would tell now: POLLIN and so on. Files that never wait are always ready.
    fn ready(&self) -> u32 {
        linux::POLLIN | linux::POLLOUT | linux::POLLRDNORM | linux::POLLWRNORM
    }

    /// Who waits for it to become ready; none for a file that is always ready, which epoll refuses (epoll_ctl(2), EPERM).
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// The end of a pipe that it is.
    #[cfg(not(loom))]
    fn pipe(&self) -> Option<&pipe::End> {
        None
    }

    /// The epoll that it is.
    fn epoll(&self) -> Option<&Epoll> {
        None
    }

    /// The timer that it is.
    #[cfg(target_vendor = "sel4")]
    fn timer(&self) -> Option<&TimerFd> {
        None
    }

    /// The commands of fcntl(2) that are the file's own. Errors: EINVAL, EBADF for those of pipes.
    fn control(&self, command: u32, _argument: usize) -> SysResult {
        Err(if matches!(command, linux::F_SETPIPE_SZ | linux::F_GETPIPE_SZ) { Errno::EBADF } else { Errno::EINVAL })
    }

    /// ioctl(2). Errors: ENOTTY, EFAULT, EINVAL.
    fn ioctl(&self, _thread: &Thread, _request: u32, _argument: usize) -> SysResult {
        Err(Errno::ENOTTY)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_access_mode_says_what_may_be_done() {
        let may = |flags| {
            let status = Status::new(flags);
            (status.may_read(), status.may_write())
        };
        assert_eq!(may(linux::O_RDONLY), (true, false));
        assert_eq!(may(linux::O_WRONLY), (false, true));
        assert_eq!(may(linux::O_RDWR), (true, true));
        assert_eq!(may(linux::O_RDWR | linux::O_PATH), (false, false));
    }

    #[test]
    fn only_settable_flags_change_and_those_of_opening_are_not_kept() {
        let status = Status::new(linux::O_RDWR | linux::O_CREAT | linux::O_TRUNC | linux::O_CLOEXEC);
        assert_eq!(status.get(), linux::O_RDWR);
        status.set(linux::O_WRONLY | linux::O_APPEND | linux::O_NONBLOCK | linux::O_CREAT);
        assert_eq!(status.get(), linux::O_RDWR | linux::O_APPEND | linux::O_NONBLOCK);
        assert!(status.appends() && status.is_nonblocking());
        status.set(0);
        assert_eq!(status.get(), linux::O_RDWR);
    }
}
