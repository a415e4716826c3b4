//! The calls that move bytes.

use super::space::offset;
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::{IOV_MAX, Piece, Sink, Source, check_pieces};
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general as linux;

/// What a descriptor that was opened for reading refers to. Errors: EBADF.
pub(super) fn readable(fd: usize) -> Result<Arc<dyn File>, Errno> {
    let file = get(fd)?;
    if file.status().may_read() { Ok(file) } else { Err(Errno::EBADF) }
}

/// What a descriptor that was opened for writing refers to. Errors: EBADF.
pub(super) fn writable(fd: usize) -> Result<Arc<dyn File>, Errno> {
    let file = get(fd)?;
    if file.status().may_write() { Ok(file) } else { Err(Errno::EBADF) }
}

/// read(2): `[fd, buffer, bytes]`. Errors: EBADF, EFAULT, EAGAIN, EINTR and what the file has.
pub fn read(thread: &Thread, [fd, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    readable(fd)?.read(thread, &mut Sink::program(buffer, bytes))
}

/// write(2): `[fd, buffer, bytes]`. Errors: EBADF, EFAULT, EINTR and what the file has.
pub fn write(thread: &Thread, [fd, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    writable(fd)?.write(thread, &mut Source::program(buffer, bytes))
}

/// The buffers that a vectored call names. Errors: EINVAL, EFAULT.
pub(super) fn pieces(vector: usize, count: usize) -> Result<Vec<Piece>, Errno> {
    if count > IOV_MAX {
        return Err(Errno::EINVAL);
    }
    let pieces = (0..count).map(|index| uaccess::read::<Piece>(vector.wrapping_add(index * size_of::<Piece>())));
    check_pieces(pieces.collect::<Result<_, _>>()?)
}

/// readv(2): `[fd, vector, count]`. Errors: EBADF, EFAULT, EINVAL, EAGAIN, EINTR.
pub fn readv(thread: &Thread, [fd, vector, count, ..]: [usize; 6]) -> SysResult {
    let file = readable(fd)?;
    file.read(thread, &mut Sink::vector(&pieces(vector, count)?))
}

/// writev(2): `[fd, vector, count]`. Errors: EBADF, EFAULT, EINVAL, EINTR.
pub fn writev(thread: &Thread, [fd, vector, count, ..]: [usize; 6]) -> SysResult {
    let file = writable(fd)?;
    file.write(thread, &mut Source::vector(&pieces(vector, count)?))
}

/// lseek(2): `[fd, offset, whence]`. Errors: EBADF, EINVAL, ESPIPE, ENXIO.
pub fn lseek(_: &Thread, [fd, offset, whence, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    if file.status().is_path() {
        return Err(Errno::EBADF);
    }
    file.seek(offset as i64, whence as u32)
}

/// pread(2): `[fd, buffer, bytes, offset]`. Errors: EBADF, EINVAL, ESPIPE, EFAULT.
pub fn pread(_: &Thread, [fd, buffer, bytes, at, ..]: [usize; 6]) -> SysResult {
    let at = offset(at)?;
    readable(fd)?.read_at(&mut Sink::program(buffer, bytes), at)
}

/// pwrite(2): `[fd, buffer, bytes, offset]`. Errors: EBADF, EINVAL, ESPIPE, EFAULT and what the file has.
pub fn pwrite(_: &Thread, [fd, buffer, bytes, at, ..]: [usize; 6]) -> SysResult {
    let at = offset(at)?;
    writable(fd)?.write_at(&mut Source::program(buffer, bytes), at)
}

/// preadv(2): `[fd, vector, count, offset, (upper half of it where words are short)]`. Errors: EBADF, EINVAL, ESPIPE, EFAULT.
pub fn preadv(_: &Thread, [fd, vector, count, at, ..]: [usize; 6]) -> SysResult {
    let at = offset(at)?;
    let file = readable(fd)?;
    file.read_at(&mut Sink::vector(&pieces(vector, count)?), at)
}

/// pwritev(2): as [`preadv`]. Errors: EBADF, EINVAL, ESPIPE, EFAULT and what the file has.
pub fn pwritev(_: &Thread, [fd, vector, count, at, ..]: [usize; 6]) -> SysResult {
    let at = offset(at)?;
    let file = writable(fd)?;
    file.write_at(&mut Source::vector(&pieces(vector, count)?), at)
}

/// Flags of preadv2(2) and pwritev2(2) that ask for what is so anyway: priority, and written through.
const RWF_KNOWN: u32 = linux::RWF_HIPRI | linux::RWF_DSYNC | linux::RWF_SYNC;

fn check_rwf(flags: usize) -> Result<(), Errno> {
    if flags as u32 & !RWF_KNOWN == 0 { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
}

/// preadv2(2): `[fd, vector, count, offset, _, flags]`; offset -1 is the position. Errors: those of [`preadv`], EOPNOTSUPP for RWF_NOWAIT.
pub fn preadv2(thread: &Thread, arguments @ [.., at, _, flags]: [usize; 6]) -> SysResult {
    check_rwf(flags)?;
    if at as i64 == -1 { readv(thread, arguments) } else { preadv(thread, arguments) }
}

/// pwritev2(2): `[fd, vector, count, offset, _, flags]`; offset -1 is the position. Errors: those of [`pwritev`], EOPNOTSUPP for RWF_APPEND.
pub fn pwritev2(thread: &Thread, arguments @ [.., at, _, flags]: [usize; 6]) -> SysResult {
    check_rwf(flags)?;
    if at as i64 == -1 { writev(thread, arguments) } else { pwritev(thread, arguments) }
}

/// getdents64(2): `[fd, buffer, bytes]`. Errors: EBADF, ENOTDIR, EINVAL if not one entry fits, EFAULT, ENOENT if the directory was removed.
pub fn getdents64(_: &Thread, [fd, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    let file = get(fd)?;
    if file.status().is_path() {
        return Err(Errno::EBADF);
    }
    file.read_entries(&mut Sink::program(buffer, bytes as u32 as usize))
}
