//! Where the bytes of a call come from and go to: memory that the program named, in one piece or several, or memory of our own.
//!
//! A [`Sink`] takes bytes, a [`Source`] gives them. Both go forward only and count what has moved, so that a call that meets a bad
//! pointer half way tells how much was done, as Linux does. Touching the program's memory may fault: see `uaccess` for the locks
//! that may be held.

use crate::errno::{Errno, SysResult};
use alloc::vec::Vec;

#[cfg(target_vendor = "sel4")]
use crate::uaccess;

/// Most bytes that one call moves (Linux's MAX_RW_COUNT).
pub const MAX_BYTES: usize = 0x7fff_f000;
/// Most buffers of one vectored call (IOV_MAX).
pub const IOV_MAX: usize = 1024;

/// A buffer of the program's: address and bytes (struct iovec).
pub type Piece = [usize; 2];

/// Buffers that are looked at one after the other.
struct Pieces<'a> {
    at: usize,
    here: usize,
    rest: &'a [Piece],
    left: usize,
}

impl<'a> Pieces<'a> {
    fn one(at: usize, bytes: usize) -> Self {
        let bytes = bytes.min(MAX_BYTES);
        Self { at, here: bytes, rest: &[], left: bytes }
    }

    fn many(pieces: &'a [Piece]) -> Self {
        let all = pieces.iter().fold(0usize, |all, piece| all.saturating_add(piece[1]));
        Self { at: 0, here: 0, rest: pieces, left: all.min(MAX_BYTES) }
    }

    /// Address and length of the next bytes, at most `most` and at least one; there are some left.
    fn next(&mut self, most: usize) -> (usize, usize) {
        while self.here == 0
            && let Some((&[at, bytes], rest)) = self.rest.split_first()
        {
            (self.at, self.here, self.rest) = (at, bytes, rest);
        }
        (self.at, self.here.min(most).min(self.left))
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
        self.here -= bytes;
        self.left -= bytes;
    }

    /// Moves up to `bytes` by `copy`, which gets the program's address, how many bytes came before, and how many to move.
    fn each(&mut self, bytes: usize, mut copy: impl FnMut(usize, usize, usize) -> Result<(), Errno>) -> SysResult {
        let bytes = bytes.min(self.left);
        let mut done = 0;
        while done < bytes {
            let (at, length) = self.next(bytes - done);
            match copy(at, done, length) {
                Ok(()) => self.advance(length),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done += length;
        }
        Ok(done)
    }
}

enum Memory<'a, Own> {
    Program(Pieces<'a>),
    Own(Own),
}

/// What a call moves bytes to, or from: in order, and counted.
pub struct Buffers<'a, Own> {
    memory: Memory<'a, Own>,
    done: usize,
}

/// Takes bytes, in order.
pub type Sink<'a> = Buffers<'a, &'a mut [u8]>;

/// Gives bytes, in order.
pub type Source<'a> = Buffers<'a, &'a [u8]>;

impl<'a, Own: AsRef<[u8]>> Buffers<'a, Own> {
    /// One buffer of the program's; a length past what one call moves is cut.
    pub fn program(at: usize, bytes: usize) -> Self {
        Self { memory: Memory::Program(Pieces::one(at, bytes)), done: 0 }
    }

    /// Several buffers of the program's.
    pub fn vector(pieces: &'a [Piece]) -> Self {
        Self { memory: Memory::Program(Pieces::many(pieces)), done: 0 }
    }

    /// Memory of our own.
    pub fn own(bytes: Own) -> Self {
        Self { memory: Memory::Own(bytes), done: 0 }
    }

    /// Bytes that can still be moved.
    pub fn left(&self) -> usize {
        match &self.memory {
            Memory::Program(pieces) => pieces.left,
            Memory::Own(bytes) => bytes.as_ref().len(),
        }
    }

    /// Bytes that were moved so far.
    pub fn done(&self) -> usize {
        self.done
    }

    /// What a call gives that ended this way: what was moved before an error counts.
    pub fn outcome(&self, ended: Result<(), Errno>) -> SysResult {
        match ended {
            Err(error) if self.done == 0 => Err(error),
            _ => Ok(self.done),
        }
    }
}

impl Sink<'_> {
    /// Takes as much of `bytes` as there is room for; gives how much. Errors: EFAULT if not one byte could be stored.
    pub fn put(&mut self, bytes: &[u8]) -> SysResult {
        // SAFETY: a slice can be read.
        unsafe { self.put_from(bytes.as_ptr(), bytes.len()) }
    }

    /// As [`Sink::put`], from memory that others may change meanwhile, which a slice must not be made of.
    ///
    /// # Safety
    /// `bytes` bytes at `from` can be read.
    pub unsafe fn put_from(&mut self, from: *const u8, bytes: usize) -> SysResult {
        let moved = match &mut self.memory {
            Memory::Program(pieces) => pieces.each(bytes, |at, done, length| {
                // SAFETY: the caller promises `bytes` bytes, and `done + length` is at most that.
                unsafe { uaccess::copy_out_from(at, from.add(done), length) }
            })?,
            Memory::Own(to) => {
                let bytes = bytes.min(to.len());
                // SAFETY: the caller promises the bytes, and `to` is at least as long.
                unsafe { core::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), bytes) };
                *to = &mut core::mem::take(to)[bytes..];
                bytes
            }
        };
        self.done += moved;
        Ok(moved)
    }

    /// Takes up to `bytes` zeros; gives how many. Errors: EFAULT if not one byte could be stored.
    pub fn zero(&mut self, bytes: usize) -> SysResult {
        let moved = match &mut self.memory {
            Memory::Program(pieces) => pieces.each(bytes, |at, _, length| uaccess::zero_out(at, length))?,
            Memory::Own(to) => {
                let bytes = bytes.min(to.len());
                let (zeroed, rest) = core::mem::take(to).split_at_mut(bytes);
                zeroed.fill(0);
                *to = rest;
                bytes
            }
        };
        self.done += moved;
        Ok(moved)
    }

    /// Makes sure that its next bytes can be stored, for what cannot be read twice. Errors: EFAULT.
    pub fn probe(&mut self, most: usize) -> Result<(), Errno> {
        match &mut self.memory {
            Memory::Program(pieces) if pieces.left > 0 => {
                let (at, length) = pieces.next(most);
                uaccess::probe_write(at, length)
            }
            _ => Ok(()),
        }
    }
}

impl Source<'_> {
    /// Gives as much as `bytes` has room for; how much. Errors: EFAULT if not one byte could be read.
    pub fn take(&mut self, bytes: &mut [u8]) -> SysResult {
        // SAFETY: a slice borrowed exclusively can be written.
        unsafe { self.take_to(bytes.as_mut_ptr(), bytes.len()) }
    }

    /// As [`Source::take`], to memory that others may read or change meanwhile, which a slice must not be made of.
    ///
    /// # Safety
    /// `bytes` bytes at `to` can be written.
    pub unsafe fn take_to(&mut self, to: *mut u8, bytes: usize) -> SysResult {
        let moved = match &mut self.memory {
            Memory::Program(pieces) => pieces.each(bytes, |at, done, length| {
                // SAFETY: the caller promises `bytes` bytes, and `done + length` is at most that.
                unsafe { uaccess::copy_in_to(to.add(done), at, length) }
            })?,
            Memory::Own(from) => {
                let (taken, rest) = from.split_at(bytes.min(from.len()));
                // SAFETY: the caller promises the room, and `taken` is no longer.
                unsafe { core::ptr::copy_nonoverlapping(taken.as_ptr(), to, taken.len()) };
                *from = rest;
                taken.len()
            }
        };
        self.done += moved;
        Ok(moved)
    }

    /// Leaves out up to `bytes` bytes without looking at them; gives how many.
    pub fn skip(&mut self, bytes: usize) -> usize {
        let moved = match &mut self.memory {
            Memory::Program(pieces) => pieces.each(bytes, |_, _, _| Ok(())).unwrap_or(0),
            Memory::Own(from) => {
                let bytes = bytes.min(from.len());
                *from = &from[bytes..];
                bytes
            }
        };
        self.done += moved;
        moved
    }
}

/// Checks the buffers of a vectored call. Errors: EINVAL if there are too many or one is longer than Linux takes.
pub fn check_pieces(pieces: Vec<Piece>) -> Result<Vec<Piece>, Errno> {
    if pieces.len() > IOV_MAX || pieces.iter().any(|piece| piece[1] > isize::MAX as usize) {
        return Err(Errno::EINVAL);
    }
    Ok(pieces)
}

/// The host's stand-in for the program's memory: addresses below a page are bad pointers, all others the test vouches for.
#[cfg(not(target_vendor = "sel4"))]
mod uaccess {
    use crate::errno::Errno;

    fn check(at: usize) -> Result<(), Errno> {
        if at < 4096 { Err(Errno::EFAULT) } else { Ok(()) }
    }

    pub unsafe fn copy_out_from(to: usize, from: *const u8, bytes: usize) -> Result<(), Errno> {
        check(to)?;
        // SAFETY: the test named its own memory.
        unsafe { core::ptr::copy_nonoverlapping(from, core::ptr::with_exposed_provenance_mut(to), bytes) };
        Ok(())
    }

    pub unsafe fn copy_in_to(to: *mut u8, from: usize, bytes: usize) -> Result<(), Errno> {
        check(from)?;
        // SAFETY: the test named its own memory.
        unsafe { core::ptr::copy_nonoverlapping(core::ptr::with_exposed_provenance(from), to, bytes) };
        Ok(())
    }

    pub fn zero_out(to: usize, bytes: usize) -> Result<(), Errno> {
        check(to)?;
        // SAFETY: the test named its own memory.
        unsafe { core::ptr::write_bytes(core::ptr::with_exposed_provenance_mut::<u8>(to), 0, bytes) };
        Ok(())
    }

    pub fn probe_write(at: usize, _: usize) -> Result<(), Errno> {
        check(at)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The test's own memory as the program's.
    fn piece(bytes: &mut [u8]) -> Piece {
        [bytes.as_mut_ptr().expose_provenance(), bytes.len()]
    }

    #[test]
    fn a_vector_is_filled_piece_by_piece() {
        let (mut a, mut b) = ([0u8; 3], [0u8; 4]);
        let pieces = [piece(&mut a), [0, 0], piece(&mut b)];
        let mut sink = Sink::vector(&pieces);
        assert_eq!(sink.left(), 7);
        assert_eq!(sink.put(b"12345"), Ok(5));
        assert_eq!(sink.zero(1), Ok(1));
        assert_eq!(sink.put(b"678"), Ok(1));
        assert_eq!((sink.left(), sink.done()), (0, 7));
        assert_eq!((&a, &b), (b"123", b"45\x006"));
    }

    #[test]
    fn a_vector_is_read_piece_by_piece() {
        let (mut a, mut b) = (*b"abc", *b"defg");
        let pieces = [piece(&mut a), piece(&mut b)];
        let mut source = Source::vector(&pieces);
        let mut bytes = [0; 4];
        assert_eq!(source.take(&mut bytes), Ok(4));
        assert_eq!(&bytes, b"abcd");
        assert_eq!(source.skip(1), 1);
        assert_eq!(source.take(&mut bytes), Ok(2));
        assert_eq!(&bytes[..2], b"fg");
        assert_eq!(source.take(&mut bytes), Ok(0));
    }

    #[test]
    fn what_came_before_a_bad_pointer_counts() {
        let mut a = [0u8; 3];
        let pieces = [piece(&mut a), [16, 5]];
        let mut sink = Sink::vector(&pieces);
        assert_eq!(sink.put(b"12345"), Ok(3));
        assert_eq!(sink.put(b"45"), Err(Errno::EFAULT));
        assert_eq!(sink.outcome(Err(Errno::EFAULT)), Ok(3));
        let mut source = Source::program(16, 5);
        assert_eq!(source.take(&mut [0; 2]), Err(Errno::EFAULT));
        assert_eq!(source.outcome(Err(Errno::EFAULT)), Err(Errno::EFAULT));
    }

    #[test]
    fn own_memory_is_taken_and_given_in_order() {
        let mut bytes = [9u8; 4];
        let mut sink = Sink::own(&mut bytes);
        assert_eq!((sink.put(b"ab"), sink.zero(1), sink.put(b"cd")), (Ok(2), Ok(1), Ok(1)));
        assert_eq!(&bytes, b"ab\0c");
        let mut source = Source::own(b"xyz");
        let mut two = [0; 2];
        assert_eq!((source.skip(1), source.take(&mut two), source.left()), (1, Ok(2), 0));
        assert_eq!(&two, b"yz");
    }

    #[test]
    fn lengths_are_cut_and_checked() {
        assert_eq!(Sink::program(0, usize::MAX).left(), MAX_BYTES);
        assert_eq!(Source::vector(&[[0, usize::MAX >> 1], [0, usize::MAX >> 1], [0, 2]]).left(), MAX_BYTES);
        assert_eq!(check_pieces(vec![[0, 1 << 63]]), Err(Errno::EINVAL));
        assert_eq!(check_pieces(vec![[0, 1]; IOV_MAX + 1]), Err(Errno::EINVAL));
        assert!(check_pieces(vec![[0, 1]; IOV_MAX]).is_ok());
    }
}
