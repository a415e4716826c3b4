//! Two notification objects and nothing else between two threads: seL4's own calls, through libsel4.

use libsel4_sys as sel4;
use std::ffi::c_long;

/// `struct sel4std_path` of sel4std.h.
#[derive(Default)]
#[repr(C)]
struct Path {
    root: usize,
    index: usize,
    depth: usize,
    node_index: usize,
    node_depth: usize,
    node_offset: usize,
}

unsafe extern "C" {
    fn sel4std_untyped_alloc(size_bits: u32) -> c_long;
    fn sel4std_slots_alloc(count: u32) -> c_long;
    fn sel4std_slot_path(slot: usize, out: *mut Path) -> c_long;
}

/// Two notifications; they are the program's until it ends.
pub struct Pair {
    first: sel4::seL4_CPtr,
}

fn positive(result: c_long) -> Result<usize, String> {
    usize::try_from(result).map_err(|_| format!("sel4std error {result}"))
}

impl Pair {
    /// Makes them.
    pub fn new() -> Result<Self, String> {
        let mut path = Path::default();
        // SAFETY: the functions check their arguments, `path` outlives the call, and both slots are empty.
        let (slot, error) = unsafe {
            let untyped = positive(sel4std_untyped_alloc(12))?;
            let slot = positive(sel4std_slots_alloc(2))?;
            positive(sel4std_slot_path(slot, &mut path))?;
            let error = sel4::seL4_Untyped_Retype(
                untyped as _,
                sel4::seL4_NotificationObject as _,
                0,
                path.root as _,
                path.node_index as _,
                path.node_depth as _,
                path.node_offset as _,
                2,
            );
            (slot, error)
        };
        if error as u32 != 0 {
            return Err(format!("seL4 error {error}"));
        }
        Ok(Self { first: slot as _ })
    }

    /// Signals one of them.
    pub fn signal(&self, which: u64) {
        // SAFETY: the capability is a notification's.
        unsafe { sel4::seL4_Signal(self.first + which) }
    }

    /// Waits for one of them.
    pub fn wait(&self, which: u64) {
        // SAFETY: as above; the badge is not asked for.
        unsafe { sel4::seL4_Wait(self.first + which, std::ptr::null_mut()) }
    }
}
