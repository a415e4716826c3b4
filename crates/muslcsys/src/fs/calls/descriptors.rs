//! The calls on descriptors themselves.

use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::{self, get};
use crate::fs::locks;
use crate::thread::Thread;
use linux_raw_sys::general as linux;

/// close(2): `[fd]`. Errors: EBADF.
pub fn close(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    // Dropped here, without the table's lock.
    let file = descriptors::close(fd)?;
    locks::closed_descriptor(&file);
    Ok(0)
}

/// dup(2): `[fd]`. Errors: EBADF, EMFILE.
pub fn dup(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    descriptors::install(get(fd)?, false)
}

/// dup3(2): `[old, new, flags]`. Errors: EBADF, EINVAL.
pub fn dup3(_: &Thread, [old, new, flags, ..]: [usize; 6]) -> SysResult {
    if flags as u32 & !linux::O_CLOEXEC != 0 || old as u32 == new as u32 {
        return Err(Errno::EINVAL);
    }
    let before = descriptors::replace(old, new, flags as u32 & linux::O_CLOEXEC != 0)?;
    before.iter().for_each(locks::closed_descriptor);
    drop(before);
    Ok(new as u32 as usize)
}

/// Flags of close_range(2) (linux/close_range.h).
const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;

/// close_range(2): `[first, last, flags]`: CLOSE_RANGE_CLOEXEC; CLOSE_RANGE_UNSHARE is nothing where there is one process. Errors: EINVAL.
pub fn close_range(_: &Thread, [first, last, flags, ..]: [usize; 6]) -> SysResult {
    let (first, last, flags) = (first as u32, last as u32, flags as u32);
    if first > last || flags & !(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE) != 0 {
        return Err(Errno::EINVAL);
    }
    for fd in first as usize..=(last as usize).min(descriptors::highest()) {
        // What is not open is not closed.
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            let _ = descriptors::set_close_on_exec(fd, true);
        } else {
            descriptors::close(fd).iter().for_each(locks::closed_descriptor);
        }
    }
    Ok(0)
}

/// fcntl(2): `[fd, command, argument]`: F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL,
/// locks of ranges, and what the file itself has. Errors: EBADF, EINVAL, EMFILE.
pub fn fcntl(_: &Thread, [fd, command, argument, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    match command as u32 {
        linux::F_DUPFD => descriptors::install_from(file, false, argument as u32 as usize),
        linux::F_DUPFD_CLOEXEC => descriptors::install_from(file, true, argument as u32 as usize),
        linux::F_GETFD => descriptors::close_on_exec(fd).map(usize::from),
        linux::F_SETFD => descriptors::set_close_on_exec(fd, argument as u32 & linux::FD_CLOEXEC != 0).map(|()| 0),
        linux::F_GETFL => Ok(file.status().get() as usize),
        linux::F_SETFL => {
            file.status().set(argument as u32);
            Ok(0)
        }
        command => match super::locks::control(&file, command, argument) {
            Some(result) => result,
            None => file.control(command, argument),
        },
    }
}

/// ioctl(2): `[fd, request, argument]`. Errors: EBADF, ENOTTY, EFAULT and what the file has.
pub fn ioctl(thread: &Thread, [fd, request, argument, ..]: [usize; 6]) -> SysResult {
    get(fd)?.ioctl(thread, request as u32, argument)
}
