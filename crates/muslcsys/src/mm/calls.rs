//! The memory calls, one function each: mapping, unmapping, permissions, brk.
//!
//! A call on a long range works through it in pieces and lets the lock go between them, so that a page fault never waits for
//! more than one. What the areas say is changed first, at once for the whole range; frames follow. A call that will put
//! something in the place of what is there keeps the range for itself meanwhile ([`Attributes::BUSY`], under [`CHANGES`]).

use super::areas::{Area, Attributes, FileId, PAGE, View};
use super::files;
use super::layout;
use super::space::{SPACE, Space, SpaceGuard, access_of};
use super::vspace::{LARGE, Page};
use crate::errno::{Errno, SysResult};
use crate::fs::node::Node;
use crate::sync::mutex::{Mutex, MutexGuard};
use crate::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;
use linux_raw_sys::general as linux;

/// Pages treated under one hold of the lock: what bounds how long a page fault may wait for a large munmap.
pub const AT_ONCE: usize = 256 * PAGE;

/// Held by a call that keeps a range for itself; taken before the address space's lock and before a file's. It holds the files that
/// areas show.
pub static CHANGES: Mutex<Shown> = Mutex::new(BTreeMap::new());
/// Files that areas show.
pub type Shown = BTreeMap<FileId, Arc<dyn Node>>;

/// A range the program named: page-aligned start, length rounded up. Errors: EINVAL.
pub fn range(start: usize, length: usize) -> Result<Range<usize>, Errno> {
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let end = length.checked_add(PAGE - 1).map(|l| l & !(PAGE - 1)).and_then(|l| start.checked_add(l));
    end.map(|end| start..end).ok_or(Errno::EINVAL)
}

/// Whether a range is where the program's memory can be.
pub fn is_programs(range: &Range<usize>) -> bool {
    layout::PROGRAM.start <= range.start && range.end <= layout::PROGRAM.end
}

/// PROT_* as attributes. No page is both writable and executable.
fn attributes(prot: usize) -> Result<Attributes, Errno> {
    let known = linux::PROT_READ | linux::PROT_WRITE | linux::PROT_EXEC;
    if prot & !(known as usize) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut attributes = Attributes::empty();
    attributes.set(Attributes::READ, prot as u32 & linux::PROT_READ != 0);
    attributes.set(Attributes::WRITE, prot as u32 & linux::PROT_WRITE != 0);
    attributes.set(Attributes::EXECUTE, prot as u32 & linux::PROT_EXEC != 0);
    if attributes.contains(Attributes::WRITE | Attributes::EXECUTE) {
        return Err(Errno::EACCES);
    }
    attributes.set(Attributes::CHARGED, !attributes.is_empty());
    Ok(attributes)
}

/// mmap(2): `[address, length, prot, flags, fd, offset]`. Anonymous memory, private or shared (there is one process), and files: see
/// [`files`]. Differs from Linux: PROT_WRITE with PROT_EXEC is EACCES. Errors: EINVAL, ENOMEM, EACCES, EEXIST; EBADF, ENODEV,
/// EOVERFLOW for files.
pub fn mmap(_: &Thread, [address, length, prot, flags, fd, offset]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    let kind = flags & linux::MAP_TYPE;
    if length == 0
        || !offset.is_multiple_of(PAGE)
        || !matches!(kind, linux::MAP_PRIVATE | linux::MAP_SHARED | linux::MAP_SHARED_VALIDATE)
    {
        return Err(Errno::EINVAL);
    }
    let mut attributes = attributes(prot)?;
    let length = length.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    if flags & linux::MAP_ANONYMOUS == 0 {
        let shared = kind != linux::MAP_PRIVATE;
        if let Some(file) = files::open(fd, shared, attributes, offset, length)? {
            return files::map(&file, &place(address, length, flags)?, attributes);
        }
    }
    if attributes.is_empty() || flags & (linux::MAP_STACK | linux::MAP_GROWSDOWN) != 0 {
        attributes |= Attributes::SMALL_PAGES;
    }
    let start = map(&place(address, length, flags)?, attributes)?;
    if flags & linux::MAP_FIXED != 0 {
        files::forget_idle();
    }
    if flags & (linux::MAP_POPULATE | linux::MAP_LOCKED) != 0 {
        // As on Linux, the mapping stands though a page is not yet behind it.
        let _ = populate(start..start + length);
    }
    Ok(start)
}

/// Where a new area is to be.
pub enum Place {
    /// Exactly here; what is there goes.
    Replacing(Range<usize>),
    /// Exactly here, where nothing may be.
    Free(Range<usize>),
    /// Here if that is free, else anywhere.
    Anywhere(Range<usize>),
}

/// What mmap's arguments ask for. Errors: EINVAL, ENOMEM.
fn place(address: usize, length: usize, flags: u32) -> Result<Place, Errno> {
    if length > layout::MMAP.end - layout::MMAP.start {
        return Err(Errno::ENOMEM);
    }
    if flags & (linux::MAP_FIXED | linux::MAP_FIXED_NOREPLACE) == 0 {
        let hint = address & !(PAGE - 1);
        return Ok(Place::Anywhere(hint..hint.saturating_add(length)));
    }
    // Behind the last address there is no memory, wherever the range's end comes out.
    let range = match range(address, length) {
        Err(_) if address.is_multiple_of(PAGE) => return Err(Errno::ENOMEM),
        range => range?,
    };
    if !is_programs(&range) {
        return Err(Errno::ENOMEM);
    }
    Ok(if flags & linux::MAP_FIXED_NOREPLACE != 0 { Place::Free(range) } else { Place::Replacing(range) })
}

/// Makes an area of memory; gives its start. Errors: ENOMEM, EEXIST; EINVAL where no call on memory may change what is there. Nothing has
/// changed after an error.
pub fn map(place: &Place, attributes: Attributes) -> SysResult {
    match place {
        Place::Replacing(_) => map_view(&CHANGES.lock(), place, attributes, None),
        _ => map_free(place, attributes, None),
    }
}

/// As [`map`], of a file if there is a view.
pub fn map_view(_kept: &MutexGuard<Shown>, place: &Place, attributes: Attributes, view: Option<View>) -> SysResult {
    let Place::Replacing(range) = place else { return map_free(place, attributes, view) };
    let (mut space, counted) = clear(range, attributes)?;
    space.areas.replace(Area { view, ..Area::new(range.clone(), attributes) }, counted);
    Ok(range.start)
}

/// As [`map`], where nothing goes.
fn map_free(place: &Place, attributes: Attributes, view: Option<View>) -> SysResult {
    let (Place::Replacing(range) | Place::Free(range) | Place::Anywhere(range)) = place;
    let length = range.end - range.start;
    let mut space = SPACE.prepare()?;
    let start = match place {
        Place::Anywhere(hint) => {
            let fits = layout::MMAP.contains(&hint.start) && hint.end <= layout::MMAP.end;
            if fits && space.areas.is_free(hint.clone()) { hint.start } else { choose(&space, length)? }
        }
        _ if space.areas.is_free(range.clone()) => range.start,
        _ => return Err(Errno::EEXIST),
    };
    space.areas.insert(Area { view, ..Area::new(start..start + length, attributes) })?;
    Ok(start)
}

/// Free addresses, for large pages if the length allows. Errors: ENOMEM.
pub fn choose(space: &Space, length: usize) -> Result<usize, Errno> {
    let large = if length >= LARGE { space.areas.choose(length, LARGE) } else { None };
    large.or_else(|| space.areas.choose(length, PAGE)).ok_or(Errno::ENOMEM)
}

/// Takes everything out of a range that an area with these attributes will replace, and counts what that area promises beyond what is
/// there: after an error nothing has changed. Gives the lock, and the count for [`Areas::replace`](super::areas::Areas::replace). The
/// caller holds [`CHANGES`].
pub fn clear(range: &Range<usize>, attributes: Attributes) -> Result<(SpaceGuard<'static>, usize), Errno> {
    let mut space = SPACE.prepare()?;
    if space.areas.has(range.clone(), Attributes::RESERVED) {
        return Err(Errno::EINVAL);
    }
    space.split_ends(range)?;
    let counted = space.areas.charge_replacement(range.clone(), attributes)?;
    let kept = Attributes::DYING | Attributes::BUSY;
    loop {
        space.areas.change(range.clone(), |old| old | kept).expect("nothing more is promised");
        let mut at = range.start;
        while let Some(area) = { space.areas.pieces(at..range.end).next() } {
            let piece = first_piece(area);
            space.release(piece);
            at = piece.end;
            drop(space);
            space = SPACE.lock();
        }
        // Another thread may have been given addresses between areas meanwhile, as if it had come before.
        if space.areas.pieces(range.clone()).all(|piece| piece.attributes.contains(kept)) {
            return Ok((space, counted));
        }
        if let Err(error) = space.split_ends(range) {
            // What was there is gone already: only the addresses are left to give back.
            space.areas.uncharge(counted);
            space.areas.change(range.clone(), |old| old - Attributes::BUSY).expect("nothing more is promised");
            drop(space);
            unmap(range.clone())?;
            return Err(error);
        }
    }
}

/// As much of an area as is torn down under one hold of the lock.
pub fn first_piece(area: Area) -> Area {
    Area { end: (area.start + AT_ONCE).next_multiple_of(LARGE).min(area.end), ..area }
}

/// Puts frames behind every page of the range, but for what a file does not have. Errors: ENOMEM.
pub fn populate(range: Range<usize>) -> Result<(), Errno> {
    let mut at = range.start;
    while at < range.end {
        let mut space = SPACE.prepare()?;
        let area = space.areas.find(at).ok_or(Errno::ENOMEM)?;
        if area.attributes.contains(Attributes::FILE) {
            at = area.end;
            continue;
        }
        if let Some(access) = access_of(area.attributes) {
            space.populate(at, &area, access)?;
        }
        at = match space.vspace.page(at) {
            (Page::Large, _) => (at + 1).next_multiple_of(LARGE),
            _ => at + PAGE,
        };
    }
    Ok(())
}

/// munmap(2): `[address, length]`. Errors: EINVAL; ENOMEM if a large page would have to be split and there is no memory for it.
pub fn munmap(_: &Thread, [address, length, ..]: [usize; 6]) -> SysResult {
    let range = range(address, length)?;
    if range.is_empty() || !is_programs(&range) {
        return Err(Errno::EINVAL);
    }
    unmap(range)?;
    files::forget_idle();
    Ok(0)
}

/// Takes a range out of the program's hands in bounded steps: first all of it is condemned, so that no thread gets new pages in
/// it, then the frames go piece by piece, and the addresses with them. After an error nothing has changed.
pub fn unmap(range: Range<usize>) -> Result<(), Errno> {
    if range.is_empty() {
        return Ok(());
    }
    let mut space = loop {
        let space = SPACE.prepare()?;
        let there = space.areas.attributes(range.clone());
        if there.contains(Attributes::RESERVED) {
            return Err(Errno::EINVAL);
        }
        if !there.contains(Attributes::BUSY) {
            break space;
        }
        // Another call is about to put something there: it comes first.
        drop(space);
        drop(CHANGES.lock());
    };
    space.split_ends(&range)?;
    space.areas.change(range.clone(), |old| old | Attributes::DYING).expect("nothing more is promised");
    while let Some(area) = space.areas.first_dying(range.clone()) {
        let piece = first_piece(area);
        space.release(piece);
        space.areas.remove_first(piece.start..piece.end);
        drop(space);
        // What the cuts between pieces need was prepared for before the first: from here on nothing can fail.
        space = SPACE.lock();
    }
    Ok(())
}

/// mprotect(2): `[address, length, prot]`. Errors: EINVAL, EACCES (writable and executable, or a file that was not opened for writing),
/// ENOMEM (no area, or no memory to promise).
pub fn mprotect(_: &Thread, [address, length, prot, ..]: [usize; 6]) -> SysResult {
    let range = range(address, length)?;
    let new = attributes(prot)?;
    if range.is_empty() {
        return Ok(0);
    }
    {
        let mut space = SPACE.prepare()?;
        if !is_programs(&range) || !space.areas.covers(range.clone()) {
            return Err(Errno::ENOMEM);
        }
        if new.contains(Attributes::WRITE) && space.areas.has(range.clone(), Attributes::READ_ONLY) {
            return Err(Errno::EACCES);
        }
        space.split_ends(&range)?;
        space.areas.change(range.clone(), |old| old.with_access(new))?;
    }
    protect(range);
    Ok(0)
}

/// Gives the pages of a range the permissions that their areas have now.
pub fn protect(range: Range<usize>) {
    let mut at = range.start;
    while at < range.end {
        at = protect_first(at..range.end);
    }
}

/// As much of [`protect`] as is done under one hold of the lock; gives where it stopped.
fn protect_first(range: Range<usize>) -> usize {
    let mut space = SPACE.lock();
    let (mut at, mut left) = (range.start, AT_ONCE / PAGE);
    loop {
        let Some(area) = space.areas.pieces(at..range.end).next() else { return range.end };
        at = area.start;
        // A page that another thread unmapped meanwhile is in no area or in one that dies.
        let alive = area.is_programs();
        while at < area.end {
            if left == 0 {
                return at;
            }
            left -= 1;
            at = match space.vspace.first(&(at..area.end)) {
                Ok((page, kind)) => {
                    if alive {
                        space.vspace.protect(page, access_of(area.attributes));
                    }
                    if kind == Page::Large { (page + 1).next_multiple_of(LARGE) } else { page + PAGE }
                }
                Err(next) => next,
            };
        }
    }
}

/// brk(2): `[address]`; gives the end of the heap, changed or not.
pub fn brk(_: &Thread, [address, ..]: [usize; 6]) -> SysResult {
    let mut space = SPACE.lock();
    let old = space.brk;
    if !layout::BRK.contains(&address) || space.prepare().is_err() {
        return Ok(old);
    }
    let (from, to) = (old.next_multiple_of(PAGE), address.next_multiple_of(PAGE));
    if to > from {
        let attributes = Attributes::READ | Attributes::WRITE | Attributes::CHARGED;
        if !space.areas.is_free(from..to) || space.areas.insert(Area::new(from..to, attributes)).is_err() {
            return Ok(old);
        }
    }
    space.brk = address;
    drop(space);
    if to < from {
        // What cannot be given back stays the program's, unused.
        let _ = unmap(to..from);
    }
    Ok(address)
}
