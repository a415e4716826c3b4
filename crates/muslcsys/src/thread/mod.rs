//! Threads: their records, who waits for what, and how they come and go.
//!
//! - [`record`](Thread): the page of each thread that holds its IPC buffer and what only it needs
//! - [`sched`]: what threads know of each other, behind one lock: numbers, waits, deadlines, signals
//! - [`clone`] and [`exit`]: a thread's objects, set up and given back
//! - [`futex`]: the queues; [`waiting`]: how a wait ends; [`futex_calls`]: the calls
//! - [`identity`]: the calls that tell or set who a thread is
//! - [`cores`]: where threads run; [`affinity`]: the calls
//! - [`standstill`]: who may change the registers of a thread that stands still

pub mod cores;
pub mod futex;
pub mod waiting;

#[cfg(target_vendor = "sel4")]
pub mod affinity;

#[cfg(target_vendor = "sel4")]
pub mod clone;
#[cfg(target_vendor = "sel4")]
pub mod exit;
#[cfg(target_vendor = "sel4")]
pub mod futex_calls;
#[cfg(target_vendor = "sel4")]
pub mod identity;
#[cfg(target_vendor = "sel4")]
mod record;
#[cfg(target_vendor = "sel4")]
pub mod sched;
#[cfg(target_vendor = "sel4")]
pub mod standstill;

#[cfg(target_vendor = "sel4")]
pub use record::{KSTACK_OFFSET, RECORD_OFFSET, SIGNALLED_OFFSET, Thread, USER_FRAME_OFFSET, record_at};
#[cfg(target_vendor = "sel4")]
pub use waiting::Wake;

/// On the host: who makes a call. It has no record there, since nothing that the host runs waits by it.
#[cfg(not(target_vendor = "sel4"))]
pub struct Thread;
