//! The stack unwinder of the sysroot, `libunwind.a`.
//!
//! Rust's std for musl targets links a library named `unwind` and calls the Itanium C++ ABI's `_Unwind_*` functions in it;
//! C code may do the same. The crate `unwinding` implements them; this one only packs it as a library of its own. The
//! symbols that stay visible are listed in `exports.txt`, everything else is made local, so that this library's `core` and
//! panic handler do not meet those of the Rust program it is linked into.
//!
//! The linker has to provide `__executable_start`, `__etext` and `__GNU_EH_FRAME_HDR`: the sysroot's linker script does.
//! On any other target this crate is empty.
// Only a rustc that builds for this target knows its vendor; on the host the name is new to it.
#![allow(unexpected_cfgs)]
#![cfg_attr(target_vendor = "sel4", no_std)]

#[cfg(target_vendor = "sel4")]
mod sel4 {
    use core::ffi::{c_int, c_void};

    // The functions of the library are the crate's own `#[no_mangle]` functions.
    use unwinding as _;

    unsafe extern "C" {
        /// ISO C 7.22.4.1.
        fn abort() -> !;
        /// write(2).
        fn write(fd: c_int, buffer: *const c_void, length: usize) -> isize;
    }

    /// Standard error.
    const STDERR: c_int = 2;
    const MESSAGE: &[u8] = b"libunwind: unwind tables are damaged, or use an expression that is not supported\n";

    /// Ends the program: the unwinder panics only on unwind tables that it cannot follow.
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        // SAFETY: the message is a constant of the given length; abort has no preconditions.
        unsafe {
            write(STDERR, MESSAGE.as_ptr().cast(), MESSAGE.len());
            abort()
        }
    }
}
