//! What a program that makes seL4 calls of its own needs from `muslcsys`, which owns memory, slots and addresses: `sel4std.h`.

use crate::arch;
use crate::errno::{Errno, SysResult};
use crate::heap::HEAP;
use crate::mm::SPACE;
use crate::mm::areas::{Area, Attributes};
use crate::mm::vspace::LARGE;
use crate::object::cspace;
use crate::object::pool::{BLOCK_BITS, BlockId, Kind, UNIT_BITS, UNITS, Unit};
use crate::sel4::{CPtr, WORD_BITS};
use crate::start;
use crate::sync::{Lock, Notification};
use crate::table::{Function, PRIVATE};
use crate::thread::Thread;
use crate::thread::sched::SCHED;
use crate::uaccess;
use alloc::collections::BTreeMap;

use sel4std::{Counts, Path};

/// Untypeds that the program has: capability pointer to what they are.
pub static SLOTS: Lock<BTreeMap<usize, Given>> = Lock::new(BTreeMap::new(), Notification::none());

/// An untyped that was given to the program.
#[derive(Clone, Copy)]
pub enum Given {
    /// 4 KiB.
    Unit(Unit),
    /// 2 MiB.
    Block(BlockId),
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Counts {}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Path {}

const UNTYPED_ALLOC: usize = 1;
const UNTYPED_FREE: usize = 2;
const SLOTS_ALLOC: usize = 3;
const SLOTS_FREE: usize = 4;
const SLOT_PATH: usize = 5;
const VSPACE_RESERVE: usize = 6;
const VSPACE_RELEASE: usize = 7;
const COUNTS: usize = 8;

/// The function for a number of our own, counted from [`PRIVATE`].
pub fn call(number: usize) -> Function {
    match number {
        UNTYPED_ALLOC => untyped_alloc,
        UNTYPED_FREE => untyped_free,
        SLOTS_ALLOC => slots_alloc,
        SLOTS_FREE => slots_free,
        SLOT_PATH => slot_path,
        VSPACE_RESERVE => vspace_reserve,
        VSPACE_RELEASE => vspace_release,
        COUNTS => counts,
        _ => |_, _| Err(Errno::ENOSYS),
    }
}

fn untyped_alloc(_: &Thread, [bits, ..]: [usize; 6]) -> SysResult {
    let pages = match bits {
        4..=UNIT_BITS => 1,
        ..=BLOCK_BITS if bits > UNIT_BITS => UNITS,
        _ => return Err(Errno::EINVAL),
    };
    let mut space = SPACE.prepare()?;
    space.areas.charge(pages)?;
    let given = match pages {
        1 => space.objects.take(Kind::Untyped).map(|unit| (cspace::unit(unit), Given::Unit(unit))),
        _ => space.objects.take_block(Kind::Whole).map(|block| (cspace::untyped_of(block), Given::Block(block))),
    };
    let Some((cap, given)) = given else {
        space.areas.uncharge(pages);
        return Err(Errno::ENOMEM);
    };
    SLOTS.lock().insert(cap.0, given);
    Ok(cap.0)
}

fn untyped_free(_: &Thread, [cap, ..]: [usize; 6]) -> SysResult {
    let mut space = SPACE.prepare()?;
    let given = SLOTS.lock().remove(&cap).ok_or(Errno::EINVAL)?;
    match given {
        Given::Unit(unit) => {
            space.objects.unmake_in(unit);
            space.objects.give(unit);
            space.areas.uncharge(1);
        }
        Given::Block(block) => {
            space.objects.unmake_in_block(block);
            space.objects.give_block(block);
            space.areas.uncharge(UNITS);
        }
    }
    Ok(0)
}

fn slots_alloc(_: &Thread, [count, ..]: [usize; 6]) -> SysResult {
    if !count.is_power_of_two() || count > 64 {
        return Err(Errno::EINVAL);
    }
    SPACE.lock().objects.cspace().take_program_slots(count).map(|slot| slot.0).ok_or(Errno::ENOSPC)
}

fn slots_free(_: &Thread, [first, count, ..]: [usize; 6]) -> SysResult {
    if !count.is_power_of_two() || count > 64 {
        return Err(Errno::EINVAL);
    }
    match SPACE.lock().objects.cspace().give_program_slots(CPtr(first), count) {
        true => Ok(0),
        false => Err(Errno::EINVAL),
    }
}

fn slot_path(_: &Thread, [slot, out, ..]: [usize; 6]) -> SysResult {
    let path = {
        let mut space = SPACE.lock();
        let (root, index, depth) = space.objects.cspace().path(CPtr(slot));
        let (dest, offset) = space.objects.cspace().dest(CPtr(slot));
        Path { root: root.0, index, depth, node_index: dest.index, node_depth: dest.depth, node_offset: offset }
    };
    debug_assert!(path.depth == WORD_BITS);
    uaccess::write(out, &path)?;
    Ok(0)
}

/// Whole spans of page tables, so that no area of the program's shares one with them.
fn vspace_reserve(_: &Thread, [bytes, ..]: [usize; 6]) -> SysResult {
    let length = bytes.checked_next_multiple_of(LARGE).filter(|&length| length > 0).ok_or(Errno::EINVAL)?;
    let mut space = SPACE.prepare()?;
    let start = space.areas.choose(length, LARGE).ok_or(Errno::ENOMEM)?;
    space.areas.charge(length / LARGE)?;
    if space.areas.insert(Area::new(start..start + length, Attributes::RESERVED)).is_err() {
        space.areas.uncharge(length / LARGE);
        return Err(Errno::ENOMEM);
    }
    for address in (start..start + length).step_by(LARGE) {
        let inner = &mut *space;
        if inner.prepare().and_then(|()| inner.vspace.table(&mut inner.objects, address)).is_err() {
            inner.areas.uncharge(length / LARGE);
            while inner.areas.remove_first(start..start + length).is_some() {}
            return Err(Errno::ENOMEM);
        }
    }
    Ok(start)
}

fn vspace_release(_: &Thread, [start, bytes, ..]: [usize; 6]) -> SysResult {
    let length = bytes.checked_next_multiple_of(LARGE).filter(|&length| length > 0).ok_or(Errno::EINVAL)?;
    let end = start.checked_add(length).ok_or(Errno::EINVAL)?;
    let mut space = SPACE.prepare()?;
    let reserved =
        space.areas.find(start).is_some_and(|area| area.attributes == Attributes::RESERVED && area.end >= end);
    if !start.is_multiple_of(LARGE) || !reserved {
        return Err(Errno::EINVAL);
    }
    let space = &mut *space;
    space.vspace.release(&mut space.objects, start..end, false);
    while space.areas.remove_first(start..end).is_some() {}
    space.areas.uncharge(length / LARGE);
    Ok(0)
}

fn counts(_: &Thread, [out, ..]: [usize; 6]) -> SysResult {
    let threads = SCHED.lock().living();
    let counts = {
        let space = SPACE.lock();
        Counts {
            free_pages: space.free_pages(),
            promised_pages: space.areas.charged(),
            promisable_pages: space.areas.charged() + space.areas.largest(),
            areas: space.areas.count(),
            threads,
            record_bytes: HEAP.allocated(),
        }
    };
    uaccess::write(out, &counts)?;
    Ok(0)
}

macro_rules! exported {
    ($($name:ident = $number:ident($($argument:ident: $ty:ty),*);)*) => {$(
        #[doc = concat!("`", stringify!($name), "` of sel4std.h.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $ty),*) -> isize {
            let mut arguments = [$($argument as usize),*].into_iter();
            arch::enter(PRIVATE + $number, arguments.next().unwrap_or(0), arguments.next().unwrap_or(0))
        }
    )*};
}

exported! {
    sel4std_untyped_alloc = UNTYPED_ALLOC(size_bits: u32);
    sel4std_untyped_free = UNTYPED_FREE(untyped: usize);
    sel4std_slots_alloc = SLOTS_ALLOC(count: u32);
    sel4std_slots_free = SLOTS_FREE(first: usize, count: u32);
    sel4std_slot_path = SLOT_PATH(slot: usize, out: *mut u8);
    sel4std_vspace_reserve = VSPACE_RESERVE(bytes: usize);
    sel4std_vspace_release = VSPACE_RELEASE(start: *mut u8, bytes: usize);
    sel4std_counts = COUNTS(out: *mut u8);
}

/// `sel4std_bootinfo` of sel4std.h.
#[unsafe(no_mangle)]
pub extern "C" fn sel4std_bootinfo() -> *const u8 {
    start::bootinfo() as *const u8
}
