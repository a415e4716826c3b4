//! Two notification objects and nothing else between two threads: seL4's own calls, through libsel4.

use libsel4_sys as sel4;
use sel4std::{Slots, Untyped};

/// Two notifications.
pub struct Pair {
    slots: Slots,
    // Dropped behind the slots, so that it is revoked when nothing names its objects.
    _untyped: Untyped,
}

impl Pair {
    /// Makes them.
    pub fn new() -> Result<Self, String> {
        let refused = |error: sel4std::Error| format!("sel4std: {error}");
        let (untyped, slots) = (Untyped::new(12).map_err(refused)?, Slots::new(2).map_err(refused)?);
        let path = slots.path(0);
        // SAFETY: memory and slots are this value's own.
        let error = unsafe {
            sel4::seL4_Untyped_Retype(
                untyped.cap() as _,
                sel4::seL4_NotificationObject as _,
                0,
                path.root as _,
                path.node_index as _,
                path.node_depth as _,
                path.node_offset as _,
                2,
            )
        };
        if error as u32 != 0 {
            return Err(format!("seL4 error {error}"));
        }
        Ok(Self { slots, _untyped: untyped })
    }

    /// Signals one of them.
    pub fn signal(&self, which: u32) {
        // SAFETY: the capability is a notification's.
        unsafe { sel4::seL4_Signal(self.slots.cap(which) as _) }
    }

    /// Waits for one of them.
    pub fn wait(&self, which: u32) {
        // SAFETY: as above; the badge is not asked for.
        unsafe { sel4::seL4_Wait(self.slots.cap(which) as _, std::ptr::null_mut()) }
    }
}
