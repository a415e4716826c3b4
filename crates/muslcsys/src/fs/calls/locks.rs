//! The calls that lock files.

use super::space::offset;
use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::fs::locks::{self, Held, Owner, Sort};
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use core::ops::RangeInclusive;
use linux_raw_sys::general as linux;

/// flock(2): `[fd, operation]`. Errors: EBADF, EINVAL, EAGAIN for LOCK_NB, EINTR.
pub fn flock(_: &Thread, [fd, operation, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    if file.status().is_path() {
        return Err(Errno::EBADF);
    }
    let owner = Owner::description(&file);
    let range = 0..=u64::MAX;
    let exclusive = match operation as u32 & !linux::LOCK_NB {
        linux::LOCK_SH => false,
        linux::LOCK_EX => true,
        linux::LOCK_UN => return locks::unlock(&file, Sort::Whole, &range, owner).map(|()| 0),
        _ => return Err(Errno::EINVAL),
    };
    let wait = operation as u32 & linux::LOCK_NB == 0;
    locks::lock(&file, Sort::Whole, &Held { range, owner, exclusive }, wait).map(|()| 0)
}

/// struct flock.
#[derive(Clone, Copy)]
#[repr(C)]
struct Flock {
    kind: u16,
    whence: u16,
    pad: u32,
    start: i64,
    length: i64,
    pid: i32,
    pad2: u32,
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Flock {}

/// The bytes that a struct flock names. Errors: EINVAL, EOVERFLOW.
fn range(file: &Arc<dyn File>, flock: &Flock) -> Result<RangeInclusive<u64>, Errno> {
    let base = match flock.whence.into() {
        linux::SEEK_SET => 0,
        linux::SEEK_CUR => file.seek(0, linux::SEEK_CUR)? as i64,
        linux::SEEK_END => file.metadata().size as i64,
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(flock.start).ok_or(Errno::EOVERFLOW)?;
    // A negative length reaches back from the start; none reaches to the end of all files.
    let (first, last) = match flock.length {
        0 => (start, i64::MAX),
        length if length > 0 => (start, start.checked_add(length - 1).ok_or(Errno::EOVERFLOW)?),
        length => (start.checked_add(length).ok_or(Errno::EINVAL)?, start - 1),
    };
    Ok(offset(first as usize)?..=offset(last as usize)?)
}

/// fcntl(2)'s F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ kin; nothing for other commands. Errors: EBADF, EINVAL, EFAULT, EAGAIN, EINTR, ENOLCK.
pub fn control(file: &Arc<dyn File>, command: u32, at: usize) -> Option<SysResult> {
    let owner = match command {
        linux::F_GETLK | linux::F_SETLK | linux::F_SETLKW => Owner::Program,
        linux::F_OFD_GETLK | linux::F_OFD_SETLK | linux::F_OFD_SETLKW => Owner::description(file),
        _ => return None,
    };
    let asks = matches!(command, linux::F_GETLK | linux::F_OFD_GETLK);
    let wait = matches!(command, linux::F_SETLKW | linux::F_OFD_SETLKW);
    Some(uaccess::read::<Flock>(at).and_then(|mut flock| {
        if owner != Owner::Program && flock.pid != 0 {
            return Err(Errno::EINVAL);
        }
        let range = range(file, &flock)?;
        let exclusive = match flock.kind.into() {
            linux::F_RDLCK => false,
            linux::F_WRLCK => true,
            linux::F_UNLCK if !asks => return locks::unlock(file, Sort::Range, &range, owner).map(|()| 0),
            _ => return Err(Errno::EINVAL),
        };
        let wanted = Held { range, owner, exclusive };
        if asks {
            match locks::conflict(file, &wanted)? {
                None => flock.kind = linux::F_UNLCK as u16,
                Some(held) => describe(&mut flock, &held),
            }
            uaccess::write(at, &flock)?;
            return Ok(0);
        }
        let status = file.status();
        if !(if exclusive { status.may_write() } else { status.may_read() }) {
            return Err(Errno::EBADF);
        }
        locks::lock(file, Sort::Range, &wanted, wait).map(|()| 0)
    }))
}

/// Tells who is in the way.
fn describe(flock: &mut Flock, held: &Held) {
    flock.kind = if held.exclusive { linux::F_WRLCK } else { linux::F_RDLCK } as u16;
    flock.whence = linux::SEEK_SET as u16;
    flock.start = *held.range.start() as i64;
    let to_the_end = *held.range.end() >= i64::MAX as u64;
    flock.length = if to_the_end { 0 } else { (held.range.end() - held.range.start() + 1) as i64 };
    // An open file description is of no process.
    flock.pid = if held.owner == Owner::Program { crate::thread::sched::FIRST_TID as i32 } else { -1 };
}
