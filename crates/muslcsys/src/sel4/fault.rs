//! Faults as the kernel tells them, and their answers.

use super::{CPtr, raw};
#[cfg(sel4_mcs)]
use core::sync::atomic::{AtomicUsize, Ordering};

/// The reply object of the one thread that answers faults.
#[cfg(sel4_mcs)]
static REPLY: AtomicUsize = AtomicUsize::new(0);

/// Gives the reply object of the thread that answers faults; start-up calls this where [`super::object::REPLY`] is a type.
pub fn set_reply(reply: CPtr) {
    #[cfg(sel4_mcs)]
    REPLY.store(reply.0, Ordering::Relaxed);
    #[cfg(not(sel4_mcs))]
    let _ = reply;
}

/// A fault as its message tells it.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// An access that the address space does not allow.
    Memory {
        /// The instruction.
        ip: usize,
        /// What it accessed.
        address: usize,
        /// It was the fetch of an instruction.
        fetch: bool,
        /// It was a write (ESR_EL1.ISS.WnR; Arm ARM D17.2.37).
        write: bool,
        /// The address space is what forbade it: else a misaligned access that must be aligned, or a fault of the memory itself.
        by_tables: bool,
    },
    /// An exception that is not about memory: an undefined instruction, a misaligned access, a breakpoint.
    Exception {
        /// The instruction.
        ip: usize,
        /// The syndrome, as ESR_EL1 holds it, as far as the kernel passes it on.
        syndrome: usize,
    },
    /// A system call that the kernel does not know.
    Syscall {
        /// The instruction behind the call.
        ip: usize,
    },
    /// Anything else, by its label.
    Other(usize),
}

/// Waits for a fault; gives the badge of the thread's endpoint and what happened.
pub fn fault_wait(endpoint: CPtr) -> (usize, Fault) {
    let mut badge = 0;
    // SAFETY: as for every invocation (`sel4.rs`).
    let label = unsafe {
        #[cfg(sel4_mcs)]
        let info = raw::seL4_Recv(endpoint.0 as _, &mut badge, REPLY.load(Ordering::Relaxed) as _);
        #[cfg(not(sel4_mcs))]
        let info = raw::seL4_Recv(endpoint.0 as _, &mut badge);
        raw::seL4_MessageInfo_get_label(info) as usize
    };
    // SAFETY: reads the IPC buffer of the running thread.
    let word = |number: u32| unsafe { raw::seL4_GetMR(number as _) as usize };
    const MEMORY: usize = raw::seL4_Fault_VMFault as usize;
    const EXCEPTION: usize = raw::seL4_Fault_UserException as usize;
    const SYSCALL: usize = raw::seL4_Fault_UnknownSyscall as usize;
    let fault = match label {
        MEMORY => Fault::Memory {
            ip: word(raw::seL4_VMFault_IP as u32),
            address: word(raw::seL4_VMFault_Addr as u32),
            fetch: word(raw::seL4_VMFault_PrefetchFault as u32) != 0,
            write: word(raw::seL4_VMFault_FSR as u32) & ISS_WNR != 0,
            by_tables: (FSC_TABLES.start..FSC_TABLES.end).contains(&(word(raw::seL4_VMFault_FSR as u32) & ISS_FSC)),
        },
        EXCEPTION => Fault::Exception {
            ip: word(raw::seL4_UserException_FaultIP as u32),
            syndrome: word(raw::seL4_UserException_Number as u32),
        },
        SYSCALL => Fault::Syscall { ip: word(raw::seL4_UnknownSyscall_FaultIP as u32) },
        label => Fault::Other(label),
    };
    (badge as usize, fault)
}

/// The faulting access was a write (Arm ARM, ESR_EL1, ISS for a data abort).
const ISS_WNR: usize = 1 << 6;
/// Its kind, in the same register: faults of translation, access flag and permission, at every level.
const ISS_FSC: usize = 0x3f;
const FSC_TABLES: core::ops::Range<usize> = 0x04..0x10;

/// Has the thread of the last fault run on: at the instruction it stood at, or where its registers were set to since.
pub fn fault_resume() {
    // SAFETY: as for every invocation (`sel4.rs`).
    unsafe {
        let nothing = raw::seL4_MessageInfo_new(0, 0, 0, 0);
        #[cfg(sel4_mcs)]
        raw::seL4_Send(REPLY.load(Ordering::Relaxed) as _, nothing);
        #[cfg(not(sel4_mcs))]
        raw::seL4_Reply(nothing);
    }
}
