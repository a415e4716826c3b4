//! Bytes that go from a pipe, or into one, without the program's memory between (splice(2), tee(2)).
//!
//! They are copied where Linux moves pages. What is at the other side is asked with the pipe's lock held, so that what it does not take stays
//! in the pipe: it must not wait.

use super::{End, Pipe, State};
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::Source;
use crate::fs::wait_queue;
use crate::sync::mutex::MutexGuard;
use crate::thread::Thread;

impl End {
    /// Gives up to `bytes` bytes to `write`, which says how many it took; waits for the first. 0 at the end. Errors: those of `write`, EAGAIN,
    /// EINTR.
    pub fn give(&self, bytes: usize, nonblocking: bool, write: impl FnMut(&[u8]) -> SysResult) -> SysResult {
        self.take(nonblocking || self.status.is_nonblocking(), |ring| ring.take_with(bytes, write))
    }

    /// Takes up to `bytes` bytes from `read`, which says how many it gave, as there is room; waits for some room. Errors: those of `read`, EPIPE
    /// with SIGPIPE, EAGAIN, EINTR, ENOMEM.
    pub fn fill(
        &self,
        thread: &Thread,
        bytes: usize,
        nonblocking: bool,
        read: impl FnMut(&mut [u8]) -> SysResult,
    ) -> SysResult {
        self.put(thread, 1, nonblocking || self.status.is_nonblocking(), |ring| ring.put_with(bytes, read))
    }

    /// Moves up to `bytes` bytes into another pipe, or copies them there if they are to `stay`; waits for the first, and for room. 0 at the end.
    /// Errors: EINVAL if it is one pipe, EPIPE with SIGPIPE, EAGAIN, EINTR, ENOMEM.
    pub fn pass(&self, thread: &Thread, to: &End, bytes: usize, nonblocking: bool, stay: bool) -> SysResult {
        if core::ptr::eq(&*self.pipe, &*to.pipe) {
            return Err(Errno::EINVAL);
        }
        let nonblocking = nonblocking || self.status.is_nonblocking() || to.status.is_nonblocking();
        loop {
            let (mut from_state, mut to_state) = both(&self.pipe, &to.pipe);
            if to_state.readers == 0 {
                drop((from_state, to_state));
                return Err(super::broken(thread));
            }
            let (there, room) = (from_state.ring.length(), to_state.ring.room());
            if there == 0 && from_state.writers == 0 {
                return Ok(0);
            }
            if there > 0 && room > 0 {
                let bytes = bytes.min(room);
                let put = |bytes: &[u8]| to_state.ring.put(&mut Source::own(bytes));
                let moved = if stay {
                    from_state.ring.show_with(bytes, put)?
                } else {
                    from_state.ring.take_with(bytes, put)?
                };
                let left = from_state.ring.room();
                drop((from_state, to_state));
                to.pipe.wake_readers();
                if !stay && left >= super::ATOMIC {
                    self.pipe.wake_writers();
                }
                return Ok(moved);
            }
            drop((from_state, to_state));
            if nonblocking {
                return Err(Errno::EAGAIN);
            }
            // Whoever was woken tells the next: it may have to wait on the other side now.
            if there == 0 {
                self.pipe.wait_for_bytes()?;
                self.pipe.readers.pass_on(wait_queue::IN);
            } else {
                to.pipe.wait_for_room(1)?;
                to.pipe.writers.pass_on(wait_queue::OUT);
            }
        }
    }
}

/// Both pipes' locks, taken in one order by all.
fn both<'a>(from: &'a Pipe, to: &'a Pipe) -> (MutexGuard<'a, State>, MutexGuard<'a, State>) {
    if core::ptr::from_ref(from) < core::ptr::from_ref(to) {
        let from = from.state.lock();
        (from, to.state.lock())
    } else {
        let to = to.state.lock();
        (from.state.lock(), to)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fs::buffers::Sink;
    use crate::fs::file::File;
    use linux_raw_sys::general as linux;
    use std::sync::Arc;
    use std::thread;

    const CALLER: Thread = Thread;

    fn read(end: &End, most: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; most];
        let count = end.read(&CALLER, &mut Sink::own(&mut bytes))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn filled(bytes: &[u8]) -> (Arc<End>, Arc<End>) {
        let (reader, writer) = Pipe::ends(linux::O_NONBLOCK);
        assert_eq!(writer.write(&CALLER, &mut Source::own(bytes)), Ok(bytes.len()));
        (reader, writer)
    }

    #[test]
    fn what_the_other_side_does_not_take_stays() {
        let (reader, _writer) = filled(b"abcdef");
        assert_eq!(reader.give(9, false, |_| Err(Errno::ENOSPC)), Err(Errno::ENOSPC));
        let mut taken = Vec::new();
        let take = |bytes: &[u8]| {
            taken.extend_from_slice(&bytes[..2]);
            Ok(2)
        };
        assert_eq!(reader.give(9, false, take), Ok(2));
        assert_eq!(taken, b"ab");
        assert_eq!(read(&reader, 9).unwrap(), b"cdef");
        assert_eq!(reader.give(9, false, |_| panic!("nothing is there")), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_pipe_is_filled_as_far_as_there_is_room() {
        let (reader, writer) = filled(&[1; super::super::CAPACITY - 10]);
        let fill = |room: &mut [u8]| {
            room.fill(2);
            Ok(room.len())
        };
        assert_eq!(writer.fill(&CALLER, 1 << 20, false, fill), Ok(10));
        assert_eq!(writer.fill(&CALLER, 1, false, |_| panic!("there is no room")), Err(Errno::EAGAIN));
        assert_eq!(read(&reader, 1 << 20).unwrap()[super::super::CAPACITY - 11..], [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!(writer.fill(&CALLER, 5, false, |_| Ok(0)), Ok(0));
        drop(reader);
        assert_eq!(writer.fill(&CALLER, 5, false, |_| panic!("nobody reads it")), Err(Errno::EPIPE));
    }

    #[test]
    fn bytes_pass_or_are_copied() {
        let (from, from_writer) = filled(b"abcdef");
        let (reader, to) = filled(b"");
        assert_eq!(from.pass(&CALLER, &to, 4, false, true), Ok(4));
        assert_eq!(from.pass(&CALLER, &to, 99, false, false), Ok(6));
        assert_eq!(read(&reader, 99).unwrap(), b"abcdabcdef");
        assert_eq!(from.pass(&CALLER, &to, 9, false, false), Err(Errno::EAGAIN));
        assert_eq!(from.pass(&CALLER, &from_writer, 9, false, false), Err(Errno::EINVAL));
        drop(from_writer);
        assert_eq!(from.pass(&CALLER, &to, 9, false, false), Ok(0));
        drop(reader);
        assert_eq!(from.pass(&CALLER, &to, 9, false, false), Err(Errno::EPIPE));
    }

    /// A writer, two that pass on, and a reader, each of which waits for the others.
    #[test]
    fn all_bytes_come_through_two_pipes() {
        const BYTES: usize = if cfg!(miri) { 3 << 16 } else { 5 << 20 };
        let (from, writer) = Pipe::ends(0);
        let (reader, to) = Pipe::ends(0);
        let passing: Vec<_> = (0..2)
            .map(|_| {
                let (from, to) = (from.clone(), to.clone());
                thread::spawn(move || while from.pass(&CALLER, &to, 10_000, false, false).unwrap() > 0 {})
            })
            .collect();
        drop((from, to));
        let writing = thread::spawn(move || {
            let bytes: Vec<u8> = (0..BYTES).map(|at| (at / 1000) as u8).collect();
            assert_eq!(writer.write(&CALLER, &mut Source::own(&bytes)), Ok(BYTES));
        });
        let mut sum = 0;
        let mut count = 0;
        loop {
            let bytes = read(&reader, 7000).unwrap();
            if bytes.is_empty() {
                break;
            }
            count += bytes.len();
            sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        }
        assert_eq!((count, sum), (BYTES, (0..BYTES).map(|at| u64::from((at / 1000) as u8)).sum()));
        writing.join().unwrap();
        passing.into_iter().for_each(|passing| passing.join().unwrap());
    }
}
