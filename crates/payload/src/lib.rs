//! What a bootable image carries behind its loader, and the checks that both ends make of it.
//!
//! The host tool `mkimage` writes what is described here, the `loader` reads it on the board, and muslcsys reads the
//! boot parameters as the root task starts. All three use this crate, so a file that one end accepts is not refused, or
//! worse misread, by another.
//!
//! - [`image`]: the payload: kernel, root task, boot parameters and device tree in one checksummed block.
//! - [`params`]: the boot parameters: arguments, environment, file archive and seed of the root task.
//! - [`elf`]: what an ELF file must be to be loaded: complete, in bounds, without overlaps.
//! - [`placement`]: where in physical memory each part goes.
//! - [`board`]: the memory of the board.
//!
//! It uses no heap and no unsafe code, and never panics on input. The feature `build` adds the writing side.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "build")]
extern crate alloc;

pub mod board;
pub mod elf;
pub mod image;
pub mod params;
pub mod placement;
pub mod span;

/// Size of the smallest page of AArch64 with the 4 KiB granule, in bytes.
pub const PAGE: u64 = 0x1000;
