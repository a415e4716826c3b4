//! mmap(2) of files.
//!
//! A **private** mapping is memory of the program's own, filled from the file before mmap returns; what the file becomes afterwards does not
//! show in it. A **shared** mapping is the file's own pages, mapped a second time by copies of their capabilities, so reading, writing and
//! other mappings of the file see the same bytes at once, and nothing is ever written back.
//!
//! A mapping reaches as far as the file: behind the file's last page an access is SIGBUS, as on Linux. When the file becomes shorter, its
//! mappings lose what is behind the new end (an area's [`View`] tells which part of which file it shows), and when it grows, shared ones
//! reach the more; a private one does so when it is itself made longer by mremap(2).
//!
//! The fault thread never comes here: all pages are there before anybody touches them, so no lock of a file is ever waited for while
//! answering a fault.

use super::areas::{Area, Attributes, FileId, PAGE, View};
use super::calls::{CHANGES, Place, Shown, first_piece, map_view, populate, protect, unmap};
use super::space::{SPACE, access_of};
use super::vspace::Page;
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::Sink;
use crate::fs::descriptors;
use crate::fs::node::{Kind, Node};
use crate::sync::mutex::MutexGuard;
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

/// What tells a node from all others.
fn id_of<T: ?Sized>(node: &T) -> FileId {
    let address = (&raw const *node).cast::<()>();
    FileId::new(address.addr()).expect("a reference is not null")
}

/// Maps a file; gives the start. Errors: ENOMEM, EEXIST, EINVAL, and what reading the file gives.
pub fn map(mapping: &Mapping, place: &Place, access: Attributes) -> SysResult {
    SPACE.prepare()?;
    let mut files = CHANGES.lock();
    let view = View { file: id_of(&*mapping.node), page: mapping.offset / PAGE as u64 };
    files.insert(view.file, mapping.node.clone());
    // From here on it tells when its size changes, so the size that follows is the last that is not told of.
    mapping.node.set_mapped();
    let left = mapping.node.metadata().size.saturating_sub(mapping.offset);
    let mapped = match mapping.shared {
        true => map_shared(files, mapping, place, view, access),
        false => map_private(files, mapping, place, view, left, access),
    };
    if mapped.is_err() {
        forget();
    }
    mapped
}

/// What is behind the end of a file, or is the file's own.
fn of_file(access: Attributes) -> Attributes {
    access.access() | Attributes::FILE
}

/// Maps what is left of the file from the mapping's offset on.
fn map_private(
    files: MutexGuard<'_, Shown>,
    mapping: &Mapping,
    place: &Place,
    view: View,
    left: u64,
    access: Attributes,
) -> SysResult {
    const MEMORY: Attributes = Attributes::READ.union(Attributes::WRITE).union(Attributes::CHARGED);
    let (Place::Replacing(range) | Place::Free(range) | Place::Anywhere(range)) = place;
    let (length, replaces) = (range.end - range.start, matches!(place, Place::Replacing(_)));
    let bytes = length.min(usize::try_from(left).unwrap_or(usize::MAX));
    let behind = of_file(access);
    let start = if replaces { range.start } else { map_view(&files, place, behind, Some(view))? };
    let (all, data) = (start..start + length, start..start + bytes.next_multiple_of(PAGE));
    let part = |part: Range<usize>, attributes| match part.is_empty() {
        true => Ok(0),
        false => {
            let view = view.behind(part.start - start);
            map_view(&files, &Place::Replacing(part), attributes, Some(view))
        }
    };
    let made = part(data.clone(), MEMORY).and_then(|_| if replaces { part(data.end..all.end, behind) } else { Ok(0) });
    drop(files);
    let filled = made.and_then(|_| fill(mapping, &data, bytes));
    if filled.is_err() && !replaces {
        unmap(all)?;
    }
    filled?;
    if access.access() != MEMORY.access() && !data.is_empty() {
        SPACE.prepare()?.areas.change(data.clone(), |old| old.with_access(access))?;
        protect(data);
    }
    Ok(start)
}

/// Writes the file's bytes to memory that was just made for them.
fn fill(mapping: &Mapping, data: &Range<usize>, bytes: usize) -> Result<(), Errno> {
    // All of it is about to be written: a call a page costs less than a fault a page.
    populate(data.clone())?;
    let mut done = 0;
    while done < bytes {
        let mut sink = Sink::program(data.start + done, bytes - done);
        match mapping.node.read_at(&mut sink, mapping.offset + done as u64) {
            // It has become shorter meanwhile: the rest reads as zeros.
            Ok(0) => break,
            Ok(count) => done += count,
            // The page went again, as the file became shorter for a moment.
            Err(Errno::EFAULT) => done = (done + 1).next_multiple_of(PAGE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn map_shared(
    files: MutexGuard<'_, Shown>,
    mapping: &Mapping,
    place: &Place,
    view: View,
    access: Attributes,
) -> SysResult {
    let (Place::Replacing(range) | Place::Free(range) | Place::Anywhere(range)) = place;
    let attributes = of_file(access) | Attributes::SHARED;
    let forbidden = if mapping.may_write { Attributes::empty() } else { Attributes::READ_ONLY };
    let start = map_view(&files, place, attributes | forbidden, Some(view))?;
    let range = start..start + (range.end - range.start);
    let shared = share(&mapping.node, view, &range);
    if shared.is_err() {
        unmap(range)?;
    }
    shared.map(|()| start)
}

/// Puts the file's pages, as far as it has any, where an area shows them and none are. The caller holds [`CHANGES`].
fn share(node: &Arc<dyn Node>, view: View, range: &Range<usize>) -> Result<(), Errno> {
    for address in range.clone().step_by(PAGE) {
        let view = view.behind(address - range.start);
        let page = match node.page(view.page) {
            Err(Errno::ENXIO) => return Ok(()),
            Err(Errno::ENOSPC) => return Err(Errno::ENOMEM),
            page => page?,
        };
        let mut space = SPACE.prepare()?;
        // Another thread may have taken away the area meanwhile.
        let area = space.areas.pieces(address..address + PAGE).next().filter(Area::is_programs);
        let area = area.filter(|area| area.view == Some(view) && area.attributes.contains(Attributes::SHARED));
        if let Some(area) = area
            && space.vspace.page(address).0 == Page::None
        {
            space.share(address, page, access_of(area.attributes))?;
        }
    }
    Ok(())
}

/// Has a range that an area shows a file in reach what the file has there now; what there is no memory for stays behind the end.
pub fn reach(range: Range<usize>) {
    let area = SPACE.lock().areas.pieces(range.clone()).next().filter(|area| area.start == range.start);
    let Some((area, view)) = area.and_then(|area| Some((area, area.view?))) else { return };
    let Some(node) = CHANGES.lock().get(&view.file).cloned() else { return };
    let shared = area.attributes.contains(Attributes::SHARED);
    let may_write = !area.attributes.contains(Attributes::READ_ONLY);
    let mapping = Mapping { node, shared, may_write, offset: view.page * PAGE as u64 };
    if map(&mapping, &Place::Replacing(range.clone()), area.attributes).is_err() {
        let shared = if shared { Attributes::SHARED } else { Attributes::empty() };
        let _ = map_view(&CHANGES.lock(), &Place::Replacing(range), of_file(area.attributes) | shared, None);
    }
}

/// A file that is mapped has other pages at its end than before: the areas that show it lose those from `after` on, or get them. Called
/// without a lock of the file.
pub fn resized<T: ?Sized>(node: &T, before: u64, after: u64) {
    let file = id_of(node);
    let files = CHANGES.lock();
    let Some(node) = files.get(&file).cloned() else { return };
    if after < before {
        withdraw(file, &(after..before));
    }
    // Another thread may have made it longer meanwhile.
    let now = node.metadata().size.div_ceil(PAGE as u64);
    let more = before.min(after)..before.max(after).min(now);
    let mut at = 0;
    while let Some((area, view)) = next_showing(file, &more, at) {
        at = area.end;
        if area.attributes.contains(Attributes::SHARED) {
            // Where there is no memory for it an access stays SIGBUS, which Linux gives for that as well.
            let _ = share(&node, view, &(area.start..area.end));
        }
    }
}

/// The first area from an address on that shows some of these pages of a file, as far as it does.
fn next_showing(file: FileId, pages: &Range<u64>, from: usize) -> Option<(Area, View)> {
    let area = SPACE.lock().areas.showing(file, pages, from)?;
    Some((area, area.view?))
}

/// Takes pages that the file no longer has out of the areas that show them. The caller holds [`CHANGES`].
fn withdraw(file: FileId, pages: &Range<u64>) {
    let mut at = 0;
    loop {
        let mut space = SPACE.lock();
        let Some(area) = space.areas.showing(file, pages, at) else { return };
        let piece = first_piece(area);
        let range = piece.start..piece.end;
        at = piece.end;
        if piece.attributes.contains(Attributes::FILE) {
            space.release(piece);
        } else if space.prepare().is_ok() && space.split_ends(&range).is_ok() {
            // A private copy, which goes as well; without memory for the records of that it stays.
            space.release(piece);
            space.areas.remove_first(range);
            let behind = Area { attributes: piece.attributes - Attributes::CHARGED | Attributes::FILE, ..piece };
            space.areas.insert(behind).expect("it promises less than before");
        }
    }
}

/// Lets go of files that no area shows any more. Called without [`CHANGES`] and without a lock of a file.
pub fn forget_idle() {
    if SPACE.lock().areas.take_idle() {
        forget();
    }
}

fn forget() {
    loop {
        let mut files = CHANGES.lock();
        let space = SPACE.lock();
        let idle = files.keys().copied().find(|&file| !space.areas.shows(file));
        drop(space);
        let Some(file) = idle else { return };
        let node = files.remove(&file);
        drop(files);
        // If this was the last reference, its pages are given back only now.
        drop(node);
    }
}
