//! Threads: their registers, and what schedules them.
//!
//! On kernels with scheduling contexts (MCS) a thread runs only while it has one. Every thread here has its own, with a budget as long
//! as its period, which such a kernel schedules in turn as others do: it is never held back for having used its time.

use super::{CPtr, Guard, Result, badge, check, init, raw};
#[cfg(sel4_mcs)]
use core::sync::atomic::{AtomicUsize, Ordering};

/// A thread's registers.
pub type Registers = raw::seL4_UserContext;

/// What a new thread needs to exist.
pub struct TcbConfig {
    /// Where its faults go: a capability pointer in its own space.
    pub fault: CPtr,
    /// Its CSpace's root and that root's guard.
    pub cspace: (CPtr, Guard),
    /// Where its IPC buffer lies, and the frame it lies in.
    pub ipc_buffer: (usize, CPtr),
    /// Its priority.
    pub priority: u8,
    /// The highest priority that it can give to itself or others; at most its creator's.
    pub highest: u8,
    /// Its scheduling context; not looked at where there are none.
    pub context: CPtr,
    /// The core that it starts on.
    pub core: u8,
}

/// Gives a TCB its spaces, buffer, priority and core.
pub fn tcb_configure(tcb: CPtr, config: &TcbConfig) -> Result {
    let (cspace, guard) = (config.cspace.0.0, config.cspace.1.data());
    let (buffer, frame) = (config.ipc_buffer.0, config.ipc_buffer.1.0);
    let (vspace, vspace_data) = (init::VSPACE.0, badge(0));
    // SAFETY: as for every invocation (`sel4.rs`); functions ending in `_new` pack bits.
    check(unsafe {
        #[cfg(sel4_tcb_configure_takes_priority)]
        let error = raw::seL4_TCB_Configure(
            tcb.0 as _,
            config.fault.0 as _,
            raw::seL4_PrioProps_new(config.highest as _, config.priority as _),
            cspace as _,
            guard,
            vspace as _,
            vspace_data,
            buffer as _,
            frame as _,
        );
        #[cfg(all(sel4_tcb_configure_takes_fault_ep, not(sel4_tcb_configure_takes_priority)))]
        let error = raw::seL4_TCB_Configure(
            tcb.0 as _,
            config.fault.0 as _,
            cspace as _,
            guard,
            vspace as _,
            vspace_data,
            buffer as _,
            frame as _,
        );
        #[cfg(not(sel4_tcb_configure_takes_fault_ep))]
        let error =
            raw::seL4_TCB_Configure(tcb.0 as _, cspace as _, guard, vspace as _, vspace_data, buffer as _, frame as _);
        error as i64
    })?;
    set_core(tcb, config.context, config.core)?;
    set_scheduling(tcb, config)
}

/// Sets priorities, and with scheduling contexts the thread's own and where its faults go.
#[cfg(not(sel4_tcb_configure_takes_priority))]
fn set_scheduling(tcb: CPtr, config: &TcbConfig) -> Result {
    let (tcb, authority) = (tcb.0 as _, init::TCB.0 as _);
    let (highest, priority) = (config.highest as _, config.priority as _);
    // SAFETY: as for every invocation (`sel4.rs`).
    #[cfg(sel4_mcs)]
    let error = unsafe {
        raw::seL4_TCB_SetSchedParams(tcb, authority, highest, priority, config.context.0 as _, config.fault.0 as _)
    };
    // SAFETY: as above.
    #[cfg(not(sel4_mcs))]
    let error = unsafe { raw::seL4_TCB_SetSchedParams(tcb, authority, highest, priority) };
    check(error as i64)
}

/// Nothing is left to say: the kernel was told with everything else.
#[cfg(sel4_tcb_configure_takes_priority)]
fn set_scheduling(_: CPtr, _: &TcbConfig) -> Result {
    Ok(())
}

/// How long a thread runs while others of its priority wait, in microseconds: what seL4's kernels without scheduling contexts have by
/// default (CONFIG_TIMER_TICK_MS times CONFIG_TIME_SLICE).
#[cfg(sel4_mcs)]
const TIME_SLICE: raw::seL4_Time = 10_000;

/// The capabilities that give shares of the cores' time, in a row, the first core's first.
#[cfg(sel4_mcs)]
static SCHED_CONTROL: AtomicUsize = AtomicUsize::new(0);

/// Learns from BootInfo what schedules threads; start-up calls this before the first [`tcb_configure`].
pub fn learn_scheduling(info: &raw::seL4_BootInfo) {
    #[cfg(sel4_mcs)]
    SCHED_CONTROL.store(info.schedcontrol.start as usize, Ordering::Relaxed);
    #[cfg(not(sel4_mcs))]
    let _ = info;
}

/// Takes a stopped thread's scheduling context from it, so that its TCB can be configured again: seL4 13.0.0 refuses to bind a TCB that has
/// one, even its own.
#[cfg(sel4_mcs)]
pub fn unbind_context(context: CPtr) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_SchedContext_Unbind(context.0 as _) } as i64)
}

/// There are no scheduling contexts.
#[cfg(not(sel4_mcs))]
pub fn unbind_context(_: CPtr) -> Result {
    Ok(())
}

/// Has a thread run on a core from now on; `context` is its scheduling context.
#[cfg(sel4_mcs)]
pub fn set_core(_: CPtr, context: CPtr, core: u8) -> Result {
    let control = SCHED_CONTROL.load(Ordering::Relaxed) + core as usize;
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe {
        raw::seL4_SchedControl_ConfigureFlags(control as _, context.0 as _, TIME_SLICE, TIME_SLICE, 0, 0, 0)
    } as i64)
}

/// Has a thread run on a core from now on.
#[cfg(all(sel4_has_tcb_set_affinity, not(sel4_mcs)))]
pub fn set_core(tcb: CPtr, _: CPtr, core: u8) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_TCB_SetAffinity(tcb.0 as _, core as _) } as i64)
}

/// There is one core.
#[cfg(not(any(sel4_has_tcb_set_affinity, sel4_mcs)))]
pub fn set_core(_: CPtr, _: CPtr, _: u8) -> Result {
    Ok(())
}

/// Tells the kernel the thread pointer that a thread has from now on, its own or that of one that does not run.
///
/// The kernel saves TPIDR_EL0 when a thread enters it, but on several cores not before it has its lock: a thread that another core stops
/// while it waits for that lock goes on with the value of its entry before. So a thread whose value is new has it told.
#[cfg(sel4_smp)]
pub fn tcb_set_thread_pointer(tcb: CPtr, pointer: usize) {
    // SAFETY: as for every invocation (`sel4.rs`).
    let error = unsafe { raw::seL4_TCB_SetTLSBase(tcb.0 as _, pointer as _) };
    check(error as i64).expect("a TCB takes a thread pointer");
}

/// On one core the kernel saves it whenever a thread enters it.
#[cfg(not(sel4_smp))]
pub fn tcb_set_thread_pointer(_: CPtr, _: usize) {}

/// Gives a TCB another CSpace and fault endpoint.
pub fn tcb_set_space(tcb: CPtr, fault: CPtr, cspace: (CPtr, Guard)) -> Result {
    let (root, guard) = (cspace.0.0 as _, cspace.1.data());
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_TCB_SetSpace(tcb.0 as _, fault.0 as _, root, guard, init::VSPACE.0 as _, badge(0)) } as i64)
}

/// Sets a thread's priority.
pub fn tcb_set_priority(tcb: CPtr, priority: u8) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    #[cfg(sel4_tcb_set_priority_takes_authority)]
    let error = unsafe { raw::seL4_TCB_SetPriority(tcb.0 as _, init::TCB.0 as _, priority as _) };
    // SAFETY: as above.
    #[cfg(not(sel4_tcb_set_priority_takes_authority))]
    let error = unsafe { raw::seL4_TCB_SetPriority(tcb.0 as _, priority as _) };
    check(error as i64)
}

/// Registers that are read and written: pc, sp, pstate, x0 to x30, which every kernel's structure begins with. Some have thread pointers
/// behind them, which stay as the thread has set them.
const REGISTERS: usize = 3 + 31;
const _: () = assert!(core::mem::offset_of!(Registers, x28) == (REGISTERS - 1) * size_of::<usize>());

/// Sets a thread's registers and, if asked, has it run.
pub fn tcb_write_registers(tcb: CPtr, registers: &mut Registers, resume: bool) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_TCB_WriteRegisters(tcb.0 as _, resume as _, 0, REGISTERS as _, registers) } as i64)
}

/// Reads a thread's registers, which should not be running; suspends it first if asked.
pub fn tcb_read_registers(tcb: CPtr, suspend: bool) -> Result<Registers> {
    let mut registers = empty_registers();
    // SAFETY: as for every invocation (`sel4.rs`); the structure has as many words as the count says.
    check(unsafe { raw::seL4_TCB_ReadRegisters(tcb.0 as _, suspend as _, 0, REGISTERS as _, &mut registers) } as i64)?;
    Ok(registers)
}

/// Registers that are all zero.
pub fn empty_registers() -> Registers {
    // SAFETY: a structure of words.
    unsafe { core::mem::zeroed() }
}

/// Stops a thread for good, or until [`tcb_resume`].
pub fn tcb_suspend(tcb: CPtr) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_TCB_Suspend(tcb.0 as _) } as i64)
}

/// Has a suspended thread run on.
pub fn tcb_resume(tcb: CPtr) -> Result {
    // SAFETY: as for every invocation (`sel4.rs`).
    check(unsafe { raw::seL4_TCB_Resume(tcb.0 as _) } as i64)
}
