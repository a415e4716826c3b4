//! The calls that move bytes.

use crate::errno::{Errno, SysResult};
use crate::fs::buffers::{IOV_MAX, Piece, Sink, Source, check_pieces};
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a descriptor that was opened for reading refers to. Errors: EBADF.
fn readable(fd: usize) -> Result<Arc<dyn File>, Errno> {
    let file = get(fd)?;
    if file.status().may_read() { Ok(file) } else { Err(Errno::EBADF) }
}

/// What a descriptor that was opened for writing refers to. Errors: EBADF.
fn writable(fd: usize) -> Result<Arc<dyn File>, Errno> {
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
fn pieces(vector: usize, count: usize) -> Result<Vec<Piece>, Errno> {
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
pub fn pread(_: &Thread, [fd, buffer, bytes, offset, ..]: [usize; 6]) -> SysResult {
    readable(fd)?.read_at(&mut Sink::program(buffer, bytes), position(offset)?)
}

/// pwrite(2): `[fd, buffer, bytes, offset]`. Errors: EBADF, EINVAL, ESPIPE, EFAULT and what the file has.
pub fn pwrite(_: &Thread, [fd, buffer, bytes, offset, ..]: [usize; 6]) -> SysResult {
    writable(fd)?.write_at(&mut Source::program(buffer, bytes), position(offset)?)
}

/// An offset that a call names. Errors: EINVAL if it is negative.
fn position(offset: usize) -> Result<u64, Errno> {
    if (offset as i64) < 0 { Err(Errno::EINVAL) } else { Ok(offset as u64) }
}
