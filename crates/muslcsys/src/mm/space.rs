//! The one address space and its lock.

use super::areas::{Area, Areas, Attributes, Full, PAGE};
use super::layout;
use super::pages::{Frames, KEPT_READY};
use super::vspace::{LARGE, Page, VSpace};
use crate::errno::Errno;
use crate::heap;
use crate::object::Objects;
use crate::object::cspace;
use crate::object::devices::Devices;
use crate::object::pool::{Kind, UNITS};
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

/// Pages kept back from promises: page tables, CNodes and half-used blocks of kinds that are rarely needed, the block that
/// splitting a large page needs, what is kept ready for files, and a part for records that grows with memory.
fn kept_back(blocks: usize) -> usize {
    blocks * (UNITS / 64 + 8) + 8 * UNITS + KEPT_READY
}

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

    /// Makes sure that the records of one call can be allocated.
    pub fn prepare(&mut self) -> Result<(), Errno> {
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
        match self.vspace.page(page) {
            (Page::None, _) => {}
            (_, true) => return Ok(()),
            (_, false) => {
                self.vspace.protect(page, Some(access));
                return Ok(());
            }
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
