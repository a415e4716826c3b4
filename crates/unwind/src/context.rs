//! A thread's registers, as a frame's caller has them: what a call may not change, and what a landing pad is given.

use core::arch::naked_asm;
use gimli::Register;

/// The registers that matter to unwinding: DWARF's numbers 0 to 31, the last being the stack pointer, and the callee-saved halves of the
/// vectors (AAPCS64 6.1.2). The place of x30 holds where the frame goes on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Context {
    general: [usize; 32],
    vectors: [usize; 8],
}

/// The register with the return address.
pub const RETURN: u16 = 30;
/// The stack pointer.
pub const STACK: u16 = 31;
/// DWARF's number of v0 (AADWARF64 4.1).
const V0: u16 = 64;
/// The callee-saved vectors.
const SAVED_VECTORS: core::ops::Range<u16> = V0 + 8..V0 + 16;

impl Context {
    /// A register's value; zero for one that no call preserves and that is not kept.
    pub fn get(&self, register: u16) -> usize {
        match register {
            0..=31 => self.general[register as usize],
            _ if SAVED_VECTORS.contains(&register) => self.vectors[(register - SAVED_VECTORS.start) as usize],
            _ => 0,
        }
    }

    /// Sets a register; one that is not kept is left out.
    pub fn set(&mut self, register: u16, value: usize) {
        match register {
            0..=31 => self.general[register as usize] = value,
            _ if SAVED_VECTORS.contains(&register) => self.vectors[(register - SAVED_VECTORS.start) as usize] = value,
            _ => {}
        }
    }

    /// The value of a register as the tables name it.
    pub fn of(&self, register: Register) -> usize {
        self.get(register.0)
    }
}

/// Defines a function of the ABI that begins with its caller's registers: they are stored in a [`Context`] on the stack, whose address
/// is the Rust function's last argument. What that gives is given to the caller, unless it loads another context.
macro_rules! with_context {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $ty:ty),+) -> $result:ty = $function:path, $last:literal) => {
        $(#[$doc])*
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $ty),+) -> $result {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "sub sp, sp, #336",
                ".cfi_def_cfa_offset 336",
                "stp x19, x20, [sp, #152]",
                "stp x21, x22, [sp, #168]",
                "stp x23, x24, [sp, #184]",
                "stp x25, x26, [sp, #200]",
                "stp x27, x28, [sp, #216]",
                "stp x29, x30, [sp, #232]",
                // Once more, for the way back: the walk changes the context.
                "str x30, [sp, #320]",
                ".cfi_offset x30, -16",
                "add x9, sp, #336",
                "str x9, [sp, #248]",
                "stp d8, d9, [sp, #256]",
                "stp d10, d11, [sp, #272]",
                "stp d12, d13, [sp, #288]",
                "stp d14, d15, [sp, #304]",
                concat!("mov ", $last, ", sp"),
                "bl {function}",
                "ldr x30, [sp, #320]",
                "add sp, sp, #336",
                ".cfi_def_cfa_offset 0",
                "ret",
                ".cfi_endproc",
                function = sym $function,
            )
        }
    };
}
pub(crate) use with_context;

/// Goes on where a context says, with its registers: the two that a landing pad is given, and those that calls preserve.
///
/// # Safety
/// The context is that of a frame of the running thread, and its x30 a place in that frame's function to go on at.
#[unsafe(naked)]
pub unsafe extern "C" fn resume(context: &Context) -> ! {
    naked_asm!(
        "ldp d8, d9, [x0, #256]",
        "ldp d10, d11, [x0, #272]",
        "ldp d12, d13, [x0, #288]",
        "ldp d14, d15, [x0, #304]",
        "ldp x19, x20, [x0, #152]",
        "ldp x21, x22, [x0, #168]",
        "ldp x23, x24, [x0, #184]",
        "ldp x25, x26, [x0, #200]",
        "ldp x27, x28, [x0, #216]",
        "ldp x29, x30, [x0, #232]",
        "ldp x2, x3, [x0, #16]",
        "ldr x9, [x0, #248]",
        // What lies below the stack pointer may be written by a signal's handler, so it moves last.
        "ldp x0, x1, [x0]",
        "mov sp, x9",
        "ret",
    )
}
