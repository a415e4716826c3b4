//! Signals: who blocks which, what is pending, and what is done.
//!
//! - [`send`]: to a thread or to the program
//! - [`deliver`]: a handler's frame on the program's stack, and back
//! - [`context`]: the registers of an interrupted thread
//! - [`mask`]: the mask that a call has while it waits
//! - [`calls`]: the system calls
//!
//! A signal is delivered when its thread leaves a call; a thread that runs the program's own code is stopped and sent to deliver it.

pub mod calls;
pub mod context;
pub mod deliver;
pub mod mask;
pub mod send;

use crate::uaccess;
use linux_raw_sys::general as linux;

/// Number of signals, 1 to 64.
pub const SIGNALS: usize = 64;

/// A signal's bit in a set.
pub fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// SIGKILL and SIGSTOP can be neither blocked nor handled.
pub const UNBLOCKABLE: u64 = 1 << (linux::SIGKILL - 1) | 1 << (linux::SIGSTOP - 1);

/// A thread's signals.
pub struct Signals {
    /// Those it blocks.
    pub mask: u64,
    /// Those sent to it and not yet delivered.
    pub pending: u64,
    /// Those it waits for in sigtimedwait.
    pub awaited: u64,
    /// The mask to go back to after the handler that ends a sigsuspend.
    pub mask_to_restore: Option<u64>,
}

impl Signals {
    /// Nothing blocked or pending.
    pub const fn new() -> Self {
        Self::with_mask(0)
    }
    /// Nothing pending.
    pub const fn with_mask(mask: u64) -> Self {
        Self { mask, pending: 0, awaited: 0, mask_to_restore: None }
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

/// What happens with a signal that is not handled (signal(7)).
pub fn default_ignores(signal: u32) -> bool {
    // Nothing can stop or continue a program that is alone, so the signals that would are without effect too.
    use linux::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    matches!(signal, SIGCHLD | SIGURG | SIGWINCH | SIGCONT | SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU)
}

impl Action {
    /// What is done with `signal` under this action.
    pub fn disposition(&self, signal: u32) -> Disposition {
        match self.handler {
            SIG_IGN => Disposition::Ignore,
            SIG_DFL if default_ignores(signal) => Disposition::Ignore,
            SIG_DFL => Disposition::End,
            _ => Disposition::Handle,
        }
    }
}

/// What is done with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Nothing.
    Ignore,
    /// The program ends with status 128 plus the signal.
    End,
    /// A handler runs.
    Handle,
}
