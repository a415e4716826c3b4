//! The assembly, and the registers that Rust reads itself. The only architecture is AArch64.

use crate::signal::context::Context;
use crate::thread::{KSTACK_OFFSET, RECORD_OFFSET, SIGNALLED_OFFSET, USER_FRAME_OFFSET};
use core::arch::{asm, global_asm};
use core::mem::offset_of;

global_asm!(include_str!("aarch64/start.S"));
global_asm!(
    include_str!("aarch64/entry.S"),
    THREAD_OFFSET = const RECORD_OFFSET,
    THREAD_KSTACK = const KSTACK_OFFSET,
    THREAD_USER_FRAME = const USER_FRAME_OFFSET,
    THREAD_SIGNALLED = const SIGNALLED_OFFSET,
    CONTEXT_BYTES = const size_of::<Context>(),
    CONTEXT_FPSR = const offset_of!(Context, fpsr),
    CONTEXT_VECTORS = const offset_of!(Context, vectors),
);
global_asm!(include_str!("aarch64/uaccess.S"));
global_asm!(include_str!("aarch64/memory.S"));
global_asm!(include_str!("aarch64/musl.S"), NR_EXIT_UNMAP = const crate::table::EXIT_UNMAP);

unsafe extern "C" {
    fn muslcsys_thread_entry();
    fn muslcsys_service_entry();
    fn muslcsys_own_thread_pointer(buffer: usize, word: usize);
    fn muslcsys_entry(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize;
    fn muslcsys_entry_pushed();
    fn muslcsys_entry_last();
    fn muslcsys_leave();
    fn muslcsys_leave_last();
    fn muslcsys_interrupted();
    fn muslcsys_resume(context: *const Context) -> !;
    fn muslcsys_resume_trap();
    fn __cp_end();
    static mut boot_tls_word: usize;
    static mut __sysinfo: usize;
    fn muslcsys_on_boot_stack(argument: *mut u8, function: extern "C" fn(*mut u8) -> isize) -> isize;
    static muslcsys_stack_guard: usize;
    static muslcsys_set_pre_exit: usize;
}

/// Where a thread of the program starts.
pub fn thread_entry() -> usize {
    muslcsys_thread_entry as *const () as usize
}

/// Where a thread of `muslcsys`'s own starts.
pub fn service_entry() -> usize {
    muslcsys_service_entry as *const () as usize
}

/// Takes the calling thread's TLS away from it for good: libsel4 finds its IPC buffer through `word` from here on.
///
/// # Safety
/// `buffer` must be the thread's IPC buffer, `word` writable and nobody else's, and the thread must never run the program's code again.
pub unsafe fn leave_tls(buffer: usize, word: usize) {
    // SAFETY: the caller's promise.
    unsafe { muslcsys_own_thread_pointer(buffer, word) }
}

/// Where a call is not yet on the kernel stack: from the entry on, and from where it has put x29 and x30 onto the program's stack.
pub fn entering() -> (core::ops::RangeInclusive<usize>, usize) {
    (entry()..=muslcsys_entry_last as *const () as usize, muslcsys_entry_pushed as *const () as usize)
}

/// Where a call leaves the kernel stack: from the look for signals to the last instruction on that stack.
pub fn leaving() -> core::ops::RangeInclusive<usize> {
    muslcsys_leave as *const () as usize..=muslcsys_leave_last as *const () as usize
}

/// Where a thread goes on, on its kernel stack, that was interrupted in the program's code.
pub fn interrupted() -> usize {
    muslcsys_interrupted as *const () as usize
}

/// The instruction that asks the fault thread to load the context at x0.
pub fn resume_trap() -> usize {
    muslcsys_resume_trap as *const () as usize
}

/// Goes on with a context.
///
/// # Safety
/// The context must be one that the calling thread was interrupted in, or that its signal handler left, and lie on its kernel stack.
pub unsafe fn resume(context: &Context) -> ! {
    // SAFETY: the caller's promise.
    unsafe { muslcsys_resume(context) }
}

/// The return address of a call that is a cancellation point.
pub fn cancellation_point_end() -> usize {
    __cp_end as *const () as usize
}

/// Calls a function of our own by number, as the program does.
pub fn enter(number: usize, a: usize, b: usize) -> isize {
    // SAFETY: the entry checks its arguments; it may be called from any thread of the program.
    unsafe { muslcsys_entry(number, a, b, 0, 0, 0, 0) }
}

/// What muslc's `__sysinfo` points to.
pub fn entry() -> usize {
    muslcsys_entry as *const () as usize
}

/// Calls a function on the boot stack.
///
/// # Safety
/// Nobody must use that stack, and the function must take this argument.
pub unsafe fn on_boot_stack(argument: *mut u8, function: extern "C" fn(*mut u8) -> isize) -> isize {
    // SAFETY: the caller's promise.
    unsafe { muslcsys_on_boot_stack(argument, function) }
}

/// The word that stands for `__sel4_ipc_buffer` until muslc has set up TLS.
pub fn boot_word() -> usize {
    &raw const boot_tls_word as usize
}

/// The calling thread's thread pointer.
pub fn thread_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem, preserves_flags)) };
    pointer
}

/// muslc's canary, if the program has one.
pub fn stack_guard() -> Option<*mut usize> {
    // SAFETY: a word that the linker fills.
    let at = unsafe { muslcsys_stack_guard };
    (at != 0).then_some(at as *mut usize)
}

/// sel4runtime's function of this name, if the program has it.
pub fn set_pre_exit() -> Option<usize> {
    // SAFETY: a word that the linker fills.
    let at = unsafe { muslcsys_set_pre_exit };
    (at != 0).then_some(at)
}

/// Has muslc's calls come here from now on.
pub fn open_calls() {
    // SAFETY: start-up alone runs.
    unsafe { (&raw mut __sysinfo).write_volatile(entry()) };
}

/// Says where the initial thread's IPC buffer lies: the word that `__sel4_ipc_buffer` stands for until muslc has set up TLS, and
/// that it is initialised from then (entry.S).
pub fn set_boot_ipc_buffer(address: usize) {
    // SAFETY: start-up alone runs.
    unsafe { (&raw mut boot_tls_word).write_volatile(address) };
}

/// The virtual counter (CNTVCT_EL0; Arm ARM D19.12), not read ahead of what comes before.
#[inline]
pub fn virtual_counter() -> u64 {
    let ticks;
    // SAFETY: reads a register that the loader, or the kernel's configuration, opened to EL0.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack, nomem, preserves_flags)) };
    ticks
}

/// The physical counter.
pub fn physical_counter() -> u64 {
    let ticks;
    // SAFETY: as above.
    unsafe { asm!("isb", "mrs {}, cntpct_el0", out(reg) ticks, options(nostack, nomem, preserves_flags)) };
    ticks
}

/// Ticks of the counters in a second (CNTFRQ_EL0).
pub fn counter_frequency() -> u64 {
    let hz;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) hz, options(nostack, nomem, preserves_flags)) };
    hz
}

/// Has the physical timer raise its interrupt when the physical counter reaches `ticks`.
pub fn set_physical_timer(ticks: u64) {
    // SAFETY: sets this core's timer, which is the program's: start-up has checked that EL0 may.
    unsafe {
        asm!("msr cntp_cval_el0, {}", "msr cntp_ctl_el0, {}", in(reg) ticks, in(reg) 1u64, options(nostack, nomem))
    };
}

/// Stops the physical timer.
pub fn stop_physical_timer() {
    // SAFETY: as above.
    unsafe { asm!("msr cntp_ctl_el0, xzr", options(nostack, nomem)) };
}

/// The size in bytes of what one DC ZVA clears, or 0 if EL0 may not use it (DCZID_EL0).
pub fn zva_bytes() -> usize {
    let id: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) id, options(nostack, nomem, preserves_flags)) };
    if id & 0x10 != 0 { 0 } else { 4 << (id & 0xf) }
}

/// Asks the emulator or debugger that runs the machine for a service (Arm semihosting, AArch64: HLT 0xF000). Only where the image
/// says that one listens: elsewhere the instruction faults.
pub fn semihosting(operation: u32, block: &[u64; 2]) {
    // SAFETY: the block is what the operation reads.
    unsafe { asm!("hlt #0xf000", inout("w0") operation => _, in("x1") block.as_ptr(), options(nostack)) };
}
