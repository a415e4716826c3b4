//! The boot loader: from power-on to the kernel's first instruction.
//!
//! QEMU's `-kernel`, or a first-stage loader, puts this program and the payload behind it into memory and enters it at
//! EL1, EL2 or EL3 with one core running. `head.S` gets it to Rust with MMU and caches on; the rest is [`prepare`],
//! read from top to bottom. Everything about the kernel is taken from its ELF file: an upper-half kernel is entered at
//! EL1, a lower-half one, which has hypervisor support, at EL2.
//!
//! A kernel for several cores has the others started by PSCI ([`cores`]); each enters the kernel as the first does.

#![no_std]
#![no_main]
#![deny(clippy::undocumented_unsafe_blocks)]

#[cfg(not(target_arch = "aarch64"))]
compile_error!("the loader runs on AArch64: build it for the target aarch64-sel4-musl-abort");

mod cores;
mod enter;
mod fail;
mod head;
mod memory;
mod parts;
mod registers;
mod uart;

use core::fmt::Write;

use payload::board;
use payload::image;
use payload::placement::Placement;

use crate::enter::Entry;
use crate::fail::Error;
use crate::parts::Parts;

/// Where `head.S` leads; `entered_at` is the exception level the machine started it at.
extern "C" fn main(entered_at: u64) -> ! {
    uart::enable();
    match prepare(entered_at) {
        // SAFETY: `prepare` has loaded what the entry speaks of, and refused a kernel that this level cannot run.
        Ok(entry) => match unsafe { cores::start_others(entry) } {
            // SAFETY: as above, and it is mapped.
            Ok(entry) => unsafe { enter::enter(entry, 0) },
            Err(error) => fail::give_up(&error),
        },
        Err(error) => fail::give_up(&error),
    }
}

/// Checks and loads everything. Nothing is written to a part's place before every check has passed.
fn prepare(entered_at: u64) -> Result<Entry, Error> {
    let at = memory::payload().map_err(Error::Payload)?;
    // SAFETY: `at` is memory, and is written only where it is moved, after which its bytes are not used again.
    let payload = image::parse(unsafe { memory::bytes(at) }).map_err(Error::Payload)?;
    let parts = Parts::check(&payload)?;
    let placement = Placement::plan(&parts.sizes(memory::loader(), at), &board::RAM).map_err(Error::Placement)?;
    let cores = payload.cores();
    if cores > 1 && entered_at == 3 {
        return Err(Error::NeedsPsci(cores));
    }
    let window = parts.window(cores)?;
    if placement.payload == at {
        // SAFETY: the placement keeps parts, payload and loader apart, and no kernel runs yet.
        unsafe { parts.load(&placement) };
    } else {
        // SAFETY: the placement keeps the new place clear of the loader, and nothing is loaded yet.
        unsafe { memory::copy(placement.payload.start(), memory::bytes(at)) };
        // SAFETY: nobody writes there until the kernel runs. The checksum is compared again, and with it the copy.
        let moved = image::parse(unsafe { memory::bytes(placement.payload) }).map_err(Error::Payload)?;
        // SAFETY: as above.
        unsafe { Parts::check(&moved)?.load(&placement) };
    }
    enter::open_to_user();
    if payload.flags & image::FLAG_VERBOSE != 0 {
        // Writing to the console cannot fail.
        let _ = writeln!(
            uart::Console,
            "loader: entered at EL{entered_at}, kernel at {}, root task at {}",
            parts.kernel_place(),
            placement.root_task
        );
    }
    Ok(Entry {
        window,
        cores,
        loaded: [parts.kernel_place(), placement.root_task],
        kernel: parts.kernel_entry(),
        arguments: parts.arguments(&placement),
    })
}
