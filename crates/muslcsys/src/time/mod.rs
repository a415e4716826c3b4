//! Clocks, sleeping, and the queue of deadlines.

pub mod deadlines;
pub mod timers;

#[cfg(target_vendor = "sel4")]
pub mod calls;
#[cfg(target_vendor = "sel4")]
pub mod clock;
