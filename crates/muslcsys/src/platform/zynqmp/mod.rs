//! Zynq UltraScale+ (QEMU's xlnx-zcu102). Sources: Zynq UltraScale+ Device Technical Reference Manual (UG1085) and Register
//! Reference (UG1087).

pub mod interrupts;
pub mod rtc;
pub mod timer;
pub mod ttc;
pub mod uart;

use core::sync::atomic::{AtomicBool, Ordering};

/// An emulator listens to semihosting calls (boot parameters).
static EMULATED: AtomicBool = AtomicBool::new(false);

/// Says whether an emulator listens to semihosting calls.
pub fn set_emulated(emulated: bool) {
    EMULATED.store(emulated, Ordering::Relaxed);
}

/// Semihosting: end the emulation with an exit code (Arm semihosting specification, SYS_EXIT_EXTENDED).
const SYS_EXIT_EXTENDED: u32 = 0x20;
/// Why: the application ended by itself.
const ADP_STOPPED_APPLICATION_EXIT: u64 = 0x20026;

/// Ends the program: with the emulation where there is one, else with a last line, and no thread runs on.
pub fn end(status: u8) -> ! {
    if EMULATED.load(Ordering::Relaxed) {
        crate::arch::semihosting(SYS_EXIT_EXTENDED, &[ADP_STOPPED_APPLICATION_EXIT, status as u64]);
    }
    crate::fs::console::emergency(format_args!("sel4std: the program ended with status {status}\n"));
    crate::thread::exit::stop()
}
