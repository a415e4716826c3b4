//! The only module that touches memory by address: the payload as bytes, and the places that parts are loaded to.

use core::arch::asm;
use core::{ptr, slice};

use payload::board;
use payload::elf::Program;
use payload::image::{self, ImageError};
use payload::span::Span;

unsafe extern "C" {
    safe static __loader_start: u8;
    safe static __loader_end: u8;
}

/// Physical addresses of the loader itself.
pub fn loader() -> Span {
    Span::between((&raw const __loader_start) as u64, (&raw const __loader_end) as u64)
}

/// The payload's header, or whatever else is behind the loader.
pub fn payload_header() -> &'static [u8; image::HEADER] {
    // SAFETY: the bytes behind the loader are memory (its ELF file was loaded into the middle of a bank), aligned for
    // bytes, and nobody writes them before the loader is done with the payload.
    unsafe { &*(&raw const __loader_end).cast() }
}

/// Where the payload is.
///
/// # Errors
/// [`ImageError`] if there is none, or its length passes the end of memory.
pub fn payload() -> Result<Span, ImageError> {
    let len = image::peek_len(payload_header())?;
    Span::sized(loader().end(), len)
        .filter(|payload| board::RAM.iter().any(|bank| bank.covers(*payload)))
        .ok_or(ImageError::Truncated)
}

/// The bytes of memory at `span`.
///
/// # Safety
/// `span` is memory of [`board::RAM`], and nobody writes it while the bytes are in use.
pub unsafe fn bytes(span: Span) -> &'static [u8] {
    // SAFETY: the caller's promise; the identity map makes memory accessible at its physical address.
    unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(span.start() as usize), span.len() as usize) }
}

/// Copies `data` to `to`; the two may overlap.
///
/// # Safety
/// The bytes at `to` are memory of [`board::RAM`] that nobody uses.
pub unsafe fn copy(to: u64, data: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe { ptr::copy(data.as_ptr(), ptr::with_exposed_provenance_mut(to as usize), data.len()) }
    clean(to, data.len() as u64);
}

/// Zeroes `place` and copies the segments of `program` there, so that virtual address `virt.start()` is at its start.
///
/// # Safety
/// `place` is memory of [`board::RAM`] that nobody uses, at least as long as `virt`, which covers `program.virt()`.
pub unsafe fn load(program: &Program<'_>, virt: Span, place: Span) {
    // SAFETY: the caller's promise.
    unsafe { zero(place) };
    for segment in program.segments() {
        let to = place.start() + (segment.virt.start() - virt.start());
        // SAFETY: a checked program's segments lie within `program.virt()`, and with it within `place`.
        unsafe { copy(to, segment.data) };
    }
}

/// Zeroes `place`, a cache block at a time.
///
/// # Safety
/// `place` is memory of [`board::RAM`] that nobody uses.
unsafe fn zero(place: Span) {
    let id: u64;
    // SAFETY: reads an identification register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) id, options(nomem, nostack, preserves_flags)) }
    // DCZID_EL0: bit 4 set if DC ZVA is prohibited, bits 3..0 the block's size as log2 of 4-byte words.
    let block = 4u64 << (id & 0xf);
    let whole = if id & 1 << 4 == 0 { inner(place, block) } else { Span::between(place.start(), place.start()) };
    let fill = |from: u64, to: u64| {
        // SAFETY: both ends are within `place`, which is the caller's promise.
        unsafe { ptr::write_bytes(ptr::with_exposed_provenance_mut::<u8>(from as usize), 0, (to - from) as usize) }
    };
    fill(place.start(), whole.start());
    for address in (whole.start()..whole.end()).step_by(block as usize) {
        // SAFETY: the block at `address` is within `place`; it is cached memory, so that DC ZVA is allowed.
        unsafe { asm!("dc zva, {}", in(reg) address, options(nostack, preserves_flags)) }
    }
    fill(whole.end(), place.end());
}

/// The part of `place` that is whole blocks; empty at its start if there is none.
fn inner(place: Span, block: u64) -> Span {
    let (start, end) = (place.start().next_multiple_of(block), place.end() / block * block);
    if start < end { Span::between(start, end) } else { Span::between(place.start(), place.start()) }
}

/// Writes the data cache's lines of a range back to memory, so that instruction fetches and a kernel that starts with
/// other attributes see it.
pub fn clean(start: u64, len: u64) {
    let cache: u64;
    // SAFETY: reads an identification register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache, options(nomem, nostack, preserves_flags)) }
    // CTR_EL0.DminLine, bits 19..16: the smallest line's size as log2 of 4-byte words.
    let line = 4u64 << (cache >> 16 & 0xf);
    for address in (start / line * line..start + len).step_by(line as usize) {
        // SAFETY: cleaning a line changes no memory content.
        unsafe { asm!("dc cvac, {}", in(reg) address, options(nostack, preserves_flags)) }
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) }
}
