//! Giving up: one line on the console, then the machine is parked, or QEMU ended.

use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use loader::page_table::WindowError;
use payload::elf::ElfError;
use payload::image::{self, ImageError};
use payload::params::ParamsError;
use payload::placement::PlacementError;

use crate::memory;
use crate::uart::Console;

/// What QEMU exits with when the loader gives up.
const EXIT_CODE: u64 = 120;

/// Whether ending QEMU was tried before.
static TRIED_TO_EXIT: AtomicBool = AtomicBool::new(false);

/// Why the system cannot be started.
pub enum Error {
    /// The payload as a whole.
    Payload(ImageError),
    /// The kernel's ELF file.
    Kernel(ElfError),
    /// The root task's ELF file.
    RootTask(ElfError),
    /// The boot parameters.
    Params(ParamsError),
    /// The parts do not fit into memory.
    Placement(PlacementError),
    /// The kernel's virtual addresses.
    Window(WindowError),
    /// A hypervisor kernel, but the loader was entered at EL1.
    NeedsEl2,
    /// A kernel for this many cores, but the loader was entered at EL3, where nobody starts them.
    NeedsPsci(u8),
    /// The machine does not start this core, and answers PSCI with this error.
    Core(u8, i64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Kernel(error) => write!(f, "kernel: {error}"),
            Self::RootTask(error) => write!(f, "root task: {error}"),
            Self::Params(error) => error.fmt(f),
            Self::Placement(error) => error.fmt(f),
            Self::Window(error) => write!(f, "kernel: {error}"),
            Self::NeedsPsci(cores) => {
                write!(
                    f,
                    "this kernel runs on {cores} cores, which PSCI starts: enter the loader at EL1 or EL2 (QEMU: without secure=on)"
                )
            }
            Self::Core(core, error) => {
                write!(
                    f,
                    "core {core} does not start (PSCI error {error}): this kernel is built for more cores than there are"
                )
            }
            Self::NeedsEl2 => {
                write!(
                    f,
                    "this kernel has hypervisor support and needs EL2 (QEMU: -machine xlnx-zcu102,virtualization=on)"
                )
            }
        }
    }
}

/// Reports `error` and ends.
pub fn give_up(error: &dyn fmt::Display) -> ! {
    // Writing to the console cannot fail.
    let _ = writeln!(Console, "loader: error: {error}");
    let is_qemu = image::peek_flags(memory::payload_header()) & image::FLAG_QEMU != 0;
    // A QEMU without semihosting takes the attempt for an exception, which leads here again.
    if is_qemu && !TRIED_TO_EXIT.swap(true, Ordering::Relaxed) {
        exit_qemu(EXIT_CODE);
    }
    loop {
        // SAFETY: waiting for an event changes nothing.
        unsafe { asm!("wfe", options(nomem, nostack)) }
    }
}

/// Ends QEMU with `code`. Arm semihosting 2.0: SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit.
fn exit_qemu(code: u64) {
    const SYS_EXIT_EXTENDED: u64 = 0x20;
    const APPLICATION_EXIT: u64 = 0x2_0026;
    let block = [APPLICATION_EXIT, code];
    // SAFETY: the call reads `block`. It returns at most by an exception, to `exception`.
    unsafe { asm!("hlt #0xf000", in("x0") SYS_EXIT_EXTENDED, in("x1") &raw const block, options(nostack)) }
}

/// Where the exception vectors lead, with the syndrome, the address of the instruction, and the address it accessed.
pub extern "C" fn exception(syndrome: u64, at: u64, address: u64) -> ! {
    give_up(&format_args!(
        "exception {syndrome:#x} at {at:#x}, address {address:#x}: an error of the loader or the machine"
    ))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(at) => give_up(&format_args!("internal error at {}:{}", at.file(), at.line())),
        None => give_up(&"internal error"),
    }
}
