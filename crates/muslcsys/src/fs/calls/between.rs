//! The calls that move bytes from one file to another.

use super::space::offset;
use super::transfer::{pieces, readable, writable};
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::{MAX_BYTES, Sink, Source};
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::fs::node::Kind;
use crate::fs::prepare;
use crate::fs::walk::is_same;
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec;
use linux_raw_sys::general as linux;

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

    /// Reads from there on.
    fn read(&mut self, buffer: &mut [u8]) -> SysResult {
        let count = self.file.read_at(&mut Sink::own(buffer), self.at)?;
        self.at += count as u64;
        Ok(count)
    }

    /// Writes from there on.
    fn write(&mut self, bytes: &[u8]) -> SysResult {
        let count = self.file.write_at(&mut Source::own(bytes), self.at)?;
        self.at += count as u64;
        Ok(count)
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
    let start = from.at;
    let moved = relay(thread, bytes, |buffer| from.read(buffer), |bytes| to.write(bytes))?;
    // Not what was read and not written.
    from.at = start + moved as u64;
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
    let start = from.at;
    let moved = relay(thread, bytes, |buffer| from.read(buffer), |bytes| to.write(thread, &mut Source::own(bytes)))?;
    from.at = start + moved as u64;
    from.store()?;
    Ok(moved)
}

/// Flags of splice(2) and its like. Pages are never moved, and nothing is made of more to come.
const SPLICE_KNOWN: u32 = linux::SPLICE_F_MOVE | linux::SPLICE_F_NONBLOCK | linux::SPLICE_F_MORE | linux::SPLICE_F_GIFT;

/// Whether such a call is not to wait. Errors: EINVAL for flags that there are not.
fn check_splice(flags: usize) -> Result<bool, Errno> {
    let flags = flags as u32;
    if flags & !SPLICE_KNOWN == 0 { Ok(flags & linux::SPLICE_F_NONBLOCK != 0) } else { Err(Errno::EINVAL) }
}

/// The side of splice(2) that is no pipe: it is asked with the pipe's lock held. Errors: EFAULT, EINVAL for a negative offset, for what has no
/// position, and for what would wait.
fn beside_a_pipe(file: Arc<dyn File>, kept: usize) -> Result<Side, Errno> {
    if file.wait_queue().is_some() || file.metadata().kind == Kind::Directory {
        return Err(Errno::EINVAL);
    }
    Side::new(file, kept)
}

/// splice(2): `[in, in offset, out, out offset, bytes, flags]`. Errors: EBADF, EINVAL if neither is a pipe, both are the same, the output
/// appends, or the other is something that waits (the console, counters), ESPIPE for a pipe's offset, EAGAIN, EINTR, EPIPE, EFAULT, ENOMEM
/// and what the file has.
pub fn splice(thread: &Thread, [from, from_at, to, to_at, bytes, flags]: [usize; 6]) -> SysResult {
    if bytes == 0 {
        return Ok(0);
    }
    let nonblocking = check_splice(flags)?;
    let (from, to) = (readable(from)?, writable(to)?);
    if from.pipe().is_some() && from_at != 0 || to.pipe().is_some() && to_at != 0 {
        return Err(Errno::ESPIPE);
    }
    prepare()?;
    let bytes = bytes.min(MAX_BYTES);
    let (side, moved) = match (from.pipe(), to.pipe()) {
        (Some(from), Some(to)) => return from.pass(thread, to, bytes, nonblocking, false),
        (Some(_), None) if to.status().appends() => return Err(Errno::EINVAL),
        (Some(from), None) => {
            let mut side = beside_a_pipe(to.clone(), to_at)?;
            let moved = from.give(bytes, nonblocking, |bytes| side.write(bytes))?;
            (side, moved)
        }
        (None, Some(to)) => {
            let mut side = beside_a_pipe(from.clone(), from_at)?;
            let moved = to.fill(thread, bytes, nonblocking, |room| side.read(room))?;
            (side, moved)
        }
        (None, None) => return Err(Errno::EINVAL),
    };
    side.store()?;
    Ok(moved)
}

/// tee(2): `[in, out, bytes, flags]`. Errors: EBADF, EINVAL if they are not two pipes, EAGAIN, EINTR, EPIPE, ENOMEM.
pub fn tee(thread: &Thread, [from, to, bytes, flags, ..]: [usize; 6]) -> SysResult {
    let nonblocking = check_splice(flags)?;
    if bytes == 0 {
        return Ok(0);
    }
    let (from, to) = (readable(from)?, writable(to)?);
    prepare()?;
    let pipes = from.pipe().zip(to.pipe()).ok_or(Errno::EINVAL)?;
    pipes.0.pass(thread, pipes.1, bytes.min(MAX_BYTES), nonblocking, true)
}

/// vmsplice(2): `[fd, vector, count, flags]`: as readv(2) or writev(2) of a pipe's end, without waiting for more than the first bytes. Errors:
/// EBADF for what is no pipe, EINVAL, EFAULT, EAGAIN, EINTR, EPIPE, ENOMEM.
pub fn vmsplice(thread: &Thread, [fd, vector, count, flags, ..]: [usize; 6]) -> SysResult {
    let nonblocking = check_splice(flags)?;
    let file = get(fd)?;
    let end = file.pipe().ok_or(Errno::EBADF)?;
    let pieces = pieces(vector, count)?;
    prepare()?;
    if file.status().may_write() {
        let mut source = Source::vector(&pieces);
        return match source.left() {
            0 => Ok(0),
            bytes => end.fill(thread, bytes, nonblocking, |room| source.take(room)),
        };
    }
    let mut sink = Sink::vector(&pieces);
    match sink.left() {
        0 => Ok(0),
        bytes => end.give(bytes, nonblocking, |bytes| sink.put(bytes)),
    }
}
