//! Bytes on their way: a ring of pages, of which only those in use are there.

use super::buffers::{Sink, Source};
use crate::errno::{Errno, SysResult};
use crate::mm::areas::PAGE;
use crate::mm::pages::FilePage;
use alloc::vec::Vec;

/// A ring of bytes.
pub struct Ring {
    /// The ring; a page that holds nothing is given back, but the last one.
    pages: Vec<Option<FilePage>>,
    /// Where the first byte is.
    first: usize,
    length: usize,
}

impl Ring {
    /// An empty one of so many pages, at least one.
    pub fn new(pages: usize) -> Self {
        let mut ring = Self { pages: Vec::new(), first: 0, length: 0 };
        ring.pages.resize_with(pages.max(1), || None);
        ring
    }

    /// Bytes that it can hold.
    pub fn capacity(&self) -> usize {
        self.pages.len() * PAGE
    }

    /// Bytes that it holds.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes that it can still take.
    pub fn room(&self) -> usize {
        self.capacity() - self.length
    }

    /// Takes what there is room for from `from`; gives how much. Errors: EFAULT, ENOMEM, if not one byte could be taken.
    pub fn put(&mut self, from: &mut Source<'_>) -> SysResult {
        self.put_with(from.left(), |room| from.take(room))
    }

    /// Takes up to `most` bytes, as there is room, which `fill` stores, piece by piece: it says how many, and fewer than it could end it.
    /// Errors: ENOMEM and those of `fill`, if not one byte was taken.
    pub fn put_with(&mut self, most: usize, mut fill: impl FnMut(&mut [u8]) -> SysResult) -> SysResult {
        in_pieces(most.min(self.room()), |left| {
            let at = (self.first + self.length) % self.capacity();
            let length = (PAGE - at % PAGE).min(left);
            let slot = &mut self.pages[at / PAGE];
            let page = match slot {
                Some(page) => page,
                None => slot.insert(FilePage::new()?),
            };
            // SAFETY: `at % PAGE + length` is at most a page, and the page is this ring's alone, which is borrowed exclusively.
            let room = unsafe { core::slice::from_raw_parts_mut(page.address().add(at % PAGE), length) };
            let moved = fill(room)?;
            self.length += moved;
            Ok((length, moved))
        })
    }

    /// Gives `to` what it takes; gives how much. Errors: EFAULT if not one byte could be given.
    pub fn take(&mut self, to: &mut Sink<'_>) -> SysResult {
        self.take_with(to.left(), |bytes| to.put(bytes))
    }

    /// Gives up to `most` bytes to `give`, piece by piece, which says how many it took: those are gone, and fewer than it could end it.
    /// Errors: those of `give`, if not one byte was taken.
    pub fn take_with(&mut self, most: usize, mut give: impl FnMut(&[u8]) -> SysResult) -> SysResult {
        in_pieces(most.min(self.length), |left| {
            let piece = self.piece(0, left);
            let (length, moved) = (piece.len(), give(piece)?);
            self.drop_front(moved);
            Ok((length, moved))
        })
    }

    /// As [`Ring::take_with`], but the bytes stay.
    pub fn show_with(&self, most: usize, mut give: impl FnMut(&[u8]) -> SysResult) -> SysResult {
        let mut shown = 0;
        in_pieces(most.min(self.length), |left| {
            let piece = self.piece(shown, left);
            let moved = give(piece)?;
            shown += moved;
            Ok((piece.len(), moved))
        })
    }

    /// Bytes that lie side by side, `skipped` behind the first: at least one and at most `most`, and there are as many.
    fn piece(&self, skipped: usize, most: usize) -> &[u8] {
        let at = (self.first + skipped) % self.capacity();
        let Some(page) = &self.pages[at / PAGE] else { unreachable!("bytes are in pages") };
        let length = (PAGE - at % PAGE).min(most);
        // SAFETY: `at % PAGE + length` is at most a page, and nobody changes a page of a ring that is borrowed.
        unsafe { core::slice::from_raw_parts(page.address().add(at % PAGE), length) }
    }

    /// Forgets `bytes` bytes, which are in one page.
    fn drop_front(&mut self, bytes: usize) {
        let page = self.first / PAGE;
        self.first = (self.first + bytes) % self.capacity();
        self.length -= bytes;
        if self.length == 0 {
            // The one page that stays is where the next bytes go.
            self.pages.swap(0, page);
            self.first = 0;
        } else if self.first / PAGE != page && (self.first + self.length - 1) % self.capacity() / PAGE != page {
            // The ring's end has not come round to it either.
            self.pages[page] = None;
        }
    }

    /// Forgets all bytes and gives the pages back.
    pub fn clear(&mut self) {
        self.pages.iter_mut().for_each(|page| *page = None);
        (self.first, self.length) = (0, 0);
    }

    /// Makes it a ring of so many pages, at least one. Errors: EBUSY if they do not hold what is in it, ENOMEM.
    pub fn resize(&mut self, pages: usize) -> Result<(), Errno> {
        let mut new = Self::new(pages);
        if new.capacity() < self.length {
            return Err(Errno::EBUSY);
        }
        // All that can fail comes before the first byte moves.
        for page in &mut new.pages[..self.length.div_ceil(PAGE)] {
            *page = Some(FilePage::new()?);
        }
        self.take_with(self.length, |bytes| new.put(&mut Source::own(bytes)))?;
        *self = new;
        Ok(())
    }
}

/// Moves `bytes` bytes by `step`, which gets how many are left and gives how many it tried to move and how many it moved; fewer end it.
/// Errors: those of `step`, if nothing was moved.
fn in_pieces(bytes: usize, mut step: impl FnMut(usize) -> Result<(usize, usize), Errno>) -> SysResult {
    let mut done = 0;
    while done < bytes {
        match step(bytes - done) {
            Ok((tried, moved)) => {
                done += moved;
                if moved < tried {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn put(ring: &mut Ring, bytes: &[u8]) -> usize {
        ring.put(&mut Source::own(bytes)).unwrap()
    }

    fn take(ring: &mut Ring, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let count = ring.take(&mut Sink::own(&mut bytes)).unwrap();
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn pages_are_there_only_for_what_is_in_them() {
        let mut ring = Ring::new(4);
        put(&mut ring, &[1; 3 * PAGE]);
        let pages = |ring: &Ring| ring.pages.iter().flatten().count();
        assert_eq!(pages(&ring), 3);
        take(&mut ring, PAGE);
        assert_eq!(pages(&ring), 2);
        take(&mut ring, 2 * PAGE);
        assert_eq!(pages(&ring), 1);
        put(&mut ring, &[1]);
        assert_eq!(pages(&ring), 1);
        ring.clear();
        assert_eq!((pages(&ring), ring.length()), (0, 0));
    }

    #[test]
    fn a_bad_pointer_takes_nothing_away() {
        let mut ring = Ring::new(1);
        put(&mut ring, b"abc");
        assert_eq!(ring.take(&mut Sink::program(16, 2)), Err(Errno::EFAULT));
        assert_eq!(ring.put(&mut Source::program(16, 2)), Err(Errno::EFAULT));
        assert_eq!(take(&mut ring, 9), b"abc");
    }

    #[test]
    fn who_takes_fewer_ends_it_and_the_rest_stays() {
        let mut ring = Ring::new(2);
        put(&mut ring, &[7; PAGE + 10]);
        let mut calls = 0;
        let mut some = |bytes: &[u8]| {
            calls += 1;
            if calls == 1 { Ok(bytes.len()) } else { Ok(3) }
        };
        assert_eq!(ring.take_with(PAGE + 10, &mut some), Ok(PAGE + 3));
        assert_eq!(ring.length(), 7);
        assert_eq!(ring.take_with(7, |_| Err(Errno::ENOSPC)), Err(Errno::ENOSPC));
        assert_eq!(
            ring.put_with(99, |room| {
                room[0] = 8;
                Ok(1)
            }),
            Ok(1)
        );
        assert_eq!(take(&mut ring, 99), [7, 7, 7, 7, 7, 7, 7, 8]);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(2))]
        /// Against a queue of bytes.
        #[test]
        fn as_a_queue_of_bytes(start in 1..5usize, steps in prop::collection::vec((0..6u8, 0..9000usize), crate::testing::steps(60))) {
            let mut ring = Ring::new(start);
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for (what, size) in steps {
                match what {
                    0 | 1 => {
                        let bytes: Vec<u8> = (0..size).map(|_| { next = next.wrapping_add(1); next }).collect();
                        let moved = put(&mut ring, &bytes);
                        prop_assert_eq!(moved, size.min(ring.capacity() - model.len()));
                        model.extend(&bytes[..moved]);
                    }
                    2 | 3 => {
                        let count = size.min(model.len());
                        prop_assert_eq!(take(&mut ring, size), model.drain(..count).collect::<Vec<_>>());
                    }
                    4 => {
                        let mut shown = Vec::new();
                        ring.show_with(size, |bytes| { shown.extend_from_slice(bytes); Ok(bytes.len()) }).unwrap();
                        prop_assert!(shown.iter().eq(model.iter().take(size)));
                    }
                    _ => {
                        let pages = size / 1024 + 1;
                        let fits = pages * PAGE >= model.len();
                        prop_assert_eq!(ring.resize(pages), if fits { Ok(()) } else { Err(Errno::EBUSY) });
                        if fits { prop_assert_eq!(ring.capacity(), pages * PAGE); }
                    }
                }
                prop_assert_eq!(ring.length(), model.len());
            }
        }
    }
}
