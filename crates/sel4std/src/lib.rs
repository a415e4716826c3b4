//! What a program that makes seL4 calls of its own needs beside `libsel4-sys`: memory, capability slots and addresses that
//! nobody else uses. It is `sel4std.h` in Rust.
//!
//! The sysroot serves std's memory, threads and files from the untypeds and slots that the kernel gave the program at start, so
//! a program does not take them from BootInfo's lists: it asks for its own here, and what it drops goes back. What is done with
//! them is plain libsel4.
//!
//! ```ignore
//! use libsel4_sys::*;
//! use sel4std::{Slots, Untyped};
//!
//! let untyped = Untyped::new(seL4_NotificationBits as u32)?;
//! let slots = Slots::new(1)?;
//! let path = slots.path(0);
//! // SAFETY: memory and slot are this function's own.
//! let error = unsafe {
//!     seL4_Untyped_Retype(
//!         untyped.cap() as _,
//!         seL4_NotificationObject as _,
//!         0,
//!         path.root as _,
//!         path.node_index as _,
//!         path.node_depth as _,
//!         path.node_offset as _,
//!         1,
//!     )
//! };
//! ```
//!
//! Every function may be called from any thread, and capability pointers are valid in every thread. The functions behind this are
//! the sysroot's (`muslcsys`): the crate links into programs for target vendor `sel4` only.
#![no_std]

use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::fmt;
use core::ptr::{self, NonNull};

mod sys {
    use super::{Counts, Path, c_long, c_uint, c_ulong, c_void};

    unsafe extern "C" {
        pub fn sel4std_bootinfo() -> *const c_void;
        pub fn sel4std_untyped_alloc(size_bits: c_uint) -> c_long;
        pub fn sel4std_untyped_free(untyped: c_ulong) -> c_long;
        pub fn sel4std_slots_alloc(count: c_uint) -> c_long;
        pub fn sel4std_slots_free(first: c_ulong, count: c_uint) -> c_long;
        pub fn sel4std_slot_path(slot: c_ulong, path: *mut Path) -> c_long;
        pub fn sel4std_vspace_reserve(bytes: usize) -> c_long;
        pub fn sel4std_vspace_release(start: *mut c_void, bytes: usize) -> c_long;
        pub fn sel4std_counts(counts: *mut Counts) -> c_long;
    }
}

/// A refusal, as an error number of errno.h: `EINVAL`, `ENOMEM`, `ENOSPC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(c_int);

impl Error {
    /// The number; `std::io::Error::from_raw_os_error` takes it.
    #[must_use]
    pub fn errno(self) -> c_int {
        self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error number {}", self.0)
    }
}

impl core::error::Error for Error {}

/// A value, or a negated error number.
fn answer(value: c_long) -> Result<usize, Error> {
    usize::try_from(value).map_err(|_| Error(c_int::try_from(-value).unwrap_or(c_int::MAX)))
}

/// How invocations name a slot: those of a CNode take (`root`, `index`, `depth`), `seL4_Untyped_Retype` takes `root`,
/// `node_index`, `node_depth` and `node_offset`. `struct sel4std_path` of sel4std.h.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Path {
    /// Capability pointer of the CNode that the other numbers start at.
    pub root: usize,
    /// The slot's address from there.
    pub index: usize,
    /// How many bits of the address count.
    pub depth: usize,
    /// Address of the CNode that the slot is in.
    pub node_index: usize,
    /// How many bits of that address count.
    pub node_depth: usize,
    /// The slot in that CNode.
    pub node_offset: usize,
}

/// What is in use: `struct sel4std_counts` of sel4std.h. Pages are of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counts {
    /// Pages that are not in use, kept ready or not.
    pub free_pages: usize,
    /// Pages that the program may touch, touched or not.
    pub promised_pages: usize,
    /// Pages that can be promised in all.
    pub promisable_pages: usize,
    /// Areas of the address space.
    pub areas: usize,
    /// Living threads.
    pub threads: usize,
    /// Bytes of the records that muslcsys keeps.
    pub record_bytes: usize,
}

/// What is in use now.
#[must_use]
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    // SAFETY: the structure is as sel4std.h says and outlives the call, which can only fail where it is not writable.
    unsafe { sys::sel4std_counts(&raw mut counts) };
    counts
}

/// The kernel's BootInfo: a `seL4_BootInfo` that is mapped read-only for the whole life of the program. Its untypeds and empty
/// slots are taken. `None` in a program that did not start as seL4's root task.
#[must_use]
pub fn bootinfo() -> Option<NonNull<c_void>> {
    // SAFETY: takes nothing, answers an address.
    NonNull::new(unsafe { sys::sel4std_bootinfo() }.cast_mut())
}

/// Memory that is no object yet. Dropped, it is revoked, so that everything made of it is gone, and given back: whoever made
/// objects of it must be done with them by then.
#[derive(Debug, PartialEq, Eq)]
pub struct Untyped(usize);

impl Untyped {
    /// At least 2^`size_bits` bytes of RAM, 4 to 21: 4 KiB up to 12, else 2 MiB. The memory is zero when it is first retyped.
    ///
    /// # Errors
    /// `EINVAL` for another size, `ENOMEM`.
    pub fn new(size_bits: u32) -> Result<Self, Error> {
        // SAFETY: takes a number, answers a number.
        answer(unsafe { sys::sel4std_untyped_alloc(size_bits) }).map(Self)
    }

    /// Its capability pointer.
    #[must_use]
    pub fn cap(&self) -> usize {
        self.0
    }
}

impl Drop for Untyped {
    fn drop(&mut self) {
        // SAFETY: it was given to `new`, and objects made of it are not used any more.
        unsafe { sys::sel4std_untyped_free(self.0 as c_ulong) };
    }
}

/// Empty slots in a row. Dropped, what is in them is deleted and they are given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Slots {
    first: usize,
    count: u32,
}

impl Slots {
    /// So many, a power of two up to 64.
    ///
    /// # Errors
    /// `EINVAL` for another count, `ENOSPC`.
    pub fn new(count: u32) -> Result<Self, Error> {
        // SAFETY: takes a number, answers a number.
        Ok(Self { first: answer(unsafe { sys::sel4std_slots_alloc(count) })?, count })
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The capability pointer of a slot, counted from 0.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn cap(&self, number: u32) -> usize {
        assert!(number < self.count, "slot {number} of {}", self.count);
        self.first + number as usize
    }

    /// How invocations name a slot, counted from 0.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn path(&self, number: u32) -> Path {
        let mut path = Path::default();
        // SAFETY: the structure is as sel4std.h says and outlives the call, which can only fail where it is not writable.
        unsafe { sys::sel4std_slot_path(self.cap(number) as c_ulong, &raw mut path) };
        path
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: they were given to `new`; what is in them was put there through this value.
        unsafe { sys::sel4std_slots_free(self.first as c_ulong, self.count) };
    }
}

/// Addresses that nobody else uses, with page tables in place, for frames that the program maps itself. Dropped, they are given
/// back: nothing must be mapped in them by then.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    start: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: addresses, without memory that a thread could own.
unsafe impl Send for Range {}
// SAFETY: as above; nothing is changed through a shared one.
unsafe impl Sync for Range {}

impl Range {
    /// So many bytes, rounded up to 2 MiB.
    ///
    /// # Errors
    /// `EINVAL` for none or far too many, `ENOMEM`.
    pub fn new(bytes: usize) -> Result<Self, Error> {
        // SAFETY: takes a number, answers a number.
        let start = answer(unsafe { sys::sel4std_vspace_reserve(bytes) })?;
        let start = NonNull::new(ptr::with_exposed_provenance_mut(start)).ok_or(Error(c_int::MAX))?;
        Ok(Self { start, bytes })
    }

    /// The first address, a multiple of 2 MiB.
    #[must_use]
    pub fn start(&self) -> NonNull<c_void> {
        self.start
    }

    /// The bytes that were asked for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // SAFETY: it was given to `new`, and nothing is mapped in it.
        unsafe { sys::sel4std_vspace_release(self.start.as_ptr(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, answer};

    #[test]
    fn a_negative_answer_is_an_error_number() {
        assert_eq!(answer(7), Ok(7));
        assert_eq!(answer(0), Ok(0));
        assert_eq!(answer(-12), Err(Error(12)));
        assert_eq!(answer(-12).unwrap_err().errno(), 12);
    }
}
