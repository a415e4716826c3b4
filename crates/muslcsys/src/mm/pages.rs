//! Pages of files: frames of 4 KiB that lie in `muslcsys`'s own addresses and in none of the program's.
//!
//! The data of a file in memory is made of these. A page is zero when it is made and lives as long as a reference to it: the
//! file's own, and one for each mapping of it into the program's memory. It counts as promised memory, as the program's pages
//! do. On the host a page is an allocation, so that what uses pages runs there.
//!
//! On seL4 a frame's address follows from its number, so a page is a number, and nothing has to be looked up to reach its bytes.
//! Frames that are given back stay mapped, cleared, up to a bound: the next page then costs no call of the kernel.

#[cfg(not(target_vendor = "sel4"))]
pub use on_host::FilePage;
#[cfg(target_vendor = "sel4")]
pub use on_sel4::{FilePage, Frames, KEPT_READY};

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use crate::errno::Errno;
    use crate::mm::areas::PAGE;
    use crate::mm::layout;
    use crate::mm::space::{SPACE, Space};
    use crate::mm::vspace::clear;
    use crate::object::pool::{Kind, UNITS, Unit};
    use crate::sel4::Access;
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    /// Frames that stay mapped for the next page, at most; kept back from what can be promised. 4 MiB.
    pub const KEPT_READY: usize = 1024;

    /// One zeroed page of file data, or one more reference to it.
    #[derive(PartialEq, Eq, Debug)]
    pub struct FilePage(Unit);

    impl FilePage {
        /// A fresh page, all zero.
        ///
        /// # Errors
        /// ENOMEM if no more memory can be promised; nothing has changed then.
        pub fn new() -> Result<Self, Errno> {
            SPACE.prepare()?.take_file_page().map(Self)
        }

        /// Where its bytes are. They are there for as long as this reference; who writes them, and when, its owner decides.
        pub fn address(&self) -> *mut u8 {
            address_of(self.0) as *mut u8
        }

        /// Pages that can still be made, or be promised to the program instead.
        pub fn available() -> usize {
            SPACE.lock().areas.room(0)
        }

        /// The frame's number; the reference is the caller's to give back.
        pub fn into_unit(self) -> Unit {
            let unit = self.0;
            core::mem::forget(self);
            unit
        }
    }

    impl Clone for FilePage {
        fn clone(&self) -> Self {
            SPACE.lock().keep_file_page(self.0);
            Self(self.0)
        }
    }

    impl Drop for FilePage {
        fn drop(&mut self) {
            SPACE.lock().release_file_page(self.0);
        }
    }

    fn address_of(unit: Unit) -> usize {
        layout::FILES.start + unit.0 as usize * PAGE
    }

    /// References to the pages of one block of memory.
    struct Block {
        /// How many of its frames are mapped among the files'.
        mapped: usize,
        /// References to each; zero for a frame that is kept ready, or is no page of a file.
        references: [u32; UNITS],
    }

    /// What is known of all file pages: part of what the address space's lock protects.
    pub struct Frames {
        /// By the number of the block; none while no frame of it is mapped among the files'.
        blocks: Vec<Option<Box<Block>>>,
        /// Mapped, cleared, nobody's.
        ready: Vec<Unit>,
    }

    impl Frames {
        /// No pages yet, of memory of so many blocks.
        pub fn new(blocks: usize) -> Self {
            Self { blocks: (0..blocks).map(|_| None).collect(), ready: Vec::with_capacity(KEPT_READY) }
        }

        /// Frames that are kept though nothing needs them.
        pub fn ready(&self) -> usize {
            self.ready.len()
        }

        fn references(&mut self, unit: Unit) -> &mut u32 {
            let block = self.blocks[unit.block().0 as usize].as_mut();
            &mut block.expect("a file page's block is known").references[unit.index()]
        }
    }

    impl Space {
        /// A fresh page with one reference. The caller has prepared for allocating records. Errors: ENOMEM.
        fn take_file_page(&mut self) -> Result<Unit, Errno> {
            self.areas.charge(1)?;
            let unit = match self.files.ready.pop() {
                Some(unit) => Ok(unit),
                None => self.map_file_page(),
            };
            match unit {
                Ok(unit) => *self.files.references(unit) = 1,
                Err(_) => self.areas.uncharge(1),
            }
            unit
        }

        /// A zero frame, mapped among the files'.
        fn map_file_page(&mut self) -> Result<Unit, Errno> {
            let unit = self.objects.take(Kind::Small).ok_or(Errno::ENOMEM)?;
            let address = address_of(unit);
            let mapped = match layout::FILES.contains(&address) {
                true => self.vspace.map_unit(&mut self.objects, unit, address, Access::WRITE),
                false => Err(Errno::ENOMEM),
            };
            if let Err(error) = mapped {
                self.objects.give(unit);
                return Err(error);
            }
            let block = &mut self.files.blocks[unit.block().0 as usize];
            block.get_or_insert_with(|| Box::new(Block { mapped: 0, references: [0; UNITS] })).mapped += 1;
            Ok(unit)
        }

        /// Takes a frame from among the files'; it is cleared.
        fn unmap_file_page(&mut self, unit: Unit) {
            let address = address_of(unit);
            self.vspace.release(&mut self.objects, address..address + PAGE, true);
            let entry = &mut self.files.blocks[unit.block().0 as usize];
            let block = entry.as_mut().expect("a file page's block is known");
            block.mapped -= 1;
            if block.mapped == 0 {
                *entry = None;
            }
        }

        /// One more reference to a page.
        pub fn keep_file_page(&mut self, unit: Unit) {
            *self.files.references(unit) += 1;
        }

        /// Gives a reference back; with the last one the page.
        pub fn release_file_page(&mut self, unit: Unit) {
            let references = self.files.references(unit);
            *references -= 1;
            if *references > 0 {
                return;
            }
            self.areas.uncharge(1);
            if self.files.ready.len() == KEPT_READY {
                return self.unmap_file_page(unit);
            }
            // SAFETY: nobody refers to the page any more, so nobody else writes to it.
            unsafe { clear(address_of(unit), PAGE) };
            self.files.ready.push(unit);
        }
    }
}

#[cfg(not(target_vendor = "sel4"))]
mod on_host {
    use crate::errno::Errno;
    use crate::mm::areas::PAGE;
    use alloc::sync::Arc;
    use core::cell::UnsafeCell;

    #[repr(align(4096))]
    struct Bytes(UnsafeCell<[u8; PAGE]>);

    // SAFETY: as on seL4, who writes the bytes and when is decided by the owner of the page.
    unsafe impl Sync for Bytes {}
    // SAFETY: plain bytes.
    unsafe impl Send for Bytes {}

    /// One zeroed page of file data, or one more reference to it.
    #[derive(Clone)]
    pub struct FilePage(Arc<Bytes>);

    impl FilePage {
        /// A fresh page, all zero.
        ///
        /// # Errors
        /// None on the host.
        pub fn new() -> Result<Self, Errno> {
            Ok(Self(Arc::new(Bytes(UnsafeCell::new([0; PAGE])))))
        }

        /// Where its bytes are. They are there for as long as this reference; who writes them, and when, its owner decides.
        pub fn address(&self) -> *mut u8 {
            self.0.0.get().cast()
        }

        /// Pages that can still be made: as many as a program on the board would have.
        pub fn available() -> usize {
            (1 << 30) / PAGE
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::mm::areas::PAGE;

    #[test]
    fn a_page_is_zero_and_aligned_and_shared_by_its_references() {
        let page = FilePage::new().unwrap();
        let other = page.clone();
        assert!((page.address() as usize).is_multiple_of(PAGE));
        // SAFETY: the page is this test's alone.
        unsafe {
            assert!(core::slice::from_raw_parts(page.address(), PAGE).iter().all(|&b| b == 0));
            page.address().add(PAGE - 1).write(7);
            drop(page);
            assert_eq!(other.address().add(PAGE - 1).read(), 7);
        }
    }
}
