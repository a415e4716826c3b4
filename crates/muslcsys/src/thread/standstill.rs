//! Who changes the registers of a thread that stands still: the fault thread, which answers its fault, or who sends it a signal.
//!
//! Both may come to one thread at once, on several cores, or on one where the fault thread came while a sender was at work. Whoever comes
//! first says so under one lock:
//!
//! - `faulting`: the fault thread is at work on it. A sender leaves it alone; the fault thread looks for signals before it lets go.
//! - `stopped`: a sender has stopped it and sent it on. If it stood in a fault, that fault is void, though the fault thread may have
//!   its message already. A fault that was not void is met again, so the fault thread lets the thread go without an answer.

use super::Thread;
use crate::sync::{Guard, Lock, Notification};
use core::sync::atomic::{AtomicBool, Ordering};

static LOCK: Lock<()> = Lock::new((), Notification::none());
/// Whether the program runs on several cores.
static PARALLEL: AtomicBool = AtomicBool::new(false);

/// What the lock waits on, for start-up to arm.
pub fn event() -> &'static Notification {
    LOCK.event()
}

/// Says whether the program runs on several cores; start-up calls this.
pub fn set_parallel(parallel: bool) {
    PARALLEL.store(parallel, Ordering::Relaxed);
}

/// Whether the program runs on several cores.
pub fn is_parallel() -> bool {
    PARALLEL.load(Ordering::Relaxed)
}

/// A fault of the thread's has arrived: `false` if it may be void and is not to be answered. By the fault thread.
pub fn begin_answer(thread: &Thread) -> bool {
    // On one core nobody has stopped the thread between its fault and here, unless he is at it yet.
    let (guard, alone) = match LOCK.try_lock() {
        Some(guard) => (guard, !is_parallel()),
        None => (LOCK.lock(), false),
    };
    let stopped = thread.stopped.swap(false, Ordering::Relaxed);
    let answer = alone || !stopped;
    thread.faulting.store(answer, Ordering::Relaxed);
    drop(guard);
    answer
}

/// Takes the lock under which the fault thread ends its answer: [`Answered::let_go`].
pub fn end_answer(thread: &Thread) -> Answered<'_> {
    Answered { thread, _guard: LOCK.lock() }
}

/// An answer that is complete but for a last look for signals.
pub struct Answered<'a> {
    thread: &'a Thread,
    _guard: Guard<'static, ()>,
}

impl Answered<'_> {
    /// Has the thread run on.
    pub fn let_go(self, resume: impl FnOnce()) {
        self.thread.faulting.store(false, Ordering::Relaxed);
        resume();
    }
}

/// Takes the lock to stop a thread; nobody does if the fault thread is at work on it, which looks for signals itself. By a sender.
pub fn stop(thread: &Thread) -> Option<Stopping<'_>> {
    let guard = LOCK.lock();
    (!thread.faulting.load(Ordering::Relaxed)).then_some(Stopping { thread, _guard: guard })
}

/// The right to stop a thread and change its registers.
pub struct Stopping<'a> {
    thread: &'a Thread,
    _guard: Guard<'static, ()>,
}

impl Stopping<'_> {
    /// Says that the thread is being suspended: the fault that it may stand in is void.
    pub fn suspends(&self) {
        self.thread.stopped.store(true, Ordering::Relaxed);
    }
}
