//! The memory calls, one function each.

use super::areas::{Area, Attributes, PAGE};
use super::layout;
use super::space::{SPACE, access_of};
use super::vspace::{LARGE, Page};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use core::ops::Range;
use linux_raw_sys::general as linux;

/// Pages torn down under one hold of the lock: what bounds how long a page fault may wait for a large munmap.
const AT_ONCE: usize = 256 * PAGE;

/// A range the program named: page-aligned start, length rounded up, inside what belongs to the program.
fn range(start: usize, length: usize) -> Result<Range<usize>, Errno> {
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let end = length.checked_add(PAGE - 1).map(|l| l & !(PAGE - 1)).and_then(|l| start.checked_add(l));
    end.map(|end| start..end).ok_or(Errno::EINVAL)
}

fn is_programs(range: &Range<usize>) -> bool {
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

/// mmap(2): `[address, length, prot, flags, fd, offset]`. Anonymous memory, private or shared (there is one process). Differs from
/// Linux: PROT_WRITE with PROT_EXEC is EACCES. Errors: EINVAL, ENOMEM, EACCES, EEXIST, ENODEV for a file.
pub fn mmap(_: &Thread, [address, length, prot, flags, fd, _]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    if length == 0
        || !matches!(flags & linux::MAP_TYPE, linux::MAP_PRIVATE | linux::MAP_SHARED | linux::MAP_SHARED_VALIDATE)
    {
        return Err(Errno::EINVAL);
    }
    let mut attributes = attributes(prot)?;
    if flags & linux::MAP_ANONYMOUS == 0 {
        return Err(crate::fs::descriptors::get(fd).err().unwrap_or(Errno::ENODEV));
    }
    if attributes.is_empty() || flags & (linux::MAP_STACK | linux::MAP_GROWSDOWN) != 0 {
        attributes |= Attributes::SMALL_PAGES;
    }
    let length = length.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    if length > layout::MMAP.end - layout::MMAP.start {
        return Err(Errno::ENOMEM);
    }
    let fixed = flags & (linux::MAP_FIXED | linux::MAP_FIXED_NOREPLACE) != 0;
    if fixed {
        // Behind the last address there is no memory, wherever the range's end comes out.
        let range = match range(address, length) {
            Err(_) if address.is_multiple_of(PAGE) => return Err(Errno::ENOMEM),
            range => range?,
        };
        if !is_programs(&range) {
            return Err(Errno::ENOMEM);
        }
    }
    let replaces = fixed && flags & linux::MAP_FIXED_NOREPLACE == 0;
    let mut space = loop {
        if replaces {
            unmap(address..address + length)?;
        }
        let space = SPACE.prepare()?;
        // Another thread may be given these addresses in between.
        if !replaces || space.areas.is_free(address..address + length) {
            break space;
        }
    };
    let hint = address & !(PAGE - 1)..(address & !(PAGE - 1)).saturating_add(length);
    let start = if fixed {
        if !space.areas.is_free(address..address + length) {
            return Err(Errno::EEXIST);
        }
        address
    } else if layout::MMAP.contains(&hint.start) && hint.end <= layout::MMAP.end && space.areas.is_free(hint.clone()) {
        hint.start
    } else {
        let large = if length >= LARGE { space.areas.choose(length, LARGE) } else { None };
        large.or_else(|| space.areas.choose(length, PAGE)).ok_or(Errno::ENOMEM)?
    };
    space.areas.insert(Area { start, end: start + length, attributes })?;
    drop(space);
    if flags & (linux::MAP_POPULATE | linux::MAP_LOCKED) != 0 {
        // As on Linux, the mapping stands though a page is not yet behind it.
        let _ = populate(start..start + length);
    }
    Ok(start)
}

/// Puts frames behind every page of the range.
fn populate(range: Range<usize>) -> Result<(), Errno> {
    let mut at = range.start;
    while at < range.end {
        let mut space = SPACE.prepare()?;
        let Some(area) = space.areas.find(at) else { return Err(Errno::ENOMEM) };
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
    Ok(0)
}

/// Takes a range out of the program's hands in bounded steps: first all of it is condemned, so that no thread gets new pages in
/// it, then the frames go piece by piece, and the addresses with them.
pub fn unmap(range: Range<usize>) -> Result<(), Errno> {
    let mut space = SPACE.prepare()?;
    if space.areas.has(range.clone(), Attributes::RESERVED) {
        return Err(Errno::EINVAL);
    }
    space.split_ends(&range)?;
    space.areas.change(range.clone(), |old| old | Attributes::DYING)?;
    while let Some(piece) = space.areas.first_dying(range.clone()) {
        let end = piece.end.min((piece.start + AT_ONCE).next_multiple_of(LARGE));
        let inner = &mut *space;
        inner.vspace.release(&mut inner.objects, piece.start..end, piece.attributes.contains(Attributes::WRITE));
        inner.areas.remove_first(piece.start..end);
        drop(space);
        space = SPACE.prepare()?;
    }
    Ok(())
}

/// mprotect(2): `[address, length, prot]`. Errors: EINVAL, EACCES (writable and executable), ENOMEM (no area, or no memory to promise).
pub fn mprotect(_: &Thread, [address, length, prot, ..]: [usize; 6]) -> SysResult {
    let range = range(address, length)?;
    let new = attributes(prot)?;
    if range.is_empty() {
        return Ok(0);
    }
    let mut space = SPACE.prepare()?;
    if !is_programs(&range) || !space.areas.covers(range.clone()) {
        return Err(Errno::ENOMEM);
    }
    space.split_ends(&range)?;
    let kept = Attributes::CHARGED | Attributes::SMALL_PAGES;
    space.areas.change(range.clone(), |old| new | (old & kept))?;
    let mut at = range.start;
    while at < range.end {
        let (page, _) = space.vspace.page(at);
        if page != Page::None {
            space.vspace.protect(at, access_of(new));
        }
        at = match page {
            Page::Large => (at + 1).next_multiple_of(LARGE),
            Page::Small => at + PAGE,
            Page::None if space.vspace.is_empty_block(at) => (at + 1).next_multiple_of(LARGE),
            Page::None => at + PAGE,
        };
    }
    Ok(0)
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
        if !space.areas.is_free(from..to) || space.areas.insert(Area { start: from, end: to, attributes }).is_err() {
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

/// mremap(2): `[address, old_length, new_length, flags, new_address]`. Errors: EINVAL, EFAULT (no area), ENOMEM.
pub fn mremap(_: &Thread, [address, old, new, flags, target, _]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    let known = linux::MREMAP_MAYMOVE | linux::MREMAP_FIXED;
    if flags & !known != 0 || new == 0 || (flags & linux::MREMAP_FIXED != 0 && flags & linux::MREMAP_MAYMOVE == 0) {
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
    if flags & linux::MREMAP_FIXED != 0 {
        let to = range(target, length)?;
        if !is_programs(&to) || (to.start < from.end && from.start < to.end) {
            return Err(Errno::EINVAL);
        }
        if length < from.end - from.start {
            unmap(from.start + length..from.end)?;
        }
        loop {
            unmap(to.clone())?;
            match relocate(from.start..from.end.min(from.start + length), Some(to.start), length) {
                // Another thread was given these addresses in between.
                Err(Errno::EEXIST) => {}
                result => return result,
            }
        }
    }
    if length <= from.end - from.start {
        if !SPACE.lock().areas.covers(from.clone()) {
            return Err(Errno::EFAULT);
        }
        if length < from.end - from.start {
            unmap(from.start + length..from.end)?;
        }
        return Ok(address);
    }
    {
        let mut space = SPACE.prepare()?;
        let area = space.areas.find(from.start).filter(|a| a.end >= from.end && a.is_programs());
        let area = area.ok_or(Errno::EFAULT)?;
        let more = from.end..from.start.checked_add(length).ok_or(Errno::ENOMEM)?;
        if is_programs(&more) && area.end == from.end && space.areas.is_free(more.clone()) {
            space.areas.insert(Area { start: more.start, end: more.end, attributes: area.attributes })?;
            return Ok(address);
        }
    }
    if flags & linux::MREMAP_MAYMOVE == 0 {
        return Err(Errno::ENOMEM);
    }
    relocate(from, None, length)
}

/// Moves an area's pages to addresses of their own, with room for `length` bytes.
fn relocate(from: Range<usize>, to: Option<usize>, length: usize) -> SysResult {
    let mut space = SPACE.prepare()?;
    let area = space.areas.find(from.start).filter(|a| a.end >= from.end && a.is_programs());
    let area = area.ok_or(Errno::EFAULT)?;
    let space = &mut *space;
    let to = match to {
        Some(to) if !space.areas.is_free(to..to + length) => return Err(Errno::EEXIST),
        Some(to) => to,
        None => {
            let large = if length >= LARGE { space.areas.choose(length, LARGE) } else { None };
            large.or_else(|| space.areas.choose(length, PAGE)).ok_or(Errno::ENOMEM)?
        }
    };
    space.split_ends(&from)?;
    // The pages are promised once, at one place or the other.
    let charged = area.attributes.contains(Attributes::CHARGED);
    let pages = (from.end - from.start) / PAGE;
    if charged {
        space.areas.uncharge(pages);
    }
    if let Err(full) = space.areas.insert(Area { start: to, end: to + length, attributes: area.attributes }) {
        space.areas.charge(pages * usize::from(charged)).expect("what was just promised");
        return Err(full.into());
    }
    space.areas.change(from.clone(), |old| old - Attributes::CHARGED).expect("nothing more is promised");
    let access = access_of(area.attributes);
    let aligned = (to - from.start % LARGE).is_multiple_of(LARGE);
    let mut at = from.start;
    let moved = loop {
        if at >= from.end {
            break Ok(());
        }
        if let Err(error) = space.prepare() {
            break Err(error);
        }
        let (page, _) = space.vspace.page(at);
        if page == Page::Large && !aligned {
            if let Err(error) = space.vspace.split(&mut space.objects, at, access) {
                break Err(error);
            }
            continue;
        }
        if let Err(error) = space.vspace.relocate(&mut space.objects, at, to + (at - from.start), access) {
            break Err(error);
        }
        at = match page {
            Page::Large => at + LARGE,
            Page::None if space.vspace.is_empty_block(at) => (at + 1).next_multiple_of(LARGE),
            _ => at + PAGE,
        };
    };
    if let Err(error) = moved {
        // Back to where they came from: the tables there still exist, so nothing can fail on this way.
        for back in (from.start..at).step_by(PAGE) {
            if space.vspace.page(back).0 == Page::None {
                let _ = space.vspace.relocate(&mut space.objects, to + (back - from.start), back, access);
            }
        }
        while space.areas.remove_first(to..to + length).is_some() {}
        space.areas.change(from, |_| area.attributes).expect("what was promised before");
        return Err(error);
    }
    let mut rest = from;
    while let Some(gone) = space.areas.remove_first(rest.clone()) {
        rest.start = gone.end;
    }
    Ok(to)
}

/// madvise(2): `[address, length, advice]`. MADV_DONTNEED and MADV_FREE give the frames back at once; MADV_NOHUGEPAGE and
/// MADV_HUGEPAGE choose the size of pages; other advice that does not change what memory holds is accepted.
/// Errors: EINVAL, ENOMEM (no area).
pub fn madvise(_: &Thread, [address, length, advice, ..]: [usize; 6]) -> SysResult {
    let range = range(address, length)?;
    if range.is_empty() {
        return Ok(0);
    }
    if !is_programs(&range) || !SPACE.lock().areas.covers(range.clone()) {
        return Err(Errno::ENOMEM);
    }
    match advice as u32 {
        linux::MADV_DONTNEED | linux::MADV_FREE => {
            let mut at = range.start;
            while at < range.end {
                let end = range.end.min((at + 1).next_multiple_of(LARGE));
                let mut space = SPACE.prepare()?;
                space.split_ends(&(at..end))?;
                let Some(area) = space.areas.next(at).filter(|area| area.start < end) else { break };
                let piece = at.max(area.start)..end.min(area.end);
                at = piece.end;
                if !area.attributes.contains(Attributes::DYING) {
                    space.split_ends(&piece)?;
                    let space = &mut *space;
                    // Other threads may still write to it, so it is cleared where only this thread can: free frames are zero.
                    space.vspace.release(&mut space.objects, piece, false);
                }
            }
        }
        linux::MADV_HUGEPAGE | linux::MADV_NOHUGEPAGE => {
            let mut space = SPACE.prepare()?;
            // A large page lies in one area.
            space.split_ends(&range)?;
            let small = advice as u32 == linux::MADV_NOHUGEPAGE;
            space.areas.change(range, |old| {
                let mut new = old;
                new.set(Attributes::SMALL_PAGES, small);
                new
            })?;
        }
        linux::MADV_NORMAL
        | linux::MADV_RANDOM
        | linux::MADV_SEQUENTIAL
        | linux::MADV_WILLNEED
        | linux::MADV_COLD
        | linux::MADV_PAGEOUT
        | linux::MADV_DONTDUMP
        | linux::MADV_DODUMP
        | linux::MADV_MERGEABLE
        | linux::MADV_UNMERGEABLE
        | linux::MADV_DONTFORK
        | linux::MADV_DOFORK => {}
        linux::MADV_POPULATE_READ | linux::MADV_POPULATE_WRITE => populate(range)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// mincore(2): `[address, length, vector]`: one byte a page, 1 where a frame is. Errors: EINVAL, ENOMEM, EFAULT.
pub fn mincore(_: &Thread, [address, length, vector, ..]: [usize; 6]) -> SysResult {
    let range = range(address, length)?;
    if !is_programs(&range) || !SPACE.lock().areas.covers(range.clone()) {
        return Err(Errno::ENOMEM);
    }
    for (index, page) in range.step_by(PAGE).enumerate() {
        let resident = u8::from(SPACE.lock().vspace.page(page).0 != Page::None);
        crate::uaccess::copy_out(vector.wrapping_add(index), &[resident])?;
    }
    Ok(0)
}

/// msync(2), mlock(2), munlock(2): `[address, length, flags]`. Memory is never written back nor paged out, so there is nothing to do
/// for a range that is mapped. Errors: EINVAL, ENOMEM (no area).
pub fn msync(_: &Thread, [address, length, ..]: [usize; 6]) -> SysResult {
    let range = range(address & !(PAGE - 1), length)?;
    if !range.is_empty() && (!is_programs(&range) || !SPACE.lock().areas.covers(range)) {
        return Err(Errno::ENOMEM);
    }
    Ok(0)
}
