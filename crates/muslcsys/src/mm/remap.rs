//! mremap(2): an area grows, shrinks, or moves with its pages.
//!
//! A move goes page by page, in pieces between which the lock is let go. Meanwhile neither the old nor the new addresses are anybody's: who
//! touches the old ones has lost a race that Linux would decide as well, and new ones nobody knows yet.

use super::areas::{Area, Attributes, PAGE};
use super::calls::{AT_ONCE, CHANGES, choose, clear, is_programs, protect, range, unmap};
use super::files;
use super::space::{SPACE, Space, SpaceGuard, access_of};
use super::vspace::{LARGE, Page};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use core::ops::Range;
use linux_raw_sys::general as linux;

/// mremap(2): `[address, old_length, new_length, flags, new_address]`. A mapping of a file that grows reaches more of the file, as far as
/// there is memory for it. Errors: EINVAL, EFAULT (no area), ENOMEM.
pub fn mremap(_: &Thread, arguments: [usize; 6]) -> SysResult {
    let result = remap(arguments);
    files::forget_idle();
    result
}

fn remap([address, old, new, flags, target, _]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    let known = linux::MREMAP_MAYMOVE | linux::MREMAP_FIXED;
    let fixed = flags & linux::MREMAP_FIXED != 0;
    if flags & !known != 0 || new == 0 || (fixed && flags & linux::MREMAP_MAYMOVE == 0) {
        return Err(Errno::EINVAL);
    }
    let from = range(address, old)?;
    let length = new.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    if from.is_empty() {
        return Err(Errno::EINVAL);
    }
    if !is_programs(&from) {
        return Err(Errno::EFAULT);
    }
    let kept = from.start..from.end.min(from.start.saturating_add(length));
    if fixed {
        let to = range(target, length)?;
        if !is_programs(&to) || (to.start < from.end && from.start < to.end) {
            return Err(Errno::EINVAL);
        }
        // As on Linux, what is cut off goes first.
        unmap(kept.end..from.end)?;
        return relocate(kept, Some(to), length);
    }
    if kept.end < from.end || length == from.end - from.start {
        if !SPACE.lock().areas.covers(from.clone()) {
            return Err(Errno::EFAULT);
        }
        unmap(kept.end..from.end)?;
        return Ok(address);
    }
    {
        let mut space = SPACE.prepare()?;
        let area = area_of(&space, &from)?;
        let more = from.end..from.start.checked_add(length).ok_or(Errno::ENOMEM)?;
        if is_programs(&more) && area.end == from.end && space.areas.is_free(more.clone()) {
            let view = area.view.map(|view| view.behind(more.start - area.start));
            space.areas.insert(Area { start: more.start, end: more.end, view, ..area })?;
            drop(space);
            files::reach(more);
            return Ok(address);
        }
    }
    if flags & linux::MREMAP_MAYMOVE == 0 {
        return Err(Errno::ENOMEM);
    }
    relocate(from, None, length)
}

/// The one area of the program's that holds a range. Errors: EFAULT.
fn area_of(space: &Space, range: &Range<usize>) -> Result<Area, Errno> {
    let area = space.areas.find(range.start).filter(|area| area.end >= range.end && area.is_programs());
    area.ok_or(Errno::EFAULT)
}

/// Being neither where it was nor where it will be.
const MOVING: Attributes = Attributes::DYING.union(Attributes::BUSY);

/// Moves an area's pages to addresses of their own, in place of what is there, and has the area grow to `length` bytes. Errors: EFAULT, EINVAL,
/// ENOMEM.
fn relocate(from: Range<usize>, to: Option<Range<usize>>, length: usize) -> SysResult {
    let moved = from.end - from.start;
    let start = relocate_pages(from, to, length)?;
    files::reach(start + moved..start + length);
    Ok(start)
}

fn relocate_pages(from: Range<usize>, to: Option<Range<usize>>, length: usize) -> SysResult {
    let _kept = CHANGES.lock();
    let (area, promised) = {
        let mut space = SPACE.prepare()?;
        let area = area_of(&space, &from)?.within(&from);
        if to.as_ref().is_some_and(|to| space.areas.has(to.clone(), Attributes::RESERVED)) {
            return Err(Errno::EINVAL);
        }
        space.split_ends(&from)?;
        let promised = length - (from.end - from.start);
        let promised = if area.attributes.contains(Attributes::CHARGED) { promised / PAGE } else { 0 };
        space.areas.charge(promised)?;
        space.areas.change(from.clone(), |old| old | MOVING).expect("nothing more is promised");
        (area, promised)
    };
    // The tables for the new addresses are counted here; the pages were just now, or where they are.
    let tables = area.attributes - Attributes::CHARGED | Attributes::FILE;
    let result = prepare_target(to, length, tables).and_then(|(to, counted)| {
        let moved = move_pages(&from, to.start, access_of(area.attributes));
        let mut space = SPACE.lock();
        while space.areas.remove_first(to.clone()).is_some() {}
        space.areas.uncharge(counted);
        moved.map(|()| (space, to))
    });
    match result {
        Ok((mut space, to)) => {
            while space.areas.remove_first(from.clone()).is_some() {}
            space.areas.replace(Area { start: to.start, end: to.end, ..area }, promised);
            Ok(to.start)
        }
        Err(error) => {
            let mut space = SPACE.lock();
            space.areas.uncharge(promised);
            space.areas.change(from.clone(), |old| old - MOVING).expect("what was promised before");
            drop(space);
            // A change of permissions that came to the pages meanwhile has passed them over.
            protect(from);
            Err(error)
        }
    }
}

/// Addresses that are nobody's, with the tables for them counted: the range and the count.
fn prepare_target(to: Option<Range<usize>>, length: usize, tables: Attributes) -> Result<(Range<usize>, usize), Errno> {
    let (mut space, to, counted): (SpaceGuard<'_>, _, _) = match to {
        Some(to) => {
            let (space, counted) = clear(&to, tables)?;
            (space, to, counted)
        }
        None => {
            let mut space = SPACE.prepare()?;
            let start = choose(&space, length)?;
            let counted = space.areas.charge_replacement(start..start + length, tables)?;
            (space, start..start + length, counted)
        }
    };
    space.areas.replace(Area::new(to.clone(), MOVING), 0);
    Ok((to, counted))
}

/// Moves what is behind the pages of a range to another start, piece by piece; after an error everything is where it was.
fn move_pages(from: &Range<usize>, to: usize, access: Option<crate::sel4::Access>) -> Result<(), Errno> {
    let aligned = (to.wrapping_sub(from.start)).is_multiple_of(LARGE);
    let mut at = from.start;
    let mut result = Ok(());
    while at < from.end && result.is_ok() {
        let mut space = SPACE.lock();
        for _ in 0..AT_ONCE / PAGE {
            if at >= from.end {
                break;
            }
            match move_page(&mut space, at, to + (at - from.start), aligned, access) {
                Ok(next) => at = next,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
    }
    if result.is_err() {
        // Back to where they came from: the tables there still exist, so nothing can fail on this way.
        for back in (from.start..at).step_by(PAGE) {
            let mut space = SPACE.lock();
            let space = &mut *space;
            if space.vspace.page(back).0 == Page::None {
                let _ = space.vspace.relocate(&mut space.objects, to + (back - from.start), back, access);
            }
        }
    }
    result
}

/// Moves the page at an address; gives the next address to look at.
fn move_page(
    space: &mut Space,
    at: usize,
    to: usize,
    aligned: bool,
    access: Option<crate::sel4::Access>,
) -> Result<usize, Errno> {
    space.prepare()?;
    let (page, _) = space.vspace.page(at);
    if page == Page::Large && !aligned {
        space.vspace.split(&mut space.objects, at, access)?;
        return Ok(at);
    }
    space.vspace.relocate(&mut space.objects, at, to, access)?;
    Ok(match page {
        Page::Large => at + LARGE,
        Page::None if space.vspace.is_empty_block(at) => (at + 1).next_multiple_of(LARGE),
        _ => at + PAGE,
    })
}
