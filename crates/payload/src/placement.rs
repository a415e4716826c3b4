//! Where in physical memory each part of a system goes.
//!
//! The kernel's place is fixed by its ELF file, the loader's by its link. Behind the kernel come the device tree, at
//! the next page, and the root task with its boot parameters, at the next 2 MiB: the kernel requires this order, and
//! whole large pages below the root task leave it larger untypeds. Whatever the loader still reads when it fills a
//! place must not lie there, so parts are moved up behind the payload where they would meet it.

use core::fmt;

use crate::PAGE;
use crate::span::{Span, align_up};

/// The root task starts at a multiple of this, the size of a large page.
pub const ROOT_TASK_ALIGN: u64 = 0x20_0000;
/// A payload starts at a multiple of this.
pub const PAYLOAD_ALIGN: u64 = 0x1_0000;

/// The parts, by their sizes or fixed places.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Physical addresses of the kernel.
    pub kernel: Span,
    /// Physical addresses of the loader, its stack and tables included.
    pub loader: Span,
    /// Physical addresses where the payload was loaded.
    pub payload: Span,
    /// Bytes of the device tree, 0 for none.
    pub dtb_len: u64,
    /// Bytes of the root task with its boot parameters, whole pages.
    pub root_task_len: u64,
}

/// The plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where the payload must be before the kernel is loaded: elsewhere than now if the kernel would overwrite it.
    pub payload: Span,
    /// Where the device tree goes; empty if there is none.
    pub dtb: Span,
    /// Where root task and boot parameters go.
    pub root_task: Span,
}

impl Placement {
    /// Finds a place for every part in `ram`.
    ///
    /// # Errors
    /// [`PlacementError`] names the part that has no place.
    pub fn plan(parts: &Parts, ram: &[Span]) -> Result<Self, PlacementError> {
        let bank = *ram
            .iter()
            .find(|bank| bank.covers(parts.kernel))
            .ok_or(PlacementError::KernelOutsideMemory(parts.kernel))?;
        if parts.kernel.overlaps(parts.loader) {
            return Err(PlacementError::KernelOnLoader { kernel: parts.kernel, loader: parts.loader });
        }
        let payload = if parts.kernel.overlaps(parts.payload) {
            let taken = [parts.kernel, parts.loader];
            first_free(bank.start(), parts.payload.len(), PAYLOAD_ALIGN, bank, &taken)
                .ok_or(PlacementError::NoRoom { part: "payload", size: parts.payload.len() })?
        } else {
            parts.payload
        };
        let taken = [parts.kernel, parts.loader, payload];
        let dtb = first_free(parts.kernel.end(), parts.dtb_len, PAGE, bank, &taken)
            .ok_or(PlacementError::NoRoom { part: "device tree", size: parts.dtb_len })?;
        let root_task = first_free(dtb.end(), parts.root_task_len, ROOT_TASK_ALIGN, bank, &taken)
            .ok_or(PlacementError::NoRoom { part: "root task", size: parts.root_task_len })?;
        Ok(Self { payload, dtb, root_task })
    }
}

/// The first `len` bytes at or above `from` that start at a multiple of `align`, lie in `bank` and meet nothing
/// `taken`.
fn first_free(from: u64, len: u64, align: u64, bank: Span, taken: &[Span]) -> Option<Span> {
    let mut candidate = Span::sized(align_up(from, align)?, len)?;
    // Each step passes one taken range for good, so there are at most as many steps as ranges.
    while let Some(met) = taken.iter().find(|range| range.overlaps(candidate)) {
        candidate = Span::sized(align_up(met.end(), align)?, len)?;
    }
    bank.covers(candidate).then_some(candidate)
}

/// Why there is no placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlacementError {
    /// The kernel is not within one bank of memory.
    KernelOutsideMemory(Span),
    /// The kernel would overwrite the loader that loads it.
    KernelOnLoader {
        /// Where the kernel must go.
        kernel: Span,
        /// Where the loader runs.
        loader: Span,
    },
    /// The kernel's bank of memory has no room for a part.
    NoRoom {
        /// Its name.
        part: &'static str,
        /// Its size in bytes.
        size: u64,
    },
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::KernelOutsideMemory(kernel) => {
                write!(f, "kernel at {kernel} is outside the board's memory")
            }
            Self::KernelOnLoader { kernel, loader } => {
                write!(f, "kernel at {kernel} would overwrite the loader at {loader}")
            }
            Self::NoRoom { part, size } => write!(f, "no room for the {part} of {size} bytes"),
        }
    }
}

impl core::error::Error for PlacementError {}
