//! A thread's own page: the IPC buffer that the kernel reads, and behind it what `muslcsys` keeps for the thread.

use super::waiting::{Waiting, Wake};
use crate::mm::areas::PAGE;
use crate::mm::layout;
use crate::sel4::CPtr;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Where the record lies in the page: behind the IPC buffer.
pub const RECORD_OFFSET: usize = 1024;
/// Where the kernel stack's top is found from the IPC buffer: the record's first word (entry.S).
pub const KSTACK_OFFSET: usize = RECORD_OFFSET;
/// Where the caller's frame is noted, from the IPC buffer: the record's second word (entry.S).
pub const USER_FRAME_OFFSET: usize = RECORD_OFFSET + 8;

/// Where the mark of a pending signal is found, from the IPC buffer (entry.S).
pub const SIGNALLED_OFFSET: usize = RECORD_OFFSET + core::mem::offset_of!(Thread, signalled);

const _: () =
    assert!(core::mem::offset_of!(Thread, kernel_stack) == 0 && core::mem::offset_of!(Thread, user_frame) == 8);
const _: () = assert!(size_of::<libsel4_sys::seL4_IPCBuffer>() <= RECORD_OFFSET);
const _: () = assert!(RECORD_OFFSET + size_of::<Thread>() <= OWN_WORD_OFFSET);
/// Where in the page the word lies that stands for `__sel4_ipc_buffer` while the thread has no TLS of the program's.
pub const OWN_WORD_OFFSET: usize = crate::mm::areas::PAGE - 16;

/// A thread's record.
#[repr(C)]
pub struct Thread {
    /// Top of its kernel stack.
    pub kernel_stack: Cell<usize>,
    /// Its own frame at the current call: saved x29 and return address, and the stack pointer behind them.
    pub user_frame: Cell<usize>,
    /// Its number among the threads' places.
    pub index: u32,
    /// Its thread id, as Linux numbers them.
    pub tid: AtomicU32,
    /// Its TCB.
    pub tcb: CPtr,
    /// The notification it waits on.
    pub notification: CPtr,
    /// Why its wait ended.
    waiting: Waiting,
    /// A signal that it does not block is pending: looked at whenever it leaves a call.
    pub signalled: AtomicU32,
    /// It has let go of everything and will only suspend itself: its objects may be used again.
    pub gone: AtomicBool,
    /// Where 0 is stored and a futex woken when it ends (set_tid_address(2)); 0 for nowhere.
    pub clear_tid: Cell<usize>,
    /// The head of its list of robust futexes (get_robust_list(2)).
    pub robust_list: Cell<usize>,
    /// The stack its signal handlers asked for: address, size, flags (sigaltstack(2)).
    pub alternate_stack: Cell<(usize, usize, u32)>,
    /// A call that a signal ended before it did anything: its number and arguments.
    pub interrupted_call: Cell<Option<(usize, [usize; 6])>>,
    /// A fault of the thread's own to be delivered: signal, code, address.
    pub own_fault: Cell<Option<(u32, i32, usize)>>,
    /// The fault thread is at work on this thread, which stands still (`standstill.rs`).
    pub faulting: AtomicBool,
    /// A sender has stopped it since its last fault (`standstill.rs`).
    pub stopped: AtomicBool,
    /// Its name (prctl(2), PR_SET_NAME).
    pub name: Cell<[u8; 16]>,
}

// SAFETY: cells are touched by the thread itself, or, before it first runs and after it is gone, by the one thread that
// holds its place; what others touch meanwhile is atomic.
unsafe impl Sync for Thread {}

impl Thread {
    /// A record for the place `index`.
    pub fn new(index: u32, tid: u32, tcb: CPtr, notification: CPtr, kernel_stack: usize) -> Self {
        Self {
            kernel_stack: Cell::new(kernel_stack),
            user_frame: Cell::new(0),
            index,
            tid: AtomicU32::new(tid),
            tcb,
            notification,
            waiting: Waiting::new(),
            signalled: AtomicU32::new(0),
            gone: AtomicBool::new(false),
            clear_tid: Cell::new(0),
            robust_list: Cell::new(0),
            alternate_stack: Cell::new((0, 0, linux_raw_sys::general::SS_DISABLE)),
            interrupted_call: Cell::new(None),
            own_fault: Cell::new(None),
            faulting: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            name: Cell::new([0; 16]),
        }
    }

    /// Where its IPC buffer lies.
    pub fn ipc_buffer(&self) -> usize {
        core::ptr::from_ref(self) as usize - RECORD_OFFSET
    }

    /// Whether a signal is to be delivered as soon as it leaves the call: what takes long ends early then.
    pub fn has_signal(&self) -> bool {
        self.signalled.load(Ordering::Relaxed) != 0
    }

    /// The thread id.
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// Says that a wait begins; under the scheduler's lock.
    pub fn begin_wait(&self) {
        self.waiting.begin();
    }

    /// Whether a stack pointer is on the thread's kernel stack, or in the guard page below it: the thread is inside a call.
    pub fn is_on_kernel_stack(&self, sp: usize) -> bool {
        let top = self.kernel_stack.get();
        (top - layout::KERNEL_STACK - PAGE..=top).contains(&sp)
    }

    /// Ends the thread's wait; under the scheduler's lock, by whoever took it out of the queue it waited in.
    pub fn end_wait(&self, why: Wake) {
        self.waiting.end(why, &self.notification);
    }

    /// Waits until somebody calls [`Thread::end_wait`]; called by the thread itself without any lock.
    pub fn wait(&self) -> Wake {
        self.waiting.wait(&self.notification)
    }
}

/// The addresses of the place `index`: guard page, kernel stack, record page, in this order.
pub fn place(index: u32) -> usize {
    layout::THREADS.start + index as usize * layout::THREAD_STRIDE
}

/// The IPC buffer of the place `index`.
pub fn ipc_buffer(index: u32) -> usize {
    place(index) + crate::mm::areas::PAGE + layout::KERNEL_STACK
}

/// The initial thread's record: it lies where the kernel put that thread's IPC buffer.
static INITIAL: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// Says where the initial thread's record lies.
pub fn set_initial(thread: &'static Thread) {
    INITIAL.store(core::ptr::from_ref(thread) as usize, Ordering::Release);
}

/// The record of the thread at `index`, without a lock: only for a thread that exists for sure, since it just faulted.
pub fn record_at(index: u32) -> Option<&'static Thread> {
    let at = match index {
        0 => INITIAL.load(Ordering::Acquire),
        index => ipc_buffer(index) + RECORD_OFFSET,
    };
    // SAFETY: the caller's thread exists, so its record's page is mapped with a record in it.
    (at != 0).then(|| unsafe { &*(at as *const Thread) })
}
