//! The kernel's invocations as `muslcsys` uses them: typed capability pointers, `Result` for errors, one name for what kernels
//! name differently. Every number comes from the prefix's headers through `libsel4-sys`; the semantics of each call are in the
//! seL4 manual under the name of the function it calls.
//!
//! Kernels differ in what these names take. Each difference is told by a cfg that libsel4-sys reads off the headers and is met
//! here and in the two parts, so that nothing else asks which kernel it is: [`tcb`], threads and what schedules them; [`fault`],
//! faults and their answers.

#![allow(clippy::unnecessary_cast, reason = "what type a constant has depends on the kernel's headers")]

mod fault;
mod tcb;

pub use fault::*;
pub use tcb::*;

use libsel4_sys as raw;

/// A capability pointer into the space that all threads of the program share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CPtr(pub usize);

/// The error an invocation answered with (seL4 manual, "Error codes").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sel4Error(pub u32);

/// An invocation's outcome.
pub type Result<T = ()> = core::result::Result<T, Sel4Error>;

/// Bits of a capability pointer: the depth that resolves one wholly.
pub const WORD_BITS: usize = 64;

/// Types of object and what one takes.
pub mod object {
    use super::raw;
    /// A type of object with its size.
    #[derive(Clone, Copy)]
    pub struct Type {
        /// The number that Untyped_Retype takes.
        pub number: usize,
        /// log2 of its bytes, for types of one size.
        pub bits: usize,
    }
    const fn of(number: u32, bits: u32) -> Type {
        Type { number: number as usize, bits: bits as usize }
    }
    /// An untyped: its size is given when it is made.
    pub const UNTYPED: Type = of(raw::seL4_UntypedObject as u32, 0);
    /// A CNode: its radix is given when it is made.
    pub const CNODE: Type = of(raw::seL4_CapTableObject as u32, 0);
    /// A thread control block.
    pub const TCB: Type = of(raw::seL4_TCBObject as u32, raw::seL4_TCBBits as u32);
    /// An endpoint.
    pub const ENDPOINT: Type = of(raw::seL4_EndpointObject as u32, raw::seL4_EndpointBits as u32);
    /// A notification.
    pub const NOTIFICATION: Type = of(raw::seL4_NotificationObject as u32, raw::seL4_NotificationBits as u32);
    /// A frame of 4 KiB.
    pub const SMALL_PAGE: Type = of(raw::seL4_ARM_SmallPageObject as u32, raw::seL4_PageBits as u32);
    /// A frame of 2 MiB.
    pub const LARGE_PAGE: Type = of(raw::seL4_ARM_LargePageObject as u32, raw::seL4_LargePageBits as u32);
    /// The last level of translation: 512 small pages.
    pub const PAGE_TABLE: Type = of(raw::seL4_ARM_PageTableObject as u32, raw::seL4_PageTableBits as u32);
    /// The level above: 512 page tables or large pages. Where tables of all levels are objects of one type, the kernel's headers
    /// keep this name for it.
    pub const PAGE_DIRECTORY: Type = of(raw::seL4_ARM_PageDirectoryObject as u32, raw::seL4_PageDirBits as u32);
    /// What a thread needs besides its TCB in order to run, on kernels that have it: its share of a core's time.
    #[cfg(sel4_mcs)]
    pub const SCHED_CONTEXT: Option<Type> =
        Some(of(raw::seL4_SchedContextObject as u32, raw::seL4_MinSchedContextBits as u32));
    /// See above: this kernel keeps a thread's share in its TCB.
    #[cfg(not(sel4_mcs))]
    pub const SCHED_CONTEXT: Option<Type> = None;
    /// What the right to answer a thread lies in, on kernels that have it.
    #[cfg(sel4_mcs)]
    pub const REPLY: Option<Type> = Some(of(raw::seL4_ReplyObject as u32, raw::seL4_ReplyBits as u32));
    /// See above: this kernel keeps the right in the answering thread's TCB.
    #[cfg(not(sel4_mcs))]
    pub const REPLY: Option<Type> = None;
    /// log2 of a slot's bytes.
    pub const SLOT_BITS: usize = raw::seL4_SlotBits as usize;
}

/// The capabilities that the kernel gives to the initial thread (seL4 manual, "Initial Thread's Environment").
pub mod init {
    use super::{CPtr, raw};
    /// The initial thread.
    pub const TCB: CPtr = CPtr(raw::seL4_CapInitThreadTCB as usize);
    /// Its root CNode.
    pub const CNODE: CPtr = CPtr(raw::seL4_CapInitThreadCNode as usize);
    /// Its address space.
    pub const VSPACE: CPtr = CPtr(raw::seL4_CapInitThreadVSpace as usize);
    /// The authority over interrupts.
    pub const IRQ_CONTROL: CPtr = CPtr(raw::seL4_CapIRQControl as usize);
    /// Its scheduling context, where there are such.
    #[cfg(sel4_mcs)]
    pub const SCHED_CONTEXT: CPtr = CPtr(raw::seL4_CapInitThreadSC as usize);
    /// See above: none.
    #[cfg(not(sel4_mcs))]
    pub const SCHED_CONTEXT: CPtr = CPtr(0);
    /// The frame of its IPC buffer.
    pub const IPC_BUFFER: CPtr = CPtr(raw::seL4_CapInitThreadIPCBuffer as usize);
}

/// What a mapping allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Data may be written.
    pub write: bool,
    /// Instructions may be fetched.
    pub execute: bool,
}

impl Access {
    /// Data that may be read only.
    pub const READ: Access = Access { write: false, execute: false };
    /// Data that may be read and written.
    pub const WRITE: Access = Access { write: true, execute: false };

    fn rights(self) -> raw::seL4_CapRights_t {
        rights(true, self.write, false)
    }

    fn attributes(self) -> raw::seL4_ARM_VMAttributes {
        let mut attributes = raw::seL4_ARM_PageCacheable | raw::seL4_ARM_ParityEnabled;
        if !self.execute {
            attributes |= raw::seL4_ARM_ExecuteNever;
        }
        attributes as _
    }
}

fn check(error: impl Into<i64>) -> Result {
    match error.into() {
        0 => Ok(()),
        number => Err(Sel4Error(number as u32)),
    }
}

fn rights(read: bool, write: bool, grant: bool) -> raw::seL4_CapRights_t {
    // SAFETY: packs bits into a structure.
    #[cfg(sel4_cap_rights_take_grant_reply)]
    return unsafe { raw::seL4_CapRights_new(grant as _, grant as _, read as _, write as _) };
    // SAFETY: as above.
    #[cfg(not(sel4_cap_rights_take_grant_reply))]
    return unsafe { raw::seL4_CapRights_new(grant as _, read as _, write as _) };
}

/// A guard as CNode_Mint and TCB_SetSpace take it.
#[derive(Clone, Copy)]
pub struct Guard {
    /// Number of zero bits that come before the CNode's own.
    pub bits: usize,
}

/// Guards and badges, as invocations take them: a structure of their own where the headers have one, else a word.
#[cfg(sel4_has_cap_data)]
type CapData = raw::seL4_CapData_t;
#[cfg(not(sel4_has_cap_data))]
type CapData = raw::seL4_Word;

impl Guard {
    fn data(self) -> CapData {
        // SAFETY: packs bits into a structure.
        #[cfg(sel4_has_cap_data)]
        return unsafe { raw::seL4_CapData_Guard_new(0, self.bits as _) };
        // SAFETY: as above.
        #[cfg(not(sel4_has_cap_data))]
        return unsafe { raw::seL4_CNode_CapData_new(0, self.bits as _) }.words[0];
    }
}

fn badge(value: usize) -> CapData {
    // SAFETY: packs bits into a structure.
    #[cfg(sel4_has_cap_data)]
    return unsafe { raw::seL4_CapData_Badge_new(value as _) };
    #[cfg(not(sel4_has_cap_data))]
    return value as _;
}

// SAFETY of every invocation below: an invocation reads and writes only its arguments, the IPC buffer, and kernel
// objects. The IPC buffer is set for every thread before its first call. What an invocation does to the objects, and so to
// memory that other code relies on, is the caller's business: the functions that can take memory away from under
// someone are called only by the modules that own that memory.

/// Makes `count` objects from an untyped, in the slots from `offset` on of the CNode that `(index, depth)` names from the root.
pub fn retype(untyped: CPtr, ty: object::Type, size_bits: usize, dest: Dest, offset: usize, count: usize) -> Result {
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_Untyped_Retype(
            untyped.0 as _,
            ty.number as _,
            size_bits as _,
            dest.root.0 as _,
            dest.index as _,
            dest.depth as _,
            offset as _,
            count as _,
        )
    } as i64)
}

/// A CNode as Untyped_Retype names one.
#[derive(Clone, Copy)]
pub struct Dest {
    /// A CNode's capability.
    pub root: CPtr,
    /// What to look up in it.
    pub index: usize,
    /// How many bits of `index` count; with none it is the root itself.
    pub depth: usize,
}

/// Where a capability is: a CNode's capability, what to look up in it, and how many bits of that count.
pub type Slot = (CPtr, usize, usize);

fn mint(to: Slot, from: Slot, data: CapData) -> Result {
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_CNode_Mint(
            to.0.0 as _,
            to.1 as _,
            to.2 as _,
            from.0.0 as _,
            from.1 as _,
            from.2 as _,
            rights(true, true, true),
            data,
        )
    } as i64)
}

/// Copies a capability with a guard: for CNodes.
pub fn mint_guard(to: Slot, from: Slot, guard: Guard) -> Result {
    mint(to, from, guard.data())
}

/// Copies an endpoint's or notification's capability with a badge.
pub fn mint_badge(to: Slot, from: Slot, value: usize) -> Result {
    mint(to, from, badge(value))
}

/// Copies a capability as it is; a frame's copy is not mapped.
pub fn copy(to: Slot, from: Slot) -> Result {
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_CNode_Copy(
            to.0.0 as _,
            to.1 as _,
            to.2 as _,
            from.0.0 as _,
            from.1 as _,
            from.2 as _,
            rights(true, true, true),
        )
    } as i64)
}

/// Moves a CNode's capability and gives it a guard.
pub fn mutate_guard(to: Slot, from: Slot, guard: Guard) -> Result {
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_CNode_Mutate(to.0.0 as _, to.1 as _, to.2 as _, from.0.0 as _, from.1 as _, from.2 as _, guard.data())
    } as i64)
}

/// Deletes one capability.
pub fn delete(root: CPtr, index: usize, depth: usize) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_CNode_Delete(root.0 as _, index as _, depth as _) } as i64)
}

/// Deletes everything derived from a capability.
pub fn revoke(root: CPtr, index: usize, depth: usize) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_CNode_Revoke(root.0 as _, index as _, depth as _) } as i64)
}

/// Maps a frame.
pub fn page_map(frame: CPtr, address: usize, access: Access) -> Result {
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_ARM_Page_Map(frame.0 as _, init::VSPACE.0 as _, address as _, access.rights(), access.attributes())
    } as i64)
}

/// Maps a device's frame: uncached, data only.
pub fn page_map_device(frame: CPtr, address: usize) -> Result {
    let attributes = raw::seL4_ARM_ExecuteNever as _;
    // SAFETY: see above.
    check(unsafe {
        raw::seL4_ARM_Page_Map(frame.0 as _, init::VSPACE.0 as _, address as _, Access::WRITE.rights(), attributes)
    } as i64)
}

/// Changes what a mapped frame's mapping allows; `address` is where it is mapped.
#[cfg(sel4_has_page_remap)]
pub fn page_remap(frame: CPtr, _address: usize, access: Access) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_ARM_Page_Remap(frame.0 as _, init::VSPACE.0 as _, access.rights(), access.attributes()) }
        as i64)
}

/// Changes what a mapped frame's mapping allows: it is mapped again where it is, at `address`.
#[cfg(not(sel4_has_page_remap))]
pub fn page_remap(frame: CPtr, address: usize, access: Access) -> Result {
    page_map(frame, address, access)
}

/// Has instructions be fetched from a mapped frame as they were written; `bytes` is the frame's size.
pub fn page_unify(frame: CPtr, bytes: usize) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_ARM_Page_Unify_Instruction(frame.0 as _, 0, bytes as _) } as i64)
}

/// Unmaps a frame.
pub fn page_unmap(frame: CPtr) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_ARM_Page_Unmap(frame.0 as _) } as i64)
}

/// Maps a page table.
pub fn page_table_map(table: CPtr, address: usize) -> Result {
    let attributes = (raw::seL4_ARM_PageCacheable | raw::seL4_ARM_ParityEnabled) as _;
    // SAFETY: see above.
    check(unsafe { raw::seL4_ARM_PageTable_Map(table.0 as _, init::VSPACE.0 as _, address as _, attributes) } as i64)
}

/// Maps a page directory, which is a table like any other and goes to the highest level that is missing.
#[cfg(not(sel4_has_page_directory))]
pub fn page_directory_map(directory: CPtr, address: usize) -> Result {
    page_table_map(directory, address)
}

/// Maps a page directory.
#[cfg(sel4_has_page_directory)]
pub fn page_directory_map(directory: CPtr, address: usize) -> Result {
    let attributes = (raw::seL4_ARM_PageCacheable | raw::seL4_ARM_ParityEnabled) as _;
    // SAFETY: see above.
    check(unsafe { raw::seL4_ARM_PageDirectory_Map(directory.0 as _, init::VSPACE.0 as _, address as _, attributes) }
        as i64)
}

/// The authority over one interrupt line, into a slot.
pub fn irq_handler(irq: usize, to: Slot) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_IRQControl_Get(init::IRQ_CONTROL.0 as _, irq as _, to.0.0 as _, to.1 as _, to.2 as _) }
        as i64)
}

/// Has the interrupt signal a notification.
pub fn irq_set_notification(handler: CPtr, notification: CPtr) -> Result {
    // SAFETY: see above.
    check(unsafe { raw::seL4_IRQHandler_SetNotification(handler.0 as _, notification.0 as _) } as i64)
}

/// Lets the interrupt come again.
pub fn irq_ack(handler: CPtr) {
    // SAFETY: see above.
    let _ = unsafe { raw::seL4_IRQHandler_Ack(handler.0 as _) };
}

/// Sets a notification's bit, waking a waiter.
pub fn signal(notification: CPtr) {
    // SAFETY: see above.
    unsafe { raw::seL4_Signal(notification.0 as _) }
}

/// Waits for a notification's bits, takes them, and gives them.
pub fn wait(notification: CPtr) -> usize {
    let mut badge = 0;
    // SAFETY: see above.
    unsafe { raw::seL4_Wait(notification.0 as _, &mut badge) };
    badge as usize
}

/// Lets other threads of the same priority run.
pub fn yield_now() {
    // SAFETY: see above.
    unsafe { raw::seL4_Yield() }
}
