//! Where things are in the program's addresses: the first 512 GiB, which one page upper directory spans, the kernel's own.
//!
//! ```text
//! 0x00_0040_0000  the image: code, constants, data; boot parameters; the kernel's IPC buffer and BootInfo
//! 0x04_0000_0000  the heap of brk
//! 0x08_0000_0000  everything that mmap places
//! 0x40_0000_0000  muslcsys: its heap, pages of files, the threads' kernel stacks, windows, devices
//! 0x80_0000_0000  end
//! ```

use core::ops::Range;

/// Bytes that one entry of a page directory spans: a large page or a table of small ones.
pub const LARGE: usize = 2 << 20;
/// Where brk begins.
pub const BRK: Range<usize> = 0x04_0000_0000..0x08_0000_0000;
/// What mmap chooses from. A gap follows, so that a write that begins below what is private does not reach into it.
pub const MMAP: Range<usize> = 0x08_0000_0000..0x3f_c000_0000;
/// What a program can name to mmap, munmap and the like.
pub const PROGRAM: Range<usize> = BRK.start..MMAP.end;
/// The heap of `muslcsys`: one page directory's worth.
pub const HEAP: Range<usize> = 0x40_0000_0000..0x40_4000_0000;
/// The pages of files, each where its frame's number puts it: for 128 GiB of memory.
pub const FILES: Range<usize> = 0x48_0000_0000..0x68_0000_0000;
/// The threads: 8192 times [`THREAD_STRIDE`]. The tables for so many grow within what `heap::SPARE` guarantees.
pub const THREADS: Range<usize> = 0x68_0000_0000..0x68_2000_0000;
/// Each thread's piece: a guard page, its kernel stack, and the page of IPC buffer and record; the rest is never mapped.
pub const THREAD_STRIDE: usize = 64 << 10;
/// Bytes of a thread's kernel stack.
pub const KERNEL_STACK: usize = 16 << 10;
/// One small page where the holder of the lock looks at a frame that is mapped nowhere else.
pub const WINDOW: usize = 0x7f_0000_0000;
/// The same for a large page.
pub const WINDOW_LARGE: usize = 0x7f_0020_0000;
/// Device frames, a page each.
pub const DEVICES: usize = 0x7f_0040_0000;
/// What only `muslcsys` may touch: a pointer into it, or behind it, is a bad pointer. A power of two, which is quickest to compare.
pub const PRIVATE: Range<usize> = HEAP.start..0x80_0000_0000;
