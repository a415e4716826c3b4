//! seL4's own calls from a component that uses std: BootInfo, a frame, a notification.
//!
//! Memory and capability slots are asked for from muslcsys (crate `sel4std`), because it serves std's memory from the same
//! untypeds and slots; taking them from BootInfo's lists would take them twice. What is done with them is plain libsel4.

use std::error::Error;
use std::ffi::{c_uint, c_ulong};
use std::fmt;

use libsel4_sys as raw;
use sel4std::{Path, Range, Slots, Untyped};

/// What [`crate::report`] prints.
type Outcome = Result<String, Box<dyn Error>>;

/// A kernel's refusal.
#[derive(Debug)]
struct Refused {
    call: &'static str,
    code: i64,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered seL4_Error {}", self.call, self.code)
    }
}

impl Error for Refused {}

/// An invocation's answer as a result. Its type is a C long in seL4 5.0.0 and an enumeration since.
fn check<T: TryInto<i64>>(call: &'static str, answer: T) -> Result<(), Refused> {
    match answer.try_into().unwrap_or(i64::MAX) {
        0 => Ok(()),
        code => Err(Refused { call, code }),
    }
}

/// Makes one object of a fixed size of `untyped` and puts its capability at `path`.
fn retype(untyped: &Untyped, kind: c_uint, path: Path) -> Result<(), Refused> {
    // SAFETY: the memory and the slot belong to the caller, and a new object is used by nobody.
    check("seL4_Untyped_Retype", unsafe {
        raw::seL4_Untyped_Retype(
            untyped.cap() as c_ulong,
            kind.into(),
            0,
            path.root as c_ulong,
            path.node_index as c_ulong,
            path.node_depth as c_ulong,
            path.node_offset as c_ulong,
            1,
        )
    })
}

/// What the kernel told the root task about the machine.
pub fn bootinfo() -> Outcome {
    // SAFETY: BootInfo is mapped for the whole life of the root task.
    let info = unsafe { sel4std::bootinfo().ok_or("there is no BootInfo")?.cast::<raw::seL4_BootInfo>().as_ref() };
    // The structure is packed in seL4 5.0.0: fields are copied out, never borrowed.
    let (nodes, cnode_bits) = (info.numNodes, info.initThreadCNodeSizeBits);
    let (untyped, list) = (info.untyped, info.untypedList);
    let count = usize::try_from(untyped.end - untyped.start)?;
    let known = list.get(..count).ok_or("more untypeds than BootInfo has room for")?;
    let ram: u64 = known.iter().filter(|u| u.isDevice == 0).map(|u| 1 << u.sizeBits).sum();
    if !(3 << 30..=4 << 30).contains(&ram) {
        return Err(format!("{ram} bytes of RAM in untypeds").into());
    }
    Ok(format!("{nodes} core, a root CNode of 2^{cnode_bits} slots, RAM in untypeds: more than 3 GiB"))
}

/// Makes a frame, maps it, uses it as memory, and gives everything back.
pub fn frame() -> Outcome {
    const PAGE: usize = 1 << raw::seL4_PageBits;
    let range = Range::new(PAGE)?;
    let untyped = Untyped::new(raw::seL4_PageBits as u32)?;
    let slots = Slots::new(1)?;
    retype(&untyped, raw::seL4_ARM_SmallPageObject, slots.path(0))?;
    let words = range.start().cast::<u64>().as_ptr();
    // SAFETY: the address range is reserved and empty, so no memory in use changes.
    check("seL4_ARM_Page_Map", unsafe {
        raw::seL4_ARM_Page_Map(
            slots.cap(0) as c_ulong,
            raw::seL4_CapInitThreadVSpace.into(),
            words.addr() as c_ulong,
            raw::seL4_ReadWrite(),
            raw::seL4_ARM_Default_VMAttributes | raw::seL4_ARM_ExecuteNever,
        )
    })?;
    // SAFETY: PAGE bytes are mapped at `words` for reading and writing, and the kernel cleared them.
    let page = unsafe { std::slice::from_raw_parts_mut(words, PAGE / size_of::<u64>()) };
    let clear = page.iter().all(|word| *word == 0);
    for (number, word) in (0..).zip(page.iter_mut()) {
        *word = number;
    }
    let sum: u64 = page.iter().sum();
    // SAFETY: `page` is not used below.
    check("seL4_ARM_Page_Unmap", unsafe { raw::seL4_ARM_Page_Unmap(slots.cap(0) as c_ulong) })?;
    Ok(format!("a fresh page, clear: {clear}, sum of the words written: {sum}"))
}

/// Signals a notification through two capabilities with different badges; the badges come out joined.
pub fn notification() -> Outcome {
    let untyped = Untyped::new(raw::seL4_NotificationBits as u32)?;
    let slots = Slots::new(4)?;
    let original = slots.path(0);
    retype(&untyped, raw::seL4_NotificationObject, original)?;
    for (number, badge) in [(1, 1), (2, 4)] {
        let copy = slots.path(number);
        // SAFETY: copies a capability of this function's own into a slot of its own.
        check("seL4_CNode_Mint", unsafe {
            raw::seL4_CNode_Mint(
                copy.root as c_ulong,
                copy.index as c_ulong,
                u8::try_from(copy.depth)?,
                original.root as c_ulong,
                original.index as c_ulong,
                u8::try_from(original.depth)?,
                raw::seL4_AllRights(),
                badge_data(badge),
            )
        })?;
        // SAFETY: signalling changes the notification and nothing else.
        unsafe { raw::seL4_Signal(slots.cap(number) as c_ulong) };
    }
    let mut word = 0;
    // SAFETY: `word` is writable. The notification was signalled, so this does not wait.
    unsafe { raw::seL4_Wait(slots.cap(0) as c_ulong, &raw mut word) };
    Ok(format!("signalled with badges 1 and 4, word {word}"))
}

/// A badge as seL4_CNode_Mint takes it.
#[cfg(sel4_has_cap_data)]
fn badge_data(badge: u64) -> raw::seL4_CapData_t {
    // SAFETY: packs a number into a structure.
    unsafe { raw::seL4_CapData_Badge_new(badge) }
}

/// A badge as seL4_CNode_Mint takes it.
#[cfg(not(sel4_has_cap_data))]
fn badge_data(badge: u64) -> u64 {
    badge
}
