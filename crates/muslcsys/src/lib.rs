//! Linux's system calls on seL4 objects: what stands behind muslc's `__sysinfo`.
//!
//! A program's `write` is a call of musl's, which is a call of [`table`]'s function for the number 64: a function call in the
//! caller's thread and address space, no message to a server. Rules that hold everywhere here:
//!
//! - **Nothing calls up.** No function of muslc is used, and no memory of its heap: see [`heap`].
//! - **Waiting is seL4's.** A thread waits on its own notification; locks are held for bounded steps and never across a wait: see
//!   [`sync`], which also has the lock order.
//! - **A pointer in an argument is a claim.** Only [`uaccess`] turns it into access, and a bad one is −EFAULT.
//! - **Errors are Linux's**, and change nothing.
//!
//! # Navigating
//! | module | what it is |
//! |---|---|
//! | [`arch`] | the few lines of assembly: entry from the kernel, from muslc, into a new thread |
//! | [`start`] | from BootInfo to muslc's `_start`: objects, threads of our own, stack with argv, envp, auxv |
//! | [`hosted`] | from a task that another runtime started to muslc's threads and calls |
//! | [`table`] | number to function: the one list of what exists |
//! | [`object`] | memory and capabilities: who owns what |
//! | [`mm`] | the address space: mmap and its kin, page faults |
//! | [`thread`] | clone, exit, futex, identity, scheduling |
//! | [`signal`] | what is done with signals |
//! | [`time`] | clocks, sleeping, the deadline queue |
//! | [`fs`] | descriptors, files, the console |
//! | [`random`] | getrandom |
//! | [`fault`] | the thread that answers faults |
//! | [`platform`] | everything that knows a register address |
//!
//! The modules with plain logic (`mm::areas`, `object::pool`, `thread::futex`, `thread::waiting`, `time::deadlines`, `sync`, `fs::wait_queue`) know no kernel
//! and are tested on the host; `sync`, `fs::wait_queue` and `thread::waiting` are model-checked with loom (`RUSTFLAGS="--cfg loom" cargo test --release`).
//! The others exist only for targets of vendor `sel4`. What reads archives and paths has fuzz targets, in the folder `fuzz` of this crate.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_vendor = "sel4", feature(macro_metavar_expr_concat))]
#![allow(clippy::new_without_default, reason = "what is made here is made once, as a constant")]

extern crate alloc;
// For the host's tests, which run in threads.
#[cfg(not(target_vendor = "sel4"))]
extern crate std;

pub mod errno;
pub mod fs;
#[cfg(target_vendor = "sel4")]
pub mod heap;
#[cfg(any(test, target_vendor = "sel4"))]
pub mod hosted;
pub mod mm;
pub mod object;
pub mod sync;
pub mod table;
#[cfg(all(test, not(loom)))]
mod testing;
pub mod thread;
pub mod time;

#[cfg(target_vendor = "sel4")]
pub mod arch;
#[cfg(target_vendor = "sel4")]
pub mod fault;
#[cfg(target_vendor = "sel4")]
pub mod platform;
#[cfg(target_vendor = "sel4")]
pub mod program;
#[cfg(target_vendor = "sel4")]
pub mod random;
#[cfg(target_vendor = "sel4")]
pub mod sel4;
#[cfg(target_vendor = "sel4")]
pub mod signal;
#[cfg(target_vendor = "sel4")]
pub mod start;
#[cfg(target_vendor = "sel4")]
pub mod uaccess;

#[cfg(target_vendor = "sel4")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    fault::defect(format_args!("{info}"))
}
