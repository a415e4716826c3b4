//! The memory calls that say how memory will be used, or ask about it.

use super::areas::{Attributes, PAGE};
use super::calls::{is_programs, populate, range};
use super::files;
use super::space::SPACE;
use super::vspace::{LARGE, Page};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use core::ops::Range;
use linux_raw_sys::general as linux;

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
                // A file's pages keep what they hold; a copy of them is made anew.
                if area.view.is_some() && !area.attributes.intersects(Attributes::DYING | Attributes::FILE) {
                    drop(space);
                    files::reach(piece);
                } else if !area.attributes.intersects(Attributes::DYING | Attributes::FILE) {
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

/// A range that a call on areas names, from any address in its first page. Errors: EINVAL; ENOMEM (no area).
fn mapped(address: usize, length: usize) -> Result<Range<usize>, Errno> {
    let length = length.checked_add(address % PAGE).ok_or(Errno::EINVAL)?;
    let range = range(address & !(PAGE - 1), length)?;
    if !range.is_empty() && (!is_programs(&range) || !SPACE.lock().areas.covers(range.clone())) {
        return Err(Errno::ENOMEM);
    }
    Ok(range)
}

/// msync(2): `[address, length, flags]`. A shared mapping is the file's own pages, so there is nothing to write back. Errors: EINVAL (also
/// unknown flags, or MS_ASYNC with MS_SYNC), ENOMEM (no area).
pub fn msync(_: &Thread, [address, length, flags, ..]: [usize; 6]) -> SysResult {
    let both = (linux::MS_ASYNC | linux::MS_SYNC) as usize;
    if flags & !(both | linux::MS_INVALIDATE as usize) != 0 || flags & both == both || !address.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    mapped(address, length).map(|_| 0)
}

/// mlock(2): `[address, length]`. Memory is never paged out: what is left to do is to put all of it there, and to remember it for
/// /proc/self/status. Errors: EINVAL, ENOMEM (no area).
pub fn mlock(_: &Thread, [address, length, ..]: [usize; 6]) -> SysResult {
    let range = mapped(address, length)?;
    set_locked(range.clone(), true)?;
    populate(range)?;
    Ok(0)
}

/// munlock(2): `[address, length]`. Errors: EINVAL, ENOMEM (no area).
pub fn munlock(_: &Thread, [address, length, ..]: [usize; 6]) -> SysResult {
    set_locked(mapped(address, length)?, false)
}

fn set_locked(range: Range<usize>, locked: bool) -> SysResult {
    let mut space = SPACE.prepare()?;
    // A large page lies in one area.
    space.split_ends(&range)?;
    space.areas.change(range, |mut attributes| {
        attributes.set(Attributes::LOCKED, locked);
        attributes
    })?;
    Ok(0)
}

/// Pages that the program has locked.
pub fn locked_pages() -> usize {
    SPACE.lock().areas.pages_with(Attributes::LOCKED)
}
