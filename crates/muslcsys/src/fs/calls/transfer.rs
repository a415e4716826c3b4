//! The calls that move bytes.

use super::space::offset;
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::{IOV_MAX, MAX_BYTES, Piece, Sink, Source, check_pieces};
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::fs::node::Kind;
use crate::fs::prepare;
use crate::fs::walk::is_same;
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use linux_raw_sys::general as linux;

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

/// Bytes that are moved at a time from one file to another.
const CHUNK: usize = 64 << 10;

/// Where one side of a move between files is: at the description's position, or at an offset that the program keeps.
struct Side {
    file: Arc<dyn File>,
    /// Where the program keeps the offset; 0 for nowhere.
    kept: usize,
    at: u64,
}

impl Side {
    /// Errors: EFAULT, EINVAL for a negative offset, ESPIPE for what has no position.
    fn new(file: Arc<dyn File>, kept: usize) -> Result<Self, Errno> {
        let at = match kept {
            0 => file.seek(0, linux::SEEK_CUR)? as u64,
            kept => offset(uaccess::read::<usize>(kept)?)?,
        };
        Ok(Self { file, kept, at })
    }

    /// Stores how far it came. Errors: EFAULT.
    fn store(&self) -> Result<(), Errno> {
        match self.kept {
            0 => self.file.seek(self.at as i64, linux::SEEK_SET).map(|_| ()),
            kept => uaccess::write(kept, &self.at),
        }
    }
}

/// Moves up to `bytes` bytes by `read` and `write`; gives how many were written. What was read and not written, `read` gives again.
/// A signal ends it early, after the first bytes.
fn relay(
    thread: &Thread,
    bytes: usize,
    mut read: impl FnMut(&mut [u8]) -> SysResult,
    mut write: impl FnMut(&[u8]) -> SysResult,
) -> SysResult {
    prepare()?;
    let bytes = bytes.min(MAX_BYTES);
    let mut buffer = vec![0; bytes.min(CHUNK)];
    let mut done = 0;
    while done < bytes {
        let wanted = (bytes - done).min(CHUNK);
        let moved = read(&mut buffer[..wanted]).and_then(|count| Ok((count, write(&buffer[..count])?)));
        match moved {
            Ok((count, moved)) => {
                done += moved;
                if count < wanted || moved < count || thread.has_signal() {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// copy_file_range(2): `[in, in offset, out, out offset, bytes, flags]`. Errors: EBADF, EINVAL for what is no file of bytes, for flags, and for
/// ranges of one file that overlap, EISDIR, EFBIG, ENOSPC, EFAULT.
pub fn copy_file_range(thread: &Thread, [from, from_at, to, to_at, bytes, flags]: [usize; 6]) -> SysResult {
    let (from, to) = (readable(from)?, writable(to)?);
    let kinds = [from.metadata().kind, to.metadata().kind];
    if kinds.contains(&Kind::Directory) {
        return Err(Errno::EISDIR);
    }
    if flags != 0 || kinds != [Kind::Regular; 2] {
        return Err(Errno::EINVAL);
    }
    if to.status().appends() {
        return Err(Errno::EBADF);
    }
    let one_file = from.node().zip(to.node()).is_some_and(|(a, b)| is_same(a, b));
    let (mut from, mut to) = (Side::new(from, from_at)?, Side::new(to, to_at)?);
    let length = bytes.min(MAX_BYTES) as u64;
    if one_file && from.at < to.at.saturating_add(length) && to.at < from.at.saturating_add(length) {
        return Err(Errno::EINVAL);
    }
    let (mut input, mut output) = (from.at, to.at);
    let moved = relay(
        thread,
        bytes,
        |buffer| {
            let count = from.file.read_at(&mut Sink::own(buffer), input)?;
            input += count as u64;
            Ok(count)
        },
        |buffer| {
            let count = to.file.write_at(&mut Source::own(buffer), output)?;
            output += count as u64;
            Ok(count)
        },
    )?;
    (from.at, to.at) = (from.at + moved as u64, to.at + moved as u64);
    from.store()?;
    to.store()?;
    Ok(moved)
}

/// sendfile(2): `[out, in, in offset, bytes]`. Errors: EBADF, EINVAL for an input that is no file of bytes or an output that appends, ESPIPE, EFAULT
/// and what the output has.
pub fn sendfile(thread: &Thread, [to, from, from_at, bytes, ..]: [usize; 6]) -> SysResult {
    let (from, to) = (readable(from)?, writable(to)?);
    if to.status().appends() || from.metadata().kind == Kind::Directory {
        return Err(Errno::EINVAL);
    }
    let mut from = Side::new(from, from_at)?;
    let mut input = from.at;
    let moved = relay(
        thread,
        bytes,
        |buffer| {
            let count = from.file.read_at(&mut Sink::own(buffer), input)?;
            input += count as u64;
            Ok(count)
        },
        |buffer| to.write(thread, &mut Source::own(buffer)),
    )?;
    from.at += moved as u64;
    from.store()?;
    Ok(moved)
}
