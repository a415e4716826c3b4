//! What stands behind the program's pages: a mirror of the kernel's translation tables that remembers which frame is where.
//!
//! A frame that the program must not touch for now (PROT_NONE) stays, unmapped but remembered. Free frames are always zero:
//! a frame is cleared when it is released, through the mapping it still has, so a page fault finds one ready.
//!
//! What a page's mapping allows is remembered here as well: an area's permissions are changed before its pages', and other calls come
//! between.

use super::areas::PAGE;
use super::layout;
use crate::errno::Errno;
use crate::object::Objects;
use crate::object::copies as capability;
use crate::object::cspace;
use crate::object::pool::{BlockId, Kind, Unit};
use crate::sel4::{self, Access, CPtr, object};
use alloc::boxed::Box;
use core::ops::Range;

pub use super::layout::LARGE;
/// Bytes that one page directory spans.
const DIRECTORY: usize = 1 << 30;
const ENTRIES: usize = 512;
/// Tables without a page in them that are kept for the next page rather than deleted.
pub const SPARE_TABLES: usize = 16;

/// A small page's entry: the number of its frame, or of the copy of a file's page, plus one, so that zero is none; which of the two;
/// whether it is mapped, and whether it may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot(u32);

impl Slot {
    const NONE: Slot = Slot(0);
    const HIDDEN: u32 = 1 << 31;
    const COPY: u32 = 1 << 30;
    const WRITABLE: u32 = 1 << 29;
    fn of_unit(unit: Unit) -> Self {
        Self(unit.0 + 1)
    }
    fn of_copy(copy: capability::Copy) -> Self {
        Self(copy.0 + 1 | Self::COPY)
    }
    fn number(self) -> Option<u32> {
        (self.0 & !(Self::HIDDEN | Self::COPY | Self::WRITABLE)).checked_sub(1)
    }
    /// The program's own frame.
    fn unit(self) -> Option<Unit> {
        self.number().filter(|_| self.0 & Self::COPY == 0).map(Unit)
    }
    /// The copy of a file's page.
    fn copy(self) -> Option<capability::Copy> {
        self.number().filter(|_| self.0 & Self::COPY != 0).map(capability::Copy)
    }
    /// The capability it is mapped by.
    fn frame(self) -> Option<CPtr> {
        self.unit().map(cspace::unit).or_else(|| self.copy().map(cspace::copy))
    }
    fn is_hidden(self) -> bool {
        self.0 & Self::HIDDEN != 0
    }
    fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }
    /// The same, mapped with these rights or not at all.
    fn with(self, access: Option<Access>) -> Self {
        let there = self.0 & !(Self::HIDDEN | Self::WRITABLE);
        Self(match access {
            None => there | Self::HIDDEN,
            Some(access) if access.write => there | Self::WRITABLE,
            Some(_) => there,
        })
    }
}

struct Table {
    unit: Unit,
    pages: usize,
    slots: [Slot; ENTRIES],
}

enum Entry {
    None,
    /// A large frame, mapped with these rights or not at all.
    Large {
        block: BlockId,
        access: Option<Access>,
    },
    Table(Box<Table>),
}

struct Directory {
    /// As many as [`ENTRIES`].
    entries: Box<[Entry]>,
}

/// What is at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// No frame.
    None,
    /// A frame of 4 KiB.
    Small,
    /// A frame of 2 MiB.
    Large,
}

/// The mirror of the first 512 GiB, all that the program uses.
pub struct VSpace {
    directories: [Option<Directory>; ENTRIES],
    empty_tables: usize,
    /// Tables among the program's addresses.
    program_tables: usize,
}

fn entry_of(address: usize) -> (usize, usize) {
    (address / DIRECTORY, address % DIRECTORY / LARGE)
}

fn slot_of(address: usize) -> usize {
    address % LARGE / PAGE
}

/// Clears memory that is mapped writable at `address`, by whole cache lines.
///
/// # Safety
/// The memory must be the caller's to overwrite. `bytes` is a multiple of [`PAGE`], `address` aligned to it.
pub unsafe fn clear(address: usize, bytes: usize) {
    // DC ZVA clears 64 bytes on this core (DCZID_EL0.BS = 4; Arm ARM D19.2.38); start-up checks that.
    for line in (address..address + bytes).step_by(64) {
        // SAFETY: the caller owns the memory.
        unsafe { core::arch::asm!("dc zva, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
}

impl VSpace {
    /// An empty mirror.
    pub fn new() -> Self {
        Self { directories: [const { None }; ENTRIES], empty_tables: 0, program_tables: 0 }
    }

    /// Units that are kept though nothing needs them.
    pub fn spare_units(&self) -> usize {
        self.empty_tables
    }

    /// Page tables among the program's addresses, with those that are kept though they are empty.
    pub fn program_tables(&self) -> usize {
        self.program_tables
    }

    /// Makes sure that there is a page directory for the address.
    pub fn directory(&mut self, objects: &mut Objects, address: usize) -> Result<(), Errno> {
        let (index, _) = entry_of(address);
        if self.directories[index].is_none() {
            let unit = objects.take(Kind::Untyped).ok_or(Errno::ENOMEM)?;
            let Some(made) = objects.make_in(unit, object::PAGE_DIRECTORY) else {
                objects.give(unit);
                return Err(Errno::ENOMEM);
            };
            // A directory that the kernel made for the image stays; the address then has one already.
            if sel4::page_directory_map(made, address & !(DIRECTORY - 1)).is_err() {
                objects.unmake_in(unit);
                objects.give(unit);
            }
            self.directories[index] = Some(Directory { entries: (0..ENTRIES).map(|_| Entry::None).collect() });
        }
        Ok(())
    }

    fn entry(&mut self, address: usize) -> Option<&mut Entry> {
        let (index, at) = entry_of(address);
        self.directories.get_mut(index)?.as_mut().map(|d| &mut d.entries[at])
    }

    /// Makes sure that there is a table of small pages for the address.
    pub fn table(&mut self, objects: &mut Objects, address: usize) -> Result<(), Errno> {
        self.directory(objects, address)?;
        let entry = self.entry(address).expect("the directory is there");
        match entry {
            Entry::Table(_) => Ok(()),
            Entry::Large { .. } => Err(Errno::EEXIST),
            Entry::None => {
                let unit = objects.take(Kind::Untyped).ok_or(Errno::ENOMEM)?;
                let Some(made) = objects.make_in(unit, object::PAGE_TABLE) else {
                    objects.give(unit);
                    return Err(Errno::ENOMEM);
                };
                if sel4::page_table_map(made, address & !(LARGE - 1)).is_err() {
                    objects.unmake_in(unit);
                    objects.give(unit);
                    return Err(Errno::ENOMEM);
                }
                *entry = Entry::Table(Box::new(Table { unit, pages: 0, slots: [Slot::NONE; ENTRIES] }));
                self.empty_tables += 1;
                self.program_tables += usize::from(layout::PROGRAM.contains(&address));
                Ok(())
            }
        }
    }

    fn drop_table(&mut self, objects: &mut Objects, address: usize) {
        if let Some(entry) = self.entry(address)
            && let Entry::Table(table) = entry
            && table.pages == 0
        {
            let unit = table.unit;
            *entry = Entry::None;
            self.empty_tables -= 1;
            self.program_tables -= usize::from(layout::PROGRAM.contains(&address));
            objects.unmake_in(unit);
            objects.give(unit);
        }
    }

    /// What is at an address, and whether it is mapped.
    pub fn page(&mut self, address: usize) -> (Page, bool) {
        match self.entry(address) {
            Some(Entry::Large { access, .. }) => (Page::Large, access.is_some()),
            Some(Entry::Table(table)) => match table.slots[slot_of(address)] {
                Slot::NONE => (Page::None, false),
                slot => (Page::Small, !slot.is_hidden()),
            },
            _ => (Page::None, false),
        }
    }

    /// Whether nothing at all is in the 2 MiB around an address.
    pub fn is_empty_block(&mut self, address: usize) -> bool {
        match self.entry(address) {
            Some(Entry::Large { .. }) => false,
            Some(Entry::Table(table)) => table.pages == 0,
            _ => true,
        }
    }

    /// The first address of a range with something there, as far as it lies in the 2 MiB of its start, and what is there; else where to look on.
    pub fn first(&mut self, range: &Range<usize>) -> Result<(usize, Page), usize> {
        let end = (range.start + 1).next_multiple_of(LARGE).min(range.end);
        match self.entry(range.start) {
            Some(Entry::Large { .. }) => return Ok((range.start, Page::Large)),
            Some(Entry::Table(table)) if table.pages > 0 && range.start < end => {
                let slots = &table.slots[slot_of(range.start)..=slot_of(end - PAGE)];
                if let Some(found) = slots.iter().position(|&slot| slot != Slot::NONE) {
                    return Ok((range.start + found * PAGE, Page::Small));
                }
            }
            _ => {}
        }
        Err(end)
    }

    /// Puts a fresh zero frame of 4 KiB behind an address that has none.
    pub fn map_small(&mut self, objects: &mut Objects, address: usize, access: Access) -> Result<(), Errno> {
        let unit = objects.take(Kind::Small).ok_or(Errno::ENOMEM)?;
        let mapped = self.map_unit(objects, unit, address, access);
        if mapped.is_err() {
            objects.give(unit);
        }
        mapped
    }

    /// Puts a given frame of 4 KiB behind an address that has none.
    pub fn map_unit(&mut self, objects: &mut Objects, unit: Unit, address: usize, access: Access) -> Result<(), Errno> {
        self.table(objects, address)?;
        sel4::page_map(cspace::unit(unit), address, access).map_err(|_| Errno::ENOMEM)?;
        self.set_slot(address, Slot::of_unit(unit).with(Some(access)));
        Ok(())
    }

    /// Puts a copy of a file's page behind an address that has none; without `access` it is only remembered.
    pub fn map_copy(
        &mut self,
        objects: &mut Objects,
        copy: capability::Copy,
        address: usize,
        access: Option<Access>,
    ) -> Result<(), Errno> {
        self.table(objects, address)?;
        if let Some(access) = access {
            sel4::page_map(cspace::copy(copy), address, access).map_err(|_| Errno::ENOMEM)?;
        }
        self.set_slot(address, Slot::of_copy(copy).with(access));
        Ok(())
    }

    /// Takes away the copy of a file's page that is behind an address, if one is.
    pub fn unmap_copy(&mut self, address: usize) -> Option<capability::Copy> {
        let Some(Entry::Table(table)) = self.entry(address) else { return None };
        let slot = table.slots[slot_of(address)];
        let copy = slot.copy()?;
        if !slot.is_hidden() {
            sel4::page_unmap(cspace::copy(copy)).expect("a mapped frame can be unmapped");
        }
        self.set_slot(address, Slot::NONE);
        Some(copy)
    }

    /// Puts a fresh zero frame of 2 MiB behind addresses that have none.
    pub fn map_large(&mut self, objects: &mut Objects, address: usize, access: Access) -> Result<(), Errno> {
        self.directory(objects, address)?;
        self.drop_table(objects, address);
        let block = objects.take_block(Kind::Large).ok_or(Errno::ENOMEM)?;
        if sel4::page_map(cspace::large_frame(block), address, access).is_err() {
            objects.give_block(block);
            return Err(Errno::ENOMEM);
        }
        *self.entry(address).expect("the directory is there") = Entry::Large { block, access: Some(access) };
        Ok(())
    }

    /// The frame's capability at an address, for small pages.
    pub fn small_frame(&mut self, address: usize) -> Option<CPtr> {
        match self.entry(address) {
            Some(Entry::Table(table)) => table.slots[slot_of(address)].frame(),
            _ => None,
        }
    }

    fn set_slot(&mut self, address: usize, slot: Slot) -> Slot {
        let Some(Entry::Table(table)) = self.entry(address) else { panic!("no table at {address:#x}") };
        let old = core::mem::replace(&mut table.slots[slot_of(address)], slot);
        let (was_empty, before) = (table.pages == 0, old != Slot::NONE);
        table.pages = table.pages + usize::from(slot != Slot::NONE) - usize::from(before);
        match (was_empty, table.pages == 0) {
            (true, false) => self.empty_tables -= 1,
            (false, true) => self.empty_tables += 1,
            _ => {}
        }
        old
    }

    /// Gives a page that is there the rights `access`, or hides it.
    pub fn protect(&mut self, address: usize, access: Option<Access>) {
        match self.entry(address) {
            Some(Entry::Large { block, access: old }) => {
                set_access((cspace::large_frame(*block), LARGE), address & !(LARGE - 1), old.is_none(), access);
                *old = access;
            }
            Some(Entry::Table(table)) => {
                let slot = &mut table.slots[slot_of(address)];
                if let Some(frame) = slot.frame() {
                    set_access((frame, PAGE), address, slot.is_hidden(), access);
                    *slot = slot.with(access);
                }
            }
            _ => {}
        }
    }

    /// Releases every frame of the program's own in the range, cleared; large pages must lie in it wholly. `in_place`: nobody touches them any
    /// more, so that they are cleared where they are, if they are mapped for writing.
    pub fn release(&mut self, objects: &mut Objects, range: Range<usize>, in_place: bool) {
        let mut at = range.start;
        while at < range.end {
            let next = (at + 1).next_multiple_of(LARGE);
            match self.entry(at) {
                Some(entry @ &mut Entry::Large { block, access }) => {
                    debug_assert!(at.is_multiple_of(LARGE) && next <= range.end);
                    *entry = Entry::None;
                    let writable = access.is_some_and(|access| access.write);
                    release_frame(cspace::large_frame(block), at, LARGE, in_place && writable, access.is_some());
                    objects.give_block(block);
                }
                Some(Entry::Table(_)) => {
                    let mut rest = at..next.min(range.end);
                    while let Ok((page, _)) = self.first(&rest) {
                        self.release_small(objects, page, in_place);
                        rest.start = page + PAGE;
                    }
                    if self.empty_tables > SPARE_TABLES {
                        self.drop_table(objects, at);
                    }
                }
                Some(Entry::None) => {}
                None => {
                    at = (at + 1).next_multiple_of(DIRECTORY);
                    continue;
                }
            }
            at = next;
        }
    }

    fn release_small(&mut self, objects: &mut Objects, page: usize, in_place: bool) {
        let Some(Entry::Table(table)) = self.entry(page) else { return };
        let slot = table.slots[slot_of(page)];
        let Some(unit) = slot.unit() else { return };
        self.set_slot(page, Slot::NONE);
        release_frame(cspace::unit(unit), page, PAGE, in_place && slot.is_writable(), !slot.is_hidden());
        objects.give(unit);
    }

    /// Moves what is behind `from` to `to`, where nothing is; a large page moves whole, both addresses being its start.
    pub fn relocate(
        &mut self,
        objects: &mut Objects,
        from: usize,
        to: usize,
        access: Option<Access>,
    ) -> Result<(), Errno> {
        match self.page(from) {
            (Page::None, _) => Ok(()),
            (Page::Small, shown) => {
                self.table(objects, to)?;
                let slot = self.set_slot(from, Slot::NONE);
                let frame = slot.frame().expect("a small page has a frame");
                if shown {
                    sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
                }
                set_access((frame, PAGE), to, true, access);
                self.set_slot(to, slot.with(access));
                Ok(())
            }
            (Page::Large, shown) => {
                self.directory(objects, to)?;
                self.drop_table(objects, to);
                let Some(entry @ &mut Entry::Large { block, .. }) = self.entry(from) else { unreachable!() };
                *entry = Entry::None;
                let frame = cspace::large_frame(block);
                if shown {
                    sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
                }
                set_access((frame, LARGE), to, true, access);
                *self.entry(to).expect("the directory is there") = Entry::Large { block, access };
                Ok(())
            }
        }
    }

    /// Replaces the large page around `address` by small pages with the same content, so that a part of it can be treated alone.
    ///
    /// Other threads may use the page meanwhile: it is made read-only first, so writers fault and wait for the lock, and
    /// readers see the same bytes before and after.
    pub fn split(&mut self, objects: &mut Objects, address: usize, access: Option<Access>) -> Result<(), Errno> {
        let start = address & !(LARGE - 1);
        let Some(&mut Entry::Large { block, access: old }) = self.entry(start) else { return Ok(()) };
        let large = cspace::large_frame(block);
        let unit = objects.take(Kind::Untyped).ok_or(Errno::ENOMEM)?;
        let Some(made) = objects.make_in(unit, object::PAGE_TABLE) else {
            objects.give(unit);
            return Err(Errno::ENOMEM);
        };
        let mut table = Box::new(Table { unit, pages: 0, slots: [Slot::NONE; ENTRIES] });
        for slot in &mut table.slots {
            match objects.take(Kind::Small) {
                Some(frame) => *slot = Slot::of_unit(frame),
                None => {
                    table.slots.iter().filter_map(|s| s.unit()).for_each(|frame| objects.give(frame));
                    objects.unmake_in(unit);
                    objects.give(unit);
                    return Err(Errno::ENOMEM);
                }
            }
        }
        let source = if old.is_none() {
            sel4::page_map(large, layout::WINDOW_LARGE, Access::READ).expect("the window is free");
            layout::WINDOW_LARGE
        } else {
            sel4::page_remap(large, start, Access::READ).expect("a mapped frame can be remapped");
            start
        };
        for (index, slot) in table.slots.iter().enumerate() {
            let frame = cspace::unit(slot.unit().expect("all slots are filled"));
            sel4::page_map(frame, layout::WINDOW, Access::WRITE).expect("the window is free");
            // SAFETY: the window is ours under the lock, and the large page is mapped readable and as long.
            unsafe {
                core::ptr::copy_nonoverlapping((source + index * PAGE) as *const u8, layout::WINDOW as *mut u8, PAGE);
            }
            sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
        }
        sel4::page_unmap(large).expect("a mapped frame can be unmapped");
        sel4::page_table_map(made, start).expect("the large page made room");
        for (index, slot) in table.slots.iter_mut().enumerate() {
            let frame = cspace::unit(slot.unit().expect("all slots are filled"));
            set_access((frame, PAGE), start + index * PAGE, true, access);
            *slot = slot.with(access);
        }
        table.pages = ENTRIES;
        self.program_tables += 1;
        *self.entry(start).expect("the directory is there") = Entry::Table(table);
        sel4::page_map(large, layout::WINDOW_LARGE, Access::WRITE).expect("the window is free");
        release_frame(large, layout::WINDOW_LARGE, LARGE, true, true);
        objects.give_block(block);
        Ok(())
    }
}

/// Gives a frame's mapping the rights `access`, or takes it away.
fn set_access((frame, bytes): (CPtr, usize), address: usize, hidden: bool, access: Option<Access>) {
    match (hidden, access) {
        (true, Some(access)) => sel4::page_map(frame, address, access).expect("the tables are there"),
        (false, Some(access)) => sel4::page_remap(frame, address, access).expect("a mapped frame can be remapped"),
        (false, None) => sel4::page_unmap(frame).expect("a mapped frame can be unmapped"),
        (true, None) => {}
    }
    if access.is_some_and(|access| access.execute) {
        // What was written as data is fetched as instructions, as Linux makes sure of when it maps a page executable.
        sel4::page_unify(frame, bytes).expect("a mapped frame's caches can be unified");
    }
}

/// Clears a frame and unmaps it: in place, where it is mapped for writing, or through the window.
fn release_frame(frame: CPtr, address: usize, bytes: usize, in_place: bool, mapped: bool) {
    if in_place {
        // SAFETY: the addresses are no longer in any living area, and the frame is still mapped at them.
        unsafe { clear(address, bytes) };
        sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
        return;
    }
    if mapped {
        sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
    }
    let window = if bytes == PAGE { layout::WINDOW } else { layout::WINDOW_LARGE };
    sel4::page_map(frame, window, Access::WRITE).expect("the window is free");
    // SAFETY: the window is ours under the lock.
    unsafe { clear(window, bytes) };
    sel4::page_unmap(frame).expect("a mapped frame can be unmapped");
}
