//! The allocator behind `alloc` inside `muslcsys`: its memory is its own, never muslc's heap.
//!
//! An allocation in the middle of a change to the address space must not fail, or the change would stand half done. So a
//! spare chunk is always mapped ahead: a call that may allocate begins with [`ensure`], which gets a new spare if the last
//! one was used up, and answers −ENOMEM before anything has changed if there is none. What one call allocates is far
//! below [`SPARE`] bytes.

use crate::errno::Errno;
use crate::sync::{Lock, Notification};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use talc::{OomHandler, Span, Talc};

/// Bytes by which the heap grows at a time: one large page.
pub const SPARE: usize = 2 << 20;
/// Bytes before any frame is mapped: enough for the records of 16 GiB of memory.
const FIRST: usize = 1 << 20;

#[repr(align(4096))]
struct First(#[allow(dead_code)] [u8; FIRST]);
static mut FIRST_CHUNK: First = First([0; FIRST]);

/// Hands the spare chunk to the allocator when it has run out.
struct TakeSpare {
    started: bool,
    spare: Option<usize>,
}

impl OomHandler for TakeSpare {
    fn handle_oom(talc: &mut Talc<Self>, _layout: Layout) -> Result<(), ()> {
        let (base, size) = if !talc.oom_handler.started {
            talc.oom_handler.started = true;
            (&raw mut FIRST_CHUNK as usize, FIRST)
        } else {
            (talc.oom_handler.spare.take().ok_or(())?, SPARE)
        };
        // SAFETY: the chunk is mapped, writable, and given to nobody else: the first one is private to this module, and a
        // spare is taken out of its place as it is handed over.
        unsafe { talc.claim(Span::from_base_size(base as *mut u8, size)).map(drop) }
    }
}

/// The lock and the allocator under it.
pub struct Heap(Lock<Talc<TakeSpare>>);

// SAFETY: `Talc` holds raw pointers into chunks that only it uses; the lock lets one thread at a time reach it.
unsafe impl Sync for Heap {}

impl Heap {
    const fn new() -> Self {
        Self(Lock::new(Talc::new(TakeSpare { started: false, spare: None }), Notification::none()))
    }

    /// The lock's event, for start-up to arm.
    pub fn event(&self) -> &Notification {
        self.0.event()
    }

    /// Whether the spare chunk has been used up.
    fn needs_spare(&self) -> bool {
        let heap = self.0.lock();
        heap.oom_handler.started && heap.oom_handler.spare.is_none()
    }

    /// Bytes now allocated.
    pub fn allocated(&self) -> usize {
        self.0.lock().get_counters().allocated_bytes
    }
}

// SAFETY: `Talc` keeps the contract of an allocator; the lock makes it one at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises a layout of non-zero size.
        unsafe { self.0.lock().malloc(layout) }.map_or(null_mut(), |p| p.as_ptr())
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if let Some(ptr) = core::ptr::NonNull::new(ptr) {
            // SAFETY: the caller promises a block of this allocator with this layout.
            unsafe { self.0.lock().free(ptr, layout) }
        }
    }
}

/// The one heap.
#[cfg_attr(target_vendor = "sel4", global_allocator)]
pub static HEAP: Heap = Heap::new();

/// Makes sure that what follows may allocate. `map` maps a fresh chunk of [`SPARE`] bytes and gives its address.
///
/// # Errors
/// ENOMEM if there is no memory for a chunk; nothing has changed then.
pub fn ensure(map: impl FnOnce() -> Result<usize, Errno>) -> Result<(), Errno> {
    if HEAP.needs_spare() {
        let chunk = map()?;
        HEAP.0.lock().oom_handler.spare = Some(chunk);
    }
    Ok(())
}
