//! mmap(2) of files.
//!
//! A **private** mapping is memory of the program's own, filled from the file before mmap returns; what the file becomes afterwards does not
//! show in it. A **shared** mapping is the file's own pages, mapped a second time by copies of their capabilities, so reading, writing and
//! other mappings of the file see the same bytes at once, and nothing is ever written back.
//!
//! A mapping reaches what the file has when it is made: behind the file's last page an access is SIGBUS, as on Linux, and stays so when the
//! file grows. A shared page lives as long as a mapping of it: where the file is truncated, Linux makes accesses SIGBUS; here the mapping
//! keeps the page, which is then no longer the file's.
//!
//! The fault thread never comes here: all pages are there from the start, so no lock of a file is ever waited for while answering a fault.

use super::areas::{Area, Attributes, PAGE};
use super::calls::{CHANGES, Place, clear, map as map_area, populate, protect, unmap};
use super::space::{SPACE, access_of};
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::Sink;
use crate::fs::descriptors;
use crate::fs::node::{Kind, Node};
use alloc::sync::Arc;
use core::ops::Range;

/// The device number of /dev/zero, as st_rdev has it (Linux's admin-guide/devices.txt): a mapping of it is anonymous memory.
const ZERO: u64 = 1 << 8 | 5;

/// What is to be mapped.
pub struct Mapping {
    node: Arc<dyn Node>,
    shared: bool,
    may_write: bool,
    /// The first byte mapped.
    offset: u64,
}

/// The file to map, from mmap's arguments, `length` being a multiple of a page; `None` for what gives anonymous memory. Errors: EBADF,
/// EACCES (not opened for what the mapping would do), ENODEV (no file that can be mapped), EINVAL (misaligned offset), EOVERFLOW.
pub fn open(
    fd: usize,
    shared: bool,
    access: Attributes,
    offset: usize,
    length: usize,
) -> Result<Option<Mapping>, Errno> {
    let file = descriptors::get(fd)?;
    let status = file.status();
    if status.is_path() {
        return Err(Errno::EBADF);
    }
    if offset.checked_add(length).is_none_or(|end| end > i64::MAX as usize) {
        return Err(Errno::EOVERFLOW);
    }
    if !status.may_read() || (shared && access.contains(Attributes::WRITE) && !status.may_write()) {
        return Err(Errno::EACCES);
    }
    let node = file.node().ok_or(Errno::ENODEV)?;
    match node.kind() {
        Kind::Regular => {}
        Kind::Characters if node.metadata().represents == ZERO => return Ok(None),
        _ => return Err(Errno::ENODEV),
    }
    Ok(Some(Mapping { node: node.clone(), shared, may_write: status.may_write(), offset: offset as u64 }))
}

/// Maps a file; gives the start. Errors: ENOMEM, EEXIST, EINVAL, and what reading the file gives.
pub fn map(mapping: &Mapping, place: &Place, access: Attributes) -> SysResult {
    let range = match place {
        Place::Replacing(range) | Place::Free(range) | Place::Anywhere(range) => range,
    };
    let left = mapping.node.metadata().size.saturating_sub(mapping.offset);
    let bytes = (range.end - range.start).min(usize::try_from(left).unwrap_or(usize::MAX));
    match mapping.shared {
        true => map_shared(mapping, place, bytes.next_multiple_of(PAGE), access),
        false => map_private(mapping, place, bytes, access),
    }
}

/// What is behind the end of a file, or is the file's own.
fn of_file(access: Attributes) -> Attributes {
    access.access() | Attributes::FILE
}

fn map_private(mapping: &Mapping, place: &Place, bytes: usize, access: Attributes) -> SysResult {
    let replaces = matches!(place, Place::Replacing(_));
    let behind = of_file(access);
    let (start, length) = match place {
        Place::Replacing(range) => (range.start, range.end - range.start),
        place @ (Place::Free(range) | Place::Anywhere(range)) => (map_area(place, behind)?, range.end - range.start),
    };
    let (all, data) = (start..start + length, start..start + bytes.next_multiple_of(PAGE));
    let filled = fill(mapping, &data, bytes);
    if filled.is_err() && !replaces {
        unmap(all.clone())?;
    }
    filled?;
    if replaces && data.end < all.end {
        map_area(&Place::Replacing(data.end..all.end), behind)?;
    }
    let writable = Attributes::READ | Attributes::WRITE;
    if access.access() != writable && !data.is_empty() {
        SPACE.prepare()?.areas.change(data.clone(), |old| old.with_access(access))?;
        protect(data);
    }
    Ok(start)
}

/// Puts memory that holds the file's bytes in the place of what is in a range.
fn fill(mapping: &Mapping, data: &Range<usize>, bytes: usize) -> Result<(), Errno> {
    if data.is_empty() {
        return Ok(());
    }
    let memory = Attributes::READ | Attributes::WRITE | Attributes::CHARGED;
    map_area(&Place::Replacing(data.clone()), memory)?;
    // All of it is about to be written: a call a page costs less than a fault a page.
    populate(data.clone())?;
    let mut done = 0;
    while done < bytes {
        let mut sink = Sink::program(data.start + done, bytes - done);
        match mapping.node.read_at(&mut sink, mapping.offset + done as u64)? {
            // It has become shorter meanwhile: the rest reads as zeros.
            0 => break,
            count => done += count,
        }
    }
    Ok(())
}

fn map_shared(mapping: &Mapping, place: &Place, length: usize, access: Attributes) -> SysResult {
    let attributes = of_file(access) | if mapping.may_write { Attributes::empty() } else { Attributes::READ_ONLY };
    let unfinished = attributes | Attributes::DYING | Attributes::BUSY;
    let _kept = CHANGES.lock();
    let range = match place {
        Place::Replacing(range) => {
            let (mut space, counted) = clear(range, attributes)?;
            space.areas.replace(Area { start: range.start, end: range.end, attributes: unfinished }, counted);
            range.clone()
        }
        place @ (Place::Free(range) | Place::Anywhere(range)) => {
            let start = map_area(place, unfinished)?;
            start..start + (range.end - range.start)
        }
    };
    let shared = share(mapping, range.start..range.start + length, attributes);
    let mut space = SPACE.lock();
    match shared {
        Ok(()) => {
            space.areas.change(range.clone(), |_| attributes).expect("nothing more is promised");
            Ok(range.start)
        }
        Err(error) => {
            space.areas.change(range.clone(), |old| old - Attributes::BUSY).expect("nothing more is promised");
            drop(space);
            unmap(range)?;
            Err(error)
        }
    }
}

/// Maps the file's pages into a range that is nobody's yet.
fn share(mapping: &Mapping, range: Range<usize>, attributes: Attributes) -> Result<(), Errno> {
    let first = mapping.offset / PAGE as u64;
    for (index, address) in range.step_by(PAGE).enumerate() {
        let page = match mapping.node.page(first + index as u64) {
            // It has become shorter meanwhile.
            Err(Errno::ENXIO) => return Ok(()),
            Err(Errno::ENOSPC) => return Err(Errno::ENOMEM),
            page => page?,
        };
        let mut space = SPACE.prepare()?;
        space.share(address, page, access_of(attributes))?;
    }
    Ok(())
}
