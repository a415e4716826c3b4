//! The bytes of a file in memory: pages where something was written, holes elsewhere.

use crate::errno::{Errno, SysResult};
use crate::fs::buffers::{Sink, Source};
use crate::mm::areas::PAGE;
use crate::mm::pages::FilePage;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Range;

/// Pages whose references are kept in one piece. A single table of a large file would be more than the records that one call may
/// allocate (see `heap`).
const CHUNK: u64 = 32;
const PAGE_BYTES: u64 = PAGE as u64;
/// The longest a file can be: offsets are signed (off_t).
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// References to the pages of one piece of a file.
#[derive(Default)]
struct Chunk {
    pages: [Option<FilePage>; CHUNK as usize],
    used: usize,
}

/// A file's bytes. Behind the end, the last page is zero.
#[derive(Default)]
pub struct Data {
    size: u64,
    chunks: BTreeMap<u64, Box<Chunk>>,
    pages: u64,
}

/// No more memory is a full file system here.
fn full(_: Errno) -> Errno {
    Errno::ENOSPC
}

impl Data {
    /// Bytes from the first to the end.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Pages that it takes up.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    fn page(&self, index: u64) -> Option<&FilePage> {
        self.chunks.get(&(index / CHUNK))?.pages[(index % CHUNK) as usize].as_ref()
    }

    fn insert(&mut self, index: u64, page: FilePage) {
        let chunk = self.chunks.entry(index / CHUNK).or_default();
        chunk.pages[(index % CHUNK) as usize] = Some(page);
        chunk.used += 1;
        self.pages += 1;
    }

    /// The page at an index, made if there is a hole: for mapping it. Errors: ENXIO behind the end, ENOSPC.
    pub fn page_for_mapping(&mut self, index: u64) -> Result<FilePage, Errno> {
        if index >= self.size.div_ceil(PAGE_BYTES) {
            return Err(Errno::ENXIO);
        }
        if let Some(page) = self.page(index) {
            return Ok(page.clone());
        }
        let page = FilePage::new().map_err(full)?;
        self.insert(index, page.clone());
        Ok(page)
    }

    /// Gives the bytes from `offset` on as far as there are any and `to` takes them. Errors: EFAULT.
    pub fn read(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        let (before, mut at) = (to.done(), offset);
        let mut ended = Ok(());
        while to.left() > 0 && at < self.size {
            let within = (at % PAGE_BYTES) as usize;
            let length = (PAGE - within).min((self.size - at).min(PAGE_BYTES) as usize);
            let moved = match self.page(at / PAGE_BYTES) {
                // SAFETY: the page has `PAGE` bytes, and `within + length` is at most that.
                Some(page) => unsafe { to.put_from(page.address().add(within), length) },
                None => to.zero(length),
            };
            match moved {
                Ok(moved) => at += moved as u64,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        match ended {
            Err(error) if to.done() == before => Err(error),
            _ => Ok(to.done() - before),
        }
    }

    /// Stores bytes from `offset` on; what lies between the end and there becomes zeros. Gives what was stored before memory ran out.
    /// Errors: EFAULT, ENOSPC, EFBIG if not one byte could be.
    pub fn write(&mut self, from: &mut Source<'_>, offset: u64) -> SysResult {
        let before = from.done();
        let mut at = offset;
        let mut ended = Ok(());
        if from.left() > 0 && offset > self.size {
            self.clear_end();
        }
        while from.left() > 0 && ended.is_ok() {
            match self.write_in_page(from, at) {
                Ok(moved) => at += moved as u64,
                Err(error) => ended = Err(error),
            }
        }
        match ended {
            Err(error) if from.done() == before => Err(error),
            _ => Ok(from.done() - before),
        }
    }

    /// Stores as many bytes as come into one page. Errors: EFAULT, ENOSPC, EFBIG.
    fn write_in_page(&mut self, from: &mut Source<'_>, at: u64) -> SysResult {
        if at >= MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let within = (at % PAGE_BYTES) as usize;
        let length = (PAGE - within).min((MAX_SIZE - at).min(PAGE_BYTES) as usize);
        // SAFETY (both): the page has `PAGE` bytes, and `within + length` is at most that.
        let moved = match self.page(at / PAGE_BYTES) {
            // SAFETY: see above.
            Some(page) => unsafe { from.take_to(page.address().add(within), length)? },
            None => {
                let page = FilePage::new().map_err(full)?;
                // SAFETY: see above.
                let moved = unsafe { from.take_to(page.address().add(within), length)? };
                self.insert(at / PAGE_BYTES, page);
                moved
            }
        };
        self.size = self.size.max(at + moved as u64);
        Ok(moved)
    }

    /// Makes the last page zero behind the end: a mapping may have written there.
    fn clear_end(&self) {
        self.zero_within(self.size..self.size.next_multiple_of(PAGE_BYTES));
    }

    /// Makes bytes of one page zero; a hole is already.
    fn zero_within(&self, range: Range<u64>) {
        if let Some(page) = self.page(range.start / PAGE_BYTES).filter(|_| !range.is_empty()) {
            let within = (range.start % PAGE_BYTES) as usize;
            // SAFETY: the range lies in one page, and that page is this file's.
            unsafe { page.address().add(within).write_bytes(0, (range.end - range.start) as usize) };
        }
    }

    /// Makes the file so long: what is cut off is given back, what is added is a hole. Errors: EFBIG.
    pub fn set_size(&mut self, size: u64) -> Result<(), Errno> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        if size > self.size {
            self.clear_end();
        } else {
            self.drop_pages(size.div_ceil(PAGE_BYTES)..u64::MAX);
        }
        self.size = size;
        self.clear_end();
        Ok(())
    }

    /// Gives back the pages with these indices.
    fn drop_pages(&mut self, indices: Range<u64>) {
        let mut from = indices.start;
        while let Some((&number, _)) = self.chunks.range(from / CHUNK..).next() {
            let first = (number * CHUNK).max(from);
            if first >= indices.end {
                return;
            }
            let last = (number * CHUNK + CHUNK).min(indices.end);
            if let Some(chunk) = self.chunks.get_mut(&number) {
                for index in first..last {
                    if chunk.pages[(index % CHUNK) as usize].take().is_some() {
                        chunk.used -= 1;
                        self.pages -= 1;
                    }
                }
                if chunk.used == 0 {
                    self.chunks.remove(&number);
                }
            }
            from = last;
        }
    }

    /// Makes a range zero without giving back pages, which stay the file's own wherever they are mapped; holes stay.
    pub fn zero(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let chunk = CHUNK * PAGE_BYTES;
        for (&number, _) in self.chunks.range(range.start / chunk..range.end.div_ceil(chunk)) {
            for start in (number * chunk..number * chunk + chunk).step_by(PAGE) {
                self.zero_within(range.start.max(start)..range.end.min(start + PAGE_BYTES));
            }
        }
    }

    /// Makes a range zero without changing the size, giving back the pages that lie in it whole (FALLOC_FL_PUNCH_HOLE).
    pub fn punch(&mut self, range: Range<u64>) {
        let (first, last) = (range.start.next_multiple_of(PAGE_BYTES), range.end / PAGE_BYTES * PAGE_BYTES);
        if first > last {
            return self.zero_within(range);
        }
        self.zero_within(range.start..first);
        self.zero_within(last..range.end);
        self.drop_pages(first / PAGE_BYTES..last / PAGE_BYTES);
    }

    /// Puts pages into the holes of a range, all or none (fallocate(2)). Errors: ENOSPC.
    pub fn allocate(&mut self, range: Range<u64>) -> Result<(), Errno> {
        let pages = range.end.div_ceil(PAGE_BYTES) - range.start / PAGE_BYTES;
        if pages.saturating_sub(self.pages) > FilePage::available() as u64 {
            return Err(Errno::ENOSPC);
        }
        let mut made = alloc::vec::Vec::new();
        for index in range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES) {
            if self.page(index).is_some() {
                continue;
            }
            match FilePage::new() {
                Ok(page) => self.insert(index, page),
                Err(error) => {
                    made.into_iter().for_each(|range: Range<u64>| self.drop_pages(range));
                    return Err(full(error));
                }
            }
            // Neighbours are noted as one range: a record a page would be too much.
            match made.last_mut() {
                Some(range) if range.end == index => range.end += 1,
                _ => made.push(index..index + 1),
            }
        }
        Ok(())
    }

    /// The first byte from `offset` on that is data (or in a hole): the end counts as a hole. Errors: ENXIO past the end, or if there is no
    /// more data.
    pub fn seek(&self, offset: u64, data: bool) -> Result<u64, Errno> {
        if offset >= self.size {
            return Err(Errno::ENXIO);
        }
        let mut index = offset / PAGE_BYTES;
        let end = self.size.div_ceil(PAGE_BYTES);
        while index < end && self.page(index).is_some() != data {
            // A piece that is not there is one hole.
            index = match self.chunks.range(index / CHUNK..).next() {
                Some((&number, _)) if number * CHUNK > index => number * CHUNK,
                None => end,
                _ => index + 1,
            };
        }
        match (index < end, data) {
            (true, _) => Ok((index * PAGE_BYTES).max(offset)),
            (false, true) => Err(Errno::ENXIO),
            (false, false) => Ok(self.size),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(data: &mut Data, offset: u64, bytes: &[u8]) {
        assert_eq!(data.write(&mut Source::own(bytes), offset), Ok(bytes.len()));
    }

    fn read(data: &Data, offset: u64, most: usize) -> Vec<u8> {
        let mut bytes = vec![0xaa; most];
        let length = data.read(&mut Sink::own(&mut bytes), offset).unwrap();
        bytes.truncate(length);
        bytes
    }

    /// Found by the fuzz target of paths: the ends of such a range are no multiples of a page that 64 bits hold.
    #[test]
    fn a_hole_behind_the_largest_size_changes_nothing() {
        use crate::fs::node::{New, Node};
        let file = crate::fs::tmpfs::Tmpfs::new_root(1).make(b"a", New::Regular, 0o644).unwrap();
        file.write_at(&mut Source::own(b"x"), 0).unwrap();
        for start in [MAX_SIZE, MAX_SIZE + 1, u64::MAX - 155] {
            assert_eq!(file.punch(start, u64::MAX / 2), Ok(()));
        }
        file.set_mapped();
        assert_eq!(file.punch(u64::MAX - 155, 1), Ok(()));
        assert_eq!((file.metadata().size, file.metadata().blocks), (1, 8));
    }

    #[test]
    fn holes_take_no_pages_and_read_as_zeros() {
        let mut data = Data::default();
        write(&mut data, 1 << 40, b"x");
        assert_eq!((data.size(), data.pages()), ((1 << 40) + 1, 1));
        assert_eq!(read(&data, (1 << 40) - 2, 9), b"\0\0x");
        assert_eq!(data.seek(0, true), Ok(1 << 40));
        assert_eq!(data.seek(0, false), Ok(0));
        assert_eq!(data.seek(1 << 40, false), Ok((1 << 40) + 1));
        assert_eq!(data.seek((1 << 40) + 1, true), Err(Errno::ENXIO));
    }

    #[test]
    fn what_was_cut_off_reads_as_zeros_when_the_file_grows_again() {
        let mut data = Data::default();
        write(&mut data, 0, &[7; 3 * PAGE]);
        data.set_size(5).unwrap();
        assert_eq!(data.pages(), 1);
        data.set_size(10).unwrap();
        assert_eq!(read(&data, 0, 99), b"\x07\x07\x07\x07\x07\0\0\0\0\0");
        data.set_size(0).unwrap();
        assert_eq!(data.pages(), 0);
    }

    #[test]
    fn bytes_that_a_mapping_left_behind_the_end_do_not_appear() {
        let mut data = Data::default();
        write(&mut data, 0, b"abc");
        let page = data.page_for_mapping(0).unwrap();
        // SAFETY: the test's own page.
        unsafe { page.address().add(4).write(9) };
        write(&mut data, 6, b"g");
        assert_eq!(read(&data, 0, 99), b"abc\0\0\0g");
        // SAFETY: as above.
        unsafe { page.address().add(8).write(9) };
        data.set_size(10).unwrap();
        assert_eq!(read(&data, 7, 99), b"\0\0\0");
    }

    #[test]
    fn the_largest_offset_is_the_end_of_files() {
        let mut data = Data::default();
        assert_eq!(data.write(&mut Source::own(b"ab"), MAX_SIZE), Err(Errno::EFBIG));
        assert_eq!(data.write(&mut Source::own(b"ab"), MAX_SIZE - 1), Ok(1));
        assert_eq!(data.size(), MAX_SIZE);
        assert_eq!(data.set_size(MAX_SIZE + 1), Err(Errno::EFBIG));
        assert_eq!(data.set_size(MAX_SIZE), Ok(()));
    }

    #[test]
    fn a_range_that_no_memory_holds_is_refused_at_once() {
        let mut data = Data::default();
        assert_eq!(data.allocate(0..MAX_SIZE), Err(Errno::ENOSPC));
        assert_eq!(data.pages(), 0);
        assert_eq!(data.allocate(MAX_SIZE - 1..MAX_SIZE), Ok(()));
    }

    #[test]
    fn a_bad_pointer_leaves_the_file_as_it_was() {
        let mut data = Data::default();
        assert_eq!(data.write(&mut Source::program(16, 9), 0), Err(Errno::EFAULT));
        assert_eq!((data.size(), data.pages()), (0, 0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, u8, usize),
        Read(u64, usize),
        SetSize(u64),
        Punch(u64, u64),
        Zero(u64, u64),
        Allocate(u64, u64),
        Seek(u64, bool),
    }

    const LONGEST: u64 = 40 * PAGE_BYTES;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let at = || prop_oneof![0..LONGEST, (0..40u64).prop_map(|page| page * PAGE_BYTES)];
        let step = prop_oneof![
            (at(), any::<u8>(), 0..3 * PAGE).prop_map(|(at, byte, length)| Step::Write(at, byte, length)),
            (at(), 0..3 * PAGE).prop_map(|(at, length)| Step::Read(at, length)),
            at().prop_map(Step::SetSize),
            (at(), at()).prop_map(|(a, b)| Step::Punch(a.min(b), a.max(b))),
            (at(), at()).prop_map(|(a, b)| Step::Zero(a.min(b), a.max(b))),
            (at(), at()).prop_map(|(a, b)| Step::Allocate(a.min(b), a.max(b))),
            (at(), any::<bool>()).prop_map(|(at, data)| Step::Seek(at, data)),
        ];
        proptest::collection::vec(step, crate::testing::steps(40))
    }

    proptest! {
        #![proptest_config(crate::testing::cases(2))]
        /// Against a vector of bytes.
        #[test]
        fn bytes_are_as_in_a_vector(steps in steps()) {
            let (mut data, mut list) = (Data::default(), Vec::<u8>::new());
            for step in steps {
                match step {
                    Step::Write(at, byte, length) => {
                        write(&mut data, at, &vec![byte; length]);
                        if length > 0 {
                            let end = at as usize + length;
                            list.resize(list.len().max(end), 0);
                            list[at as usize..end].fill(byte);
                        }
                    }
                    Step::Read(at, length) => {
                        let start = (at as usize).min(list.len());
                        prop_assert_eq!(&read(&data, at, length), &list[start..(start + length).min(list.len())]);
                    }
                    Step::SetSize(size) => {
                        data.set_size(size).unwrap();
                        list.resize(size as usize, 0);
                    }
                    Step::Punch(from, to) | Step::Zero(from, to) => {
                        let pages = data.pages();
                        match step {
                            Step::Zero(..) => {
                                data.zero(from..to);
                                prop_assert_eq!(data.pages(), pages);
                            }
                            _ => data.punch(from..to),
                        }
                        let (from, to) = ((from as usize).min(list.len()), (to as usize).min(list.len()));
                        list[from..to].fill(0);
                    }
                    Step::Allocate(from, to) => data.allocate(from..to).unwrap(),
                    Step::Seek(at, wanted) => {
                        if let Ok(found) = data.seek(at, wanted) {
                            prop_assert!(found >= at && found <= data.size());
                            if wanted {
                                // What was passed over is zeros.
                                prop_assert!(list[at as usize..found as usize].iter().all(|&byte| byte == 0));
                            }
                        }
                    }
                }
                prop_assert_eq!(data.size(), list.len() as u64);
                let pages = data.chunks.values().map(|chunk| chunk.pages.iter().flatten().count()).sum::<usize>();
                prop_assert_eq!(data.pages(), pages as u64);
            }
        }
    }
}
