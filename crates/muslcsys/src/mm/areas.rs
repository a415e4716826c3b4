//! The address space as a map of areas: what the program asked for, whether or not a frame stands behind it yet.
//!
//! Plain data without a kernel, so that it runs on the host. Addresses are multiples of [`PAGE`]; ranges are half open.

use super::spans::{self, Spans};
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use bitflags::bitflags;
use core::num::NonZeroUsize;
use core::ops::Range;

/// Bytes of a page.
pub const PAGE: usize = 4096;

bitflags! {
    /// What the program may do with an area, and what is remembered of it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Attributes: u16 {
        /// Data may be read.
        const READ = 1;
        /// Data may be written.
        const WRITE = 2;
        /// Instructions may be fetched.
        const EXECUTE = 4;
        /// Its pages are counted as promised memory. Once counted, always: its frames may hold data.
        const CHARGED = 8;
        /// Only small pages: the program sets it up piece by piece (a thread's stack) or asked for it.
        const SMALL_PAGES = 16;
        /// Being torn down: nobody's any more, but its addresses are not yet free.
        const DYING = 32;
        /// Given for frames that the program maps by calls of its own; no call on memory touches it.
        const RESERVED = 64;
        /// Together with `DYING`: a call is about to put something else here, and no other call takes the addresses away.
        const BUSY = 128;
        /// Only pages of a file, which counts them itself: where there is none, the file had ended.
        const FILE = 256;
        /// May never become writable: a file that was not opened for writing.
        const READ_ONLY = 512;
        /// The program asked that it be never paged out (mlock(2)), which it never is.
        const LOCKED = 1024;
        /// Together with `FILE`: the file's own pages, not memory that was filled from it.
        const SHARED = 2048;
    }
}

impl Attributes {
    /// The three permissions alone.
    pub fn access(self) -> Self {
        self & (Self::READ | Self::WRITE | Self::EXECUTE)
    }

    /// The same with the permissions of `new`. What is counted once stays so, and a file's pages are the file's to count.
    pub fn with_access(self, new: Self) -> Self {
        let counted = if self.contains(Self::FILE) { Self::empty() } else { new & Self::CHARGED };
        (self - (Self::READ | Self::WRITE | Self::EXECUTE)) | new.access() | counted
    }

    /// Whether page tables for it are promised.
    fn needs_tables(self) -> bool {
        self.intersects(Self::CHARGED | Self::FILE | Self::RESERVED)
    }
}

/// What tells a file from others for as long as an area shows it: the address of its node.
pub type FileId = NonZeroUsize;

/// Which part of which file an area shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// The file.
    pub file: FileId,
    /// The page of the file at the area's start.
    pub page: u64,
}

impl View {
    /// The view of what begins so many bytes behind this, a multiple of [`PAGE`].
    pub fn behind(self, bytes: usize) -> Self {
        Self { page: self.page + (bytes / PAGE) as u64, ..self }
    }
}

/// A range of addresses with the same attributes, and the piece of a file in turn that it shows, if any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// Its first address.
    pub start: usize,
    /// The first address behind it.
    pub end: usize,
    /// What it is.
    pub attributes: Attributes,
    /// What of a file it shows.
    pub view: Option<View>,
}

impl Area {
    /// Memory of the program's own.
    pub fn new(range: Range<usize>, attributes: Attributes) -> Self {
        Self { start: range.start, end: range.end, attributes, view: None }
    }

    /// The part of it that lies in a range.
    pub fn within(&self, range: &Range<usize>) -> Self {
        let (start, end) = (self.start.max(range.start), self.end.min(range.end));
        Self { start, end, view: self.view.map(|view| view.behind(start.saturating_sub(self.start))), ..*self }
    }

    /// Whether it goes on where `before` ends, with the same attributes and, of a file, the next page.
    fn continues(&self, before: &Area) -> bool {
        let next = before.view.map(|view| view.behind(before.end - before.start));
        before.end == self.start && before.attributes == self.attributes && next == self.view
    }

    /// Whether calls on memory may change it.
    pub fn is_programs(&self) -> bool {
        !self.attributes.intersects(Attributes::DYING | Attributes::RESERVED)
    }

    /// Number of its pages.
    pub fn pages(&self) -> usize {
        (self.end - self.start) / PAGE
    }
}

/// There is no room: for the addresses asked for, or for the memory promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// What memory is in use for beside what areas count, in pages.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stock {
    /// What neither the program's pages nor its page tables can use.
    pub unfit: usize,
    /// What is in use for page tables or can be used for nothing else.
    pub for_tables: usize,
    /// Page tables that there are, and so need no record any more.
    pub tables: usize,
}

/// All areas, the gaps between them, and the count of promised pages.
pub struct Areas {
    /// By start; areas do not overlap.
    map: BTreeMap<usize, Area>,
    /// How many areas show each file.
    views: BTreeMap<FileId, usize>,
    /// The last area that showed some file went.
    has_idle: bool,
    /// Gaps of the range that addresses are chosen from, by start, and again by length.
    gaps: BTreeMap<usize, usize>,
    gaps_by_length: BTreeSet<(usize, usize)>,
    chosen_from: Range<usize>,
    charged: usize,
    /// Where pages may come to need page tables.
    spans: Spans,
    stock: Stock,
    limit: usize,
}

impl Areas {
    /// No areas; addresses are chosen from `chosen_from`, and up to `limit` pages are promised.
    pub fn new(chosen_from: Range<usize>, limit: usize) -> Self {
        let mut areas = Self {
            map: BTreeMap::new(),
            views: BTreeMap::new(),
            has_idle: false,
            gaps: BTreeMap::new(),
            gaps_by_length: BTreeSet::new(),
            chosen_from: chosen_from.clone(),
            charged: 0,
            spans: Spans::new(),
            stock: Stock::default(),
            limit,
        };
        areas.add_gap(chosen_from);
        areas
    }

    /// Pages promised.
    pub fn charged(&self) -> usize {
        self.charged
    }

    /// Pages that can be promised.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Spans of 2 MiB that may come to need a page table.
    pub fn spans(&self) -> usize {
        self.spans.count()
    }

    /// Says what memory is in use for besides what is counted here.
    pub fn set_stock(&mut self, stock: Stock) {
        self.stock = stock;
    }

    /// Pages that can still be promised in one piece, with the page tables that they need.
    pub fn largest(&self) -> usize {
        let tables = self.room(0).div_ceil(spans::TABLE) + 2;
        self.room(tables)
    }

    /// Pages that can still be promised, if `more` page tables are promised as well.
    pub fn room(&self, more: usize) -> usize {
        let (Stock { unfit, for_tables, tables }, spans) = (self.stock, self.spans.count() + more);
        let for_tables = spans.max(for_tables) + spans::pages_of_records(spans.saturating_sub(tables));
        self.limit.saturating_sub(self.charged + unfit + for_tables)
    }

    /// Number of areas.
    pub fn count(&self) -> usize {
        self.map.len()
    }

    /// Counts pages that no area holds: the kernel objects of a thread.
    ///
    /// # Errors
    /// [`Full`] if so many cannot be promised; nothing is counted then.
    pub fn charge(&mut self, pages: usize) -> Result<(), Full> {
        self.charge_with(pages, 0)
    }

    /// Counts pages, if memory is there for them and for `tables` page tables besides.
    fn charge_with(&mut self, pages: usize, tables: usize) -> Result<(), Full> {
        if pages > self.room(tables) {
            return Err(Full);
        }
        self.charged += pages;
        Ok(())
    }

    /// Pages in areas that have all of the attributes.
    pub fn pages_with(&self, attributes: Attributes) -> usize {
        self.pieces(0..usize::MAX)
            .filter(|piece| piece.attributes.contains(attributes))
            .map(|piece| piece.pages())
            .sum()
    }

    /// Pages of the range that are counted.
    pub fn charged_in(&self, range: Range<usize>) -> usize {
        self.pieces(range)
            .filter(|piece| piece.attributes.contains(Attributes::CHARGED))
            .map(|piece| piece.pages())
            .sum()
    }

    /// The pieces of areas within the range.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = Area> + '_ {
        // An empty range has no piece, even in the middle of an area.
        let first = if range.is_empty() { None } else { self.find(range.start) };
        let from = first.map_or(range.start, |area| area.end);
        // Most ranges lie within one area, and need no second search.
        let others = (from < range.end).then(|| self.map.range(from..range.end)).into_iter().flatten();
        first.into_iter().chain(others.map(|(_, &area)| area)).map(move |area| area.within(&range))
    }

    /// Counts what an area on the range would promise beyond what is promised there already, for [`Areas::replace`].
    ///
    /// # Errors
    /// [`Full`] if so much cannot be promised; nothing is counted then.
    pub fn charge_replacement(&mut self, range: Range<usize>, attributes: Attributes) -> Result<usize, Full> {
        let area = Area::new(range.clone(), attributes);
        let charged = if attributes.contains(Attributes::CHARGED) { area.pages() } else { 0 };
        let tables = if attributes.needs_tables() { self.spans.more(&range) } else { 0 };
        let more = charged.saturating_sub(self.charged_in(range)) + tables + spans::pages_of_records(tables);
        self.charge(more).map(|()| more)
    }

    /// Puts an area in place of all that is in its range; `counted` is what [`Areas::charge_replacement`] gave for it.
    pub fn replace(&mut self, area: Area, counted: usize) {
        while self.remove_first(area.start..area.end).is_some() {}
        self.uncharge(counted);
        if area.attributes.contains(Attributes::CHARGED) {
            self.charged += area.pages();
        }
        self.take_gap(area.start..area.end);
        self.put(area);
    }

    /// Takes back a count of [`Areas::charge`].
    pub fn uncharge(&mut self, pages: usize) {
        self.charged = self.charged.checked_sub(pages).expect("more pages given back than were promised");
    }

    /// The area that holds `address`.
    pub fn find(&self, address: usize) -> Option<Area> {
        let (_, area) = self.map.range(..=address).next_back()?;
        (address < area.end).then_some(*area)
    }

    /// The first area that ends behind `address`.
    pub fn next(&self, address: usize) -> Option<Area> {
        self.find(address).or_else(|| Some(*self.map.range(address..).next()?.1))
    }

    /// Whether some area shows the file.
    pub fn shows(&self, file: FileId) -> bool {
        self.views.contains_key(&file)
    }

    /// The first piece from an address on that shows some of these pages of a file.
    pub fn showing(&self, file: FileId, pages: &Range<u64>, from: usize) -> Option<Area> {
        self.pieces(from..usize::MAX).filter(Area::is_programs).find_map(|area| {
            let view = area.view.filter(|view| view.file == file)?;
            let address = |page: u64| {
                let pages = page.saturating_sub(view.page).min(area.pages() as u64);
                area.start + pages as usize * PAGE
            };
            let part = address(pages.start)..address(pages.end);
            (!part.is_empty()).then(|| area.within(&part))
        })
    }

    /// Whether since the last call the last area that showed some file went; it may have come again.
    pub fn take_idle(&mut self) -> bool {
        core::mem::take(&mut self.has_idle)
    }

    /// Whether every address of the range lies in an area that calls on memory may change.
    pub fn covers(&self, range: Range<usize>) -> bool {
        let mut at = range.start;
        while at < range.end {
            match self.find(at) {
                Some(area) if area.is_programs() => at = area.end,
                _ => return false,
            }
        }
        true
    }

    /// Whether an address of the range lies in an area that has one of the attributes.
    pub fn has(&self, range: Range<usize>, attributes: Attributes) -> bool {
        self.attributes(range).intersects(attributes)
    }

    /// The attributes that areas of the range have, all together.
    pub fn attributes(&self, range: Range<usize>) -> Attributes {
        self.pieces(range).fold(Attributes::empty(), |all, piece| all | piece.attributes)
    }

    /// Whether no address of the range lies in an area.
    pub fn is_free(&self, range: Range<usize>) -> bool {
        self.next(range.start).is_none_or(|area| area.start >= range.end)
    }

    /// Chooses a free range of `length` bytes, a multiple of [`PAGE`], at a multiple of `align`: the shortest gap that fits.
    pub fn choose(&self, length: usize, align: usize) -> Option<usize> {
        let fits = |&(gap, start): &(usize, usize)| {
            let aligned = start.next_multiple_of(align);
            (aligned + length <= start + gap).then_some(aligned)
        };
        // A gap this long holds an aligned range whatever its start; shorter ones are looked at one by one, but not many:
        // they are the ones within one alignment of the length.
        let sure = (length + align - PAGE, 0);
        let near = self.gaps_by_length.range((length, 0)..sure).take(64).find_map(fits);
        near.or_else(|| self.gaps_by_length.range(sure..).next().and_then(fits))
    }

    /// Adds an area on free addresses, joined with its neighbours where they are alike.
    ///
    /// # Errors
    /// [`Full`] if its pages would be charged and cannot be promised; nothing has changed then.
    pub fn insert(&mut self, area: Area) -> Result<(), Full> {
        debug_assert!(self.is_free(area.start..area.end));
        let charged = if area.attributes.contains(Attributes::CHARGED) { area.pages() } else { 0 };
        let tables = if area.attributes.needs_tables() { self.spans.more(&(area.start..area.end)) } else { 0 };
        if charged + tables > 0 {
            self.charge_with(charged, tables)?;
        }
        self.take_gap(area.start..area.end);
        self.put(area);
        Ok(())
    }

    /// Takes the first piece of the range that an area covers out of the map; its addresses are free afterwards.
    pub fn remove_first(&mut self, range: Range<usize>) -> Option<Area> {
        let piece = self.cut_first(range)?;
        if piece.attributes.contains(Attributes::CHARGED) {
            self.uncharge(piece.pages());
        }
        self.add_gap(piece.start..piece.end);
        Some(piece)
    }

    /// The first piece of the range that is being torn down and that no call keeps for itself.
    pub fn first_dying(&self, range: Range<usize>) -> Option<Area> {
        let abandoned = |piece: &Area| piece.attributes & (Attributes::DYING | Attributes::BUSY) == Attributes::DYING;
        self.pieces(range).find(abandoned)
    }

    /// Changes the attributes of the areas that cover the range: `change` gives the new ones from the old ones.
    /// Pages that become charged are counted.
    ///
    /// # Errors
    /// [`Full`] if they cannot be promised; nothing has changed then.
    pub fn change(&mut self, range: Range<usize>, change: impl Fn(Attributes) -> Attributes) -> Result<(), Full> {
        let (mut more, mut tables) = (0, 0);
        for piece in self.pieces(range.clone()) {
            let new = change(piece.attributes);
            if new.contains(Attributes::CHARGED) && !piece.attributes.contains(Attributes::CHARGED) {
                more += piece.pages();
            }
            if new.needs_tables() && !piece.attributes.needs_tables() {
                // Pieces that touch may count the span they share twice: promised is then one page too many until the end.
                tables += self.spans.more(&(piece.start..piece.end));
            }
        }
        if more + tables > 0 {
            self.charge_with(more, tables)?;
        }
        let mut at = range.start;
        while let Some(piece) = { self.pieces(at..range.end).next() } {
            let new = Area { attributes: change(piece.attributes), ..piece };
            if new != piece && !self.change_alone(new) {
                self.cut_first(at..range.end);
                self.put(new);
            }
            at = piece.end;
        }
        Ok(())
    }

    /// Gives an area, if all of it is `new`'s range, the attributes of `new` where it is; `false` if it is then to be joined with a neighbour, or
    /// is another.
    fn change_alone(&mut self, new: Area) -> bool {
        let mut around = self.map.range_mut(..=new.end).rev().map(|(_, area)| area).peekable();
        let behind = around.next_if(|area| area.start == new.end);
        let Some(area) = around.next().filter(|area| area.start == new.start && area.end == new.end) else {
            return false;
        };
        let before = around.next();
        if before.is_some_and(|before| new.continues(before)) || behind.is_some_and(|behind| behind.continues(&new)) {
            return false;
        }
        // What is counted once stays so.
        debug_assert!(new.attributes.needs_tables() || !area.attributes.needs_tables());
        if !area.attributes.needs_tables() && new.attributes.needs_tables() {
            self.spans.add(&(new.start..new.end));
        }
        area.attributes = new.attributes;
        true
    }

    /// Cuts the first piece of the range that an area covers out of the map, leaving its addresses unaccounted for.
    fn cut_first(&mut self, range: Range<usize>) -> Option<Area> {
        // An empty range has no piece, even in the middle of an area.
        let area = self.next(range.start).filter(|area| area.start.max(range.start) < range.end)?;
        let piece = area.within(&range);
        self.unlink(area);
        if area.start < piece.start {
            self.link(Area { end: piece.start, ..area });
        }
        if piece.end < area.end {
            self.link(area.within(&(piece.end..area.end)));
        }
        Some(piece)
    }

    fn link(&mut self, area: Area) {
        self.map.insert(area.start, area);
        if let Some(view) = area.view {
            *self.views.entry(view.file).or_default() += 1;
        }
        if area.attributes.needs_tables() {
            self.spans.add(&(area.start..area.end));
        }
    }

    fn unlink(&mut self, area: Area) {
        self.map.remove(&area.start);
        if let Some(view) = area.view
            && let Entry::Occupied(mut areas) = self.views.entry(view.file)
        {
            *areas.get_mut() -= 1;
            if *areas.get() == 0 {
                areas.remove();
                self.has_idle = true;
            }
        }
        if area.attributes.needs_tables() {
            self.spans.remove(&(area.start..area.end));
        }
    }

    fn put(&mut self, mut area: Area) {
        if let Some((_, &before)) = self.map.range(..area.start).next_back()
            && area.continues(&before)
        {
            self.unlink(before);
            area = Area { end: area.end, ..before };
        }
        if let Some(&behind) = self.map.get(&area.end)
            && behind.continues(&area)
        {
            self.unlink(behind);
            area.end = behind.end;
        }
        self.link(area);
    }

    fn add_gap(&mut self, range: Range<usize>) {
        let (mut start, mut end) = (range.start.max(self.chosen_from.start), range.end.min(self.chosen_from.end));
        if start >= end {
            return;
        }
        if let Some((&before, &length)) = self.gaps.range(..start).next_back()
            && before + length == start
        {
            self.drop_gap(before, length);
            start = before;
        }
        if let Some(&length) = self.gaps.get(&end) {
            self.drop_gap(end, length);
            end += length;
        }
        self.gaps.insert(start, end - start);
        self.gaps_by_length.insert((end - start, start));
    }

    fn take_gap(&mut self, range: Range<usize>) {
        let (start, end) = (range.start.max(self.chosen_from.start), range.end.min(self.chosen_from.end));
        if start >= end {
            return;
        }
        let (&gap, &length) = self.gaps.range(..=start).next_back().expect("a free range lies in a gap");
        self.drop_gap(gap, length);
        self.add_gap(gap..start);
        self.add_gap(end..gap + length);
    }

    fn drop_gap(&mut self, start: usize, length: usize) {
        self.gaps.remove(&start);
        self.gaps_by_length.remove(&(length, start));
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
