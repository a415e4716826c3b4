//! The stack unwinder of the sysroot, `libunwind.a`.
//!
//! Rust's std for musl targets links a library named `unwind` and calls the Itanium C++ ABI's `_Unwind_*` functions in it; C
//! code may do the same. The tables are read by the crate `gimli`; the crate `unwinding`, which does the same, copies several
//! kilobytes for each frame and costs four times the instructions. This library has a `core` and a panic handler of its own: what
//! stays visible is listed in `exports.txt`, so that they do not meet those of the Rust program it is linked into.
//!
//! - [`context`]: a thread's registers, saved and loaded
//! - [`tables`]: from a program counter to the rules that tell the caller's registers
//! - [`unwind`]: the two phases of an exception, and the walk of a backtrace
//! - [`abi`]: what the ABI gives names and layouts to
//!
//! It asks nothing of libc, so it works in any thread state, from the first instruction on: the linker's own symbols tell where the
//! tables are. The linker has to provide `__executable_start`, `__etext` and `__GNU_EH_FRAME_HDR`: the sysroot's linker script does.
//! On any other target this crate is empty.
// Only a rustc that builds for this target knows its vendor; on the host the name is new to it.
#![allow(unexpected_cfgs)]
#![cfg_attr(target_vendor = "sel4", no_std)]

#[cfg(target_vendor = "sel4")]
pub mod abi;
#[cfg(target_vendor = "sel4")]
pub mod context;
#[cfg(target_vendor = "sel4")]
pub mod tables;
#[cfg(target_vendor = "sel4")]
pub mod unwind;

#[cfg(target_vendor = "sel4")]
mod end {
    use core::ffi::{c_int, c_void};

    unsafe extern "C" {
        /// ISO C 7.22.4.1.
        fn abort() -> !;
        /// write(2).
        fn write(fd: c_int, buffer: *const c_void, length: usize) -> isize;
    }

    /// Standard error.
    const STDERR: c_int = 2;
    const MESSAGE: &[u8] = b"libunwind: a defect of the unwinder\n";

    /// Ends the program: tables that cannot be followed are an error to the caller, so this is a defect.
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        // SAFETY: the message is a constant of the given length; abort has no preconditions.
        unsafe {
            write(STDERR, MESSAGE.as_ptr().cast(), MESSAGE.len());
            abort()
        }
    }
}
