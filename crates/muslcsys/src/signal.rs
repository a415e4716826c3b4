//! Signals: who blocks which, what is pending, and what is done.

use crate::uaccess;
use linux_raw_sys::general as linux;

/// Number of signals, 1 to 64.
pub const SIGNALS: usize = 64;

fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// SIGKILL and SIGSTOP can be neither blocked nor handled.
const UNBLOCKABLE: u64 = 1 << (linux::SIGKILL - 1) | 1 << (linux::SIGSTOP - 1);

/// A thread's signals.
pub struct Signals {
    /// Those it blocks.
    pub mask: u64,
    /// Those sent to it and not yet delivered.
    pub pending: u64,
}

impl Signals {
    /// Nothing blocked or pending.
    pub const fn new() -> Self {
        Self { mask: 0, pending: 0 }
    }
    /// Nothing pending.
    pub const fn with_mask(mask: u64) -> Self {
        Self { mask, pending: 0 }
    }
    /// Whether one is pending that is not blocked.
    pub fn deliverable(&self) -> bool {
        self.pending & !self.mask != 0
    }
}

/// What a program does with a signal: struct sigaction as the kernel has it on AArch64.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Action {
    /// SIG_DFL (0), SIG_IGN (1), or the handler's address.
    pub handler: usize,
    /// SA_*.
    pub flags: usize,
    /// Where the handler returns to.
    pub restorer: usize,
    /// Blocked while the handler runs.
    pub mask: u64,
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Action {}

const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;

/// What the threads share.
pub struct ProgramSignals {
    /// Sent to the program and not yet taken by a thread.
    pub pending: u64,
    /// What is done with each.
    pub actions: [Action; SIGNALS],
}

impl ProgramSignals {
    /// Everything as at a program's start.
    pub const fn new() -> Self {
        Self { pending: 0, actions: [Action { handler: SIG_DFL, flags: 0, restorer: 0, mask: 0 }; SIGNALS] }
    }
    /// Whether a thread with this mask could take one.
    pub fn deliverable(&self, mask: u64) -> bool {
        self.pending & !mask != 0
    }
}
