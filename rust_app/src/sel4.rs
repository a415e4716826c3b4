//! seL4's own calls from a component that uses std: BootInfo, a frame, a notification.
//!
//! Memory and capability slots are asked for from muslcsys (`sel4std.h`), because it serves std's memory from the same
//! untypeds and slots; taking them from BootInfo's lists would take them twice. What is done with them is plain libsel4.

use std::error::Error;
use std::ffi::{c_long, c_uint, c_ulong, c_void};
use std::fmt;
use std::io;
use std::ptr;

use libsel4_sys as raw;

/// What [`crate::report`] prints.
type Outcome = Result<String, Box<dyn Error>>;

/// `struct sel4std_path`: how seL4's invocations name a slot.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Path {
    /// For the invocations of a CNode.
    root: c_ulong,
    index: c_ulong,
    depth: c_ulong,
    /// For `seL4_Untyped_Retype`, which names a CNode and a slot in it.
    node_index: c_ulong,
    node_depth: c_ulong,
    node_offset: c_ulong,
}

unsafe extern "C" {
    fn sel4std_bootinfo() -> *const c_void;
    fn sel4std_untyped_alloc(size_bits: c_uint) -> c_long;
    fn sel4std_untyped_free(untyped: c_ulong) -> c_long;
    fn sel4std_slots_alloc(count: c_uint) -> c_long;
    fn sel4std_slots_free(first: c_ulong, count: c_uint) -> c_long;
    fn sel4std_slot_path(slot: c_ulong, path: *mut Path) -> c_long;
    fn sel4std_vspace_reserve(bytes: usize) -> c_long;
    fn sel4std_vspace_release(start: *mut c_void, bytes: usize) -> c_long;
}

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

/// What a function of `sel4std.h` answers: a value, or a negated error number.
fn answer(value: c_long) -> io::Result<c_ulong> {
    c_ulong::try_from(value).map_err(|_| io::Error::from_raw_os_error(i32::try_from(-value).unwrap_or(i32::MAX)))
}

/// Slots in a row. Dropped, they are emptied and given back.
struct Slots {
    first: c_ulong,
    count: c_uint,
}

impl Slots {
    fn new(count: c_uint) -> io::Result<Self> {
        // SAFETY: takes a number, answers a number.
        Ok(Self { first: answer(unsafe { sel4std_slots_alloc(count) })?, count })
    }

    /// The capability pointer of a slot, counted from 0.
    fn slot(&self, number: c_uint) -> c_ulong {
        self.first + c_ulong::from(number)
    }

    fn path(&self, number: c_uint) -> io::Result<Path> {
        let mut path = Path::default();
        // SAFETY: `path` is writable and has the layout of `struct sel4std_path`.
        answer(unsafe { sel4std_slot_path(self.slot(number), &raw mut path) })?;
        Ok(path)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`; what is in them was put there through this value and is used by nobody else.
        unsafe { sel4std_slots_free(self.first, self.count) };
    }
}

/// Memory that is no object yet. Dropped, everything made of it is gone and it is given back.
struct Untyped(c_ulong);

impl Untyped {
    fn new(size_bits: c_ulong) -> Result<Self, Box<dyn Error>> {
        // SAFETY: takes a number, answers a number.
        Ok(Self(answer(unsafe { sel4std_untyped_alloc(c_uint::try_from(size_bits)?) })?))
    }

    /// Makes one object of a fixed size of this memory and puts its capability at `path`.
    fn retype(&self, kind: c_uint, path: Path) -> Result<(), Refused> {
        // SAFETY: the memory and the slot belong to the caller, and a new object is used by nobody.
        check("seL4_Untyped_Retype", unsafe {
            raw::seL4_Untyped_Retype(
                self.0,
                kind.into(),
                0,
                path.root,
                path.node_index,
                path.node_depth,
                path.node_offset,
                1,
            )
        })
    }
}

impl Drop for Untyped {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`; whoever made an object of it is done with it.
        unsafe { sel4std_untyped_free(self.0) };
    }
}

/// Addresses without memory behind them. Dropped, they are given back.
struct Range {
    start: *mut c_void,
    bytes: usize,
}

impl Range {
    fn new(bytes: usize) -> Result<Self, Box<dyn Error>> {
        // SAFETY: takes a number, answers a number.
        let start = usize::try_from(answer(unsafe { sel4std_vspace_reserve(bytes) })?)?;
        Ok(Self { start: ptr::with_exposed_provenance_mut(start), bytes })
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // SAFETY: reserved in `new`, with nothing mapped in it now.
        unsafe { sel4std_vspace_release(self.start, self.bytes) };
    }
}

/// What the kernel told the root task about the machine.
pub fn bootinfo() -> Outcome {
    // SAFETY: BootInfo is mapped for the whole life of the root task.
    let info = unsafe { sel4std_bootinfo().cast::<raw::seL4_BootInfo>().as_ref() }.ok_or("there is no BootInfo")?;
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
    let untyped = Untyped::new(raw::seL4_PageBits)?;
    let slots = Slots::new(1)?;
    untyped.retype(raw::seL4_ARM_SmallPageObject, slots.path(0)?)?;
    let words = range.start.cast::<u64>();
    // SAFETY: the address range is reserved and empty, so no memory in use changes.
    check("seL4_ARM_Page_Map", unsafe {
        raw::seL4_ARM_Page_Map(
            slots.slot(0),
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
    check("seL4_ARM_Page_Unmap", unsafe { raw::seL4_ARM_Page_Unmap(slots.slot(0)) })?;
    Ok(format!("a fresh page, clear: {clear}, sum of the words written: {sum}"))
}

/// Signals a notification through two capabilities with different badges; the badges come out joined.
pub fn notification() -> Outcome {
    let untyped = Untyped::new(raw::seL4_NotificationBits)?;
    let slots = Slots::new(4)?;
    let original = slots.path(0)?;
    untyped.retype(raw::seL4_NotificationObject, original)?;
    for (number, badge) in [(1, 1), (2, 4)] {
        let copy = slots.path(number)?;
        // SAFETY: copies a capability of this function's own into a slot of its own.
        check("seL4_CNode_Mint", unsafe {
            raw::seL4_CNode_Mint(
                copy.root,
                copy.index,
                u8::try_from(copy.depth)?,
                original.root,
                original.index,
                u8::try_from(original.depth)?,
                raw::seL4_AllRights(),
                badge_data(badge),
            )
        })?;
        // SAFETY: signalling changes the notification and nothing else.
        unsafe { raw::seL4_Signal(slots.slot(number)) };
    }
    let mut word = 0;
    // SAFETY: `word` is writable. The notification was signalled, so this does not wait.
    unsafe { raw::seL4_Wait(slots.slot(0), &raw mut word) };
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
