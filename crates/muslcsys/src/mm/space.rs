//! The one address space and its lock.

use super::areas::{Area, Areas, Attributes, Full, PAGE, Stock};
use super::layout;
use super::pages::{FilePage, Frames, KEPT_READY};
use super::vspace::{LARGE, Page, SPARE_TABLES, VSpace};
use crate::errno::Errno;
use crate::heap;
use crate::object::Objects;
use crate::object::cspace;
use crate::object::devices::Devices;
use crate::object::pool::{Kind, UNITS, Unit};
use crate::sel4::{self, Access, CPtr};
use crate::sync::{Guard, Lock, Notification};
use core::ops::{Deref, DerefMut, Range};

/// Address space, frames and capabilities, under one lock.
pub static SPACE: SpaceLock = SpaceLock(Lock::new(None, Notification::none()));

/// The lock of the address space, empty until start-up has filled it.
pub struct SpaceLock(Lock<Option<Space>>);

impl SpaceLock {
    /// The lock's event, for start-up to arm.
    pub fn event(&self) -> &Notification {
        self.0.event()
    }

    /// Fills the lock; start-up calls this once.
    pub fn fill(&self, space: Space) {
        *self.0.lock() = Some(space);
    }

    /// Takes the lock. What follows may allocate records, but see [`Space::prepare`].
    pub fn lock(&self) -> SpaceGuard<'_> {
        SpaceGuard(self.0.lock())
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<SpaceGuard<'_>> {
        self.0.try_lock().map(SpaceGuard)
    }

    /// Takes the lock for a call that allocates records.
    ///
    /// # Errors
    /// ENOMEM if there is no memory for records; nothing has changed then.
    pub fn prepare(&self) -> Result<SpaceGuard<'_>, Errno> {
        let mut space = self.lock();
        space.prepare()?;
        Ok(space)
    }
}

/// Proof that the address space's lock is held.
pub struct SpaceGuard<'a>(Guard<'a, Option<Space>>);

impl Deref for SpaceGuard<'_> {
    type Target = Space;
    fn deref(&self) -> &Space {
        self.0.as_ref().expect("start-up has filled the address space")
    }
}

impl DerefMut for SpaceGuard<'_> {
    fn deref_mut(&mut self) -> &mut Space {
        self.0.as_mut().expect("start-up has filled the address space")
    }
}

/// How a page fault ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultOutcome {
    /// The access may be tried again.
    Mapped,
    /// Nothing is mapped there: SEGV_MAPERR.
    NoArea,
    /// The area does not allow this access: SEGV_ACCERR.
    Forbidden,
    /// The page of a file that has no such page: BUS_ADRERR.
    BehindFile,
    /// There is no frame; promises are counted, so this does not happen unless records alone ran out.
    NoMemory,
}

/// The whole state of the address space.
pub struct Space {
    /// Memory and capabilities.
    pub objects: Objects,
    /// What stands behind the pages.
    pub vspace: VSpace,
    /// What the program asked for.
    pub areas: Areas,
    /// What is known of the pages of files.
    pub files: Frames,
    /// The end of brk's heap.
    pub brk: usize,
    heap_end: usize,
    next_device: usize,
    devices: Devices<CPtr>,
}

/// Pages kept back from promises. For each block: the CNode of its frames, and the table and its record that its frames need when they
/// hold files. Once: page directories, the block that splitting a large page needs, blocks of other kinds that are used in part, and
/// what is kept ready for files. The program's page tables are promised with the pages that need them.
fn kept_back(blocks: usize) -> usize {
    blocks * (CNODE_UNITS + 2) + 8 * UNITS + KEPT_READY
}

/// Units that the CNode of a block takes, the larger one of frames and untypeds.
const CNODE_UNITS: usize = 8;

/// What the translation tables allow for attributes; none hides the page.
pub fn access_of(attributes: Attributes) -> Option<Access> {
    let readable = Attributes::READ | Attributes::WRITE | Attributes::EXECUTE;
    attributes.intersects(readable).then_some(Access {
        write: attributes.contains(Attributes::WRITE),
        execute: attributes.contains(Attributes::EXECUTE),
    })
}

impl Space {
    /// An address space over the memory of `objects`, with the memory of devices.
    pub fn new(objects: Objects, devices: Devices<CPtr>) -> Self {
        let blocks = objects.blocks();
        let limit = (blocks * UNITS).saturating_sub(kept_back(blocks));
        let mut space = Self {
            objects,
            vspace: VSpace::new(),
            areas: Areas::new(layout::MMAP, limit),
            files: Frames::new(blocks),
            brk: layout::BRK.start,
            heap_end: layout::HEAP.start,
            next_device: layout::DEVICES,
            devices,
        };
        for address in [layout::HEAP.start, layout::WINDOW_LARGE] {
            space.vspace.directory(&mut space.objects, address).expect("memory to start");
        }
        for address in [layout::WINDOW, layout::DEVICES] {
            space.vspace.table(&mut space.objects, address).expect("memory to start");
        }
        space
    }

    /// Makes sure that the records of one call can be allocated, and that what is promised is told from what is not.
    pub fn prepare(&mut self) -> Result<(), Errno> {
        self.take_stock();
        heap::ensure(|| {
            let chunk = self.heap_end;
            if chunk >= layout::HEAP.end {
                return Err(Errno::ENOMEM);
            }
            let block = self.objects.take_block(Kind::Large).ok_or(Errno::ENOMEM)?;
            if sel4::page_map(cspace::large_frame(block), chunk, Access::WRITE).is_err() {
                self.objects.give_block(block);
                return Err(Errno::ENOMEM);
            }
            self.heap_end += heap::SPARE;
            Ok(chunk)
        })
    }

    /// What memory is in use for beside the pages and tables that are counted one by one, and what must be kept for those tables.
    fn take_stock(&mut self) {
        let tables = self.vspace.program_tables();
        let missing = (self.areas.spans() + SPARE_TABLES).saturating_sub(tables);
        let free = self.objects.free_of(Kind::Untyped);
        self.objects.keep_blocks(missing.saturating_sub(free).div_ceil(UNITS - CNODE_UNITS));
        let heap = (self.heap_end - layout::HEAP.start) / PAGE;
        let unfit = self.objects.free_of(Kind::Thread) + heap;
        self.areas.set_stock(Stock { unfit, for_tables: tables + free, tables });
    }

    /// Maps one page of a device; gives its address.
    pub fn map_device(&mut self, physical: usize) -> Option<usize> {
        let cspace = self.objects.cspace();
        let untyped = self.devices.take_page(physical, |untyped, bits| {
            let [low, high] = [cspace.initial_slot(), cspace.initial_slot()];
            let dest = cspace::CSpace::initial_dest();
            sel4::retype(untyped, sel4::object::UNTYPED, bits, dest, low.0, 2).is_ok().then_some([low, high])
        })?;
        let slot = cspace.initial_slot();
        sel4::retype(untyped, sel4::object::SMALL_PAGE, 0, cspace::CSpace::initial_dest(), slot.0, 1).ok()?;
        let address = self.next_device;
        sel4::page_map_device(slot, address).ok()?;
        self.next_device += PAGE;
        Some(address)
    }

    /// Answers a page fault of the program.
    pub fn fault(&mut self, address: usize, needs: Attributes) -> FaultOutcome {
        let Some(area) = self.areas.find(address) else { return FaultOutcome::NoArea };
        if area.attributes.contains(Attributes::DYING) {
            return FaultOutcome::NoArea;
        }
        let Some(access) = access_of(area.attributes) else { return FaultOutcome::Forbidden };
        if !area.attributes.contains(needs) && needs != Attributes::READ {
            return FaultOutcome::Forbidden;
        }
        let page = address & !(PAGE - 1);
        if self.vspace.page(page).0 != Page::None {
            // Somebody else had the same fault, or a change of the area's permissions has not come to this page yet.
            self.vspace.protect(page, Some(access));
            return FaultOutcome::Mapped;
        }
        if area.attributes.contains(Attributes::FILE) {
            return FaultOutcome::BehindFile;
        }
        if self.prepare().is_err() {
            return FaultOutcome::NoMemory;
        }
        match self.populate(address, &area, access) {
            Ok(()) => FaultOutcome::Mapped,
            Err(_) => FaultOutcome::NoMemory,
        }
    }

    /// Puts a frame behind one page of an area, if there is none yet: a large one where the area has room for it.
    pub fn populate(&mut self, address: usize, area: &Area, access: Access) -> Result<(), Errno> {
        let page = address & !(PAGE - 1);
        if self.vspace.page(page).0 != Page::None {
            return Ok(());
        }
        let block = address & !(LARGE - 1);
        let room = area.start <= block && block + LARGE <= area.end;
        if room
            && access.write
            && !area.attributes.contains(Attributes::SMALL_PAGES)
            && self.vspace.is_empty_block(block)
        {
            let mapped = self.vspace.map_large(&mut self.objects, block, access);
            if mapped.is_ok() {
                return Ok(());
            }
        }
        self.vspace.map_small(&mut self.objects, page, access)
    }

    /// Puts a page of a file behind an address that has none; takes over the reference to it. Errors: ENOMEM.
    pub fn share(&mut self, address: usize, page: FilePage, access: Option<Access>) -> Result<(), Errno> {
        let unit = page.into_unit();
        let shared = self.share_frame(address, unit, access);
        if shared.is_err() {
            self.release_file_page(unit);
        }
        shared
    }

    fn share_frame(&mut self, address: usize, frame: Unit, access: Option<Access>) -> Result<(), Errno> {
        let memory = usize::from(self.objects.copy_takes_memory());
        self.areas.charge(memory)?;
        let Some(copy) = self.objects.copy(frame) else {
            self.areas.uncharge(memory);
            return Err(Errno::ENOMEM);
        };
        let mapped = self.vspace.map_copy(&mut self.objects, copy, address, access);
        if mapped.is_err() {
            let (_, memory) = self.objects.give_copy(copy);
            self.areas.uncharge(usize::from(memory));
        }
        mapped
    }

    /// Gives back what is behind the pages of a piece of an area, large pages lying in it wholly.
    pub fn release(&mut self, piece: Area) {
        if piece.attributes.contains(Attributes::FILE) {
            let mut rest = piece.start..piece.end;
            while rest.start < rest.end {
                rest.start = match self.vspace.first(&rest) {
                    Ok((page, _)) => {
                        self.release_copy(page);
                        page + PAGE
                    }
                    Err(next) => next,
                };
            }
        }
        // Threads may still use what is not being torn down: a copy of a file's part that the file loses.
        let in_place = piece.attributes.contains(Attributes::DYING);
        self.vspace.release(&mut self.objects, piece.start..piece.end, in_place);
    }

    /// Gives back the copy of a file's page that is behind an address, if one is.
    fn release_copy(&mut self, page: usize) {
        if let Some(copy) = self.vspace.unmap_copy(page) {
            let (frame, memory) = self.objects.give_copy(copy);
            self.areas.uncharge(usize::from(memory));
            self.release_file_page(frame);
        }
    }

    /// Splits the large pages that the range's ends lie within.
    pub fn split_ends(&mut self, range: &Range<usize>) -> Result<(), Errno> {
        for end in [range.start, range.end] {
            if !end.is_multiple_of(LARGE) && matches!(self.vspace.page(end), (Page::Large, _)) {
                let access = self.areas.find(end).and_then(|area| access_of(area.attributes));
                self.vspace.split(&mut self.objects, end, access)?;
            }
        }
        Ok(())
    }

    /// Frees pages of memory, kept ready for reuse or not.
    pub fn free_pages(&self) -> usize {
        self.objects.free_units() + self.vspace.spare_units() + self.files.ready()
    }
}

impl From<Full> for Errno {
    fn from(_: Full) -> Self {
        Errno::ENOMEM
    }
}
