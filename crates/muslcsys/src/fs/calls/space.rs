//! The calls on a file's length and the memory behind it.

use super::path::path;
use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::get;
use crate::fs::node::{Kind, Node};
use crate::fs::walk::Follow;
use crate::fs::{paths, process};
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// An offset or a length that a call names. Errors: EINVAL if it is negative.
pub fn offset(word: usize) -> Result<u64, Errno> {
    if (word as i64) < 0 { Err(Errno::EINVAL) } else { Ok(word as u64) }
}

/// truncate(2): `[path, length]`. Errors: those of the path, EINVAL, EISDIR, EFBIG, EROFS.
pub fn truncate(_: &Thread, [at, length, ..]: [usize; 6]) -> SysResult {
    let length = offset(length)?;
    let path = path(at)?;
    let node = paths::find(&process::origin(), &path, Follow::Always)?;
    match node.kind() {
        Kind::Regular if node.is_read_only() => return Err(Errno::EROFS),
        Kind::Regular => {}
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    node.set_size(length)?;
    Ok(0)
}

/// The node of a file of bytes that is open for writing. Errors: EBADF, and `otherwise` for what is none.
fn writable(fd: usize, otherwise: Errno) -> Result<Arc<dyn Node>, Errno> {
    let file = get(fd)?;
    if file.status().is_path() {
        return Err(Errno::EBADF);
    }
    let node = file.node().filter(|node| node.kind() == Kind::Regular).cloned();
    match node {
        Some(_) if !file.status().may_write() && otherwise == Errno::ENODEV => Err(Errno::EBADF),
        Some(_) if !file.status().may_write() => Err(Errno::EINVAL),
        node => node.ok_or(otherwise),
    }
}

/// ftruncate(2): `[fd, length]`. Errors: EBADF, EINVAL, EFBIG.
pub fn ftruncate(_: &Thread, [fd, length, ..]: [usize; 6]) -> SysResult {
    let length = offset(length)?;
    writable(fd, Errno::EINVAL)?.set_size(length)?;
    Ok(0)
}

/// fallocate(2): `[fd, mode, offset, length]`: FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE. Errors: EBADF, EINVAL, EFBIG, ENODEV, ENOSPC,
/// ESPIPE for a pipe, EOPNOTSUPP for other modes.
pub fn fallocate(_: &Thread, [fd, mode, start, length, ..]: [usize; 6]) -> SysResult {
    let (start, length) = (offset(start)?, offset(length)?);
    if length == 0 {
        return Err(Errno::EINVAL);
    }
    let mode = mode as u32;
    let keep_size = mode & linux::FALLOC_FL_KEEP_SIZE != 0;
    let known = [0, linux::FALLOC_FL_PUNCH_HOLE, linux::FALLOC_FL_ZERO_RANGE];
    let what = mode & !linux::FALLOC_FL_KEEP_SIZE;
    if !known.contains(&what) || what == linux::FALLOC_FL_PUNCH_HOLE && !keep_size {
        return Err(Errno::EOPNOTSUPP);
    }
    if get(fd)?.metadata().kind == Kind::Fifo {
        return Err(Errno::ESPIPE);
    }
    let node = writable(fd, Errno::ENODEV)?;
    if what != 0 {
        node.punch(start, length)?;
    }
    if what != linux::FALLOC_FL_PUNCH_HOLE {
        node.allocate(start, length, keep_size)?;
    }
    Ok(0)
}

/// sync(2): what is written is in memory, and there is nothing behind it.
pub fn sync(_: &Thread, _: [usize; 6]) -> SysResult {
    Ok(0)
}

/// fsync(2), fdatasync(2), syncfs(2): `[fd]`. Errors: EBADF, EINVAL for what cannot be synchronised.
pub fn fsync(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    if file.status().is_path() {
        return Err(Errno::EBADF);
    }
    let kind = file.metadata().kind;
    if matches!(kind, Kind::Regular | Kind::Directory) { Ok(0) } else { Err(Errno::EINVAL) }
}

/// sync_file_range(2), readahead(2), fadvise64(2): `[fd, …]`: advice has nothing to act on. Errors: EBADF, ESPIPE.
pub fn advice(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    if file.metadata().kind == Kind::Fifo { Err(Errno::ESPIPE) } else { Ok(0) }
}
