//! Descriptors. The console is what stands behind the first three; other files do not exist yet.

pub mod calls;
pub mod console;

use crate::errno::Errno;
use crate::sync::{Lock, Notification};

/// Descriptors a program can have open at a time.
pub const DESCRIPTORS: usize = 1024;

/// An open descriptor.
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// Closed by execve, if there were one (FD_CLOEXEC).
    pub close_on_exec: bool,
    /// O_NONBLOCK and the like, as F_SETFL left them.
    pub status_flags: u32,
}

/// All descriptors; the lock comes after the scheduler's in the lock order.
pub static TABLE: Lock<[Option<Descriptor>; DESCRIPTORS]> = Lock::new([None; DESCRIPTORS], Notification::none());

/// Opens standard input, output and error on the console.
pub fn start() {
    let open = Some(Descriptor { close_on_exec: false, status_flags: linux_raw_sys::general::O_RDWR });
    TABLE.lock()[..3].fill(open);
}

/// The descriptor with a number. Errors: EBADF.
pub fn get(fd: usize) -> Result<Descriptor, Errno> {
    let fd = usize::try_from(fd as i32).map_err(|_| Errno::EBADF)?;
    TABLE.lock().get(fd).copied().flatten().ok_or(Errno::EBADF)
}

/// Whether a number names an open descriptor.
pub fn descriptor_exists(fd: i32) -> Option<()> {
    get(fd as usize).ok().map(|_| ())
}
