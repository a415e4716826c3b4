//! The address space: the calls around mmap, and the answer to a page fault.
//!
//! A page gets a frame when it is first touched, but memory promised is memory there: pages that may be touched are counted,
//! and past the board's memory a call answers −ENOMEM. [`areas`] holds what the program asked for, [`vspace`] what stands behind
//! it, and both are reached through one lock, [`SPACE`]. Whoever holds it runs on a kernel stack and touches no memory of
//! the program's, since the fault thread needs the lock to map that memory.

pub mod areas;
pub mod layout;
pub mod pages;
pub mod spans;

#[cfg(target_vendor = "sel4")]
pub mod advice;
#[cfg(target_vendor = "sel4")]
pub mod calls;
#[cfg(target_vendor = "sel4")]
pub mod files;
/// On the host nothing is mapped.
#[cfg(not(target_vendor = "sel4"))]
pub mod files {
    /// No area shows the file.
    pub fn resized<T: ?Sized>(_: &T, _: u64, _: u64) {}
}
#[cfg(target_vendor = "sel4")]
pub mod remap;
#[cfg(target_vendor = "sel4")]
pub mod space;
#[cfg(target_vendor = "sel4")]
pub mod vspace;

#[cfg(target_vendor = "sel4")]
pub use space::{SPACE, Space};
